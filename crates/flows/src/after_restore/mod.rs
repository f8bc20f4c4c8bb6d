//! After a restore: a database that was put back knows nothing of what came after its backup.
//!
//! What the replaced database still tells is carried over, always towards the stricter side; what it
//! cannot tell is voided and said. Everything that was handed out for a moment ends, and no account
//! is left without a way in. One transaction: a failure leaves the backup as it was. Doing it again
//! ends what was handed out since, and does no other harm.

mod accounts;
mod admins;
mod applications;
mod codes;
mod data_keys;
mod factors;
mod recovery_codes;
mod report;
mod users;
mod waits;

use std::collections::BTreeMap;

use vestibule_domain::audit::AuditKind;
use vestibule_domain::audit_chain::{Head, SegmentWhy};
use vestibule_domain::id::AccountId;
use vestibule_domain::sealing::MasterKey;
use vestibule_domain::time::Timestamp;
use vestibule_store::{Reading, SegmentRecord, Store, StoreError, Writing};

use crate::error::FlowError;
use crate::vestibule::Vestibule;
use crate::visitor::Visitor;
pub use report::{AccountChange, AfterRestore, Change, Part, Unknown, UserChange, WayIn};

/// How far epochs jump where nobody knows how far they were: further than acts can have raised them.
const UNKNOWN_EPOCHS: i64 = 1_000_000;

/// The database that the restored one took the place of.
pub enum Replaced<'a> {
    /// It is there; whether it can be read is seen table by table.
    There(&'a Store),
    /// There is none, it cannot be opened, or the operator does not trust it: why.
    Away(String),
}

/// Whether the replaced database belongs to the restored one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// They share an account, or nothing shows that they do not.
    Related,
    /// It holds no account.
    Empty,
    /// It holds other accounts.
    Foreign,
}

/// A part of the replaced database was read to its end, or not.
type Read = Result<(), StoreError>;

impl Vestibule {
    /// Compares the accounts of the replaced database with those here.
    pub async fn relation_to(&self, replaced: &Store) -> Result<Relation, FlowError> {
        let accounts = async { replaced.read().await?.accounts_after("").await };
        let Ok(accounts) = accounts.await else { return Ok(Relation::Related) };
        let mut db = self.store.read().await?;
        for account in &accounts {
            if db.account(account.id).await?.is_some() {
                return Ok(Relation::Related);
            }
        }
        Ok(if accounts.is_empty() { Relation::Empty } else { Relation::Foreign })
    }

    /// Whether this database has been where `head` says, or was put back from there by a restore that
    /// it knows of. If not, somebody put an older one in its place and [`Vestibule::after_restore`]
    /// was left out.
    pub async fn has_been_at(&self, head: &Head) -> Result<bool, FlowError> {
        let mut db = self.store.read().await?;
        if db.audit_hash_at(head.position).await? == Some(head.hash) {
            return Ok(true);
        }
        let explains = |segment: &SegmentRecord| match segment.segment.why.parse() {
            Ok(SegmentWhy::Restored(last)) => {
                segment.segment.first <= head.position
                    && last.is_none_or(|last| head.position <= last.position)
            }
            _ => false,
        };
        Ok(db.audit_segments().await?.iter().any(explains))
    }

    /// Makes a restored database safe to serve. `origin` says for the audit log where it came from.
    pub async fn after_restore(
        &self,
        master_key: &MasterKey,
        replaced: &Replaced<'_>,
        origin: &str,
    ) -> Result<AfterRestore, FlowError> {
        let now = self.clock.now();
        let mut done = AfterRestore::default();
        let mut tx = self.store.write().await?;
        tx.be_patient_inside().await?;
        let mut last_head = None;
        match replaced {
            Replaced::There(store) => match store.read().await {
                Ok(mut db) => {
                    db.be_patient();
                    carry_over(&mut tx, &mut db, master_key, &mut done).await?;
                    match db.audit_head().await {
                        Ok(head) => last_head = Some(head),
                        Err(error) => done.note(Part::AuditHead, Err(error)),
                    }
                }
                Err(error) => done.knows_nothing(&error.to_string()),
            },
            Replaced::Away(why) => done.knows_nothing(why),
        }
        tx.end_everything_handed_out().await?;
        let jump = if done.knows(Part::Users) { 1 } else { UNKNOWN_EPOCHS };
        done.users = tx.raise_all_epochs(jump).await?;
        if !done.knows(Part::RecoveryCodes) {
            tx.void_recovery_codes().await?;
        }
        if !done.knows(Part::SpentCodes) {
            done.codes_from = Some(codes::spend_all_within_reach(&mut tx, now).await?);
        }
        self.keep_a_way_in(&mut tx, &mut done, now).await?;
        // The chain goes on from the backup's head; what followed it in the replaced database is named.
        tx.begin_audit_segment(SegmentWhy::Restored(last_head), now).await?;
        self.audit_restore(&mut tx, &done, origin, now).await?;
        tx.commit().await?;
        Ok(done)
    }

    /// An event an account, so that its Admins read of their own users alone.
    async fn audit_restore(
        &self,
        tx: &mut Writing,
        done: &AfterRestore,
        origin: &str,
        now: Timestamp,
    ) -> Result<(), FlowError> {
        let mut changes: BTreeMap<AccountId, usize> = BTreeMap::new();
        for change in &done.changes {
            *changes.entry(change.account).or_default() += 1;
        }
        let unknown = done.unknown.iter().map(|unknown| unknown.part.as_str());
        let unknown = match unknown.collect::<Vec<_>>().join(", ") {
            parts if parts.is_empty() => "everything since was known".to_owned(),
            parts => format!("unknown since: {parts}"),
        };
        let mut after = String::new();
        loop {
            let accounts = tx.accounts_after(&after).await?;
            let Some(last) = accounts.last() else { return Ok(()) };
            after = last.id.to_string();
            for account in accounts {
                let carried = changes.get(&account.id).copied().unwrap_or_default();
                let mut event = Visitor::default().event(AuditKind::DatabaseRestored);
                event.account = Some(account.id);
                event.detail = format!("{origin}; {carried} changes since it, {unknown}");
                self.audit(tx, event, now).await?;
            }
        }
    }
}

/// Each kind of thing for itself: one that cannot be read keeps no other from being carried over.
async fn carry_over(
    tx: &mut Writing,
    db: &mut Reading,
    master_key: &MasterKey,
    done: &mut AfterRestore,
) -> Result<(), FlowError> {
    let read = accounts::carry(tx, db, done).await?;
    done.note(Part::Policies, read);
    let read = users::carry(tx, db, done).await?;
    done.note(Part::Users, read);
    let read = applications::carry(tx, db, done).await?;
    done.note(Part::Applications, read);
    waits::carry(tx, db).await?;
    let read = data_keys::carry(tx, db, master_key).await?;
    done.note(Part::DataKeys, read);
    let read = factors::carry(tx, db, done).await?;
    done.note(Part::Factors, read);
    let read = recovery_codes::carry(tx, db, done).await?;
    done.note(Part::RecoveryCodes, read);
    let read = codes::carry(tx, db).await?;
    done.note(Part::SpentCodes, read);
    Ok(())
}
