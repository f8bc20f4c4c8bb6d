//! The one place that knows which database it is: values in, rows out, the same for both.
//!
//! The number of bound values is checked against the text, since SQLite takes a missing one for
//! NULL without a word.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Postgres, Row as _, Sqlite, Transaction};

use tokio::sync::Notify;
use tokio::time::timeout;
use vestibule_metrics::{Counter, Stopwatch};

use crate::changes::{Changes, Subject};
use crate::error::StoreError;
use crate::metrics::StoreMetrics;
use crate::watching;

/// How long a statement may take on PostgreSQL.
pub(crate) const LONGEST_STATEMENT: Duration = Duration::from_secs(30);
/// The same where a statement may go over all users.
const LONGEST_WORK: Duration = Duration::from_hours(6);

/// A value that is bound to a statement.
#[derive(Clone)]
pub(crate) enum Value {
    Text(Option<String>),
    Int(Option<i64>),
    Bool(bool),
    Bytes(Option<Vec<u8>>),
}

macro_rules! value_from {
    ($($type:ty => |$x:ident| $value:expr),+ $(,)?) => {
        $(impl From<$type> for Value { fn from($x: $type) -> Self { $value } })+
    };
}
value_from! {
    &str => |x| Self::Text(Some(x.to_owned())),
    String => |x| Self::Text(Some(x)),
    &String => |x| Self::Text(Some(x.clone())),
    Option<String> => |x| Self::Text(x),
    i64 => |x| Self::Int(Some(x)),
    Option<i64> => |x| Self::Int(x),
    bool => |x| Self::Bool(x),
    &[u8] => |x| Self::Bytes(Some(x.to_vec())),
    Option<&[u8]> => |x| Self::Bytes(x.map(<[u8]>::to_vec)),
    &[u8; 32] => |x| Self::Bytes(Some(x.to_vec())),
    vestibule_domain::audit_chain::ChainHash => |x| Self::Bytes(Some(x.as_bytes().to_vec())),
    vestibule_domain::time::Timestamp => |x| Self::Int(Some(x.millis())),
    vestibule_domain::user::Epoch => |x| Self::Int(Some(x.0)),
    vestibule_domain::totp::Step => |x| Self::Int(Some(x.0)),
    vestibule_domain::id::AccountId => |x| Self::Text(Some(x.to_string())),
    vestibule_domain::id::UserId => |x| Self::Text(Some(x.to_string())),
    vestibule_domain::id::SessionId => |x| Self::Text(Some(x.to_string())),
    vestibule_domain::id::FactorId => |x| Self::Text(Some(x.to_string())),
    vestibule_domain::id::LinkId => |x| Self::Text(Some(x.to_string())),
    vestibule_domain::id::AuditEventId => |x| Self::Text(Some(x.to_string())),
    vestibule_domain::id::DataKeyId => |x| Self::Text(Some(x.to_string())),
    vestibule_domain::id::MailId => |x| Self::Text(Some(x.to_string())),
    vestibule_domain::id::NodeId => |x| Self::Text(Some(x.to_string())),
    vestibule_domain::id::RecoveryCodeSetId => |x| Self::Text(Some(x.to_string())),
    vestibule_domain::id::NoticeId => |x| Self::Text(Some(x.to_string())),
    vestibule_domain::id::ApplicationId => |x| Self::Text(Some(x.to_string())),
}

/// The values of a statement, in the order of `$1`, `$2`, …
macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$($crate::engine::Value::from($value)),*] };
}
pub(crate) use values;

pub(crate) enum Connection {
    Sqlite(PoolConnection<Sqlite>),
    SqliteWrite(Transaction<'static, Sqlite>),
    Postgres(PoolConnection<Postgres>),
    PostgresWrite(Transaction<'static, Postgres>),
}

/// A connection on loan. Each statement sees what was committed before it.
pub struct Reading {
    pub(crate) connection: Connection,
    pub(crate) patience: Duration,
}

/// A transaction: all of it or, when it is dropped before [`Writing::commit`], nothing.
pub struct Writing {
    pub(crate) reading: Reading,
    /// Who is told, once it is committed, that a mail waits.
    pub(crate) sender: Arc<Notify>,
    pub(crate) wrote_mail: bool,
    pub(crate) metrics: Arc<StoreMetrics>,
    /// What is counted once it is committed.
    pub(crate) counted: Vec<Counter>,
    pub(crate) began: Stopwatch,
    /// Who is told, once it is committed, what is not as it was.
    pub(crate) changes: Arc<Changes>,
    pub(crate) touched: Vec<Subject>,
}

impl Deref for Writing {
    type Target = Reading;

    fn deref(&self) -> &Reading {
        &self.reading
    }
}

impl DerefMut for Writing {
    fn deref_mut(&mut self) -> &mut Reading {
        &mut self.reading
    }
}

macro_rules! bind {
    ($sql:expr, $values:expr) => {{
        let mut query = sqlx::query($sql);
        for value in $values {
            query = match value {
                Value::Text(x) => query.bind(x),
                Value::Int(x) => query.bind(x),
                Value::Bool(x) => query.bind(x),
                Value::Bytes(x) => query.bind(x),
            };
        }
        query
    }};
}

macro_rules! run {
    ($self:expr, $sql:expr, $values:expr, $query:ident, $connection:ident => $call:expr) => {{
        check_values($sql, &$values);
        let (sql, patience) = (vestibule_guards::sql($sql), $self.patience);
        match &mut $self.connection {
            Connection::Sqlite(c) => {
                let ($query, $connection) = (bind!(sql, $values), &mut **c);
                $call
            }
            Connection::SqliteWrite(c) => {
                let ($query, $connection) = (bind!(sql, $values), &mut **c);
                $call
            }
            Connection::Postgres(c) => {
                let ($query, $connection) = (bind!(sql, $values), &mut **c);
                in_time(patience, Box::pin(async { $call })).await
            }
            Connection::PostgresWrite(c) => {
                let ($query, $connection) = (bind!(sql, $values), &mut **c);
                in_time(patience, Box::pin(async { $call })).await
            }
        }
    }};
}

/// Waits for an answer of PostgreSQL's as long as a request is waited for. What works beside the
/// requests would wait for ever where the network has gone silent.
pub(crate) async fn in_time<T, E: From<sqlx::Error>>(
    patience: Duration,
    asked: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    timeout(patience, asked).await.unwrap_or(Err(sqlx::Error::PoolTimedOut.into()))
}

impl Reading {
    /// Lets statements take as long as they do: for work on all there is, such as a restore's.
    pub fn be_patient(&mut self) {
        self.patience = LONGEST_WORK;
    }

    pub(crate) async fn rows(
        &mut self,
        sql: &'static str,
        values: Vec<Value>,
    ) -> Result<Vec<Row>, StoreError> {
        run!(self, sql, values, query, connection => {
            let rows = query.fetch_all(connection).await?;
            Ok(rows.into_iter().map(Row::from).collect())
        })
    }

    pub(crate) async fn row(
        &mut self,
        sql: &'static str,
        values: Vec<Value>,
    ) -> Result<Option<Row>, StoreError> {
        run!(self, sql, values, query, connection => {
            Ok(query.fetch_optional(connection).await?.map(Row::from))
        })
    }

    /// One number, of a statement that always gives one row with a column `n`.
    pub(crate) async fn number(
        &mut self,
        sql: &'static str,
        values: Vec<Value>,
    ) -> Result<i64, StoreError> {
        self.row(sql, values).await?.ok_or(StoreError::Unreadable("a count"))?.int("n")
    }
}

impl Writing {
    /// The same for a transaction, which may also stand still meanwhile: what it reads comes from
    /// another database.
    pub async fn be_patient_inside(&mut self) -> Result<(), StoreError> {
        self.be_patient();
        if matches!(self.reading.connection, Connection::PostgresWrite(_)) {
            self.change("SET LOCAL idle_in_transaction_session_timeout = 0", vec![]).await?;
        }
        Ok(())
    }

    /// Runs a statement and answers how many rows it changed.
    pub(crate) async fn change(
        &mut self,
        sql: &'static str,
        values: Vec<Value>,
    ) -> Result<u64, StoreError> {
        run!(self.reading, sql, values, query, connection => {
            Ok(query.execute(connection).await?.rows_affected())
        })
    }

    /// Runs a conditional write; `true` when exactly one row changed.
    pub(crate) async fn change_one(
        &mut self,
        sql: &'static str,
        values: Vec<Value>,
    ) -> Result<bool, StoreError> {
        debug_assert!(
            sql.contains("/*guard ") || sql.contains("/*no guard: "),
            "a conditional write without a mark (see crates/guards): {sql}",
        );
        Ok(self.change(sql, values).await? == 1)
    }

    /// Has the sender of mails woken at the commit.
    pub(crate) fn wake_sender(&mut self) {
        self.wrote_mail = true;
    }

    /// Names whom this transaction concerns: every write that changes what the gate reads does so.
    pub(crate) fn touch(&mut self, subject: Subject) {
        if !self.touched.contains(&subject) {
            self.touched.push(subject);
        }
    }

    /// Makes it last. Once begun it goes on to its end, whether or not anybody still waits for it:
    /// what it changed must not be remembered as it was.
    pub async fn commit(self) -> Result<(), StoreError> {
        if self.touched.is_empty() {
            return self.commit_now().await;
        }
        let ended = tokio::spawn(self.commit_and_tell()).await;
        // Only where the process is ending.
        ended.unwrap_or(Err(StoreError::Unavailable(sqlx::Error::WorkerCrashed)))
    }

    async fn commit_and_tell(mut self) -> Result<(), StoreError> {
        watching::tell_others(&mut self).await?;
        let (changes, touched) = (Arc::clone(&self.changes), std::mem::take(&mut self.touched));
        let committed = self.commit_now().await;
        // Also where the answer was lost: it may have been committed.
        changes.tell(&touched);
        committed
    }

    async fn commit_now(self) -> Result<(), StoreError> {
        match self.reading.connection {
            Connection::SqliteWrite(transaction) => transaction.commit().await?,
            Connection::PostgresWrite(transaction) => {
                in_time(self.reading.patience, Box::pin(transaction.commit())).await?;
            }
            Connection::Sqlite(_) | Connection::Postgres(_) => {}
        }
        self.metrics.transactions.note(self.began);
        self.counted.iter().for_each(Counter::inc);
        if self.wrote_mail {
            self.sender.notify_one();
        }
        Ok(())
    }
}

/// A row of either database.
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl From<SqliteRow> for Row {
    fn from(row: SqliteRow) -> Self {
        Self::Sqlite(row)
    }
}

impl From<PgRow> for Row {
    fn from(row: PgRow) -> Self {
        Self::Postgres(row)
    }
}

macro_rules! columns {
    ($($name:ident -> $type:ty),+ $(,)?) => {
        impl Row {
            $(pub(crate) fn $name(&self, column: &str) -> Result<$type, StoreError> {
                Ok(match self {
                    Self::Sqlite(row) => row.try_get(column)?,
                    Self::Postgres(row) => row.try_get(column)?,
                })
            })+
        }
    };
}
columns! {
    text -> String,
    maybe_text -> Option<String>,
    int -> i64,
    maybe_int -> Option<i64>,
    boolean -> bool,
    bytes -> Vec<u8>,
    maybe_bytes -> Option<Vec<u8>>,
}

impl Row {
    /// A text that is parsed into the type that the domain gives it.
    pub(crate) fn parsed<T: std::str::FromStr>(
        &self,
        column: &'static str,
    ) -> Result<T, StoreError> {
        self.text(column)?.parse().map_err(|_| StoreError::Unreadable(column))
    }

    pub(crate) fn time(
        &self,
        column: &str,
    ) -> Result<vestibule_domain::time::Timestamp, StoreError> {
        self.int(column).map(vestibule_domain::time::Timestamp::from_millis)
    }

    pub(crate) fn maybe_time(
        &self,
        column: &str,
    ) -> Result<Option<vestibule_domain::time::Timestamp>, StoreError> {
        Ok(self.maybe_int(column)?.map(vestibule_domain::time::Timestamp::from_millis))
    }
}

/// Panics in debug builds when a statement is given too few or too many values.
fn check_values(sql: &str, values: &[Value]) {
    if cfg!(debug_assertions) {
        let highest = sql
            .split('$')
            .skip(1)
            .filter_map(|rest| {
                let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
                digits.parse::<usize>().ok()
            })
            .max()
            .unwrap_or(0);
        assert_eq!(highest, values.len(), "wrong number of values for: {sql}");
    }
}
