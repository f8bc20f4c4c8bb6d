//! Accounts and their policy.

use vestibule_domain::id::{AccountId, UserId};
use vestibule_domain::name::Name;
use vestibule_domain::policy::Policy;
use vestibule_domain::time::Timestamp;

use crate::changes::Subject;
use crate::engine::{Reading, Row, Writing, values};
use crate::error::StoreError;

/// An account.
#[derive(Clone, Debug)]
pub struct AccountRecord {
    /// Which one.
    pub id: AccountId,
    /// Its name.
    pub name: String,
    /// Its rule about MFA now.
    pub policy: Policy,
}

impl AccountRecord {
    pub(crate) fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.parsed("id")?,
            name: row.text("name")?,
            policy: Policy::from_required(row.boolean("mfa_required")?),
        })
    }
}

impl Reading {
    /// Up to two accounts: enough to know whether there is none, one or several.
    pub async fn first_accounts(&mut self) -> Result<Vec<AccountRecord>, StoreError> {
        let sql = "SELECT id, name, mfa_required FROM accounts ORDER BY id LIMIT 2";
        self.rows(sql, vec![]).await?.iter().map(AccountRecord::read).collect()
    }

    /// The one account; `None` where there is none or several.
    pub async fn only_account(&mut self) -> Result<Option<AccountId>, StoreError> {
        let accounts = self.first_accounts().await?;
        Ok(if accounts.len() == 1 { accounts.first().map(|account| account.id) } else { None })
    }

    /// Accounts of this name, at most two: names need not differ.
    pub async fn accounts_named(&mut self, name: &str) -> Result<Vec<AccountRecord>, StoreError> {
        let sql = "SELECT id, name, mfa_required FROM accounts WHERE name = $1 ORDER BY id LIMIT 2";
        self.rows(sql, values![name]).await?.iter().map(AccountRecord::read).collect()
    }

    /// One account.
    pub async fn account(&mut self, id: AccountId) -> Result<Option<AccountRecord>, StoreError> {
        let sql = "SELECT id, name, mfa_required FROM accounts WHERE id = $1";
        self.row(sql, values![id]).await?.as_ref().map(AccountRecord::read).transpose()
    }

    /// How many able Admins the account has besides `user` (design, rule 5): active, with a
    /// password and, while `policy` requires MFA, with a factor. Only inside
    /// [`Writing::guard_account`] does the answer still hold at the commit.
    pub async fn able_admins_besides(
        &mut self,
        account: AccountId,
        user: UserId,
        policy: Policy,
    ) -> Result<i64, StoreError> {
        self.number(
            "SELECT COUNT(*) AS n FROM memberships m JOIN users u ON u.id = m.user_id
             WHERE m.account_id = $1 AND m.state = 'active' AND m.role = 'Admin'
               AND m.user_id <> $2 AND u.password_hash IS NOT NULL
               AND ($3 = FALSE OR EXISTS (SELECT 1 FROM factors f WHERE f.user_id = u.id))",
            values![account, user, policy.is_required()],
        )
        .await
    }
}

impl Writing {
    /// Creates an account.
    pub async fn insert_account(
        &mut self,
        id: AccountId,
        name: &Name,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.change(
            "INSERT INTO accounts (id, name, mfa_required, guard, created_at)
             VALUES ($1, $2, FALSE, 0, $3)",
            values![id, name.as_str(), now],
        )
        .await
        .map(drop)
    }

    /// Takes the account for this transaction: until its end no other act that could leave the
    /// account without an able Admin can read or write. Answers the account as it is now.
    pub async fn guard_account(
        &mut self,
        id: AccountId,
    ) -> Result<Option<AccountRecord>, StoreError> {
        self.change("UPDATE accounts SET guard = guard + 1 WHERE id = $1", values![id]).await?;
        self.account(id).await
    }

    /// Sets the policy; `false` when it was so already.
    pub async fn set_policy(&mut self, id: AccountId, policy: Policy) -> Result<bool, StoreError> {
        self.touch(Subject::Account(id));
        self.change_one(
            "UPDATE accounts SET mfa_required = $1 WHERE id = $2 AND mfa_required <> $1 /*no guard: it says whether anything changed*/",
            values![policy.is_required(), id],
        )
        .await
    }
}
