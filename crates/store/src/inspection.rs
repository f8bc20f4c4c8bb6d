//! Looking at a database without bringing its schema up to date or changing anything, for
//! `vestibule doctor`.

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, Row as _};

use crate::error::StoreError;
use crate::migrations;
use crate::store::{DatabaseUrl, Store};

/// A database as it is.
pub struct Inspection {
    /// To read from. What the schema lacks fails.
    pub store: Store,
    server: Option<Box<PgConnectOptions>>,
}

/// Something that durability rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name, as the database calls it.
    pub name: String,
    /// How it is.
    pub value: String,
    /// How it has to be.
    pub wanted: &'static str,
}

impl Inspection {
    /// The newest schema that this program knows.
    pub fn newest_schema() -> i64 {
        migrations::newest()
    }

    /// Opens a database that is there. It makes and changes nothing.
    pub async fn of(url: &DatabaseUrl) -> Result<Self, StoreError> {
        let store = Store::open_as_is(url).await?;
        let server = match url {
            DatabaseUrl::Postgres(options) => Some(options.clone()),
            DatabaseUrl::Sqlite(_) => None,
        };
        Ok(Self { store, server })
    }

    /// Which schema it has; `None` where no `vestibule serve` has been.
    pub async fn schema(&self) -> Result<Option<i64>, StoreError> {
        let there = match &self.server {
            None => "SELECT COUNT(*) AS n FROM sqlite_master WHERE name = '_sqlx_migrations'",
            Some(_) => {
                "SELECT COUNT(*) AS n FROM pg_tables WHERE tablename = '_sqlx_migrations'
                 AND schemaname = ANY (current_schemas(false))"
            }
        };
        let mut db = self.store.read().await?;
        if db.number(there, vec![]).await? == 0 {
            return Ok(None);
        }
        let sql = "SELECT CAST(COALESCE(MAX(version), 0) AS BIGINT) AS n FROM _sqlx_migrations";
        db.number(sql, vec![]).await.map(Some)
    }

    /// The settings that durability rests on: PostgreSQL's as the server has them, and what our own
    /// connections have.
    pub async fn durability(&self) -> Result<Vec<Setting>, StoreError> {
        let mut found = vec![];
        if let Some(options) = &self.server {
            let mut plain = options.connect().await?;
            let sql = "SELECT name, setting FROM pg_settings
                       WHERE name IN ('fsync', 'full_page_writes') ORDER BY name";
            for row in sqlx::query(sql).fetch_all(&mut plain).await? {
                let (name, value) = (row.try_get("name")?, row.try_get("setting")?);
                found.push(Setting { name, value, wanted: "on" });
            }
            plain.close().await?;
        }
        for (name, value) in self.store.settings_in_force().await? {
            let wanted = match name.as_str() {
                "foreign_keys" | "query_only" => "1",
                "journal_mode" => "wal",
                // FULL
                "synchronous" => "2",
                "synchronous_commit" => "on",
                "transaction_isolation" => "read committed",
                _ => continue,
            };
            found.push(Setting { name, value, wanted });
        }
        Ok(found)
    }

    /// What SQLite finds broken in its file; `None` where nothing is, and on PostgreSQL.
    pub async fn damage(&self) -> Result<Option<String>, StoreError> {
        if self.server.is_some() {
            return Ok(None);
        }
        let sql = "SELECT quick_check AS found FROM pragma_quick_check LIMIT 1";
        let row = self.store.read().await?.row(sql, vec![]).await?;
        let found = row.map(|row| row.text("found")).transpose()?;
        Ok(found.filter(|found| found != "ok"))
    }
}
