//! What the gate reads: a gate cookie, its session, and the application behind its host.

use vestibule_domain::application::Rules;
use vestibule_domain::session::SessionLimits;
use vestibule_domain::time::Timestamp;
use vestibule_domain::token::TokenHash;

use crate::applications::read_rules;
use crate::engine::{Reading, values};
use crate::error::StoreError;
use crate::sessions::{self, SessionRecord, session_columns};

/// Everything that a decision at the gate needs, read in one statement.
#[derive(Clone, Debug)]
pub struct GateRecord {
    /// The session behind the cookie, and whose it is.
    pub session: SessionRecord,
    /// What the application behind the host asks for.
    pub rules: Rules,
    /// Whether it names the user.
    pub named: bool,
}

impl Reading {
    /// What this gate cookie opens at this host; `None` where it is good for nothing: unknown,
    /// another host's, of an epoch that is over, of a session that was ended, or without an
    /// application.
    pub async fn gate(
        &mut self,
        token: &TokenHash,
        host: &str,
        limits: SessionLimits,
        now: Timestamp,
    ) -> Result<Option<GateRecord>, StoreError> {
        let row = self
            .row(
                session_columns!(
                    ", ap.account_id AS application_account, ap.enter, ap.always_mfa, ap.max_age_ms,
                     EXISTS (SELECT 1 FROM application_users n
                             WHERE n.application_id = ap.id AND n.user_id = u.id) AS named",
                    "gate_cookies g
                     JOIN applications ap ON ap.host = $3
                     JOIN sessions s ON s.id = g.session_id",
                    "WHERE g.token_hash = $1 AND /*guard gate-cookie-host*/ g.host = $3 /*end*/
                       AND /*guard gate-cookie-epoch*/ g.epoch = u.epoch /*end*/"
                ),
                values![token.as_bytes(), now, host],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(GateRecord {
            session: sessions::read(&row, limits)?,
            rules: read_rules(&row, "application_account")?,
            named: row.boolean("named")?,
        }))
    }
}
