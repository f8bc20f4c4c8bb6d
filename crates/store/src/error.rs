//! What can go wrong between Vestibule and its database.

use sqlx::error::DatabaseError;
use sqlx::sqlite::SqliteError;

/// A failure of the store. None of these is the user's fault.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database does not answer, or is too busy. Trying again may help.
    #[error("the database is not available: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// A statement failed.
    #[error("the database refused a statement: {0}")]
    Statement(#[source] sqlx::Error),
    /// A stored value is not one that this program writes.
    #[error("the database holds a value that cannot be read: {0}")]
    Unreadable(&'static str),
    /// The schema is newer than this program.
    #[error(
        "the database was written by a newer version of Vestibule (its schema is at {found}, this \
         program knows {known}): start that version, or restore a backup made before the upgrade"
    )]
    NewerSchema {
        /// The newest migration in the database.
        found: i64,
        /// The newest migration in this program.
        known: i64,
    },
    /// The schema could not be brought up to date.
    #[error("the database's schema could not be brought up to date: {0}")]
    Migration(#[source] sqlx::migrate::MigrateError),
    /// The database file is not whole.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// A database that is not Vestibule's.
    #[error("it is not a database of Vestibule")]
    NotOurs,
    /// A restore is under way.
    #[error("{path} is being restored by another process: try again when it has ended")]
    BeingReplaced {
        /// The database file.
        path: String,
    },
    /// The folder or the file of the database cannot be used.
    #[error("the database file {path} cannot be used: {source}")]
    File {
        /// The file.
        path: String,
        /// What the operating system says.
        source: std::io::Error,
    },
}

impl StoreError {
    /// Whether a unique constraint refused a row.
    pub(crate) fn is_taken(&self) -> bool {
        match self {
            Self::Statement(sqlx::Error::Database(error)) => error.is_unique_violation(),
            _ => false,
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let passing = match &error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            // What breaks off in the middle of a greeting is read as one that makes no sense.
            | sqlx::Error::Protocol(_)
            | sqlx::Error::WorkerCrashed => true,
            sqlx::Error::Database(database) => is_passing(database.as_ref()),
            _ => false,
        };
        if passing { Self::Unavailable(error) } else { Self::Statement(error) }
    }
}

/// Whether the database itself is in trouble, not the statement.
fn is_passing(error: &dyn DatabaseError) -> bool {
    let Some(code) = error.code() else { return false };
    if error.try_downcast_ref::<SqliteError>().is_some() {
        // The low byte is the kind (<https://www.sqlite.org/rescode.html>): busy, locked, read-only,
        // I/O error, full, cannot open.
        return code
            .parse::<u32>()
            .is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 8 | 10 | 13 | 14));
    }
    // <https://www.postgresql.org/docs/current/errcodes-appendix.html>: deadlock, serialisation,
    // read-only, left alone for too long inside a transaction; shutting down; connection lost; no resources, such as a full disk; I/O error.
    matches!(code.as_ref(), "40P01" | "40001" | "25006" | "25P03")
        || ["57P", "08", "53", "58"].iter().any(|class| code.starts_with(class))
}

#[cfg(test)]
mod tests {
    use sqlx::sqlite::SqliteConnectOptions;
    use sqlx::{ConnectOptions as _, Executor as _};

    use super::StoreError;

    #[test]
    fn a_greeting_that_breaks_off_passes() {
        let error = sqlx::Error::Protocol("unexpected response from SSLRequest: 0x00".into());
        assert!(matches!(StoreError::from(error), StoreError::Unavailable(_)));
    }

    /// What SQLite says of a disk that is full or read-only, and of a statement that is wrong.
    #[tokio::test]
    async fn a_full_or_read_only_disk_passes_and_a_wrong_statement_does_not() {
        let memory = SqliteConnectOptions::new().in_memory(true);
        for (pragma, statement, passes) in [
            ("PRAGMA max_page_count = 2", "INSERT INTO t VALUES (zeroblob(100000))", true),
            ("PRAGMA query_only = on", "INSERT INTO t VALUES (1)", true),
            ("SELECT 1", "INSERT INTO u VALUES (1)", false),
            ("SELECT 1", "INSERT INTO t VALUES (NULL)", false),
        ] {
            let mut connection = memory.connect().await.unwrap();
            connection.execute("CREATE TABLE t (x NOT NULL)").await.unwrap();
            connection.execute(pragma).await.unwrap();
            let error = StoreError::from(connection.execute(statement).await.unwrap_err());
            assert_eq!(matches!(error, StoreError::Unavailable(_)), passes, "{pragma}: {error}");
        }
    }
}
