//! Segments of the audit trail, and retention, which removes the oldest of them as a whole.

use std::time::Duration;

use vestibule_domain::audit_chain::{ChainHash, Head, Segment, SegmentWhy};
use vestibule_domain::time::Timestamp;

use crate::engine::{Reading, Row, Writing, values};
use crate::error::StoreError;

/// Rows a statement removes at most.
const BATCH: i64 = 500;

/// A segment as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentRecord {
    /// What is sealed with its first event.
    pub segment: Segment,
    /// Its last event, once another segment has begun.
    pub last: Option<Head>,
    /// When retention removed its events.
    pub removed_at: Option<Timestamp>,
}

impl Reading {
    /// All segments, the oldest first: at most a few a day.
    pub async fn audit_segments(&mut self) -> Result<Vec<SegmentRecord>, StoreError> {
        self.audit_segments_from(i64::MIN).await
    }

    /// The segments that begin at this position or later.
    pub(crate) async fn audit_segments_from(
        &mut self,
        first: i64,
    ) -> Result<Vec<SegmentRecord>, StoreError> {
        let sql = "SELECT number, first_position, hash_before, began_at, why, last_position,
                          last_hash, removed_at
                   FROM audit_segments WHERE first_position >= $1 ORDER BY number";
        self.rows(sql, values![first]).await?.iter().map(segment).collect()
    }

    pub(crate) async fn last_audit_segment(&mut self) -> Result<Option<SegmentRecord>, StoreError> {
        let sql = "SELECT number, first_position, hash_before, began_at, why, last_position,
                          last_hash, removed_at
                   FROM audit_segments ORDER BY number DESC LIMIT 1";
        self.row(sql, vec![]).await?.as_ref().map(segment).transpose()
    }
}

impl Writing {
    /// Closes the last segment and begins another after `head`. The chain's row is held.
    pub(crate) async fn open_audit_segment(
        &mut self,
        head: Head,
        why: SegmentWhy,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.change(
            "UPDATE audit_segments SET last_position = $1, last_hash = $2, closed_at = $3
             WHERE last_position IS NULL",
            values![head.position, head.hash, now],
        )
        .await?;
        self.change(
            "INSERT INTO audit_segments (number, first_position, hash_before, began_at, why)
             SELECT COALESCE(MAX(number), 0) + 1, $1, $2, $3, $4 FROM audit_segments",
            values![head.position + 1, head.hash, now, why.to_string()],
        )
        .await
        .map(drop)
    }

    /// Marks the oldest segment as removed if it was closed longer ago than `kept`; its events go
    /// with [`Writing::remove_trimmed_audit_events`]. The oldest first, so that what is left has no
    /// gap. By the clock and by the table's own time, so that a clock that is ahead for a moment
    /// removes nothing.
    pub async fn trim_audit_segment(
        &mut self,
        kept: Duration,
        now: Timestamp,
    ) -> Result<Option<SegmentRecord>, StoreError> {
        let row = self
            .row(
                "UPDATE audit_segments SET removed_at = $1
                 WHERE number = (SELECT MIN(number) FROM audit_segments WHERE removed_at IS NULL)
                   AND removed_at IS NULL AND closed_at < $2
                   AND closed_at < (SELECT MAX(began_at) - $3 FROM audit_segments)
                 RETURNING number, first_position, hash_before, began_at, why, last_position,
                           last_hash, removed_at",
                values![now, now.minus(kept), i64::try_from(kept.as_millis()).unwrap_or(i64::MAX)],
            )
            .await?;
        row.as_ref().map(segment).transpose()
    }

    /// Removes one batch of the events of segments that are marked as removed; answers whether there
    /// may be more.
    pub async fn remove_trimmed_audit_events(&mut self) -> Result<bool, StoreError> {
        let removed = self
            .change(
                "DELETE FROM audit_events WHERE position IN
                     (SELECT position FROM audit_events
                      WHERE position <= (SELECT MAX(last_position) FROM audit_segments
                                         WHERE removed_at IS NOT NULL)
                      ORDER BY position LIMIT $1)",
                values![BATCH],
            )
            .await?;
        Ok(removed >= BATCH.unsigned_abs())
    }
}

fn segment(row: &Row) -> Result<SegmentRecord, StoreError> {
    let hash = |bytes: &[u8]| {
        ChainHash::from_bytes(bytes).ok_or(StoreError::Unreadable("a hash of an audit segment"))
    };
    let last = match (row.maybe_int("last_position")?, row.maybe_bytes("last_hash")?) {
        (Some(position), Some(bytes)) => Some(Head { position, hash: hash(&bytes)? }),
        _ => None,
    };
    Ok(SegmentRecord {
        segment: Segment {
            number: row.int("number")?,
            first: row.int("first_position")?,
            before: hash(&row.bytes("hash_before")?)?,
            began_at: row.time("began_at")?,
            why: row.text("why")?,
        },
        last,
        removed_at: row.maybe_time("removed_at")?,
    })
}
