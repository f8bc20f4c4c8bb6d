//! Every column that holds something sealed, in one list: what is sealed anew after a new data key,
//! and what an old one is still needed for. A table with a `data_key_id` that is missing here fails
//! the conformance tests.

use vestibule_domain::id::DataKeyId;
use vestibule_domain::sealing::Purpose;

use crate::engine::{Reading, Writing, values};
use crate::error::StoreError;

/// A table with a sealed column.
#[derive(Debug)]
pub struct SealedTable {
    /// The table.
    pub name: &'static str,
    /// What the column is for.
    pub purpose: Purpose,
    /// `$1` a data key, `$2` how many: the rows sealed with it, as `row_id`, `user_id`, `sealed`.
    rows: &'static str,
    /// `$1` a data key.
    count: &'static str,
    /// `$1` and `$2` the new text and data key; `$3`, `$4` and `$5` the row, and the old ones.
    reseal: &'static str,
}

/// A row that is sealed with an old data key.
pub struct SealedRow {
    /// The row, as the associated data names it.
    pub row: String,
    /// Whose it is, as the associated data names it.
    pub user: String,
    /// The sealed text.
    pub sealed: Vec<u8>,
}

/// All of them.
pub const SEALED: &[SealedTable] = &[
    SealedTable {
        name: "factors",
        purpose: Purpose::Totp,
        rows: "SELECT id AS row_id, user_id, sealed FROM factors
               WHERE data_key_id = $1 ORDER BY id LIMIT $2",
        count: "SELECT COUNT(*) AS n FROM factors WHERE data_key_id = $1",
        reseal: "UPDATE factors SET sealed = $1, data_key_id = $2
                 WHERE id = $3 AND data_key_id = $4
                   AND /*guard reseal-as-read*/ sealed = $5 /*end*/",
    },
    SealedTable {
        name: "pending_enrolments",
        purpose: Purpose::Totp,
        rows: "SELECT factor_id AS row_id, user_id, sealed FROM pending_enrolments
               WHERE data_key_id = $1 ORDER BY factor_id LIMIT $2",
        count: "SELECT COUNT(*) AS n FROM pending_enrolments WHERE data_key_id = $1",
        reseal: "UPDATE pending_enrolments SET sealed = $1, data_key_id = $2
                 WHERE factor_id = $3 AND data_key_id = $4
                   AND /*guard reseal-as-read*/ sealed = $5 /*end*/",
    },
    SealedTable {
        name: "unkept_recovery_codes",
        purpose: Purpose::RecoveryCodes,
        rows: "SELECT set_id AS row_id, user_id, sealed FROM unkept_recovery_codes
               WHERE data_key_id = $1 ORDER BY set_id LIMIT $2",
        count: "SELECT COUNT(*) AS n FROM unkept_recovery_codes WHERE data_key_id = $1",
        reseal: "UPDATE unkept_recovery_codes SET sealed = $1, data_key_id = $2
                 WHERE set_id = $3 AND data_key_id = $4
                   AND /*guard reseal-as-read*/ sealed = $5 /*end*/",
    },
    SealedTable {
        name: "outbox",
        purpose: Purpose::Mail,
        rows: "SELECT id AS row_id, COALESCE(user_id, '') AS user_id, sealed FROM outbox
               WHERE data_key_id = $1 ORDER BY id LIMIT $2",
        count: "SELECT COUNT(*) AS n FROM outbox WHERE data_key_id = $1",
        reseal: "UPDATE outbox SET sealed = $1, data_key_id = $2
                 WHERE id = $3 AND data_key_id = $4
                   AND /*guard reseal-as-read*/ sealed = $5 /*end*/",
    },
];

impl Reading {
    /// Up to `limit` rows of a table that are sealed with this data key.
    pub async fn sealed_with(
        &mut self,
        table: &'static SealedTable,
        key: DataKeyId,
        limit: i64,
    ) -> Result<Vec<SealedRow>, StoreError> {
        let rows = self.rows(table.rows, values![key, limit]).await?;
        rows.iter()
            .map(|row| {
                Ok(SealedRow {
                    row: row.text("row_id")?,
                    user: row.text("user_id")?,
                    sealed: row.bytes("sealed")?,
                })
            })
            .collect()
    }

    /// How many rows of all tables are sealed with this data key.
    pub async fn count_sealed_with(&mut self, key: DataKeyId) -> Result<i64, StoreError> {
        let mut count = 0;
        for table in SEALED {
            count += self.number(table.count, values![key]).await?;
        }
        Ok(count)
    }
}

impl Writing {
    /// Replaces a sealed text; `false` when the row is gone or was changed since it was read.
    pub async fn reseal(
        &mut self,
        table: &'static SealedTable,
        old: &SealedRow,
        (from, to): (DataKeyId, DataKeyId),
        sealed: &[u8],
    ) -> Result<bool, StoreError> {
        let values = values![sealed, to, old.row.as_str(), from, old.sealed.as_slice()];
        // The marks stand in SEALED.
        self.change_one(table.reseal, values).await
    }
}
