//! Removing what is over, a small batch a call, so that no request waits behind it for long.

use std::time::Duration;

use vestibule_domain::limits::lanes::{FORGOTTEN_AFTER, LANES_IN_ALL};
use vestibule_domain::mail::ASKS_IN_ALL;
use vestibule_domain::session::SessionLimits;
use vestibule_domain::time::Timestamp;

use crate::changes::Subject;
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

/// How long ended hand-overs are kept.
const HAND_OVERS_KEPT: Duration = Duration::from_mins(5);
/// How long a browser is known after its last sign-in: as long as browsers keep its cookie.
const BROWSERS_KEPT: Duration = Duration::from_hours(400 * 24);
/// How long it is kept how often something was asked for: longer than any window of a limit.
const ASKS_KEPT: Duration = Duration::from_hours(2);

impl Writing {
    /// Removes one batch of ended sessions, old spent codes, expired enrolments, links and
    /// hand-overs, lanes that are forgotten and browsers that stay away; answers whether there may be more.
    pub async fn remove_what_is_over(
        &mut self,
        limits: SessionLimits,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let ended = self.remove_ended_sessions(limits, now).await?;
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
        let hand_overs = self
            .change(
                "DELETE FROM hand_overs WHERE code_hash IN
                     (SELECT code_hash FROM hand_overs WHERE expires_at < $1 LIMIT $2)",
                values![now.minus(HAND_OVERS_KEPT), BATCH],
            )
            .await?;
        let lanes = self.remove_lanes(now).await?;
        let kept = i64::try_from(BROWSERS_KEPT.as_millis()).unwrap_or(i64::MAX);
        let browsers = self
            .change(
                "DELETE FROM known_browsers WHERE (user_id, token_hash) IN
                     (SELECT user_id, token_hash FROM known_browsers
                      WHERE last_seen_at < $1
                        AND last_seen_at < (SELECT MAX(last_seen_at) - $2 FROM known_browsers)
                      LIMIT $3)",
                values![now.minus(BROWSERS_KEPT), kept, BATCH],
            )
            .await?;
        let asks = self.remove_asks(now).await?;
        let batch = BATCH.unsigned_abs();
        let removed = [ended, spent, enrolments, links, hand_overs, lanes, browsers, asks];
        Ok(removed.iter().any(|removed| *removed >= batch))
    }

    /// They are told of although they are over: by a clock that was ahead for a moment, they may be
    /// over for nobody else.
    async fn remove_ended_sessions(
        &mut self,
        limits: SessionLimits,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let ended = self
            .rows(
                "DELETE FROM sessions WHERE id IN
                     (SELECT id FROM sessions WHERE last_seen_at < $1 OR created_at < $2 LIMIT $3)
                 RETURNING id",
                values![now.minus(limits.idle), now.minus(limits.total), BATCH],
            )
            .await?;
        for row in &ended {
            let session = row.parsed("id")?;
            self.touch(Subject::Session(session));
        }
        Ok(ended.len() as u64)
    }

    /// Removes forgotten lanes; when there are too many, also those that were used least lately.
    /// A clock that runs ahead for a moment forgets nothing.
    async fn remove_lanes(&mut self, now: Timestamp) -> Result<u64, StoreError> {
        let kept = i64::try_from(FORGOTTEN_AFTER.as_millis()).unwrap_or(i64::MAX);
        let forgotten = self
            .change(
                "DELETE FROM lanes WHERE name IN
                     (SELECT name FROM lanes
                      WHERE latest_at < $1
                        AND latest_at < (SELECT MAX(latest_at) - $2 FROM lanes) LIMIT $3)",
                values![now.minus(FORGOTTEN_AFTER), kept, BATCH],
            )
            .await?;
        let all = self.number("SELECT COUNT(*) AS n FROM lanes", vec![]).await?;
        let oldest = "DELETE FROM lanes WHERE name IN
                          (SELECT name FROM lanes ORDER BY latest_at, name LIMIT $1)";
        Ok(forgotten.max(self.remove_beyond(LANES_IN_ALL, all, oldest).await?))
    }

    /// Removes old counts of what was asked for, and the oldest where there are too many.
    async fn remove_asks(&mut self, now: Timestamp) -> Result<u64, StoreError> {
        let old = "DELETE FROM asks WHERE key IN
                       (SELECT key FROM asks WHERE since < $1 LIMIT $2)";
        let old = self.change(old, values![now.minus(ASKS_KEPT), BATCH]).await?;
        let all = self.number("SELECT COUNT(*) AS n FROM asks", vec![]).await?;
        let oldest = "DELETE FROM asks WHERE key IN
                          (SELECT key FROM asks ORDER BY since, key LIMIT $1)";
        Ok(old.max(self.remove_beyond(ASKS_IN_ALL, all, oldest).await?))
    }

    /// Removes what `all` has beyond `most`, a batch at the most.
    async fn remove_beyond(
        &mut self,
        most: i64,
        all: i64,
        oldest: &'static str,
    ) -> Result<u64, StoreError> {
        let too_many = (all - most).clamp(0, BATCH);
        if too_many == 0 { Ok(0) } else { self.change(oldest, values![too_many]).await }
    }
}
