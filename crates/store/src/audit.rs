//! The trace of what happened.

use std::time::Duration;

use vestibule_domain::audit::{AuditEvent, network};
use vestibule_domain::id::AuditEventId;
use vestibule_domain::time::Timestamp;

use crate::engine::{Reading, Writing, values};
use crate::error::StoreError;

const COUNTED_OVER: Duration = Duration::from_mins(1);

impl Reading {
    /// The kinds and counts of all events that concern a user or are by one, the oldest first: for
    /// tests, until the audit log has a page.
    pub async fn audit_kinds(&mut self) -> Result<Vec<(String, i64)>, StoreError> {
        let sql = "SELECT kind, count FROM audit_events ORDER BY id LIMIT 10000";
        let rows = self.rows(sql, vec![]).await?;
        rows.iter().map(|row| Ok((row.text("kind")?, row.int("count")?))).collect()
    }
}

impl Reading {
    /// When the newest event was written, by the clock of then.
    pub async fn newest_event(&mut self) -> Result<Option<Timestamp>, StoreError> {
        // Identifiers are ordered by time.
        let sql = "SELECT at FROM audit_events ORDER BY id DESC LIMIT 1";
        self.row(sql, vec![]).await?.map(|row| row.time("at")).transpose()
    }
}

impl Writing {
    /// Writes an event in the transaction of its act. Where strangers can cause it at will, it is
    /// one row a kind, user, network and minute, with a count.
    pub async fn audit(
        &mut self,
        id: AuditEventId,
        event: &AuditEvent,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let counted = event.kind.is_counted().then(|| {
            let minute = now.millis().div_euclid(COUNTED_OVER.as_millis().try_into().unwrap_or(1));
            let user = event.user.map(|user| user.to_string()).unwrap_or_default();
            format!("{}/{user}/{}/{minute}", event.kind.as_str(), network(&event.address))
        });
        self.change(
            "INSERT INTO audit_events (id, at, kind, account_id, actor_id, user_id, session_id,
                                       address, detail, count, counted_key)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10)
             ON CONFLICT (counted_key) DO UPDATE SET count = audit_events.count + 1",
            values![
                id,
                now,
                event.kind.as_str(),
                event.account.map(|id| id.to_string()),
                event.actor.map(|id| id.to_string()),
                event.user.map(|id| id.to_string()),
                event.session.map(|id| id.to_string()),
                event.address.as_str(),
                event.detail.as_str(),
                counted,
            ],
        )
        .await
        .map(drop)
    }
}
