//! Opening a database and lending connections to it.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, PgPool, SqlitePool};
use tokio::sync::Notify;
use vestibule_domain::time::Timestamp;
use vestibule_guards::guard;
use vestibule_metrics::Stopwatch;

use crate::changes::Changes;
use crate::engine::{Connection, LONGEST_STATEMENT, Reading, Row, Writing, in_time};
use crate::error::StoreError;
use crate::in_use::InUse;
use crate::metrics::StoreMetrics;
use crate::migrations::{self, Spelling};
use crate::postgres_pool::PostgresPool;

/// How long a request waits for SQLite's writer before the database counts as away.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// The same for a connection to PostgreSQL. Who began to wait while it was away is in nobody's way
/// for longer than this after it is back.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Readers of SQLite at a time: reading is work for a core, not waiting.
const READERS: u32 = 2;
/// A connection's page cache in KiB, written as SQLite wants it. The system keeps the file's pages
/// anyway; ours are for what one statement visits twice.
const PAGE_CACHE: &str = "-512";
/// How long a connection to PostgreSQL is taken for alive after its last use.
const TRUSTED_FOR: Duration = Duration::from_millis(500);
/// After how many pages of the log they are taken over into the database file: 16 MiB. By default it
/// would be every few sign-ins, each with two further syncs.
const CHECKPOINT: &str = "4096";
/// How long a reader of SQLite keeps its page cache without anything to read.
const READERS_KEPT: Duration = Duration::from_secs(20);

/// Which database to open: `sqlite:PATH` or `postgres://…`. It may hold a password: no `Debug`.
#[derive(Clone)]
pub enum DatabaseUrl {
    /// A file, made when it does not exist.
    Sqlite(PathBuf),
    /// A PostgreSQL server.
    Postgres(Box<PgConnectOptions>),
}

/// The text names no database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE")]
pub struct DatabaseUrlError;

impl FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;

    fn from_str(text: &str) -> Result<Self, DatabaseUrlError> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return if path.is_empty() {
                Err(DatabaseUrlError)
            } else {
                Ok(Self::Sqlite(path.into()))
            };
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            let options = text.parse().map_err(|_| DatabaseUrlError)?;
            return Ok(Self::Postgres(Box::new(options)));
        }
        Err(DatabaseUrlError)
    }
}

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pub(crate) pools: Pools,
    /// Told of every mail that this process has written.
    pub(crate) sender: Arc<Notify>,
    pub(crate) metrics: Arc<StoreMetrics>,
    pub(crate) changes: Arc<Changes>,
    pub(crate) _in_use: Option<Arc<InUse>>,
}

#[derive(Clone)]
pub(crate) enum Pools {
    /// SQLite has one writer at a time. Waiting for it in a queue is fair; its busy timeout, which
    /// polls, is left to other processes (`vestibule recover`).
    Sqlite {
        writer: SqlitePool,
        readers: SqlitePool,
        /// How many connections the writer has been so far: one, unless it broke.
        writers: Arc<AtomicU64>,
    },
    Postgres(Arc<PostgresPool>),
}

impl Store {
    /// Opens the database and brings its schema up to date.
    pub async fn open(url: &DatabaseUrl) -> Result<Self, StoreError> {
        match url {
            DatabaseUrl::Sqlite(path) => {
                let in_use = InUse::by_this_process(path)?;
                open_sqlite(path, in_use).await
            }
            DatabaseUrl::Postgres(options) => open_postgres(options).await,
        }
    }

    /// The same for this process alone; `None` while another one uses the SQLite file. Who else
    /// uses a PostgreSQL server is not known.
    pub async fn open_alone(url: &DatabaseUrl) -> Result<Option<Self>, StoreError> {
        let DatabaseUrl::Sqlite(path) = url else { return Self::open(url).await.map(Some) };
        match InUse::alone(path)? {
            Some(in_use) => open_sqlite(path, in_use).await.map(Some),
            None => Ok(None),
        }
    }

    /// Opens what is left of a database, to read what it still tells: as it is, whatever its
    /// schema, and without taking it into use.
    pub async fn open_as_is(url: &DatabaseUrl) -> Result<Self, StoreError> {
        let pools = match url {
            DatabaseUrl::Sqlite(path) => sqlite_pools(sqlite_options(path)).await?,
            DatabaseUrl::Postgres(options) => of_postgres(postgres_pool(options).await?),
        };
        let (sender, metrics, changes) = Default::default();
        Ok(Self { pools, sender, metrics, changes, _in_use: None })
    }

    /// What has changed, for whoever remembers something.
    pub fn changes(&self) -> &Changes {
        &self.changes
    }

    /// A connection to read with.
    pub async fn read(&self) -> Result<Reading, StoreError> {
        let wait = Stopwatch::start();
        let connection = match &self.pools {
            Pools::Sqlite { readers, .. } => readers.acquire().await.map(Connection::Sqlite),
            Pools::Postgres(pool) => {
                pool.lend(async |pool| pool.acquire().await).await.map(Connection::Postgres)
            }
        };
        let connection = self.metrics.lent(&self.metrics.reading, wait, connection)?;
        Ok(Reading { connection, patience: LONGEST_STATEMENT })
    }

    /// Begins a transaction. It must not be held across a password hash.
    pub async fn write(&self) -> Result<Writing, StoreError> {
        let wait = Stopwatch::start();
        let connection = match &self.pools {
            // A transaction that reads first and writes later would fail at once when another
            // writer came between, in spite of the busy timeout.
            Pools::Sqlite { writer, .. } => {
                begin_on_sqlite(writer).await.map(Connection::SqliteWrite)
            }
            Pools::Postgres(pool) => {
                let begun =
                    pool.lend(async |pool| in_time(LONGEST_STATEMENT, pool.begin()).await).await;
                begun.map(Connection::PostgresWrite)
            }
        };
        let connection = self.metrics.lent(&self.metrics.writing, wait, connection)?;
        Ok(Writing {
            reading: Reading { connection, patience: LONGEST_STATEMENT },
            sender: Arc::clone(&self.sender),
            wrote_mail: false,
            changes: Arc::clone(&self.changes),
            touched: vec![],
            metrics: Arc::clone(&self.metrics),
            counted: vec![],
            began: Stopwatch::start(),
        })
    }

    /// Resolves once this process has written a mail that nobody was woken for yet.
    pub async fn mail_written(&self) {
        self.sender.notified().await;
    }

    /// Whether the database answers.
    pub async fn is_ready(&self) -> bool {
        match self.read().await {
            Ok(mut db) => db.number("SELECT CAST(1 AS BIGINT) AS n", vec![]).await.is_ok(),
            Err(_) => false,
        }
    }

    /// The time on the database's own clock; `None` on SQLite, which has none but this machine's.
    pub async fn database_time(&self) -> Result<Option<Timestamp>, StoreError> {
        match &self.pools {
            Pools::Sqlite { .. } => Ok(None),
            Pools::Postgres(_) => {
                let sql =
                    "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) AS n";
                let millis = self.read().await?.number(sql, vec![]).await?;
                Ok(Some(Timestamp::from_millis(millis)))
            }
        }
    }

    /// The settings that durability, constraints and isolation rest on, as the connections have
    /// them now: on SQLite of the writer, and of a reader in what it alone has.
    pub async fn settings_in_force(&self) -> Result<Vec<(String, String)>, StoreError> {
        let settings = |rows: Vec<Row>| -> Result<Vec<(String, String)>, StoreError> {
            rows.iter().map(|row| Ok((row.text("name")?, row.text("value")?))).collect()
        };
        match &self.pools {
            Pools::Sqlite { .. } => {
                let sql = "SELECT 'foreign_keys' AS name, CAST(foreign_keys AS TEXT) AS value
                           FROM pragma_foreign_keys
                           UNION ALL SELECT 'journal_mode', journal_mode FROM pragma_journal_mode
                           UNION ALL SELECT 'synchronous', CAST(synchronous AS TEXT)
                           FROM pragma_synchronous";
                let mut found = settings(self.write().await?.rows(sql, vec![]).await?)?;
                let sql = "SELECT 'query_only' AS name, CAST(query_only AS TEXT) AS value
                           FROM pragma_query_only";
                found.extend(settings(self.read().await?.rows(sql, vec![]).await?)?);
                Ok(found)
            }
            Pools::Postgres(_) => {
                let sql = "SELECT name, setting AS value FROM pg_settings
                           WHERE name IN ('synchronous_commit', 'transaction_isolation')
                           ORDER BY name";
                settings(self.write().await?.rows(sql, vec![]).await?)
            }
        }
    }

    /// Closes all connections after what is under way.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Sqlite { writer, readers, .. } => {
                readers.close().await;
                writer.close().await;
            }
            Pools::Postgres(pool) => pool.current().close().await,
        }
    }
}

async fn open_sqlite(path: &Path, in_use: InUse) -> Result<Store, StoreError> {
    let _migrating = lock_beside(path)?;
    create_private(path)?;
    let synchronous = if guard!("synced-commits-of-sqlite", false) {
        SqliteSynchronous::Normal
    } else {
        // A commit that a power cut takes back would revive a spent code.
        SqliteSynchronous::Full
    };
    let options =
        sqlite_options(path).journal_mode(SqliteJournalMode::Wal).synchronous(synchronous);
    let pools = sqlite_pools(options).await?;
    if let Pools::Sqlite { writer, .. } = &pools {
        migrations::apply(&mut *writer.acquire().await?, Spelling::Sqlite).await?;
    }
    let (sender, metrics, changes) = Default::default();
    Ok(Store { pools, sender, metrics, changes, _in_use: Some(Arc::new(in_use)) })
}

fn sqlite_options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .foreign_keys(true)
        .pragma("cache_size", PAGE_CACHE)
        .pragma("wal_autocheckpoint", CHECKPOINT)
        .busy_timeout(ACQUIRE_TIMEOUT)
}

async fn sqlite_pools(options: SqliteConnectOptions) -> Result<Pools, StoreError> {
    let writers = Arc::<AtomicU64>::default();
    let counted = Arc::clone(&writers);
    let writer = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        // What other processes have written is told by this connection as long as it is the same.
        .max_lifetime(None)
        .idle_timeout(None)
        .after_connect(move |_, _| {
            counted.fetch_add(1, Ordering::SeqCst);
            Box::pin(async { Ok(()) })
        })
        .connect_with(options.clone())
        .await?;
    let readers = SqlitePoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .idle_timeout(READERS_KEPT)
        .connect_lazy_with(options.pragma("query_only", "on"));
    Ok(Pools::Sqlite { writer, readers, writers })
}

async fn begin_on_sqlite(
    writer: &SqlitePool,
) -> Result<sqlx::Transaction<'static, sqlx::Sqlite>, sqlx::Error> {
    const BEGIN: &str = "BEGIN IMMEDIATE";
    match writer.begin_with(BEGIN).await {
        // When the disk is full, SQLite ends the transaction by itself; sqlx takes it for open ever
        // after. A new connection knows better.
        Err(sqlx::Error::InvalidSavePointStatement) => {
            writer.acquire().await?.close().await?;
            writer.begin_with(BEGIN).await
        }
        begun => begun,
    }
}

async fn open_postgres(options: &PgConnectOptions) -> Result<Store, StoreError> {
    let pool = postgres_pool(options).await?;
    migrations::apply(&mut *pool.acquire().await?, Spelling::Postgres).await?;
    let (sender, metrics, changes) = Default::default();
    Ok(Store { pools: of_postgres(pool), sender, metrics, changes, _in_use: None })
}

fn of_postgres(pool: PgPool) -> Pools {
    Pools::Postgres(Arc::new(PostgresPool::new(pool)))
}

async fn postgres_pool(options: &PgConnectOptions) -> Result<PgPool, StoreError> {
    // A commit that a crash takes back would revive a spent code, whatever the server's default.
    let synchronous_commit = if guard!("synced-commits-of-postgres", false) { "off" } else { "on" };
    let pool = PgPoolOptions::new()
        .max_connections(16)
        .acquire_timeout(CONNECT_TIMEOUT)
        // What was used a moment ago is there, and need not be asked before each use.
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for < TRUSTED_FOR {
                    return Ok(true);
                }
                Ok(connection.ping().await.is_ok())
            })
        })
        .connect_with(options.clone().options([
            ("synchronous_commit", synchronous_commit),
            // Who waited for a guard reads, in the next statement, what the one before wrote; a
            // stricter default of the server's would fail such requests instead.
            ("default_transaction_isolation", "read committed"),
            // A node that stands still, or that the network has lost, must not hold its rows against
            // the others. None waits inside a transaction for anything but the database, except
            // what a restore reads of another one (`be_patient_inside`).
            ("idle_in_transaction_session_timeout", "5s"),
        ]))
        .await?;
    Ok(pool)
}

/// Holds other processes off while the schema is made; the lock ends with the file handle.
fn lock_beside(path: &Path) -> Result<File, StoreError> {
    let path = path.with_added_extension("lock");
    let lock = || {
        let file = private().open(&path)?;
        file.lock()?;
        Ok(file)
    };
    lock().map_err(|source| StoreError::File { path: path.display().to_string(), source })
}

/// SQLite gives its journal the mode of the database file.
fn create_private(path: &Path) -> Result<(), StoreError> {
    private()
        .open(path)
        .map(drop)
        .map_err(|source| StoreError::File { path: path.display().to_string(), source })
}

pub(crate) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

#[cfg(test)]
mod tests {
    use sqlx::Executor as _;

    use super::{DatabaseUrl, Pools, Store};

    /// SQLite ends a transaction by itself when the disk is full.
    #[tokio::test]
    async fn a_disk_that_was_full_is_written_again_as_soon_as_there_is_room() {
        let folder = tempfile::TempDir::new().unwrap();
        let url = DatabaseUrl::Sqlite(folder.path().join("vestibule.db"));
        let store = Store::open(&url).await.unwrap();
        let Pools::Sqlite { writer, .. } = &store.pools else { panic!("a file") };
        writer.execute("CREATE TABLE t (x)").await.unwrap();
        writer.execute("PRAGMA max_page_count = 1").await.unwrap();
        let mut tx = store.write().await.unwrap();
        let sql = "INSERT INTO t VALUES (zeroblob(10000000)) /*no guard: a test*/";
        assert!(tx.change(sql, vec![]).await.is_err());
        drop(tx);
        writer.execute("PRAGMA max_page_count = 1000000").await.unwrap();
        let mut tx = store.write().await.expect("there is room");
        assert_eq!(tx.change(sql, vec![]).await.unwrap(), 1);
        tx.commit().await.unwrap();
    }
}
