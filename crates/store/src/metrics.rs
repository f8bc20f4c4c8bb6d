//! What is measured about the database, and how many there are of what in it.

use sqlx::{Database, Pool};
use vestibule_domain::time::Timestamp;
use vestibule_metrics::{Counter, Histogram, Stopwatch};

use crate::engine::{Reading, Writing, values};
use crate::error::StoreError;
use crate::store::{Pools, Store};

/// What is measured while the database is used.
#[derive(Debug)]
pub struct StoreMetrics {
    /// How long it took until a connection was lent.
    pub reading: Histogram,
    /// How long it took until a transaction had begun.
    pub writing: Histogram,
    /// How long transactions took that were committed, the commit included.
    pub transactions: Histogram,
    /// How often none of the two could be had.
    pub unavailable: Counter,
}

impl Default for StoreMetrics {
    fn default() -> Self {
        Self {
            reading: Histogram::of_waits(),
            writing: Histogram::of_waits(),
            transactions: Histogram::of_waits(),
            unavailable: Counter::default(),
        }
    }
}

impl StoreMetrics {
    /// Notes that a connection was lent, or that none could be had.
    pub(crate) fn lent<T>(
        &self,
        after: &Histogram,
        wait: Stopwatch,
        lent: Result<T, sqlx::Error>,
    ) -> Result<T, StoreError> {
        match lent {
            Ok(lent) => {
                after.note(wait);
                Ok(lent)
            }
            Err(error) => {
                self.unavailable.inc();
                Err(error.into())
            }
        }
    }
}

/// The connections of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolNumbers {
    /// `readers` and `writer` of SQLite, `all` of PostgreSQL.
    pub name: &'static str,
    /// How many it may have.
    pub most: u32,
    /// How many it has.
    pub open: u32,
    /// How many of these do nothing.
    pub idle: u32,
}

/// How many there are of what, in the whole installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Population {
    /// Accounts in which MFA is required.
    pub accounts_required: i64,
    /// Accounts in which it is optional.
    pub accounts_optional: i64,
    /// Active users.
    pub active: i64,
    /// Of these, how many have a factor.
    pub with_factor: i64,
    /// Invited users.
    pub invited: i64,
    /// Disabled users.
    pub disabled: i64,
    /// Sessions that a request has been seen in lately.
    pub sessions: i64,
    /// Mails that wait.
    pub mails: i64,
    /// Audit events that are not sealed yet.
    pub unsealed: i64,
}

impl Store {
    /// What was measured since it was opened.
    pub fn metrics(&self) -> &StoreMetrics {
        &self.metrics
    }

    /// Its pools.
    pub fn pools(&self) -> Vec<PoolNumbers> {
        match &self.pools {
            Pools::Sqlite { writer, readers, .. } => {
                vec![numbers("readers", readers), numbers("writer", writer)]
            }
            Pools::Postgres(pool) => vec![numbers("all", &pool.current())],
        }
    }
}

fn numbers<D: Database>(name: &'static str, pool: &Pool<D>) -> PoolNumbers {
    let (most, open) = (pool.options().get_max_connections(), pool.size());
    // The two are read one after the other: there never are more idle ones than open ones.
    let idle = u32::try_from(pool.num_idle()).unwrap_or(u32::MAX).min(open);
    PoolNumbers { name, most, open, idle }
}

impl Writing {
    /// Has something counted once this is committed; where it is not, it did not happen.
    pub fn count_at_commit(&mut self, counter: &Counter) {
        self.counted.push(counter.clone());
    }
}

impl Reading {
    /// How many there are of what. Users are counted in one walk along an index; the few that are
    /// not active are looked up one by one. `seen_since`: of sessions, the latest request.
    pub async fn population(&mut self, seen_since: Timestamp) -> Result<Population, StoreError> {
        let users = self
            .row(
                "SELECT COUNT(*) AS n,
                        CAST(COALESCE(SUM(CASE WHEN state = 'invited' THEN 1 ELSE 0 END), 0)
                             AS BIGINT) AS invited,
                        CAST(COALESCE(SUM(CASE WHEN state = 'disabled' THEN 1 ELSE 0 END), 0)
                             AS BIGINT) AS disabled,
                        CAST(COALESCE(SUM(CASE WHEN state = 'active' THEN 0
                                 WHEN EXISTS (SELECT 1 FROM factors f WHERE f.user_id = m.user_id)
                                 THEN 1 ELSE 0 END), 0) AS BIGINT) AS enrolled_but_not_active
                 FROM memberships m",
                vec![],
            )
            .await?
            .ok_or(StoreError::Unreadable("a count"))?;
        let (invited, disabled) = (users.int("invited")?, users.int("disabled")?);
        let enrolled = "SELECT COUNT(*) AS n FROM factors WHERE position = 1";
        let enrolled = self.number(enrolled, vec![]).await?;
        let accounts = "SELECT COUNT(*) AS n FROM accounts WHERE mfa_required = $1";
        let sessions = "SELECT COUNT(*) AS n FROM sessions WHERE last_seen_at >= $1";
        let unsealed = "SELECT COUNT(*) AS n FROM audit_events WHERE position IS NULL";
        Ok(Population {
            accounts_required: self.number(accounts, values![true]).await?,
            accounts_optional: self.number(accounts, values![false]).await?,
            active: users.int("n")? - invited - disabled,
            with_factor: enrolled - users.int("enrolled_but_not_active")?,
            invited,
            disabled,
            sessions: self.number(sessions, values![seen_since]).await?,
            mails: self.count_mails().await?,
            unsealed: self.number(unsealed, vec![]).await?,
        })
    }
}
