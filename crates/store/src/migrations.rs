//! The schema, embedded, forward only.

use std::borrow::Cow;

use sqlx::migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, SqlSafeStr as _};

use crate::error::StoreError;

/// Every migration there ever was, in order. A published one is never edited.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "foundation", include_str!("../migrations/0001_foundation.sql")),
    (2, "notices", include_str!("../migrations/0002_notices.sql")),
    (3, "recovery_codes", include_str!("../migrations/0003_recovery_codes.sql")),
    (4, "mail", include_str!("../migrations/0004_mail.sql")),
    (5, "limits", include_str!("../migrations/0005_limits.sql")),
    (6, "audit", include_str!("../migrations/0006_audit.sql")),
    (7, "keys", include_str!("../migrations/0007_keys.sql")),
    (8, "gate", include_str!("../migrations/0008_gate.sql")),
];

/// The newest schema that this program knows.
pub(crate) fn newest() -> i64 {
    MIGRATIONS.last().map_or(0, |(version, ..)| *version)
}

/// Which spelling of the types a database wants.
#[derive(Clone, Copy)]
pub(crate) enum Spelling {
    Sqlite,
    Postgres,
}

/// Brings the schema up to date. The caller holds whatever lock the database needs for it.
pub(crate) async fn apply<C>(connection: &mut C, spelling: Spelling) -> Result<(), StoreError>
where
    C: Migrate,
{
    let known = newest();
    let migrations = MIGRATIONS
        .iter()
        .map(|(version, description, text)| {
            let sql = AssertSqlSafe(spell(text, spelling)).into_sql_str();
            Migration::new(*version, Cow::Borrowed(description), MigrationType::Simple, sql, false)
        })
        .collect();
    Migrator::with_migrations(migrations).run_direct(None, connection, false).await.map_err(
        |error| match error {
            MigrateError::VersionMissing(found) if found > known => {
                StoreError::NewerSchema { found, known }
            }
            other => StoreError::Migration(other),
        },
    )
}

fn spell(text: &str, spelling: Spelling) -> String {
    match spelling {
        Spelling::Sqlite => text.to_owned(),
        Spelling::Postgres => {
            text.replace(" TEXT", " TEXT COLLATE \"C\"").replace(" BLOB", " BYTEA")
        }
    }
}
