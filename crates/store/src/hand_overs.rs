//! Handing a session over to a protected host: a code, once, for a gate cookie.

use std::time::Duration;

use vestibule_domain::id::{SessionId, UserId};
use vestibule_domain::time::Timestamp;
use vestibule_domain::token::TokenHash;
use vestibule_domain::user::Epoch;

use crate::engine::{Reading, Writing, values};
use crate::error::StoreError;
use vestibule_guards::guard;

/// How long a code lives.
const LIFETIME: Duration = Duration::from_secs(30);
/// Hand-overs of one session that wait: more than a browser opens tabs in half a minute.
const CODES_OF_ONE: i64 = 20;
/// Gate cookies of one session at one host: a browser has one, unless tabs race.
const COOKIES_OF_ONE: i64 = 4;

/// A hand-over to be made.
pub struct NewHandOver<'a> {
    /// What the code hashes to.
    pub code: &'a TokenHash,
    /// The hash of the nonce in the protected host's cookie.
    pub challenge: &'a [u8; 32],
    /// Of which session.
    pub session: SessionId,
    /// The session's token, which must still be this one.
    pub token: &'a TokenHash,
    /// The user's epoch, which must still be this one.
    pub epoch: Epoch,
    /// To which host.
    pub host: &'a str,
}

/// What became of a code.
#[derive(Clone, Copy, Debug)]
pub enum Taking {
    /// It was taken by the browser that it was made for.
    Taken(TakenHandOver),
    /// It was taken by another one, and is worth nothing any more.
    Wasted,
    /// It is used, over, another host's, or never was.
    Nothing,
}

/// A hand-over that was taken.
#[derive(Clone, Copy, Debug)]
pub struct TakenHandOver {
    /// Of which session.
    pub session: SessionId,
    /// Whose it is.
    pub user: UserId,
    /// The epoch that it was made under, which is the user's still.
    pub epoch: Epoch,
}

impl Reading {
    /// Whether a code can still be taken at this host: looked up before anything is written, since
    /// anybody can make codes up.
    pub async fn is_hand_over(&mut self, code: &TokenHash, host: &str) -> Result<bool, StoreError> {
        let sql = "SELECT COUNT(*) AS n FROM hand_overs
                   WHERE code_hash = $1 AND host = $2 AND taken_at IS NULL";
        Ok(self.number(sql, values![code.as_bytes(), host]).await? > 0)
    }
}

impl Writing {
    /// Makes a hand-over, and removes all but the latest few of the same session; `false` when the session is over or was replaced meanwhile.
    pub async fn insert_hand_over(
        &mut self,
        new: &NewHandOver<'_>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.change(
            "DELETE FROM hand_overs WHERE code_hash IN
                 (SELECT code_hash FROM hand_overs WHERE session_id = $1
                  ORDER BY expires_at DESC, code_hash LIMIT 1000 OFFSET $2)",
            values![new.session, CODES_OF_ONE - 1],
        )
        .await?;
        self.change_one(
            "INSERT INTO hand_overs (code_hash, challenge, session_id, epoch, host, expires_at,
                                     taken_at)
             SELECT $1, $2, s.id, u.epoch, $3, $4, NULL
             FROM sessions s JOIN users u ON u.id = s.user_id
             WHERE s.id = $5 AND /*guard hand-over-of-the-token*/ s.token_hash = $6 /*end*/
               AND /*guard hand-over-of-the-epoch*/ u.epoch = $7 /*end*/",
            values![
                new.code.as_bytes(),
                new.challenge,
                new.host,
                now.plus(LIFETIME),
                new.session,
                new.token.as_bytes(),
                new.epoch,
            ],
        )
        .await
    }

    /// Takes a hand-over, once, at the host that it was made for, in time and while the epoch lasts.
    /// Whoever has the code without the nonce wastes it: what was seen by the wrong browser opens
    /// nothing for the right one either.
    pub async fn take_hand_over(
        &mut self,
        code: &TokenHash,
        nonce: Option<&TokenHash>,
        host: &str,
        now: Timestamp,
    ) -> Result<Taking, StoreError> {
        let row = self
            .row(
                "UPDATE hand_overs SET taken_at = $1
                 WHERE code_hash = $2 AND /*guard hand-over-at-its-host*/ host = $3 /*end*/
                   AND /*guard hand-over-once*/ taken_at IS NULL /*end*/
                   AND /*guard hand-over-in-time*/ expires_at > $1 AND expires_at <= $4 /*end*/
                   AND /*guard hand-over-epoch*/ epoch =
                       (SELECT u.epoch FROM sessions s JOIN users u ON u.id = s.user_id
                        WHERE s.id = hand_overs.session_id) /*end*/
                 RETURNING challenge, session_id, epoch,
                     (SELECT s.user_id FROM sessions s WHERE s.id = hand_overs.session_id)
                         AS user_id",
                values![
                    now,
                    code.as_bytes(),
                    host,
                    // One from the future was made by a clock that has been set back since.
                    now.plus(LIFETIME).plus(LIFETIME),
                ],
            )
            .await?;
        let Some(row) = row else { return Ok(Taking::Nothing) };
        let challenge = row.bytes("challenge")?;
        let is_of_this_browser = nonce.is_some_and(|nonce| challenge == nonce.as_bytes());
        if !guard!("hand-over-of-the-browser", is_of_this_browser) {
            return Ok(Taking::Wasted);
        }
        Ok(Taking::Taken(TakenHandOver {
            session: row.parsed("session_id")?,
            user: row.parsed("user_id")?,
            epoch: Epoch(row.int("epoch")?),
        }))
    }

    /// Makes a gate cookie, and removes all but the latest few of the same session and host.
    pub async fn insert_gate_cookie(
        &mut self,
        token: &TokenHash,
        of: &TakenHandOver,
        host: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.change(
            "DELETE FROM gate_cookies WHERE token_hash IN
                 (SELECT token_hash FROM gate_cookies WHERE session_id = $1 AND host = $2
                  ORDER BY made_at DESC, token_hash LIMIT 1000 OFFSET $3)",
            values![of.session, host, COOKIES_OF_ONE - 1],
        )
        .await?;
        self.touch(crate::changes::Subject::Session(of.session));
        self.change(
            "INSERT INTO gate_cookies (token_hash, session_id, epoch, host, made_at)
             VALUES ($1, $2, $3, $4, $5)",
            values![token.as_bytes(), of.session, of.epoch, host, now],
        )
        .await
        .map(drop)
    }
}
