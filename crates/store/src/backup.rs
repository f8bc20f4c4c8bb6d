//! Backups of a SQLite file: a consistent copy while others write, and a look into such a copy.
//! (PostgreSQL has `pg_dump`.)

use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, Row as _, SqliteConnection};
use vestibule_domain::id::DataKeyId;

use crate::error::StoreError;
use crate::migrations;

/// What stands in a copy that is whole.
pub struct Copy {
    /// The newest migration that it has seen.
    pub schema: i64,
    /// The head of its audit log, `POSITION HASH`; `None` where nothing was sealed yet.
    pub audit_head: Option<String>,
    /// Its data keys, wrapped.
    pub data_keys: Vec<(DataKeyId, Vec<u8>)>,
}

/// Copies the database as it is at one moment into `to`, an empty file. It waits for nobody and
/// nobody waits for it: readers of a WAL hold no writer up. The schema stays what it is.
pub async fn copy_sqlite(from: &Path, to: &Path) -> Result<(), StoreError> {
    let mut connection = SqliteConnectOptions::new()
        .filename(from)
        .create_if_missing(false)
        .busy_timeout(std::time::Duration::from_secs(5))
        .connect()
        .await?;
    let to = to.to_str().ok_or(StoreError::Unreadable("the name of the new file"))?;
    sqlx::query("VACUUM INTO $1").bind(to).execute(&mut connection).await?;
    connection.close().await?;
    Ok(())
}

/// Reads a copy from end to end, changing nothing: whether it is whole, is Vestibule's, and is not
/// of a newer version.
pub async fn examine_sqlite(path: &Path) -> Result<Copy, StoreError> {
    // Nobody else has the file, so that no lock and no journal is looked for.
    let mut connection = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .immutable(true)
        .connect()
        .await?;
    let copy = examine(&mut connection).await;
    connection.close().await?;
    copy
}

async fn examine(connection: &mut SqliteConnection) -> Result<Copy, StoreError> {
    let found: String =
        sqlx::query("PRAGMA quick_check(1)").fetch_one(&mut *connection).await?.try_get(0)?;
    if found != "ok" {
        return Err(StoreError::Damaged(found));
    }
    let ours = "SELECT COUNT(*) FROM sqlite_master WHERE name IN ('_sqlx_migrations', 'data_keys')";
    if sqlx::query(ours).fetch_one(&mut *connection).await?.try_get::<i64, _>(0)? != 2 {
        return Err(StoreError::NotOurs);
    }
    let newest = "SELECT COALESCE(MAX(version), 0) FROM _sqlx_migrations";
    let schema: i64 = sqlx::query(newest).fetch_one(&mut *connection).await?.try_get(0)?;
    if schema > migrations::newest() {
        return Err(StoreError::NewerSchema { found: schema, known: migrations::newest() });
    }
    let keys = sqlx::query("SELECT id, wrapped FROM data_keys ORDER BY number");
    let mut data_keys = vec![];
    for row in keys.fetch_all(&mut *connection).await? {
        let id: String = row.try_get("id")?;
        let id = id.parse().map_err(|_| StoreError::Unreadable("id"))?;
        data_keys.push((id, row.try_get("wrapped")?));
    }
    Ok(Copy { schema, audit_head: audit_head(connection).await, data_keys })
}

/// An older copy has no chain yet.
async fn audit_head(connection: &mut SqliteConnection) -> Option<String> {
    let sql = "SELECT head_position || ' ' || lower(hex(head_hash)) AS head FROM audit_chain
               WHERE head_position > 0";
    sqlx::query(sql).fetch_optional(connection).await.ok()??.try_get("head").ok()
}
