//! Browsers that a user signed in with before. It gives them a lane of their own, and nothing else.

use vestibule_domain::id::UserId;
use vestibule_domain::time::Timestamp;
use vestibule_domain::token::TokenHash;

use crate::engine::{Reading, Writing, values};
use crate::error::StoreError;

/// How many of a user's are known: those seen last.
const MOST: i64 = 20;

impl Reading {
    /// Whether whoever has this address signed in with this browser before.
    pub async fn is_known_browser(
        &mut self,
        address: &str,
        browser: &TokenHash,
    ) -> Result<bool, StoreError> {
        let sql = "SELECT CAST(COUNT(*) AS BIGINT) AS n FROM known_browsers
                   WHERE /*guard known-browser*/ token_hash = $1 /*end*/
                     AND user_id = (SELECT id FROM users WHERE email = $2)";
        Ok(self.number(sql, values![browser.as_bytes(), address]).await? > 0)
    }
}

impl Writing {
    /// Notes a browser that a user signed in with; `true` when it is new. Comes while the user is
    /// held.
    pub async fn note_browser(
        &mut self,
        user: UserId,
        browser: &TokenHash,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE known_browsers SET last_seen_at = $1
                   WHERE user_id = $2 AND token_hash = $3
                   /*no guard: it gives a lane and nothing else*/";
        if self.change_one(sql, values![now, user, browser.as_bytes()]).await? {
            return Ok(false);
        }
        let is_new = self
            .change_one(
                "INSERT INTO known_browsers (user_id, token_hash, first_seen_at, last_seen_at)
                 VALUES ($1, $2, $3, $3) ON CONFLICT (user_id, token_hash) DO NOTHING
                 /*no guard: it gives a lane and nothing else*/",
                values![user, browser.as_bytes(), now],
            )
            .await?;
        self.change(
            "DELETE FROM known_browsers WHERE user_id = $1 AND token_hash NOT IN
                 (SELECT token_hash FROM known_browsers WHERE user_id = $1
                  ORDER BY last_seen_at DESC, first_seen_at DESC, token_hash LIMIT $2)",
            values![user, MOST],
        )
        .await?;
        Ok(is_new)
    }
}
