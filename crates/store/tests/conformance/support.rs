//! A database with an account in it, and what the tests ask of it.

use std::ops::Deref;
use std::str::FromStr as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _, Row as _};
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use vestibule_domain::email::Email;
use vestibule_domain::id::{
    AccountId, AuditEventId, DataKeyId, FactorId, LinkId, SessionId, UserId,
};
use vestibule_domain::name::Name;
use vestibule_domain::randomness::Randomness;
use vestibule_domain::session::SessionLimits;
use vestibule_domain::time::Timestamp;
use vestibule_domain::token::{Token, TokenHash};
use vestibule_domain::user::{Epoch, MembershipState, Role};
use vestibule_store::{NewSession, NewUser, PendingEnrolment, Store, StoreError, Writing};
use vestibule_testkit::Database;
use vestibule_testkit::app::randomness;
use vestibule_testkit::database::Emptied;

pub(crate) const RACERS: usize = 64;
pub(crate) const FIRST: Epoch = Epoch(1);
pub(crate) const LIMITS: SessionLimits =
    SessionLimits { idle: Duration::from_hours(1), total: Duration::from_hours(24) };

/// Runs each test on both databases.
macro_rules! on_both {
    ($($(#[$doc:meta])* async fn $name:ident($db:ident) $body:block)*) => {$(
        $(#[$doc])*
        mod $name {
            #[allow(unused_imports, reason = "not every test needs everything")]
            use super::*;

            async fn test(#[allow(unused_mut, reason = "few change it")] mut $db: $crate::support::Db) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                test($crate::support::Db::on(vestibule_testkit::Database::Sqlite).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                test($crate::support::Db::on(vestibule_testkit::Database::Postgres).await).await;
            }
        }
    )*};
}

/// Runs statements in a transaction of their own, which is committed: `write!(db, tx => …)`.
macro_rules! write {
    ($db:expr, $tx:ident => $body:expr) => {{
        let mut $tx = $db.store.write().await.unwrap();
        let answer = $body;
        $tx.commit().await.unwrap();
        answer
    }};
}

/// Reads something: `read!(db, r => …)`.
macro_rules! read {
    ($db:expr, $r:ident => $body:expr) => {{
        #[allow(unused_mut, reason = "some only look")]
        let mut $r = $db.store.read().await.unwrap();
        $body
    }};
}

pub(crate) struct Db {
    pub(crate) store: Store,
    pub(crate) database: Database,
    pub(crate) made: Lent,
    pub(crate) random: Randomness,
    pub(crate) account: AccountId,
    pub(crate) data_key: DataKeyId,
}

/// A database that goes back to be lent again. Emptying a PostgreSQL database is ten times quicker
/// than making one.
pub(crate) struct Lent {
    database: Database,
    emptied: Option<Emptied>,
    is_spoilt: bool,
}

static IDLE: Mutex<Vec<Emptied>> = Mutex::new(Vec::new());

impl Lent {
    async fn of(database: Database) -> Self {
        let idle = match database {
            Database::Sqlite => None,
            Database::Postgres => IDLE.lock().unwrap().pop(),
        };
        let emptied = match idle {
            Some(used) => {
                let options = PgConnectOptions::from_str(&used.url).unwrap();
                // Every table there is: a row that a migration brings along would be lost here,
                // so none does, and what must exist once is made when it is first needed.
                let sql = "DO $$ BEGIN EXECUTE (
                               SELECT 'TRUNCATE ' || string_agg(quote_ident(tablename), ', ')
                               FROM pg_tables
                               WHERE schemaname = 'public' AND tablename <> '_sqlx_migrations');
                           END $$";
                options.connect().await.unwrap().execute(sql).await.unwrap();
                used
            }
            None => database.make().await,
        };
        Self { database, emptied: Some(emptied), is_spoilt: false }
    }

    /// For a test after which it cannot be lent again.
    pub(crate) fn spoil(&mut self) {
        self.is_spoilt = true;
    }
}

impl Deref for Lent {
    type Target = Emptied;

    fn deref(&self) -> &Emptied {
        self.emptied.as_ref().unwrap()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let reusable = self.database == Database::Postgres && !self.is_spoilt;
        if reusable && !std::thread::panicking() {
            IDLE.lock().unwrap().extend(self.emptied.take());
        }
    }
}

/// A session and the token that opens it.
#[derive(Clone)]
pub(crate) struct Opened {
    pub(crate) id: SessionId,
    pub(crate) token: TokenHash,
}

/// So many milliseconds after the moment at which all tests begin.
pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000 + millis)
}

pub(crate) fn now() -> Timestamp {
    at(0)
}

pub(crate) fn email(who: &str) -> Email {
    Email::parse(&format!("{who}@acme.example")).unwrap()
}

pub(crate) fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

/// Whether the database itself refused the statement.
pub(crate) fn is_refused<T>(answer: &Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Statement(_)))
}

impl Db {
    pub(crate) async fn on(database: Database) -> Self {
        let made = Lent::of(database).await;
        let (store, random) = (made.open().await, randomness());
        let account = AccountId::new(now(), &random);
        let data_key = DataKeyId::new(now(), &random);
        let db = Self { store, database, made, random, account, data_key };
        write!(db, tx => {
            tx.insert_account(account, &name("Acme Analytics"), now()).await.unwrap();
            assert!(tx.insert_first_data_key(data_key, b"wrapped", now()).await.unwrap());
        });
        db
    }

    pub(crate) fn token(&self) -> TokenHash {
        Token::new(&self.random).hash()
    }

    pub(crate) fn link_id(&self) -> LinkId {
        LinkId::new(now(), &self.random)
    }

    pub(crate) fn factor_id(&self) -> FactorId {
        FactorId::new(now(), &self.random)
    }

    pub(crate) fn session_id(&self) -> SessionId {
        SessionId::new(now(), &self.random)
    }

    pub(crate) fn new_data_key_id(&self) -> DataKeyId {
        DataKeyId::new(now(), &self.random)
    }

    pub(crate) fn audit_id(&self) -> AuditEventId {
        AuditEventId::new(now(), &self.random)
    }

    pub(crate) async fn another_account(&self) -> AccountId {
        let id = AccountId::new(now(), &self.random);
        write!(self, tx => tx.insert_account(id, &name("Other"), now()).await.unwrap());
        id
    }

    /// An active Member with a password.
    pub(crate) async fn user(&self, who: &str) -> UserId {
        self.user_as(who, Role::Member, MembershipState::Active, true).await
    }

    pub(crate) async fn user_as(
        &self,
        who: &str,
        role: Role,
        state: MembershipState,
        with_password: bool,
    ) -> UserId {
        let id = UserId::new(now(), &self.random);
        let new = NewUser {
            id,
            account: self.account,
            email: &email(who),
            name: &name(who),
            role,
            state,
            password: with_password.then(|| "a hash".to_owned()),
        };
        write!(self, tx => assert!(tx.insert_user(&new, now()).await.unwrap()));
        id
    }

    pub(crate) async fn session(&self, user: UserId) -> Opened {
        self.session_at(user, FIRST, now()).await
    }

    pub(crate) async fn session_at(&self, user: UserId, epoch: Epoch, when: Timestamp) -> Opened {
        let opened = Opened { id: SessionId::new(when, &self.random), token: self.token() };
        let new = NewSession {
            id: opened.id,
            user,
            token: &opened.token,
            epoch,
            browser: "Firefox",
            address: "192.0.2.7",
            recovering: false,
        };
        write!(self, tx => tx.insert_session(&new, when).await.unwrap());
        opened
    }

    /// A pending enrolment that is not stored yet; it ends after 15 minutes.
    pub(crate) fn to_enrol(
        &self,
        user: UserId,
        session: SessionId,
        epoch: Epoch,
    ) -> PendingEnrolment {
        PendingEnrolment {
            factor: self.factor_id(),
            session,
            user,
            epoch,
            sealed: b"sealed".to_vec(),
            data_key: self.data_key,
            expires: at(15 * 60_000),
        }
    }

    pub(crate) async fn pending(
        &self,
        user: UserId,
        session: SessionId,
        epoch: Epoch,
    ) -> PendingEnrolment {
        let new = self.to_enrol(user, session, epoch);
        write!(self, tx => assert!(tx.insert_pending_enrolment(&new, now()).await.unwrap()));
        new
    }

    /// Gives a user of the first epoch a factor; the epoch stays.
    pub(crate) async fn factor(&self, user: UserId) -> FactorId {
        let session = self.session(user).await;
        let pending = self.pending(user, session.id, FIRST).await;
        write!(self, tx => {
            let app = name("Authenticator app");
            assert!(tx.confirm_enrolment(&pending, self.account, &app, true, now()).await.unwrap());
            assert!(tx.end_session(user, session.id).await.unwrap());
        });
        pending.factor
    }

    pub(crate) async fn epoch(&self, user: UserId) -> Epoch {
        read!(self, r => r.user(user).await.unwrap().unwrap().standing.epoch)
    }

    /// Runs a statement on a connection that is not the store's, and answers how many rows changed.
    pub(crate) async fn run(&self, sql: &str) -> Result<u64, sqlx::Error> {
        let sql = AssertSqlSafe(sql.to_owned());
        match self.database {
            Database::Sqlite => {
                let mut other = self.sqlite_options().foreign_keys(true).connect().await?;
                Ok(other.execute(sql).await?.rows_affected())
            }
            Database::Postgres => {
                let mut other = PgConnectOptions::from_str(&self.made.url)?.connect().await?;
                Ok(other.execute(sql).await?.rows_affected())
            }
        }
    }

    /// How many rows a table has, as a connection sees it that is not the store's.
    pub(crate) async fn rows(&self, table: &str) -> i64 {
        let sql = AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"));
        match self.database {
            Database::Sqlite => {
                let mut other = self.sqlite_options().connect().await.unwrap();
                other.fetch_one(sql).await.unwrap().get(0)
            }
            Database::Postgres => {
                let options = PgConnectOptions::from_str(&self.made.url).unwrap();
                options.connect().await.unwrap().fetch_one(sql).await.unwrap().get(0)
            }
        }
    }

    pub(crate) fn sqlite_options(&self) -> SqliteConnectOptions {
        SqliteConnectOptions::new().filename(self.made.url.strip_prefix("sqlite:").unwrap())
    }
}

/// Runs `act` in 64 transactions at once; one that answers `true` is committed, any other dropped.
/// Answers how many won. Whatever fails, fails the test.
pub(crate) async fn race<F, Fut>(db: &Db, act: F) -> usize
where
    F: Fn(Writing, usize) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<(Writing, bool), StoreError>> + Send,
{
    race_on(std::slice::from_ref(&db.store), act).await
}

/// The same with the racers spread over several stores.
pub(crate) async fn race_on<F, Fut>(stores: &[Store], act: F) -> usize
where
    F: Fn(Writing, usize) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<(Writing, bool), StoreError>> + Send,
{
    let start = Arc::new(Barrier::new(RACERS));
    let mut racers = JoinSet::new();
    for number in 0..RACERS {
        let store = stores[number % stores.len()].clone();
        let (start, act) = (Arc::clone(&start), act.clone());
        racers.spawn(async move {
            start.wait().await;
            let (tx, won) = act(store.write().await.unwrap(), number).await.unwrap();
            if won {
                tx.commit().await.unwrap();
            }
            won
        });
    }
    racers.join_all().await.into_iter().filter(|won| *won).count()
}

/// Lends a value to all racers of a test, for as long as the test run lives.
pub(crate) fn lend<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}
