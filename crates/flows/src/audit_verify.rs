//! Holding the database's audit trail against its chain, and against heads that were exported.

use vestibule_domain::audit_chain::Head;
use vestibule_domain::audit_verify::{ExportedHead, Fault, Verified, Verifier};
use vestibule_store::SegmentRecord;

use crate::error::FlowError;
use crate::vestibule::Vestibule;

/// Events read at a time.
const PAGE: i64 = 5_000;

/// What was found in the database.
pub struct AuditVerified {
    /// What holds of the chain.
    pub chain: Verified,
    /// Events that are not sealed yet.
    pub unsealed: u64,
}

impl Vestibule {
    /// Walks along the chain from its first kept event to its head.
    pub async fn verify_audit(
        &self,
        heads: &[ExportedHead],
        accept_restores: bool,
    ) -> Result<Result<AuditVerified, Fault>, FlowError> {
        loop {
            let mut db = self.store.read().await?;
            let segments = db.audit_segments().await?;
            drop(db);
            let verified = self.walk(&segments, heads, accept_restores).await?;
            // Retention may have removed what was about to be read.
            if verified.is_err() && self.segments_changed(&segments).await? {
                continue;
            }
            return Ok(verified);
        }
    }

    async fn segments_changed(&self, before: &[SegmentRecord]) -> Result<bool, FlowError> {
        let now = self.store.read().await?.audit_segments().await?;
        // One that began meanwhile explains nothing; one that was removed does.
        let removed = |records: &[SegmentRecord]| {
            records.iter().filter(|record| record.removed_at.is_some()).count()
        };
        Ok(removed(&now) != removed(before))
    }

    async fn walk(
        &self,
        segments: &[SegmentRecord],
        heads: &[ExportedHead],
        accept_restores: bool,
    ) -> Result<Result<AuditVerified, Fault>, FlowError> {
        let end = self.store.read().await?.audit_chain_end().await?;
        if let Some(highest) = end.highest.filter(|highest| *highest > end.head.position) {
            return Ok(Err(Fault::AfterHead { position: highest, head: end.head.position }));
        }
        if let Some(position) = end.lowest.filter(|lowest| *lowest < 1) {
            return Ok(Err(Fault::Surplus { position }));
        }
        for pair in segments.windows(2) {
            let (before, after) = (&pair[0], &pair[1].segment);
            let end = Head { position: after.first.saturating_sub(1), hash: after.before };
            if before.last != Some(end) {
                return Ok(Err(Fault::Segment { number: after.number, position: after.first }));
            }
        }
        let mut verifier = Verifier::new(heads.to_vec(), accept_restores);
        // A segment that began after the head was read is not looked for.
        let mut segments = segments
            .iter()
            .filter(|record| record.segment.first <= end.head.position.saturating_add(1))
            .peekable();
        while let Some(record) = segments.next_if(|record| record.removed_at.is_some()) {
            let first = record.segment.first;
            let last = record.last.unwrap_or(Head { position: first, ..Head::START });
            if let Err(fault) = verifier.removed_segment(&record.segment, last) {
                return Ok(Err(fault));
            }
        }
        loop {
            let mut db = self.store.read().await?;
            let after = verifier.position();
            let events = db.sealed_audit_events(after, end.head.position, PAGE).await?;
            drop(db);
            if events.is_empty() {
                break;
            }
            for event in events {
                while let Some(record) =
                    segments.next_if(|record| record.segment.first <= event.position)
                {
                    if let Err(fault) = begin(&mut verifier, record) {
                        return Ok(Err(fault));
                    }
                }
                if let Err(fault) = verifier.event(event.position, &event.record, &event.hash) {
                    return Ok(Err(fault));
                }
            }
        }
        for record in segments {
            if let Err(fault) = begin(&mut verifier, record) {
                return Ok(Err(fault));
            }
        }
        let unsealed = end.unsealed.unsigned_abs();
        Ok(verifier.finish(&end.head).map(|chain| AuditVerified { chain, unsealed }))
    }
}

/// A segment whose events are there, before its first event. A removed one among them is a gap.
fn begin(verifier: &mut Verifier, record: &SegmentRecord) -> Result<(), Fault> {
    if record.removed_at.is_some() {
        let (number, position) = (record.segment.number, record.segment.first);
        return Err(Fault::Segment { number, position });
    }
    verifier.segment(&record.segment)
}
