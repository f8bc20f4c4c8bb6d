//! Pending enrolments: a key that one session sees and has not confirmed yet.

use vestibule_domain::id::{AccountId, DataKeyId, FactorId, SessionId, UserId};
use vestibule_domain::name::Name;
use vestibule_domain::time::Timestamp;
use vestibule_domain::user::Epoch;

use crate::changes::Subject;
use crate::engine::{Reading, Writing, values};
use crate::error::StoreError;

/// The key of a factor to be.
#[derive(Clone)]
pub struct PendingEnrolment {
    /// The identifier that the factor will have.
    pub factor: FactorId,
    /// The session that it belongs to, alone.
    pub session: SessionId,
    /// Whose it is.
    pub user: UserId,
    /// The epoch under which it was made, and with which it dies.
    pub epoch: Epoch,
    /// The sealed secret.
    pub sealed: Vec<u8>,
    /// Which data key sealed it.
    pub data_key: DataKeyId,
    /// When it ends.
    pub expires: Timestamp,
}

impl Reading {
    /// The pending enrolment of this session under this epoch, unless it has expired.
    pub async fn pending_enrolment(
        &mut self,
        session: SessionId,
        epoch: Epoch,
        now: Timestamp,
    ) -> Result<Option<PendingEnrolment>, StoreError> {
        let row = self
            .row(
                "SELECT factor_id, session_id, user_id, epoch, sealed, data_key_id, expires_at
                 FROM pending_enrolments
                 WHERE session_id = $1 AND epoch = $2 AND expires_at > $3",
                values![session, epoch, now],
            )
            .await?;
        row.map(|row| {
            Ok(PendingEnrolment {
                factor: row.parsed("factor_id")?,
                session: row.parsed("session_id")?,
                user: row.parsed("user_id")?,
                epoch: Epoch(row.int("epoch")?),
                sealed: row.bytes("sealed")?,
                data_key: row.parsed("data_key_id")?,
                expires: row.time("expires_at")?,
            })
        })
        .transpose()
    }

    /// Whether this session was shown a key that is not confirmed, be it alive or not.
    pub async fn has_seen_a_key(&mut self, session: SessionId) -> Result<bool, StoreError> {
        let sql = "SELECT COUNT(*) AS n FROM pending_enrolments WHERE session_id = $1";
        Ok(self.number(sql, values![session]).await? > 0)
    }
}

impl Writing {
    /// Stores a pending enrolment in place of one that has ended; `false` when the session has a
    /// live one already (a second tab was faster), or when session or epoch is over.
    pub async fn insert_pending_enrolment(
        &mut self,
        new: &PendingEnrolment,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let still_there = self.hold_epoch(new.user, new.epoch).await?
            && self
                .change_one(
                    "UPDATE sessions SET code_attempts = code_attempts
                     WHERE id = $1 AND user_id = $2 /*no guard: it holds the session*/",
                    values![new.session, new.user],
                )
                .await?;
        if !still_there {
            return Ok(false);
        }
        self.change(
            "DELETE FROM pending_enrolments
             WHERE session_id = $1 AND (epoch <> $2 OR expires_at <= $3)",
            values![new.session, new.epoch, now],
        )
        .await?;
        self.change_one(
            "INSERT INTO pending_enrolments (factor_id, session_id, user_id, epoch, sealed,
                                             data_key_id, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (session_id) /*guard one-pending-key: DO UPDATE
                 SET factor_id = $1, sealed = $5*/ DO NOTHING /*end*/",
            values![
                new.factor,
                new.session,
                new.user,
                new.epoch,
                new.sealed.as_slice(),
                new.data_key,
                new.expires,
            ],
        )
        .await
    }

    /// Makes a factor of a pending enrolment of this same session and epoch, once, and discards
    /// every other pending key of the user; `false` when there is nothing to confirm. The caller
    /// has bumped the user's epoch in this transaction, so nothing about the user's factors can
    /// change beside it. Unless `beside_others`, only a user without any factor gets one.
    pub async fn confirm_enrolment(
        &mut self,
        pending: &PendingEnrolment,
        account: AccountId,
        name: &Name,
        beside_others: bool,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.touch(Subject::User(pending.user));
        let confirmed = self
            .change_one(
                "INSERT INTO factors (id, user_id, account_id, position, name, sealed, data_key_id,
                                      added_at, last_used_at)
                 SELECT p.factor_id, p.user_id, $1,
                        (SELECT COUNT(*) + 1 FROM factors f WHERE f.user_id = p.user_id),
                        $2, p.sealed, p.data_key_id, $3, $3
                 FROM pending_enrolments p
                 WHERE p.factor_id = $4
                   AND /*guard confirm-own-session*/ p.session_id = $5 /*end*/
                   AND /*guard confirm-epoch*/ p.epoch = $6 /*end*/
                   AND /*guard confirm-in-time*/ p.expires_at > $3 /*end*/
                   AND ($7 = TRUE OR /*guard confirm-first-factor*/ NOT EXISTS
                        (SELECT 1 FROM factors f WHERE f.user_id = p.user_id) /*end*/)",
                values![
                    account,
                    name.as_str(),
                    now,
                    pending.factor,
                    pending.session,
                    pending.epoch,
                    beside_others,
                ],
            )
            .await?;
        if confirmed {
            self.discard_enrolments(pending.user).await?;
        }
        Ok(confirmed)
    }

    /// Discards every pending key of a user.
    pub async fn discard_enrolments(&mut self, user: UserId) -> Result<(), StoreError> {
        let sql = "DELETE FROM pending_enrolments WHERE user_id = $1";
        self.change(sql, values![user]).await.map(drop)
    }
}
