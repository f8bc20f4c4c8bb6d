//! Factors, and the codes of theirs that are spent.

use vestibule_domain::id::{DataKeyId, FactorId, UserId};
use vestibule_domain::name::Name;
use vestibule_domain::time::Timestamp;
use vestibule_domain::totp::Step;
use vestibule_domain::user::Epoch;

use crate::changes::Subject;
use crate::engine::{Reading, Row, Writing, values};
use crate::error::StoreError;

/// A confirmed factor.
#[derive(Clone)]
pub struct FactorRecord {
    /// Which one.
    pub id: FactorId,
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

impl FactorRecord {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.parsed("id")?,
            name: row.text("name")?,
            sealed: row.bytes("sealed")?,
            data_key: row.parsed("data_key_id")?,
            added: row.time("added_at")?,
            last_used: row.maybe_time("last_used_at")?,
        })
    }
}

impl Reading {
    /// The factors of a user, the oldest first.
    pub async fn factors(&mut self, user: UserId) -> Result<Vec<FactorRecord>, StoreError> {
        let sql = "SELECT id, name, sealed, data_key_id, added_at, last_used_at FROM factors
                   WHERE user_id = $1 ORDER BY id";
        self.rows(sql, values![user]).await?.iter().map(FactorRecord::read).collect()
    }

    /// The factors of a user whose codes a proof is compared with, and the epoch, read in the same
    /// statement.
    pub async fn factors_under_epoch(
        &mut self,
        user: UserId,
    ) -> Result<Option<(Epoch, Vec<FactorRecord>)>, StoreError> {
        let rows = self
            .rows(
                "SELECT f.id, f.name, f.sealed, f.data_key_id, f.added_at, f.last_used_at, u.epoch
                 FROM users u JOIN factors f ON f.user_id = u.id WHERE u.id = $1 ORDER BY f.id",
                values![user],
            )
            .await?;
        let Some(first) = rows.first() else { return Ok(None) };
        let epoch = Epoch(first.int("epoch")?);
        let factors = rows.iter().map(FactorRecord::read).collect::<Result<_, _>>()?;
        Ok(Some((epoch, factors)))
    }

    /// How many factors a user has.
    pub async fn count_factors(&mut self, user: UserId) -> Result<i64, StoreError> {
        self.number("SELECT COUNT(*) AS n FROM factors WHERE user_id = $1", values![user]).await
    }
}

impl Writing {
    /// Renames a factor of this user; `false` when there is none such.
    pub async fn rename_factor(
        &mut self,
        user: UserId,
        factor: FactorId,
        name: &Name,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE factors SET name = $1
                   WHERE id = $2 AND /*guard rename-own-factor*/ user_id = $3 /*end*/";
        self.change_one(sql, values![name.as_str(), factor, user]).await
    }

    /// Removes a factor of this user; `false` when there is none such. The caller has bumped the
    /// user's epoch in this transaction, so nobody else moves the others at the same time. With the
    /// last one go the recovery codes.
    pub async fn remove_factor(
        &mut self,
        user: UserId,
        factor: FactorId,
    ) -> Result<bool, StoreError> {
        self.touch(Subject::User(user));
        self.change(
            "UPDATE factors SET position = position - 1
             WHERE user_id = $1 AND position > (SELECT removed.position FROM factors removed
                                                WHERE removed.id = $2 AND removed.user_id = $1)",
            values![user, factor],
        )
        .await?;
        let sql = "DELETE FROM factors
                   WHERE id = $1 AND /*guard remove-own-factor*/ user_id = $2 /*end*/";
        let removed = self.change_one(sql, values![factor, user]).await?;
        self.drop_codes_without_factor(user).await?;
        Ok(removed)
    }

    /// Removes all factors of a user, and the recovery codes with them; answers how many factors
    /// there were.
    pub async fn remove_factors(&mut self, user: UserId) -> Result<u64, StoreError> {
        self.touch(Subject::User(user));
        let removed = self.change("DELETE FROM factors WHERE user_id = $1", values![user]).await?;
        self.drop_codes_without_factor(user).await?;
        Ok(removed)
    }

    /// Spends a code; `false` when it is spent already. The primary key decides, not a look before.
    pub async fn spend_code(
        &mut self,
        factor: FactorId,
        step: Step,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.change_one(
            "INSERT INTO spent_codes (factor_id, step, spent_at) VALUES ($1, $2, $3)
             ON CONFLICT (factor_id, step)
             /*guard code-once: DO UPDATE SET spent_at = $3*/ DO NOTHING /*end*/",
            values![factor, step, now],
        )
        .await
    }

    /// Notes that a factor gave a proof.
    pub async fn note_factor_used(
        &mut self,
        factor: FactorId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE factors SET last_used_at = $1 WHERE id = $2";
        self.change(sql, values![now, factor]).await.map(drop)
    }
}
