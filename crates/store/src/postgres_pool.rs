//! The pool of connections to PostgreSQL, which is given up for a new one when it lends nothing any
//! more.
//!
//! sqlx pings a connection that is given back, and waits for the answer without a limit. Where the
//! network has gone silent (a firewall that forgot, a load balancer that was replaced) it never
//! comes, and each such place in the pool is lost: until a restart nothing would be lent again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use sqlx::PgPool;
use tokio::time::timeout;

/// What a pool that is given up gets to part with its connections.
const PARTING: Duration = Duration::from_secs(5);

/// A pool that takes its own place.
pub(crate) struct PostgresPool {
    current: RwLock<Numbered>,
    /// How often a connection was lent.
    lent: AtomicU64,
}

#[derive(Clone)]
struct Numbered {
    number: u64,
    pool: PgPool,
}

impl PostgresPool {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self { current: RwLock::new(Numbered { number: 0, pool }), lent: AtomicU64::new(0) }
    }

    /// The pool that lends now.
    pub(crate) fn current(&self) -> PgPool {
        self.numbered().pool
    }

    fn numbered(&self) -> Numbered {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lends by `how`. A pool that lends nothing to anybody for as long as one has waited in vain is
    /// given up.
    pub(crate) async fn lend<T>(
        &self,
        how: impl AsyncFnOnce(&PgPool) -> Result<T, sqlx::Error>,
    ) -> Result<T, sqlx::Error> {
        let (asked, lent) = (self.numbered(), self.lent.load(Ordering::SeqCst));
        let answer = Box::pin(how(&asked.pool)).await;
        match &answer {
            Ok(_) => {
                self.lent.fetch_add(1, Ordering::SeqCst);
            }
            Err(sqlx::Error::PoolTimedOut) if self.lent.load(Ordering::SeqCst) == lent => {
                self.give_up(asked);
            }
            Err(_) => {}
        }
        answer
    }

    fn give_up(&self, stuck: Numbered) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        // Everybody who waited notices; the first of them does it.
        if current.number != stuck.number {
            return;
        }
        let options = (*stuck.pool.connect_options()).clone();
        let pool = stuck.pool.options().clone().connect_lazy_with(options);
        *current = Numbered { number: stuck.number + 1, pool };
        drop(current);
        tracing::debug!("the database lent no connection: the pool is given up for a new one");
        tokio::spawn(async move { timeout(PARTING, stuck.pool.close()).await });
    }
}
