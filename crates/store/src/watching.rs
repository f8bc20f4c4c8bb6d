//! Hearing what other processes have changed.
//!
//! PostgreSQL tells it by LISTEN and NOTIFY, in the transaction of the change. A beat of our own
//! through the same queue, which keeps the order of commits, says how far its word has come: when
//! it arrives, everything that was committed before it was sent has arrived. SQLite counts the
//! commits of others for each connection (`PRAGMA data_version`); the one writer of this process
//! is asked, for which our own commits do not count.

use std::sync::atomic::Ordering;
use std::time::Duration;

use sqlx::postgres::{PgListener, PgPoolOptions};
use sqlx::{PgPool, SqlitePool};
use tokio::time::{sleep, timeout};
use vestibule_domain::time::Clock;

use crate::changes::{Changes, Subject};
use crate::engine::{Connection, Writing, values};
use crate::error::StoreError;
use crate::store::{Pools, Store};

const CHANNEL: &str = "vestibule_changes";
/// How often is asked. Several times in the second after which what is remembered does not count.
const TURN: Duration = Duration::from_millis(200);
/// An answer that takes longer is of no use.
const PATIENCE: Duration = Duration::from_secs(1);
/// More subjects than this are named as one: a notification holds at most 8000 bytes.
const MOST_NAMED: usize = 100;

/// The word for all that is remembered.
const EVERYTHING: &str = "*";

impl Store {
    /// Hears what other processes change, for as long as it is awaited. Nothing that is remembered
    /// counts while nobody does this.
    pub async fn watch(&self, clock: &Clock) {
        loop {
            let ended = match &self.pools {
                Pools::Sqlite { writer, writers, .. } => {
                    let writers = || writers.load(Ordering::SeqCst);
                    watch_sqlite(writer, writers, &self.changes, clock).await
                }
                Pools::Postgres(pool) => {
                    watch_postgres(&pool.current(), &self.changes, clock).await
                }
            };
            self.changes.deaf();
            if let Err(error) = ended {
                tracing::debug!(%error, "changes of other processes are not heard");
            }
            sleep(TURN).await;
        }
    }
}

async fn watch_sqlite(
    writer: &SqlitePool,
    writers: impl Fn() -> u64,
    changes: &Changes,
    clock: &Clock,
) -> Result<(), StoreError> {
    let mut last = None;
    loop {
        let before = clock.steady();
        let asked = async {
            let mut connection = writer.acquire().await?;
            let version: i64 =
                sqlx::query_scalar("PRAGMA data_version").fetch_one(&mut *connection).await?;
            Ok::<_, sqlx::Error>((writers(), version))
        };
        let Ok(now) = timeout(PATIENCE, asked).await else { return Ok(()) };
        let now = now?;
        if last.replace(now) != Some(now) {
            changes.tell(&[Subject::Everything]);
        }
        changes.heard(before);
        sleep(TURN).await;
    }
}

async fn watch_postgres(pool: &PgPool, changes: &Changes, clock: &Clock) -> Result<(), StoreError> {
    let options = pool.connect_options();
    let own = PgPoolOptions::new().max_connections(1).max_lifetime(None).idle_timeout(None);
    let own = own.acquire_timeout(PATIENCE).connect_with((*options).clone()).await?;
    let mut listener = PgListener::connect_with(&own).await?;
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    // A beat writes nothing that must last.
    sqlx::query("SET synchronous_commit = off").execute(&mut listener).await?;
    let process: i32 =
        sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut listener).await?;
    changes.tell(&[Subject::Everything]);
    for number in 0_u64.. {
        let (before, beat) = (clock.steady(), format!("beat {process} {number}"));
        let beats = async {
            let sql = "SELECT pg_notify($1, $2)";
            sqlx::query(sql).bind(CHANNEL).bind(&beat).execute(&mut listener).await?;
            hear_until(&mut listener, changes, Some(&beat)).await
        };
        let Ok(Ok(true)) = timeout(PATIENCE, beats).await else { return Ok(()) };
        changes.heard(before);
        match timeout(TURN, hear_until(&mut listener, changes, None)).await {
            // Time for the next beat.
            Err(_) | Ok(Ok(true)) => {}
            Ok(Ok(false)) => return Ok(()),
            Ok(Err(error)) => return Err(error),
        }
    }
    Ok(())
}

/// Tells what arrives, up to `beat`; `false` when the connection is lost.
async fn hear_until(
    listener: &mut PgListener,
    changes: &Changes,
    beat: Option<&str>,
) -> Result<bool, StoreError> {
    while let Some(heard) = listener.try_recv().await? {
        if beat == Some(heard.payload()) {
            return Ok(true);
        }
        changes.tell(&read(heard.payload()));
    }
    Ok(false)
}

/// Has the other processes told, at the commit, whom this transaction concerns.
pub(crate) async fn tell_others(tx: &mut Writing) -> Result<(), StoreError> {
    if !matches!(tx.reading.connection, Connection::PostgresWrite(_)) {
        return Ok(());
    }
    let word = write(&tx.touched);
    let sql = "SELECT CAST(pg_notify($1, $2) AS TEXT) AS told";
    tx.row(sql, values![CHANNEL, word]).await.map(drop)
}

fn write(subjects: &[Subject]) -> String {
    if subjects.len() > MOST_NAMED || subjects.contains(&Subject::Everything) {
        return EVERYTHING.to_owned();
    }
    let words = subjects.iter().map(|subject| match subject {
        Subject::Session(id) => format!("session {id}"),
        Subject::User(id) => format!("user {id}"),
        Subject::Account(id) => format!("account {id}"),
        Subject::Everything => EVERYTHING.to_owned(),
    });
    words.collect::<Vec<_>>().join(",")
}

/// Beats of other processes concern nobody; what is not understood concerns everybody.
fn read(word: &str) -> Vec<Subject> {
    if word.starts_with("beat ") {
        return vec![];
    }
    let subject = |word: &str| {
        let (what, id) = word.split_once(' ')?;
        match what {
            "session" => id.parse().ok().map(Subject::Session),
            "user" => id.parse().ok().map(Subject::User),
            "account" => id.parse().ok().map(Subject::Account),
            _ => None,
        }
    };
    word.split(',').map(|word| subject(word).unwrap_or(Subject::Everything)).collect()
}

#[cfg(test)]
mod tests {
    use vestibule_domain::id::{AccountId, SessionId, UserId};
    use vestibule_domain::randomness::Randomness;
    use vestibule_domain::time::Timestamp;

    use super::{read, write};
    use crate::changes::Subject;

    #[test]
    fn what_is_written_reads_back_and_all_else_means_everything() {
        let random = Randomness::new(|bytes| bytes.fill(3));
        let now = Timestamp::from_millis(1);
        let session = Subject::Session(SessionId::new(now, &random));
        let all = [
            session,
            Subject::User(UserId::new(now, &random)),
            Subject::Account(AccountId::new(now, &random)),
        ];
        assert_eq!(read(&write(&all)), all);
        assert!(write(&[session; 100]).len() < 8_000);
        for word in [EVERYTHING_IN, &write(&[session; 101]), "", "user", "user x", "nonsense 1"] {
            assert_eq!(read(word), [Subject::Everything], "{word}");
        }
        assert_eq!(read("beat 7 1"), []);
    }

    const EVERYTHING_IN: &str = super::EVERYTHING;
}
