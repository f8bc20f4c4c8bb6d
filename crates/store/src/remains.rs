//! What a replaced database still tells, a page at a time, so that what can be read is read up to
//! the first page that cannot. Every list is in the order of its key and begins after the last one.

use vestibule_domain::id::{AccountId, DataKeyId, FactorId, RecoveryCodeSetId, UserId};
use vestibule_domain::time::Timestamp;
use vestibule_domain::totp::Step;
use vestibule_domain::user::{Epoch, MembershipState, Role};

use crate::accounts::AccountRecord;
use crate::engine::{Reading, Row, values};
use crate::error::StoreError;

/// Rows a page.
const PAGE: i64 = 500;
/// After every identifier.
const END: &str = "~";

/// A user with everything that a restore compares.
#[derive(Clone)]
pub struct RemainingUser {
    /// Which one.
    pub id: UserId,
    /// The account of the membership.
    pub account: AccountId,
    /// The address, in the form that is compared.
    pub email: String,
    /// What look-alikes of the address share.
    pub email_skeleton: String,
    /// The same, of an address with letters outside ASCII.
    pub look_alike_key: Option<String>,
    /// The stored hash.
    pub password: Option<String>,
    /// The security epoch.
    pub epoch: Epoch,
    /// Attempts that count against the budget.
    pub code_attempts: i64,
    /// The role.
    pub role: Role,
    /// The membership's state.
    pub state: MembershipState,
}

/// A confirmed factor, with whose it is.
#[derive(Clone)]
pub struct RemainingFactor {
    /// Which one.
    pub id: FactorId,
    /// Whose.
    pub user: UserId,
    /// What its user calls it.
    pub name: String,
    /// The sealed secret.
    pub sealed: Vec<u8>,
    /// Which data key sealed it.
    pub data_key: DataKeyId,
    /// When it was confirmed.
    pub added: Timestamp,
    /// When it last gave a proof.
    pub last_used: Option<Timestamp>,
}

/// A code that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpentCode {
    /// Of which factor, or factor to be.
    pub factor: FactorId,
    /// Which.
    pub step: Step,
    /// When it was taken.
    pub at: Timestamp,
}

/// A set of recovery codes.
#[derive(Clone)]
pub struct RemainingCodes {
    /// Which set.
    pub id: RecoveryCodeSetId,
    /// Whose.
    pub user: UserId,
    pub(crate) salt: Vec<u8>,
    pub(crate) memory_kib: i64,
    pub(crate) passes: i64,
    pub(crate) made: Timestamp,
    /// The codes' hashes, and when each was used.
    pub(crate) codes: Vec<(Vec<u8>, Option<Timestamp>)>,
}

macro_rules! user_sql {
    ($rest:literal) => {
        concat!(
            "SELECT u.id, u.email, u.email_skeleton, u.look_alike_key, u.password_hash, u.epoch,
                    u.code_attempts, m.account_id, m.role, m.state
             FROM users u JOIN memberships m ON m.user_id = u.id ",
            $rest
        )
    };
}

macro_rules! factor_sql {
    ($rest:literal) => {
        concat!(
            "SELECT id, user_id, name, sealed, data_key_id, added_at, last_used_at FROM factors ",
            $rest
        )
    };
}

impl Reading {
    /// Accounts, in the order of their identifiers.
    pub async fn accounts_after(&mut self, after: &str) -> Result<Vec<AccountRecord>, StoreError> {
        let sql = "SELECT id, name, mfa_required FROM accounts WHERE id > $1 ORDER BY id LIMIT $2";
        self.rows(sql, values![after, PAGE]).await?.iter().map(AccountRecord::read).collect()
    }

    /// A page of users, in the order of their identifiers.
    pub async fn users_after(&mut self, after: &str) -> Result<Vec<RemainingUser>, StoreError> {
        let sql = user_sql!("WHERE u.id > $1 ORDER BY u.id LIMIT $2");
        self.rows(sql, values![after, PAGE]).await?.iter().map(RemainingUser::read).collect()
    }

    /// The users between two identifiers, the upper one among them; without it all that follow.
    pub async fn users_between(
        &mut self,
        after: &str,
        to: Option<&str>,
    ) -> Result<Vec<RemainingUser>, StoreError> {
        let sql = user_sql!("WHERE u.id > $1 AND u.id <= $2 ORDER BY u.id");
        let values = values![after, to.unwrap_or(END)];
        self.rows(sql, values).await?.iter().map(RemainingUser::read).collect()
    }

    /// A page of factors, in the order of their identifiers.
    pub async fn factors_after(&mut self, after: &str) -> Result<Vec<RemainingFactor>, StoreError> {
        let sql = factor_sql!("WHERE id > $1 ORDER BY id LIMIT $2");
        self.rows(sql, values![after, PAGE]).await?.iter().map(RemainingFactor::read).collect()
    }

    /// The factors between two identifiers, as [`Reading::users_between`].
    pub async fn factors_between(
        &mut self,
        after: &str,
        to: Option<&str>,
    ) -> Result<Vec<RemainingFactor>, StoreError> {
        let sql = factor_sql!("WHERE id > $1 AND id <= $2 ORDER BY id");
        let values = values![after, to.unwrap_or(END)];
        self.rows(sql, values).await?.iter().map(RemainingFactor::read).collect()
    }

    /// A page of sets of recovery codes, in the order of their users.
    pub async fn recovery_sets_after(
        &mut self,
        after: &str,
    ) -> Result<Vec<RemainingCodes>, StoreError> {
        let sql = "SELECT id, user_id, salt, memory_kib, passes, made_at FROM recovery_code_sets
                   WHERE user_id > $1 ORDER BY user_id LIMIT $2";
        let mut sets = vec![];
        for row in self.rows(sql, values![after, PAGE]).await? {
            let id: RecoveryCodeSetId = row.parsed("id")?;
            let sql = "SELECT hash, used_at FROM recovery_codes WHERE set_id = $1";
            let codes = self.rows(sql, values![id]).await?;
            let codes =
                codes.iter().map(|row| Ok((row.bytes("hash")?, row.maybe_time("used_at")?)));
            sets.push(RemainingCodes {
                id,
                user: row.parsed("user_id")?,
                salt: row.bytes("salt")?,
                memory_kib: row.int("memory_kib")?,
                passes: row.int("passes")?,
                made: row.time("made_at")?,
                codes: codes.collect::<Result<_, StoreError>>()?,
            });
        }
        Ok(sets)
    }

    /// Which sets the users between two identifiers have, as [`Reading::users_between`].
    pub async fn recovery_sets_between(
        &mut self,
        after: &str,
        to: Option<&str>,
    ) -> Result<Vec<(UserId, RecoveryCodeSetId)>, StoreError> {
        let sql = "SELECT user_id, id FROM recovery_code_sets
                   WHERE user_id > $1 AND user_id <= $2 ORDER BY user_id";
        let rows = self.rows(sql, values![after, to.unwrap_or(END)]).await?;
        rows.iter().map(|row| Ok((row.parsed("user_id")?, row.parsed("id")?))).collect()
    }

    /// Spent codes, in the order of factor and step.
    pub async fn spent_codes_after(
        &mut self,
        (factor, step): (&str, i64),
    ) -> Result<Vec<SpentCode>, StoreError> {
        let sql = "SELECT factor_id, step, spent_at FROM spent_codes
                   WHERE factor_id > $1 OR (factor_id = $1 AND step > $2)
                   ORDER BY factor_id, step LIMIT $3";
        let read = |row: &Row| {
            Ok(SpentCode {
                factor: row.parsed("factor_id")?,
                step: Step(row.int("step")?),
                at: row.time("spent_at")?,
            })
        };
        self.rows(sql, values![factor, step, PAGE]).await?.iter().map(read).collect()
    }
}

impl RemainingUser {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.parsed("id")?,
            account: row.parsed("account_id")?,
            email: row.text("email")?,
            email_skeleton: row.text("email_skeleton")?,
            look_alike_key: row.maybe_text("look_alike_key")?,
            password: row.maybe_text("password_hash")?,
            epoch: Epoch(row.int("epoch")?),
            code_attempts: row.int("code_attempts")?,
            role: row.parsed("role")?,
            state: row.parsed("state")?,
        })
    }
}

impl RemainingFactor {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.parsed("id")?,
            user: row.parsed("user_id")?,
            name: row.text("name")?,
            sealed: row.bytes("sealed")?,
            data_key: row.parsed("data_key_id")?,
            added: row.time("added_at")?,
            last_used: row.maybe_time("last_used_at")?,
        })
    }
}
