//! What can go wrong between Vestibule and its database.

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
            | sqlx::Error::WorkerCrashed => true,
            // SQLite: busy or locked. PostgreSQL: shutting down, connection lost, deadlock.
            sqlx::Error::Database(database) => database.code().is_some_and(|code| {
                matches!(code.as_ref(), "5" | "6" | "261" | "517" | "40P01" | "40001")
                    || code.starts_with("57P")
                    || code.starts_with("08")
                    || code.starts_with("53")
            }),
            _ => false,
        };
        if passing { Self::Unavailable(error) } else { Self::Statement(error) }
    }
}
