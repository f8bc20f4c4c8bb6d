//! Data keys, wrapped by the master key that never comes here.

use vestibule_domain::id::DataKeyId;
use vestibule_domain::time::Timestamp;

use crate::engine::{Reading, Writing, values};
use crate::error::StoreError;

/// A data key as it is stored.
pub struct WrappedDataKey {
    /// Which one.
    pub id: DataKeyId,
    /// The key, wrapped.
    pub wrapped: Vec<u8>,
}

impl Reading {
    /// All data keys, the newest last.
    pub async fn data_keys(&mut self) -> Result<Vec<WrappedDataKey>, StoreError> {
        let rows = self.rows("SELECT id, wrapped FROM data_keys ORDER BY number", vec![]).await?;
        rows.iter()
            .map(|row| Ok(WrappedDataKey { id: row.parsed("id")?, wrapped: row.bytes("wrapped")? }))
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
        self.change_one(
            "INSERT INTO data_keys (id, number, wrapped, created_at) VALUES ($1, 1, $2, $3)
             ON CONFLICT (number) DO NOTHING",
            values![id, wrapped, now],
        )
        .await
    }
}
