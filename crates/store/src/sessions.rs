//! Sessions: the rows behind the cookies.

use std::time::Duration;

use vestibule_domain::id::{AccountId, FactorId, SessionId, UserId};
use vestibule_domain::policy::Policy;
use vestibule_domain::proof::{Proof, SecondProof};
use vestibule_domain::session::{Session, SessionLimits};
use vestibule_domain::time::Timestamp;
use vestibule_domain::token::TokenHash;
use vestibule_domain::user::{Epoch, User};

use crate::changes::Subject;
use crate::engine::{Reading, Row, Writing, values};
use crate::error::StoreError;

/// How often a request is noted as the latest: once a minute a session is enough for the limits,
/// and spares a write at nearly every request.
pub const SEEN_EVERY: Duration = Duration::from_mins(1);

/// A session with everything that the decision needs, read in one statement.
#[derive(Clone, Debug)]
pub struct SessionRecord {
    /// Which one.
    pub id: SessionId,
    /// Its proofs and times.
    pub session: Session,
    /// Whose it is.
    pub user: UserId,
    /// The user's display name.
    pub user_name: String,
    /// The user's address.
    pub email: String,
    /// The user's standing now.
    pub standing: User,
    /// The account.
    pub account: AccountId,
    /// The account's name.
    pub account_name: String,
    /// The account's policy now.
    pub policy: Policy,
    /// Whether the user was given recovery codes and has not said that they are kept.
    pub has_unkept_codes: bool,
}

/// A session to begin, with the password just given.
pub struct NewSession<'a> {
    /// The new identifier.
    pub id: SessionId,
    /// Whose it is.
    pub user: UserId,
    /// What the cookie hashes to.
    pub token: &'a TokenHash,
    /// The epoch that was read with the password's hash.
    pub epoch: Epoch,
    /// What the browser calls itself.
    pub browser: &'a str,
    /// From which address.
    pub address: &'a str,
    /// Whether it begins with a link of `vestibule recover`.
    pub recovering: bool,
}

/// A session as its owner sees it in a list.
#[derive(Clone, Debug)]
pub struct OpenSession {
    /// Which one.
    pub id: SessionId,
    /// What the browser calls itself.
    pub browser: String,
    /// From which address it began.
    pub address: String,
    /// When it began.
    pub created: Timestamp,
    /// The latest request, to the minute.
    pub last_seen: Timestamp,
}

/// Everything that the decision needs of a session `s`, its user `u` and their membership, with
/// further columns; `$2` is the time now.
macro_rules! session_columns {
    ($more:literal, $from:literal, $rest:literal) => {
        concat!(
            "SELECT s.id, s.user_id, s.created_at, s.last_seen_at, s.password_at, s.password_epoch,
                    s.second_at, s.second_epoch, s.second_factor_id, s.second_by_recovery_code,
                    s.recovering, u.name AS user_name, u.email, u.epoch, m.role, m.state,
                    m.account_id, a.name AS account_name, a.mfa_required,
                    EXISTS (SELECT 1 FROM factors f WHERE f.user_id = u.id) AS has_factor,
                    EXISTS (SELECT 1 FROM unkept_recovery_codes k WHERE k.user_id = u.id)
                        AS has_unkept_codes,
                    EXISTS (SELECT 1 FROM pending_enrolments p WHERE p.session_id = s.id
                            AND p.epoch = u.epoch AND p.expires_at > $2) AS enrolling",
            $more,
            " FROM ",
            $from,
            " JOIN users u ON u.id = s.user_id
              JOIN memberships m ON m.user_id = u.id
              JOIN accounts a ON a.id = m.account_id ",
            $rest
        )
    };
}
pub(crate) use session_columns;

pub(crate) fn read(row: &Row, limits: SessionLimits) -> Result<SessionRecord, StoreError> {
    let second = match (row.maybe_int("second_at")?, row.maybe_int("second_epoch")?) {
        (Some(at), Some(epoch)) => {
            let proof = Proof { at: Timestamp::from_millis(at), epoch: Epoch(epoch) };
            second_by(row)?.map(|by| (by, proof))
        }
        _ => None,
    };
    Ok(SessionRecord {
        id: row.parsed("id")?,
        session: Session {
            created: row.time("created_at")?,
            last_seen: row.time("last_seen_at")?,
            limits,
            password: Some(Proof {
                at: row.time("password_at")?,
                epoch: Epoch(row.int("password_epoch")?),
            }),
            second,
            recovering: row.boolean("recovering")?,
            enrolling: row.boolean("enrolling")?,
        },
        user: row.parsed("user_id")?,
        user_name: row.text("user_name")?,
        email: row.text("email")?,
        standing: User {
            epoch: Epoch(row.int("epoch")?),
            state: row.parsed("state")?,
            role: row.parsed("role")?,
            has_factor: row.boolean("has_factor")?,
        },
        account: row.parsed("account_id")?,
        account_name: row.text("account_name")?,
        policy: Policy::from_required(row.boolean("mfa_required")?),
        has_unkept_codes: row.boolean("has_unkept_codes")?,
    })
}

/// What gave the second proof.
fn second_by(row: &Row) -> Result<Option<SecondProof>, StoreError> {
    if row.boolean("second_by_recovery_code")? {
        return Ok(Some(SecondProof::RecoveryCode));
    }
    let Some(factor) = row.maybe_text("second_factor_id")? else { return Ok(None) };
    let factor = factor.parse().map_err(|_| StoreError::Unreadable("second_factor_id"))?;
    Ok(Some(SecondProof::Totp(factor)))
}

impl Reading {
    /// The session that this token opens, and all that the decision needs.
    pub async fn session(
        &mut self,
        token: &TokenHash,
        limits: SessionLimits,
        now: Timestamp,
    ) -> Result<Option<SessionRecord>, StoreError> {
        let row = self
            .row(
                session_columns!("", "sessions s", "WHERE s.token_hash = $1"),
                values![token.as_bytes(), now],
            )
            .await?;
        row.map(|row| read(&row, limits)).transpose()
    }

    /// The sessions of a user that are not over, the latest first.
    pub async fn open_sessions(
        &mut self,
        user: UserId,
        limits: SessionLimits,
        now: Timestamp,
    ) -> Result<Vec<OpenSession>, StoreError> {
        let rows = self
            .rows(
                "SELECT s.id, s.browser, s.address, s.created_at, s.last_seen_at
                 FROM sessions s JOIN users u ON u.id = s.user_id
                 WHERE s.user_id = $1 AND s.password_epoch = u.epoch
                   AND s.last_seen_at > $2 AND s.created_at > $3
                 ORDER BY s.last_seen_at DESC, s.id DESC LIMIT 100",
                values![user, now.minus(limits.idle), now.minus(limits.total)],
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(OpenSession {
                    id: row.parsed("id")?,
                    browser: row.text("browser")?,
                    address: row.text("address")?,
                    created: row.time("created_at")?,
                    last_seen: row.time("last_seen_at")?,
                })
            })
            .collect()
    }

    /// How many sessions of an account are open.
    pub async fn count_open_sessions(
        &mut self,
        account: AccountId,
        limits: SessionLimits,
        now: Timestamp,
    ) -> Result<i64, StoreError> {
        self.number(
            // From the sessions, of which there are few, to their users: not the other way round.
            "SELECT COUNT(*) AS n FROM sessions s
             WHERE s.last_seen_at > $1 AND s.created_at > $2
               AND EXISTS (SELECT 1 FROM users u JOIN memberships m ON m.user_id = u.id
                           WHERE u.id = s.user_id AND u.epoch = s.password_epoch
                             AND m.account_id = $3 AND m.state = 'active')",
            values![now.minus(limits.idle), now.minus(limits.total), account],
        )
        .await
    }
}

impl Writing {
    /// Begins a session.
    pub async fn insert_session(
        &mut self,
        new: &NewSession<'_>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.change(
            "INSERT INTO sessions (id, user_id, token_hash, created_at, last_seen_at, browser,
                                   address, password_at, password_epoch, second_at, second_epoch,
                                   second_factor_id, code_attempts, recovering)
             VALUES ($1, $2, $3, $4, $4, $5, $6, $4, $7, NULL, NULL, NULL, 0, $8)",
            values![
                new.id,
                new.user,
                new.token.as_bytes(),
                now,
                new.browser,
                new.address,
                new.epoch,
                new.recovering,
            ],
        )
        .await
        .map(drop)
    }

    /// Notes a request, at most once a minute.
    pub async fn note_seen(
        &mut self,
        session: SessionId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE sessions SET last_seen_at = $1 WHERE id = $2 AND last_seen_at < $1";
        self.change(sql, values![now, session]).await.map(drop)
    }

    /// Counts attempts against a session, so that they can be refunded to it; `false` when the
    /// session is gone or its token was replaced.
    pub async fn count_session_attempts(
        &mut self,
        session: SessionId,
        token: &TokenHash,
        cost: i64,
    ) -> Result<bool, StoreError> {
        self.change_one(
            "UPDATE sessions SET code_attempts = code_attempts + $1
             WHERE id = $2 AND /*guard count-for-the-token*/ token_hash = $3 /*end*/",
            values![cost, session, token.as_bytes()],
        )
        .await
    }

    /// Puts a second proof into a session and replaces its token, the old one dying in the same
    /// write; `false` when the token was not the session's any more.
    pub async fn give_second_proof(
        &mut self,
        session: SessionId,
        tokens: (&TokenHash, &TokenHash),
        by: SecondProof,
        epoch: Epoch,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.touch(Subject::Session(session));
        let (old, new) = tokens;
        let factor = match by {
            SecondProof::Totp(factor) => Some(factor.to_string()),
            SecondProof::RecoveryCode => None,
        };
        self.change_one(
            "UPDATE sessions SET token_hash = $1, second_at = $2, second_epoch = $3,
                                 second_factor_id = $4, second_by_recovery_code = $5,
                                 code_attempts = 0, last_seen_at = $2
             WHERE id = $6 AND /*guard second-proof-of-the-token*/ token_hash = $7 /*end*/",
            values![
                new.as_bytes(),
                now,
                epoch,
                factor,
                by == SecondProof::RecoveryCode,
                session,
                old.as_bytes(),
            ],
        )
        .await
    }

    /// Puts the password, given again, into a session and replaces its token; `false` when the
    /// token was not the session's any more.
    pub async fn give_password_proof(
        &mut self,
        session: SessionId,
        tokens: (&TokenHash, &TokenHash),
        epoch: Epoch,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.touch(Subject::Session(session));
        let (old, new) = tokens;
        self.change_one(
            "UPDATE sessions SET token_hash = $1, password_at = $2, password_epoch = $3,
                                 last_seen_at = $2
             WHERE id = $4 AND /*guard password-of-the-token*/ token_hash = $5 /*end*/",
            values![new.as_bytes(), now, epoch, session, old.as_bytes()],
        )
        .await
    }

    /// Takes the acting session over into the epoch after `epoch`, with the proofs that counted
    /// under `epoch`; `false` when the token was not the session's any more. Attempts that were
    /// counted against it are not refunded later: the act may have renewed the budget.
    pub async fn reissue_session(
        &mut self,
        session: SessionId,
        tokens: (&TokenHash, &TokenHash),
        epoch: Epoch,
    ) -> Result<bool, StoreError> {
        self.touch(Subject::Session(session));
        let (old, new) = tokens;
        self.change_one(
            "UPDATE sessions SET token_hash = $1, password_epoch = $2,
                 second_epoch = CASE WHEN second_epoch = $3 THEN $2 ELSE second_epoch END,
                 code_attempts = 0, recovering = FALSE
             WHERE id = $4 AND /*guard reissue-of-the-token*/ token_hash = $5 /*end*/
               AND /*guard reissue-of-the-epoch*/ password_epoch = $3 /*end*/",
            values![new.as_bytes(), epoch.next(), epoch, session, old.as_bytes()],
        )
        .await
    }

    /// Takes the second proof out of a session whose factor an act removed.
    pub async fn drop_second_proof(
        &mut self,
        session: SessionId,
        factor: FactorId,
    ) -> Result<(), StoreError> {
        self.touch(Subject::Session(session));
        self.change(
            "UPDATE sessions SET second_at = NULL, second_epoch = NULL, second_factor_id = NULL
             WHERE id = $1 AND second_factor_id = $2",
            values![session, factor],
        )
        .await
        .map(drop)
    }

    /// Ends a session of this user; `false` when there is none such.
    pub async fn end_session(
        &mut self,
        user: UserId,
        session: SessionId,
    ) -> Result<bool, StoreError> {
        self.touch(Subject::Session(session));
        let sql = "DELETE FROM sessions
                   WHERE id = $1 AND /*guard end-own-session*/ user_id = $2 /*end*/";
        self.change_one(sql, values![session, user]).await
    }
}

impl SessionRecord {
    /// Whether a request at `now` is far enough from the last one noted.
    pub fn is_due_to_be_noted(&self, now: Timestamp) -> bool {
        self.session.last_seen.age_at(now).is_some_and(|age| age >= SEEN_EVERY)
    }
}
