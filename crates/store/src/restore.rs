//! What is written into a database that was put back from a backup: what came after it, and the end
//! of everything that was handed out for a moment.

use vestibule_domain::id::{AccountId, UserId};
use vestibule_domain::time::Timestamp;
use vestibule_domain::totp::Step;
use vestibule_domain::user::Epoch;

use crate::changes::Subject;
use crate::engine::{Reading, Writing, values};
use crate::error::StoreError;
use crate::remains::{RemainingFactor, RemainingUser, SpentCode};

impl Reading {
    /// The Admin who is nearest to being able (design, rule 5): active before invited, the oldest
    /// first.
    pub async fn nearest_admin(
        &mut self,
        account: AccountId,
    ) -> Result<Option<UserId>, StoreError> {
        let sql = "SELECT user_id FROM memberships
                   WHERE account_id = $1 AND role = 'Admin' AND state IN ('active', 'invited')
                   ORDER BY CASE state WHEN 'active' THEN 0 ELSE 1 END, user_id LIMIT 1";
        self.row(sql, values![account]).await?.map(|row| row.parsed("user_id")).transpose()
    }

    /// How many users there are, whatever their state.
    pub async fn count_users(&mut self) -> Result<i64, StoreError> {
        self.number("SELECT COUNT(*) AS n FROM users", vec![]).await
    }
}

impl Writing {
    /// Carries over a password that was changed, and the budget that was renewed with it.
    pub async fn carry_password(&mut self, later: &RemainingUser) -> Result<(), StoreError> {
        let sql = "UPDATE users SET password_hash = $1, code_attempts = $2 WHERE id = $3";
        let values = values![later.password.clone(), later.code_attempts, later.id];
        self.change(sql, values).await.map(drop)
    }

    /// Raises the attempts that count against the budget to at least so many.
    pub async fn raise_code_attempts(
        &mut self,
        user: UserId,
        attempts: i64,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE users SET code_attempts = $1 WHERE id = $2 AND code_attempts < $1";
        self.change(sql, values![attempts, user]).await.map(drop)
    }

    /// Raises the epoch to at least this one.
    pub async fn raise_epoch(&mut self, user: UserId, epoch: Epoch) -> Result<(), StoreError> {
        self.touch(Subject::User(user));
        let sql = "UPDATE users SET epoch = $1 WHERE id = $2 AND epoch < $1";
        self.change(sql, values![epoch, user]).await.map(drop)
    }

    /// Raises every user's epoch by so many, and answers how many users there are.
    pub async fn raise_all_epochs(&mut self, by: i64) -> Result<u64, StoreError> {
        self.touch(Subject::Everything);
        self.change("UPDATE users SET epoch = epoch + $1", values![by]).await
    }

    /// Carries over an address that was changed; `false` when another user has it, or one that looks
    /// like it.
    pub async fn carry_email(&mut self, later: &RemainingUser) -> Result<bool, StoreError> {
        self.touch(Subject::User(later.id));
        let carried = self
            .change_one(
                "UPDATE users SET email = $1, email_skeleton = $2, look_alike_key = $3
                 WHERE id = $4 AND NOT EXISTS
                     (SELECT 1 FROM users others WHERE others.id <> $4
                      AND (others.email = $1 OR others.look_alike_key = $3))
                 /*no guard: the constraints decide*/",
                values![
                    later.email.as_str(),
                    later.email_skeleton.as_str(),
                    later.look_alike_key.clone(),
                    later.id,
                ],
            )
            .await?;
        if carried {
            let sql = "UPDATE memberships SET email_key = $1 WHERE user_id = $2";
            self.change(sql, values![later.email.as_str(), later.id]).await?;
        }
        Ok(carried)
    }

    /// Carries over a factor that was added; `false` when its user or its data key is not there.
    pub async fn carry_factor(&mut self, later: &RemainingFactor) -> Result<bool, StoreError> {
        self.touch(Subject::User(later.user));
        self.change_one(
            "INSERT INTO factors (id, user_id, account_id, position, name, sealed, data_key_id,
                                  added_at, last_used_at)
             SELECT $1, m.user_id, m.account_id,
                    (SELECT COUNT(*) + 1 FROM factors f WHERE f.user_id = m.user_id),
                    $2, $3, k.id, $4, $5
             FROM memberships m JOIN data_keys k ON k.id = $6
             WHERE m.user_id = $7
             ON CONFLICT (id) DO NOTHING /*no guard: the constraint decides*/",
            values![
                later.id,
                later.name.as_str(),
                later.sealed.as_slice(),
                later.added,
                later.last_used.map(Timestamp::millis),
                later.data_key,
                later.user,
            ],
        )
        .await
    }

    /// Carries over a spent code; `false` when it was spent already.
    pub async fn carry_spent_code(&mut self, code: SpentCode) -> Result<bool, StoreError> {
        self.spend_code(code.factor, code.step, code.at).await
    }

    /// Spends the code of a step of every factor there is.
    pub async fn spend_step_of_all(
        &mut self,
        step: Step,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO spent_codes (factor_id, step, spent_at)
                   SELECT id, $1, $2 FROM factors WHERE 1 = 1
                   ON CONFLICT (factor_id, step) DO NOTHING";
        self.change(sql, values![step, now]).await.map(drop)
    }

    /// Takes back an Admin who lost the role or the access since: without a password, so that only a
    /// link of the host's leads in.
    pub async fn bring_back_admin(&mut self, user: UserId) -> Result<(), StoreError> {
        self.touch(Subject::User(user));
        let sql = "UPDATE memberships SET role = 'Admin', state = 'invited' WHERE user_id = $1";
        self.change(sql, values![user]).await?;
        let sql = "UPDATE users SET password_hash = NULL WHERE id = $1";
        self.change(sql, values![user]).await.map(drop)
    }

    /// Ends every session with what hangs on it, every link, and the lanes of known browsers. Mails
    /// that wait were sent since, or lead to links that are dead.
    /// Recovery codes that wait to be kept were shown once, and are not shown to whoever signs in
    /// next.
    pub async fn end_everything_handed_out(&mut self) -> Result<(), StoreError> {
        self.touch(Subject::Everything);
        for sql in [
            "DELETE FROM pending_enrolments",
            "DELETE FROM sessions",
            "DELETE FROM links",
            "DELETE FROM unkept_recovery_codes",
            "DELETE FROM known_browsers",
            "DELETE FROM outbox",
        ] {
            self.change(sql, vec![]).await?;
        }
        Ok(())
    }
}
