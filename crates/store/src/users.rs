//! Users: who they are, their password, their epoch, their budget.

use vestibule_domain::email::Email;
use vestibule_domain::id::{AccountId, SessionId, UserId};
use vestibule_domain::limits::CODE_BUDGET;
use vestibule_domain::limits::wait::Attempts;
use vestibule_domain::name::Name;
use vestibule_domain::time::Timestamp;
use vestibule_domain::user::{Epoch, MembershipState, Role, User};

use crate::changes::Subject;
use crate::engine::{Reading, Row, Writing, values};
use crate::error::StoreError;
use crate::lanes::{attempts, wait_ms};

/// A user with the membership.
#[derive(Clone, Debug)]
pub struct UserRecord {
    /// Which one.
    pub id: UserId,
    /// The account of the membership.
    pub account: AccountId,
    /// The address, in the form that is compared.
    pub email: String,
    /// The display name.
    pub name: String,
    /// Whether a password is set.
    pub has_password: bool,
    /// What the decision asks about.
    pub standing: User,
    /// When the user last passed the last door.
    pub last_sign_in: Option<Timestamp>,
    /// When the user was added.
    pub added: Timestamp,
}

/// What a password is compared with.
pub struct PasswordRecord {
    /// Whose it is.
    pub user: UserRecord,
    /// The stored hash; `None` before the invitation is accepted.
    pub hash: Option<String>,
}

/// A user to be added.
pub struct NewUser<'a> {
    /// The new identifier.
    pub id: UserId,
    /// In which account.
    pub account: AccountId,
    /// The address.
    pub email: &'a Email,
    /// The display name.
    pub name: &'a Name,
    /// The role.
    pub role: Role,
    /// Invited, or active at once where a password comes with it.
    pub state: MembershipState,
    /// The stored hash, where there is one.
    pub password: Option<String>,
}

/// The columns of the attempts since the last complete sign-in.
const TRIES: [&str; 3] = ["code_tries", "code_tried_at", "code_wait_ms"];

macro_rules! user_columns {
    ($rest:literal) => {
        concat!(
            "SELECT u.id, m.account_id, u.email, u.name, u.password_hash, u.epoch,
                    u.last_sign_in_at, u.created_at, m.role, m.state,
                    EXISTS (SELECT 1 FROM factors f WHERE f.user_id = u.id) AS has_factor
             FROM users u JOIN memberships m ON m.user_id = u.id ",
            $rest
        )
    };
}

impl UserRecord {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.parsed("id")?,
            account: row.parsed("account_id")?,
            email: row.text("email")?,
            name: row.text("name")?,
            has_password: row.maybe_text("password_hash")?.is_some(),
            standing: User {
                epoch: Epoch(row.int("epoch")?),
                state: row.parsed("state")?,
                role: row.parsed("role")?,
                has_factor: row.boolean("has_factor")?,
            },
            last_sign_in: row.maybe_time("last_sign_in_at")?,
            added: row.time("created_at")?,
        })
    }
}

impl Reading {
    /// One user, wherever.
    pub async fn user(&mut self, id: UserId) -> Result<Option<UserRecord>, StoreError> {
        let row = self.row(user_columns!("WHERE u.id = $1"), values![id]).await?;
        row.as_ref().map(UserRecord::read).transpose()
    }

    /// One user of this account: another account's identifiers find nobody.
    pub async fn user_of(
        &mut self,
        account: AccountId,
        id: UserId,
    ) -> Result<Option<UserRecord>, StoreError> {
        let sql = user_columns!("WHERE u.id = $1 AND m.account_id = $2");
        self.row(sql, values![id, account]).await?.as_ref().map(UserRecord::read).transpose()
    }

    /// The user with this address, and the password's hash, read in one statement with the epoch.
    ///
    /// For an address that nobody has another user is read and dropped: how long the look-up takes
    /// tells no more than what it answers (`scripts/prove enumeration` found that it did).
    pub async fn password_of(
        &mut self,
        email: &Email,
    ) -> Result<Option<PasswordRecord>, StoreError> {
        let sql = user_columns!(
            "WHERE u.id = COALESCE((SELECT id FROM users WHERE email = $1),
                                   (SELECT MIN(id) FROM users))"
        );
        let Some(row) = self.row(sql, values![email.as_str()]).await? else { return Ok(None) };
        let hash = row.maybe_text("password_hash")?;
        let found = PasswordRecord { user: UserRecord::read(&row)?, hash };
        Ok(Some(found).filter(|found| found.user.email == email.as_str()))
    }

    /// The attempts at security codes since the last complete sign-in, and the wait.
    pub async fn code_tries(&mut self, user: UserId) -> Result<Attempts, StoreError> {
        let sql = "SELECT code_tries, code_tried_at, code_wait_ms FROM users WHERE id = $1";
        let row = self.row(sql, values![user]).await?;
        row.map_or(Ok(Attempts::NONE), |row| attempts(&row, TRIES))
    }

    /// A page of users who have attempts behind them, in the order of their identifiers.
    pub async fn code_tries_after(
        &mut self,
        after: &str,
    ) -> Result<Vec<(UserId, Attempts)>, StoreError> {
        let sql = "SELECT id, code_tries, code_tried_at, code_wait_ms FROM users
                   WHERE id > $1 AND code_tries > 0 ORDER BY id LIMIT 500";
        let rows = self.rows(sql, values![after]).await?;
        rows.iter().map(|row| Ok((row.parsed("id")?, attempts(row, TRIES)?))).collect()
    }

    /// How many attempts at security codes count against the user's budget.
    pub async fn code_attempts(&mut self, user: UserId) -> Result<i64, StoreError> {
        self.number("SELECT code_attempts AS n FROM users WHERE id = $1", values![user]).await
    }
}

impl Writing {
    /// Adds a user; `false` when the address is taken, or looks like one that is.
    pub async fn insert_user(
        &mut self,
        new: &NewUser<'_>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.touch(Subject::User(new.id));
        let added = self
            .change_one(
                "INSERT INTO users (id, email, email_skeleton, look_alike_key, name,
                                    password_hash, epoch, code_attempts, last_sign_in_at,
                                    created_at)
                 SELECT $1, $2, $3, $4, $5, $6, 1, 0, NULL, $7
                 WHERE $8 = FALSE OR /*guard look-alike*/ NOT EXISTS
                     (SELECT 1 FROM users WHERE email_skeleton = $3) /*end*/
                 ON CONFLICT DO NOTHING",
                values![
                    new.id,
                    new.email.as_str(),
                    new.email.skeleton(),
                    new.email.may_be_look_alike().then(|| new.email.skeleton()),
                    new.name.as_str(),
                    new.password.clone(),
                    now,
                    new.email.may_be_look_alike(),
                ],
            )
            .await?;
        if !added {
            return Ok(false);
        }
        self.change_one(
            "INSERT INTO memberships (user_id, account_id, role, state, email_key, name_key)
             VALUES ($1, $2, $3, $4, $5, $6) /*no guard: a row of its own*/",
            values![
                new.id,
                new.account,
                new.role.as_str(),
                new.state.as_str(),
                new.email.as_str(),
                new.name.search_key(),
            ],
        )
        .await
    }

    /// Ends everything issued under `epoch`; `false` when it has ended already.
    pub async fn bump_epoch(&mut self, user: UserId, epoch: Epoch) -> Result<bool, StoreError> {
        self.touch(Subject::User(user));
        self.change_one(
            "UPDATE users SET epoch = epoch + 1
             WHERE id = $1 AND /*guard bump-of-the-epoch*/ epoch = $2 /*end*/",
            values![user, epoch],
        )
        .await
    }

    /// Holds the user's row until the end of the transaction; `false` when there is none. What is
    /// read of the user after it still holds at the commit.
    ///
    /// Rows are taken in one order everywhere, so that nobody waits in a circle: the account, then
    /// one user, then that user's sessions, then all else.
    pub async fn hold_user(&mut self, user: UserId) -> Result<bool, StoreError> {
        let sql = "UPDATE users SET epoch = epoch WHERE id = $1 /*no guard: it holds the row*/";
        self.change_one(sql, values![user]).await
    }

    /// The same, and answers how many attempts at security codes count against the budget, and those
    /// since the last complete sign-in with the wait. `None` where there is no such user.
    pub async fn hold_code_limits(
        &mut self,
        user: UserId,
    ) -> Result<Option<(i64, Attempts)>, StoreError> {
        let sql = "UPDATE users SET epoch = epoch WHERE id = $1
                   RETURNING code_attempts, code_tries, code_tried_at, code_wait_ms";
        let row = self.row(sql, values![user]).await?;
        row.map(|row| Ok((row.int("code_attempts")?, attempts(&row, TRIES)?))).transpose()
    }

    /// Holds the user's row until the end of the transaction; `false` when the epoch is no longer
    /// `epoch`. What a proof was checked against cannot change after it.
    pub async fn hold_epoch(&mut self, user: UserId, epoch: Epoch) -> Result<bool, StoreError> {
        self.change_one(
            "UPDATE users SET epoch = epoch
             WHERE id = $1 AND /*guard proof-of-the-epoch*/ epoch = $2 /*end*/",
            values![user, epoch],
        )
        .await
    }

    /// Sets the password of a user whose epoch this transaction has bumped. The budget of
    /// attempts is renewed with it, and there is no wait: whoever guessed is shut out.
    pub async fn set_password(&mut self, user: UserId, hash: String) -> Result<(), StoreError> {
        self.change(
            "UPDATE users SET password_hash = $1, code_attempts = 0, code_tries = 0, code_wait_ms = 0
             WHERE id = $2",
            values![hash, user],
        )
        .await
        .map(drop)
    }

    /// Sets the password of a user whose epoch this transaction has bumped, by a link that came by
    /// mail: who reads the mail has given no second proof, so the budget is not renewed (design,
    /// rule 3).
    pub async fn set_password_by_mail(
        &mut self,
        user: UserId,
        hash: String,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE users SET password_hash = $1 WHERE id = $2";
        self.change(sql, values![hash, user]).await.map(drop)
    }

    /// Replaces a hash by one of the same password at today's cost; the epoch stays, and guards
    /// against a password that was changed meanwhile.
    pub async fn renew_hash(
        &mut self,
        user: UserId,
        hash: String,
        epoch: Epoch,
    ) -> Result<bool, StoreError> {
        self.change_one(
            "UPDATE users SET password_hash = $1
             WHERE id = $2 AND /*guard renew-hash-of-the-epoch*/ epoch = $3 /*end*/",
            values![hash, user, epoch],
        )
        .await
    }

    /// Sets the display name.
    pub async fn set_name(&mut self, user: UserId, name: &Name) -> Result<(), StoreError> {
        self.touch(Subject::User(user));
        let values = values![name.as_str(), user];
        self.change("UPDATE users SET name = $1 WHERE id = $2", values).await?;
        let values = values![name.search_key(), user];
        self.change("UPDATE memberships SET name_key = $1 WHERE user_id = $2", values).await?;
        Ok(())
    }

    /// Takes `cost` attempts from the user's budget; `false` when it does not hold so many. Comes
    /// before the comparison, in a transaction of its own.
    pub async fn reserve_code_attempts(
        &mut self,
        user: UserId,
        cost: i64,
    ) -> Result<bool, StoreError> {
        self.change_one(
            "UPDATE users SET code_attempts = code_attempts + $1
             WHERE id = $2 AND /*guard budget*/ code_attempts + $1 <= $3 /*end*/",
            values![cost, user, CODE_BUDGET],
        )
        .await
    }

    /// Gives back to the budget the attempts that `session` has in it, and no other's.
    pub async fn refund_code_attempts(
        &mut self,
        user: UserId,
        session: SessionId,
    ) -> Result<(), StoreError> {
        self.change(
            "UPDATE users SET code_attempts = code_attempts -
                 (SELECT CASE WHEN s.code_attempts < users.code_attempts
                         THEN s.code_attempts ELSE users.code_attempts END
                  FROM sessions s WHERE s.id = $1)
             WHERE id = $2 AND EXISTS (SELECT 1 FROM sessions WHERE id = $1)",
            values![session, user],
        )
        .await
        .map(drop)
    }

    /// Notes an attempt at a security code, and the wait that it begins. Comes while the user is
    /// held.
    pub async fn set_code_tries(
        &mut self,
        user: UserId,
        counted: &Attempts,
    ) -> Result<(), StoreError> {
        self.change(
            "UPDATE users SET code_tries = $1, code_tried_at = $2, code_wait_ms = $3 WHERE id = $4",
            values![counted.count, counted.latest, wait_ms(counted), user],
        )
        .await
        .map(drop)
    }

    /// Notes a complete sign-in, which ends the wait between attempts at security codes.
    pub async fn note_sign_in(&mut self, user: UserId, now: Timestamp) -> Result<(), StoreError> {
        let sql = "UPDATE users SET last_sign_in_at = $1, code_tries = 0, code_tried_at = 0,
                                    code_wait_ms = 0
                   WHERE id = $2";
        self.change(sql, values![now, user]).await.map(drop)
    }

    /// Changes a membership's role; `false` when it was so already.
    pub async fn set_role(&mut self, user: UserId, role: Role) -> Result<bool, StoreError> {
        self.touch(Subject::User(user));
        let sql = "UPDATE memberships SET role = $1
                   WHERE user_id = $2 AND role <> $1 /*no guard: it says whether anything changed*/";
        self.change_one(sql, values![role.as_str(), user]).await
    }

    /// Moves a membership from one state to another; `false` when it was in neither `from`.
    pub async fn set_state(
        &mut self,
        user: UserId,
        from: MembershipState,
        to: MembershipState,
    ) -> Result<bool, StoreError> {
        self.touch(Subject::User(user));
        let sql = "UPDATE memberships SET state = $1
                   WHERE user_id = $2 AND /*guard state-as-it-was*/ state = $3 /*end*/";
        self.change_one(sql, values![to.as_str(), user, from.as_str()]).await
    }

    /// Removes a user with everything that belongs to them; the audit trail stays.
    pub async fn remove_user(&mut self, user: UserId) -> Result<bool, StoreError> {
        self.touch(Subject::User(user));
        self.change_one("DELETE FROM users WHERE id = $1 /*no guard: by its key*/", values![user])
            .await
    }
}
