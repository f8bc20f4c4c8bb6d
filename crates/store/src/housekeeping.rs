//! Removing what is over, a small batch a call, so that no request waits behind it for long.

use std::time::Duration;

use vestibule_domain::session::SessionLimits;
use vestibule_domain::time::Timestamp;

use crate::engine::{Writing, values};
use crate::error::StoreError;

/// Rows a statement removes at most.
const BATCH: i64 = 500;
/// How long spent codes are kept: a clock that jumps back by a day replays nothing.
const SPENT_CODES_KEPT: Duration = Duration::from_hours(48);
/// How long expired enrolments are kept, so that their page can say that the key has expired.
const ENROLMENTS_KEPT: Duration = Duration::from_hours(1);
/// How long ended links are kept, so that their page can still say that they were used.
const LINKS_KEPT: Duration = Duration::from_hours(48);

/// How long it is kept how often something was asked for.
const ASKS_KEPT: Duration = Duration::from_hours(24);

impl Writing {
    /// Removes one batch of ended sessions, old spent codes, and expired enrolments and links;
    /// answers whether there may be more.
    pub async fn remove_what_is_over(
        &mut self,
        limits: SessionLimits,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let ended = self
            .change(
                "DELETE FROM sessions WHERE id IN
                     (SELECT id FROM sessions WHERE last_seen_at < $1 OR created_at < $2 LIMIT $3)",
                values![now.minus(limits.idle), now.minus(limits.total), BATCH],
            )
            .await?;
        // Also by the table's own time: a clock that runs ahead for a moment removes nothing that is
        // needed when it is right again.
        let kept = i64::try_from(SPENT_CODES_KEPT.as_millis()).unwrap_or(i64::MAX);
        let spent = self
            .change(
                "DELETE FROM spent_codes WHERE (factor_id, step) IN
                     (SELECT factor_id, step FROM spent_codes
                      WHERE spent_at < $1
                        AND spent_at < (SELECT MAX(spent_at) - $2 FROM spent_codes) LIMIT $3)",
                values![now.minus(SPENT_CODES_KEPT), kept, BATCH],
            )
            .await?;
        let enrolments = self
            .change(
                "DELETE FROM pending_enrolments WHERE factor_id IN
                     (SELECT factor_id FROM pending_enrolments WHERE expires_at < $1 LIMIT $2)",
                values![now.minus(ENROLMENTS_KEPT), BATCH],
            )
            .await?;
        let links = self
            .change(
                "DELETE FROM links WHERE id IN
                     (SELECT id FROM links WHERE expires_at < $1 LIMIT $2)",
                values![now.minus(LINKS_KEPT), BATCH],
            )
            .await?;
        let asks = self
            .change(
                "DELETE FROM asks WHERE key IN
                     (SELECT key FROM asks WHERE since < $1 LIMIT $2)",
                values![now.minus(ASKS_KEPT), BATCH],
            )
            .await?;
        let batch = BATCH.unsigned_abs();
        Ok([ended, spent, enrolments, links, asks].iter().any(|removed| *removed >= batch))
    }
}
