//! Keeping the audit trail: sealing it into its chain, and removing what is older than it is kept.

use vestibule_domain::audit::AuditKind;
use vestibule_domain::audit_chain::Head;
use vestibule_store::{Seal, Sealed};

use crate::error::FlowError;
use crate::vestibule::Vestibule;
use crate::visitor::Visitor;

impl Vestibule {
    /// Seals every event that has no position yet, if no other process does so at this moment;
    /// answers how many. Rows that are still counted into wait for the end of their minute. It
    /// writes nothing where there is nothing to seal.
    pub async fn seal_audit(&self) -> Result<u64, FlowError> {
        self.seal(Seal::WhatIsComplete).await
    }

    /// The same at the end of the process, without waiting for any minute. Another process may seal
    /// at once after it.
    pub async fn seal_audit_at_end(&self) -> Result<u64, FlowError> {
        let sealed = self.seal(Seal::Everything).await?;
        let mut tx = self.store.write().await?;
        let _unless_it_had_none = tx.release_audit_lease(&self.sealer).await?;
        tx.commit().await?;
        Ok(sealed)
    }

    /// The last link of the chain.
    pub async fn audit_head(&self) -> Result<Head, FlowError> {
        Ok(self.store.read().await?.audit_head().await?)
    }

    async fn seal(&self, which: Seal) -> Result<u64, FlowError> {
        let mut all = 0;
        loop {
            let now = self.clock.now();
            let mut db = self.store.read().await?;
            let is_due = db.is_audit_due(&self.sealer, which, now).await?;
            drop(db);
            if !is_due {
                return Ok(all);
            }
            let mut tx = self.store.write().await?;
            let Sealed::Done { events, more, .. } = tx.seal_audit(&self.sealer, which, now).await?
            else {
                return Ok(all);
            };
            tx.commit().await?;
            all += events;
            if !more {
                return Ok(all);
            }
            tokio::task::yield_now().await;
        }
    }

    /// Removes whole segments that are older than events are kept, and leaves an event about each.
    /// First a segment is marked, then its events go in small batches.
    pub(crate) async fn trim_audit(&self) -> Result<(), FlowError> {
        while let Some(kept) = self.settings.audit_kept {
            let now = self.clock.now();
            let mut tx = self.store.write().await?;
            let Some(record) = tx.trim_audit_segment(kept, now).await? else { break };
            let (number, first) = (record.segment.number, record.segment.first);
            let last = record.last.map_or(first, |last| last.position);
            let mut event = Visitor::default().event(AuditKind::AuditTrimmed);
            event.account = tx.only_account().await?;
            event.detail = format!("segment {number}, positions {first} to {last}");
            self.audit(&mut tx, event, now).await?;
            tx.commit().await?;
        }
        loop {
            let mut tx = self.store.write().await?;
            let more = tx.remove_trimmed_audit_events().await?;
            tx.commit().await?;
            if !more {
                return Ok(());
            }
            tokio::task::yield_now().await;
        }
    }
}
