//! Data keys, wrapped by the master key that never comes here.

use vestibule_domain::id::DataKeyId;
use vestibule_domain::time::Timestamp;

use crate::engine::{Reading, Writing, values};
use crate::error::StoreError;

/// A data key as it is stored.
pub struct WrappedDataKey {
    /// Which one.
    pub id: DataKeyId,
    /// Its number: the highest one seals.
    pub number: i64,
    /// The key, wrapped.
    pub wrapped: Vec<u8>,
    /// When it was made.
    pub created: Timestamp,
}

impl Reading {
    /// All data keys, the newest last.
    pub async fn data_keys(&mut self) -> Result<Vec<WrappedDataKey>, StoreError> {
        let sql = "SELECT id, number, wrapped, created_at FROM data_keys ORDER BY number";
        let rows = self.rows(sql, vec![]).await?;
        rows.iter()
            .map(|row| {
                Ok(WrappedDataKey {
                    id: row.parsed("id")?,
                    number: row.int("number")?,
                    wrapped: row.bytes("wrapped")?,
                    created: row.time("created_at")?,
                })
            })
            .collect()
    }
}

impl Writing {
    /// Stores the first data key; `false` when another node was faster.
    pub async fn insert_first_data_key(
        &mut self,
        id: DataKeyId,
        wrapped: &[u8],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.insert_data_key(id, 1, wrapped, now).await
    }

    /// Stores the data key of this number; `false` when there is one already.
    pub async fn insert_data_key(
        &mut self,
        id: DataKeyId,
        number: i64,
        wrapped: &[u8],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.change_one(
            "INSERT INTO data_keys (id, number, wrapped, created_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (number) DO NOTHING /*no guard: the constraint decides*/",
            values![id, number, wrapped, now],
        )
        .await
    }

    /// Replaces how a data key is wrapped; `false` when it is not wrapped as it was read.
    pub async fn rewrap_data_key(
        &mut self,
        old: &WrappedDataKey,
        wrapped: &[u8],
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE data_keys SET wrapped = $1 WHERE id = $2 AND /*guard rewrap-as-read*/ wrapped = $3 /*end*/";
        self.change_one(sql, values![wrapped, old.id, old.wrapped.as_slice()]).await
    }

    /// Removes a data key that is not the newest; `false` when it is, when it is gone, or when a
    /// foreign key says that something is sealed with it. Then the transaction must be dropped.
    pub async fn remove_data_key(&mut self, id: DataKeyId) -> Result<bool, StoreError> {
        let sql = "DELETE FROM data_keys WHERE id = $1
                   AND /*guard newest-data-key*/ number <
                       (SELECT MAX(newest.number) FROM data_keys newest) /*end*/";
        match self.change_one(sql, values![id]).await {
            Err(StoreError::Statement(sqlx::Error::Database(error)))
                if error.is_foreign_key_violation() =>
            {
                Ok(false)
            }
            other => other,
        }
    }
}
