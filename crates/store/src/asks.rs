//! How often something was asked for: one row a subject, one conditional write an ask.

use vestibule_domain::mail::AskLimit;
use vestibule_domain::time::Timestamp;

use crate::engine::{Writing, values};
use crate::error::StoreError;
use crate::outbox::millis;

impl Writing {
    /// Counts an ask under this key; `false` when there were as many as the limit allows. It is
    /// one statement whoever asks, and a window that begins in the future counts as over.
    pub async fn count_ask(
        &mut self,
        key: &str,
        limit: AskLimit,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.change_one(
            "INSERT INTO asks (key, since, count) VALUES ($1, $2, 1)
             ON CONFLICT (key) DO UPDATE
             SET since = CASE WHEN asks.since + $3 <= $2 OR asks.since > $2
                              THEN $2 ELSE asks.since END,
                 count = CASE WHEN asks.since + $3 <= $2 OR asks.since > $2
                              THEN 1 ELSE asks.count + 1 END
             WHERE asks.since + $3 <= $2 OR asks.since > $2
                OR /*guard asks-are-limited*/ asks.count < $4 /*end*/",
            values![key, now, millis(limit.window), limit.times],
        )
        .await
    }
}
