//! Where the races take place: an account with its people, and ways to put things back between
//! two rounds that are quicker than playing them.

use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{Barrier, OnceCell};
use tokio::task::JoinSet;
use vestibule_domain::email::Email;
use vestibule_domain::id::{AccountId, DataKeyId, FactorId, SessionId, UserId};
use vestibule_domain::name::Name;
use vestibule_domain::policy::Policy;
use vestibule_domain::proof::SecondProof;
use vestibule_domain::sealing::MasterKey;
use vestibule_domain::token::Token;
use vestibule_domain::totp::TotpSecret;
use vestibule_domain::user::{Epoch, MembershipState, Role, User};
use vestibule_flows::authority::{Authority, Current, Decision, Enrolling, Proving};
use vestibule_flows::enrolment::ShownKey;
use vestibule_flows::furnish::Furnished;
use vestibule_flows::security_code::Proven;
use vestibule_flows::sign_in::SignIn;
use vestibule_flows::{FlowError, HashingQueue, KeyError, Priority, Settings, Vestibule, Visitor};
use vestibule_store::{NewSession, NewUser, PendingEnrolment, Store, Writing};
use vestibule_testkit::app::{CHEAP, randomness};
use vestibule_testkit::database::Emptied;
use vestibule_testkit::{Database, MovableClock};

pub(crate) const RACERS: usize = 64;

/// Runs each race on both databases.
macro_rules! races {
    ($($(#[$doc:meta])* async fn $name:ident($stage:ident) $body:block)*) => {$(
        $(#[$doc])*
        mod $name {
            #[allow(unused_imports, reason = "not every race needs everything")]
            use super::*;

            async fn race($stage: $crate::stage::Stage) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                let database = vestibule_testkit::Database::Sqlite;
                race($crate::stage::Stage::on(database).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                let database = vestibule_testkit::Database::Postgres;
                race($crate::stage::Stage::on(database).await).await;
            }
        }
    )*};
}

/// Runs statements in a transaction of their own, which is committed.
macro_rules! write {
    ($stage:expr, $tx:ident => $body:expr) => {{
        let mut $tx = $stage.store.write().await.unwrap();
        let answer = $body;
        $tx.commit().await.unwrap();
        answer
    }};
}

/// An account on a database, and the program on it.
pub(crate) struct Stage {
    pub(crate) vestibule: Vestibule,
    pub(crate) store: Store,
    pub(crate) clock: MovableClock,
    pub(crate) account: AccountId,
    pub(crate) database: Database,
    /// Part of every address: the stages on PostgreSQL share one database.
    label: String,
    _made: Option<Emptied>,
}

/// Somebody with a password and, perhaps, an app.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) id: UserId,
    pub(crate) email: Email,
    pub(crate) password: String,
    pub(crate) app: Option<TotpSecret>,
    hash: String,
    factor: Option<StoredFactor>,
}

/// What a factor is made of again after it went.
#[derive(Clone)]
struct StoredFactor {
    id: FactorId,
    sealed: Vec<u8>,
    data_key: DataKeyId,
}

impl Person {
    fn app(&self) -> &TotpSecret {
        self.app.as_ref().unwrap()
    }
}

fn settings() -> Settings {
    Settings { hash_cost: CHEAP, ..Settings::default() }
}

fn master_key() -> &'static MasterKey {
    static KEY: OnceLock<MasterKey> = OnceLock::new();
    KEY.get_or_init(|| MasterKey::new(&randomness()))
}

/// The program on a database, as another node would run it.
pub(crate) async fn open(store: &Store, clock: &MovableClock) -> Vestibule {
    open_with(store, clock, master_key()).await.unwrap()
}

pub(crate) async fn open_with(
    store: &Store,
    clock: &MovableClock,
    key: &MasterKey,
) -> Result<Vestibule, KeyError> {
    let (random, hashing) = (randomness(), HashingQueue::start(Priority::Usual).unwrap());
    Vestibule::open(
        store.clone(),
        std::slice::from_ref(key),
        clock.clock(),
        random,
        settings(),
        hashing,
    )
    .await
}

/// The shared PostgreSQL database of all stages.
async fn shared_url() -> &'static str {
    static SHARED: OnceCell<String> = OnceCell::const_new();
    SHARED.get_or_init(async || Database::Postgres.make().await.url.clone()).await
}

/// Somebody from a network that nobody came from before, so that no wait is in the way.
pub(crate) fn visitor() -> Visitor {
    static NUMBER: AtomicU16 = AtomicU16::new(0);
    let [high, low] = NUMBER.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    let address = format!("10.{high}.{low}.7");
    Visitor { address, browser: "Firefox".to_owned(), token: None }
}

pub(crate) fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

/// A good password that nobody has yet.
pub(crate) const NEW_PASSWORD: &str = "violet tractors hum at noon";

impl Stage {
    /// On PostgreSQL, a database that others use too: making one is slow.
    pub(crate) async fn on(database: Database) -> Self {
        match database {
            Database::Sqlite => Self::alone_on(database).await,
            Database::Postgres => Self::at(database, shared_url().await, None).await,
        }
    }

    /// On a database of its own, for who touches more than one account.
    pub(crate) async fn alone_on(database: Database) -> Self {
        let made = database.make().await;
        let url = made.url.clone();
        Self::at(database, &url, Some(made)).await
    }

    async fn at(database: Database, url: &str, made: Option<Emptied>) -> Self {
        let (store, clock) =
            (vestibule_testkit::database::open(url).await, MovableClock::default());
        let vestibule = open(&store, &clock).await;
        let account = vestibule.furnish_account(&name("Acme Analytics")).await.unwrap();
        let label = account.to_string();
        Self { vestibule, store, clock, account, database, label, _made: made }
    }

    /// How many rounds a race takes: each commit on SQLite waits for the disk.
    pub(crate) fn rounds(&self, on_postgres: usize, on_sqlite: usize) -> usize {
        if self.database == Database::Postgres { on_postgres } else { on_sqlite }
    }

    pub(crate) async fn add(&self, who: &str, role: Role, with_factor: bool) -> Person {
        let email = Email::parse(&format!("{who}@{}.example", self.label)).unwrap();
        let password = format!("{who} walks through a marble garden");
        let new =
            Furnished { email: &email, name: &name(who), role, password: &password, with_factor };
        let (id, app) = self.vestibule.furnish_user(self.account, &new).await.unwrap();
        let mut db = self.store.read().await.unwrap();
        let hash = db.password_of(&email).await.unwrap().unwrap().hash.unwrap();
        let factor = db.factors(id).await.unwrap().pop();
        let factor =
            factor.map(|f| StoredFactor { id: f.id, sealed: f.sealed, data_key: f.data_key });
        Person { id, email, password, app, hash, factor }
    }

    pub(crate) async fn admin_with_app(&self, who: &str) -> Person {
        self.add(who, Role::Admin, true).await
    }

    // What a person does, by the flows.

    /// Gives the password; answers the new session's token.
    pub(crate) async fn sign_in(&self, person: &Person) -> Token {
        let (from, email) = (visitor(), person.email.as_str());
        match self.vestibule.sign_in(&from, email, &person.password, None).await.unwrap() {
            SignIn::Begun(token) => token,
            SignIn::Refused => panic!("{email} is refused"),
            SignIn::Wait(left) => panic!("{email} has to wait {left:?}"),
        }
    }

    /// Gives the password and, where there is an app, its next code.
    pub(crate) async fn sign_in_fully(&self, person: &Person) -> Token {
        let token = self.sign_in(person).await;
        if person.app.is_none() {
            return token;
        }
        self.clock.next_code();
        let proving = self.proving(&token).await;
        let code = self.code(person);
        match self.vestibule.give_code(&visitor(), &proving, &code).await.unwrap() {
            Proven::Accepted(token) | Proven::AcceptedRecoveryCode(token) => token,
            Proven::Refused(why) => panic!("{} is refused: {why:?}", person.email),
        }
    }

    pub(crate) fn code(&self, person: &Person) -> String {
        person.app().code_at(self.clock.now()).to_string()
    }

    // What a request begins with.

    pub(crate) async fn current(&self, token: &Token) -> Current {
        self.vestibule
            .current(token)
            .await
            .unwrap()
            .unwrap_or_else(|| panic!("the session is gone"))
    }

    pub(crate) async fn may<A: Authority>(&self, token: &Token) -> A {
        match self.vestibule.authorise::<A>(&self.current(token).await) {
            Decision::Granted(authority) => authority,
            Decision::Needs(step) => panic!("needs {step:?}"),
            Decision::Refused(why) => panic!("refused: {why:?}"),
        }
    }

    /// Whether this token opens the dashboard now.
    pub(crate) async fn opens(&self, token: &Token) -> bool {
        use vestibule_flows::authority::SignedIn;
        let Some(current) = self.vestibule.current(token).await.unwrap() else { return false };
        matches!(self.vestibule.authorise::<SignedIn>(&current), Decision::Granted(_))
    }

    pub(crate) async fn proving(&self, token: &Token) -> Proving {
        match self.vestibule.authorise_proof(&self.current(token).await) {
            Decision::Granted(proving) => proving,
            Decision::Needs(step) => panic!("needs {step:?}"),
            Decision::Refused(why) => panic!("refused: {why:?}"),
        }
    }

    pub(crate) async fn enrolling(&self, token: &Token) -> Enrolling {
        match self.vestibule.authorise_enrolment(&self.current(token).await) {
            Decision::Granted(enrolling) => enrolling,
            Decision::Needs(step) => panic!("needs {step:?}"),
            Decision::Refused(why) => panic!("refused: {why:?}"),
        }
    }

    /// The app that a shown key is read into.
    pub(crate) fn scan(shown: &ShownKey) -> TotpSecret {
        app_of(&shown.key)
    }

    // What is true, by reading.

    pub(crate) async fn standing(&self, user: UserId) -> Option<User> {
        let mut db = self.store.read().await.unwrap();
        db.user(user).await.unwrap().map(|user| user.standing)
    }

    pub(crate) async fn factors(&self, user: UserId) -> i64 {
        self.store.read().await.unwrap().count_factors(user).await.unwrap()
    }

    /// The rule that no race may break.
    pub(crate) async fn assert_an_able_admin(&self, what: &str) {
        let (policy, able) = self.able_admins().await;
        assert!(able >= 1, "nobody is left who can help, policy {policy:?}: {what}");
    }

    /// The policy, and how many able Admins there are under it.
    pub(crate) async fn able_admins(&self) -> (Policy, i64) {
        let nobody = UserId::new(self.clock.now(), &randomness());
        let mut db = self.store.read().await.unwrap();
        let policy = db.account(self.account).await.unwrap().unwrap().policy;
        (policy, db.able_admins_besides(self.account, nobody, policy).await.unwrap())
    }

    // Putting things back, by the store.

    /// A session of a user with all proofs that the user can give, given just now.
    pub(crate) async fn session(&self, user: UserId) -> Token {
        self.session_with(user, true).await
    }

    /// A session that stands in the vestibule, the password given just now.
    pub(crate) async fn session_of_password(&self, user: UserId) -> Token {
        self.session_with(user, false).await
    }

    async fn session_with(&self, user: UserId, second: bool) -> Token {
        let now = self.clock.now();
        let token = Token::new(&randomness());
        write!(self, tx => {
            let (id, epoch) = self.begin(&mut tx, user, &token).await;
            let factor = tx.factors(user).await.unwrap().first().map(|own| own.id);
            if let Some(factor) = factor.filter(|_| second) {
                let tokens = (&token.hash(), &token.hash());
                assert!(tx.give_second_proof(id, tokens, SecondProof::Totp(factor), epoch, now).await.unwrap());
            }
        });
        token
    }

    async fn begin(&self, tx: &mut Writing, user: UserId, token: &Token) -> (SessionId, Epoch) {
        let (now, epoch) = (self.clock.now(), tx.user(user).await.unwrap().unwrap().standing.epoch);
        let (id, hash) = (SessionId::new(now, &randomness()), token.hash());
        let new = NewSession {
            id,
            user,
            token: &hash,
            epoch,
            browser: "",
            address: "",
            recovering: false,
        };
        tx.insert_session(&new, now).await.unwrap();
        (id, epoch)
    }

    /// Active again, in this role.
    pub(crate) async fn restore(&self, user: UserId, role: Role) {
        use MembershipState::{Active, Disabled};
        write!(self, tx => {
            tx.set_role(user, role).await.unwrap();
            tx.set_state(user, Disabled, Active).await.unwrap();
        });
    }

    /// Adds somebody again who was removed, under a new identifier.
    pub(crate) async fn bring_back(&self, person: &mut Person, role: Role) {
        let now = self.clock.now();
        person.id = UserId::new(now, &randomness());
        let again = NewUser {
            id: person.id,
            account: self.account,
            email: &person.email,
            name: &name("Back again"),
            role,
            state: MembershipState::Active,
            password: Some(person.hash.clone()),
        };
        write!(self, tx => assert!(tx.insert_user(&again, now).await.unwrap()));
    }

    pub(crate) async fn set_policy(&self, policy: Policy) {
        write!(self, tx => tx.set_policy(self.account, policy).await.unwrap());
    }

    /// The password as it was at the start, and the whole budget of attempts.
    pub(crate) async fn renew_password(&self, person: &Person) {
        let hash = person.hash.clone();
        write!(self, tx => tx.set_password(person.id, hash).await.unwrap());
    }

    /// Gives a person back the app from the start, if there is no factor.
    pub(crate) async fn ensure_factor(&self, person: &Person) {
        if self.factors(person.id).await == 0 {
            self.put_factor(person.id, person.factor.clone()).await;
        }
    }

    /// Gives a user one factor more. Nobody knows its key.
    pub(crate) async fn another_factor(&self, user: UserId) {
        self.put_factor(user, None).await;
    }

    async fn put_factor(&self, user: UserId, stored: Option<StoredFactor>) {
        let now = self.clock.now();
        let token = Token::new(&randomness());
        write!(self, tx => {
            let (session, epoch) = self.begin(&mut tx, user, &token).await;
            let stored = match stored {
                Some(stored) => stored,
                None => StoredFactor {
                    id: FactorId::new(now, &randomness()),
                    sealed: Vec::new(),
                    data_key: tx.data_keys().await.unwrap()[0].id,
                },
            };
            let pending = PendingEnrolment {
                factor: stored.id,
                session,
                user,
                epoch,
                sealed: stored.sealed,
                data_key: stored.data_key,
                expires: now.plus(Duration::from_mins(1)),
            };
            assert!(tx.insert_pending_enrolment(&pending, now).await.unwrap());
            let app = name("App");
            let confirmed = tx.confirm_enrolment(&pending, self.account, &app, true, now);
            assert!(confirmed.await.unwrap());
            assert!(tx.end_session(user, session).await.unwrap());
        });
    }

    pub(crate) async fn remove_factors(&self, user: UserId) {
        write!(self, tx => tx.remove_factors(user).await.unwrap());
    }
}

/// An app with the key that was typed in.
pub(crate) fn app_of(base32: &str) -> TotpSecret {
    let mut bits = 0_u64;
    let (mut held, mut bytes) = (0, Vec::new());
    for c in base32.bytes() {
        let value = match c {
            b'A'..=b'Z' => c - b'A',
            b'2'..=b'7' => c - b'2' + 26,
            _ => panic!("no base32"),
        };
        bits = bits << 5 | u64::from(value);
        held += 5;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xFF).unwrap());
        }
    }
    TotpSecret::from_bytes(&bytes).unwrap()
}

/// Lets two go at the same moment; which of them is started first changes with the round. An error
/// of either ends the test.
pub(crate) async fn duel<A: Send + 'static, B: Send + 'static>(
    round: usize,
    one: impl Future<Output = Result<A, FlowError>> + Send + 'static,
    two: impl Future<Output = Result<B, FlowError>> + Send + 'static,
) -> (A, B) {
    let start = Arc::new(Barrier::new(2));
    let one = after(Arc::clone(&start), round % 2 * (round / 2 % 16), one);
    let two = after(Arc::clone(&start), (round + 1) % 2 * (round / 2 % 16), two);
    let (one, two) = if round % 4 < 2 {
        let one = tokio::spawn(one);
        (one, tokio::spawn(two))
    } else {
        let two = tokio::spawn(two);
        (tokio::spawn(one), two)
    };
    let (one, two) = (one.await.unwrap(), two.await.unwrap());
    match (one, two) {
        (Ok(one), Ok(two)) => (one, two),
        (one, two) => panic!("round {round}: {:?} and {:?}", one.err(), two.err()),
    }
}

async fn after<T>(start: Arc<Barrier>, yields: usize, act: impl Future<Output = T>) -> T {
    start.wait().await;
    for _ in 0..yields {
        tokio::task::yield_now().await;
    }
    act.await
}

/// Where the page may say that it has to be asked for again, and nothing worse.
pub(crate) fn passing<T>(answer: Result<T, FlowError>) -> Result<Option<T>, FlowError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(FlowError::Busy) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Lets all go at the same moment, and answers what came of each, in their order. An error ends
/// the test.
pub(crate) async fn all_at_once<T: Send + 'static>(
    acts: Vec<impl Future<Output = Result<T, FlowError>> + Send + 'static>,
) -> Vec<T> {
    all_results(acts).await.into_iter().map(Result::unwrap).collect()
}

/// The same, errors and all.
pub(crate) async fn all_results<T: Send + 'static>(
    acts: Vec<impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let start = Arc::new(Barrier::new(acts.len()));
    let mut racers = JoinSet::new();
    for (number, act) in acts.into_iter().enumerate() {
        let act = after(Arc::clone(&start), 0, act);
        racers.spawn(async move { (number, act.await) });
    }
    let mut answers = racers.join_all().await;
    answers.sort_by_key(|(number, _)| *number);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

/// A generator whose draws are the same at each run.
pub(crate) struct Draws(pub(crate) u64);

impl Draws {
    /// Below `below`, by xorshift64.
    pub(crate) fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % below as u64).unwrap()
    }

    pub(crate) fn of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.next(choices.len())]
    }
}
