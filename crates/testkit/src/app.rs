//! A running Vestibule, and the people who use it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use tokio::task::JoinHandle;
use tower::ServiceExt as _;
use url::Url;
use vestibule_domain::email::Email;
use vestibule_domain::id::{AccountId, UserId};
use vestibule_domain::link::{LinkPurpose, Recovers};
use vestibule_domain::name::Name;
use vestibule_domain::password::HashCost;
use vestibule_domain::randomness::Randomness;
use vestibule_domain::sealing::MasterKey;
use vestibule_domain::time::Timestamp;
use vestibule_domain::totp::TotpSecret;
use vestibule_domain::user::Role;
use vestibule_flows::after_restore::{AfterRestore, Replaced};
use vestibule_flows::furnish::Furnished;
use vestibule_flows::recover::Recover;
use vestibule_flows::{HashingQueue, Priority, Settings, Vestibule};
use vestibule_mail::{Courier, Encryption, Smtp, Step};
use vestibule_store::Store;
use vestibule_web::{Site, WebSettings, app, link, metrics_app, serve};

use crate::client::{Answer, Client};
use crate::clock::MovableClock;
use crate::database::{Database, Emptied, open_as_is};
use crate::phone::Enrolled;
use crate::smtp::{Mailbox, Received};

/// Hashes that cost next to nothing: stories are about what happens, not about how long it takes.
pub const CHEAP: HashCost = HashCost { memory_kib: 8, passes: 1 };

/// A Vestibule that listens on a port of its own, on a database of its own.
pub struct TestApp {
    /// Where it listens.
    pub url: String,
    /// Its public address: the same, unless a proxy stands before it.
    pub public_url: String,
    /// Its clock.
    pub clock: MovableClock,
    /// Its use cases, without HTTP.
    pub vestibule: Vestibule,
    /// Its database.
    pub store: Store,
    /// The furnished account, if there is one.
    pub account: Option<AccountId>,
    /// Where its mail arrives, if it sends any.
    pub mailbox: Option<Mailbox>,
    apps: Arc<Mutex<BTreeMap<String, TotpSecret>>>,
    pub(crate) kept: Arc<Mutex<BTreeMap<String, Vec<String>>>>,
    server: JoinHandle<()>,
    hearing: JoinHandle<()>,
    /// It as a service, in process.
    pub site: Arc<Site>,
    web: WebSettings,
    key: MasterKey,
    database: Arc<Emptied>,
}

/// Randomness of the operating system.
pub fn randomness() -> Randomness {
    #[expect(clippy::disallowed_methods, reason = "the test run is a program of its own")]
    Randomness::new(|bytes| getrandom::fill(bytes).unwrap())
}

impl TestApp {
    /// With an empty database.
    pub async fn empty(database: Database) -> Self {
        Self::with(database, Settings { hash_cost: CHEAP, ..Settings::default() }).await
    }

    /// With an empty database and settings of the operator's.
    pub async fn with(database: Database, settings: Settings) -> Self {
        Self::start(database, settings, None, &[]).await
    }

    /// On a database that another process left behind, with the key of its data, at a time.
    pub async fn on(database: Emptied, key: MasterKey, now: Timestamp) -> Self {
        let settings = Settings { hash_cost: CHEAP, ..Settings::default() };
        let clock = MovableClock::default();
        let later = now.millis() - clock.now().millis();
        clock.advance(Duration::from_millis(later.try_into().unwrap()));
        Self::start_on(Arc::new(database), key, clock, settings, None, &[]).await
    }

    /// With "Acme Analytics" behind a reverse proxy that adds https, and is trusted.
    pub async fn https(database: Database) -> Self {
        let settings = Settings { hash_cost: CHEAP, ..Settings::default() };
        Self::https_with(database, settings).await
    }

    /// The same, with settings of the operator's.
    pub async fn https_with(database: Database, settings: Settings) -> Self {
        let app =
            Self::start(database, settings, Some("https://login.acme.example"), &["127.0.0.0/8"]);
        app.await.furnish().await
    }

    /// With "Acme Analytics", asked by reverse proxies on this machine, at its own address.
    pub async fn behind_proxies(database: Database) -> Self {
        let settings = Settings { hash_cost: CHEAP, ..Settings::default() };
        Self::start(database, settings, None, &["127.0.0.1/32"]).await.furnish().await
    }

    /// The same, at the address that the examples' proxies give it under https.
    pub async fn behind_https_proxies(database: Database) -> Self {
        let settings = Settings { hash_cost: CHEAP, ..Settings::default() };
        let app =
            Self::start(database, settings, Some("https://login.example.com"), &["127.0.0.1/32"]);
        app.await.furnish().await
    }

    /// With "Acme Analytics" and a mail server.
    pub async fn mailing(database: Database) -> Self {
        let settings = Settings { hash_cost: CHEAP, mail: true, ..Settings::default() };
        Self::furnished_with(database, settings).await.with_mailbox()
    }

    /// The same, behind a reverse proxy that adds https, and is trusted.
    pub async fn mailing_https(database: Database) -> Self {
        let settings = Settings { hash_cost: CHEAP, mail: true, ..Settings::default() };
        let app =
            Self::start(database, settings, Some("https://login.acme.example"), &["127.0.0.0/8"]);
        app.await.furnish().await.with_mailbox()
    }

    fn with_mailbox(mut self) -> Self {
        self.mailbox = Some(Mailbox::new());
        self
    }

    /// The mailbox of an app that sends mail.
    pub fn mailbox(&self) -> &Mailbox {
        self.mailbox.as_ref().expect("an app that sends mail")
    }

    /// Who sends its mail, as another process would begin to.
    pub fn courier(&self, encryption: Encryption) -> Courier {
        let public_url = Url::parse(&self.public_url).unwrap();
        let smtp = Smtp::new(self.mailbox().settings(encryption), "localhost").unwrap();
        Courier::new(self.vestibule.clone(), smtp, public_url)
    }

    /// Sends what can be sent now, and answers what arrived since this was asked last.
    pub async fn deliver(&self) -> Vec<Received> {
        let mut courier = self.courier(Encryption::None);
        while courier.step().await.unwrap() == Step::Done {}
        self.mailbox().new_ones()
    }

    async fn start(
        database: Database,
        settings: Settings,
        public_url: Option<&str>,
        trusted_proxies: &[&str],
    ) -> Self {
        let (clock, made) = (MovableClock::default(), Arc::new(database.make().await));
        let key = MasterKey::new(&randomness());
        Self::start_on(made, key, clock, settings, public_url, trusted_proxies).await
    }

    /// A further node on the same database, with the same key and clock, on a port of its own: also
    /// what there is after a restart, since nothing is remembered.
    pub async fn another_node(&self) -> Self {
        let (made, key) = (Arc::clone(&self.database), self.key.clone());
        let (clock, settings) = (self.clock.clone(), *self.vestibule.settings());
        let proxies: Vec<String> =
            self.web.trusted_proxies.iter().map(ToString::to_string).collect();
        let proxies: Vec<&str> = proxies.iter().map(String::as_str).collect();
        // Behind https both stand at one address; without, each at its own.
        let public_url = Some(self.public_url.as_str()).filter(|url| url.starts_with("https:"));
        let mut node = Self::start_on(made, key, clock, settings, public_url, &proxies).await;
        (node.account, node.apps) = (self.account, Arc::clone(&self.apps));
        node.kept = Arc::clone(&self.kept);
        node
    }

    /// On a database that is there, with the key of its data.
    pub(crate) async fn start_on(
        made: Arc<Emptied>,
        key: MasterKey,
        clock: MovableClock,
        settings: Settings,
        public_url: Option<&str>,
        trusted_proxies: &[&str],
    ) -> Self {
        let (store, random) = (made.open().await, randomness());
        let (keys, time) = (std::slice::from_ref(&key), clock.clock());
        let vestibule =
            Vestibule::open(store.clone(), keys, time, random, settings, hashing()).await.unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://localhost:{}", listener.local_addr().unwrap().port());
        let public_url = public_url.unwrap_or(&url).to_owned();
        let web = WebSettings {
            public_url: Url::parse(&public_url).unwrap(),
            trusted_proxies: trusted_proxies.iter().map(|net| net.parse().unwrap()).collect(),
        };
        let site = Arc::new(app(vestibule.clone(), web.clone()));
        let shared = Arc::clone(&site);
        let server = tokio::spawn(async move {
            serve(listener, shared, std::future::pending()).await.unwrap();
        });
        let heard = vestibule.clone();
        let hearing = tokio::spawn(async move { heard.hear_changes().await });
        Self {
            hearing,
            site,
            web,
            url,
            public_url,
            clock,
            vestibule,
            store,
            account: None,
            mailbox: None,
            key,
            apps: Arc::default(),
            kept: Arc::default(),
            server,
            database: made,
        }
    }

    /// With "Acme Analytics": Ada (Admin), Ben and Dinesh without a factor, Cleo with one.
    pub async fn furnished(database: Database) -> Self {
        Self::empty(database).await.furnish().await
    }

    /// The same, with settings of the operator's.
    pub async fn furnished_with(database: Database, settings: Settings) -> Self {
        Self::with(database, settings).await.furnish().await
    }

    async fn furnish(mut self) -> Self {
        self.account = Some(self.add_account("Acme Analytics").await);
        let app = self;
        app.add("ada", "Ada Lovelace", Role::Admin, false).await;
        app.add("ben", "Ben Okafor", Role::Member, false).await;
        app.add("cleo", "Cleo Marín", Role::Member, true).await;
        app.add("dinesh", "Dinesh Rao", Role::Member, false).await;
        app
    }

    /// Adds an account without any user.
    pub async fn add_account(&self, name: &str) -> AccountId {
        self.vestibule.furnish_account(&Name::parse(name).unwrap()).await.unwrap()
    }

    /// Adds a user to the furnished account.
    pub async fn add(&self, who: &str, name: &str, role: Role, with_factor: bool) -> UserId {
        let account = self.account.unwrap();
        self.add_to(account, who, name, role, with_factor).await
    }

    /// Adds a user to an account.
    pub async fn add_to(
        &self,
        account: AccountId,
        who: &str,
        name: &str,
        role: Role,
        with_factor: bool,
    ) -> UserId {
        let user = Furnished {
            email: &Email::parse(&email(who)).unwrap(),
            name: &Name::parse(name).unwrap(),
            role,
            password: &password(who),
            with_factor,
        };
        let (id, secret) = self.vestibule.furnish_user(account, &user).await.unwrap();
        if let Some(secret) = secret {
            self.apps.lock().unwrap().insert(who.to_owned(), secret);
        }
        id
    }

    /// The port on which it listens.
    pub fn port(&self) -> u16 {
        self.url.rsplit(':').next().unwrap().parse().unwrap()
    }

    /// Ends everything that was issued to a user, as an act would.
    pub async fn bump(&self, who: &str) {
        let id = self.id(who).await;
        let mut tx = self.store.write().await.unwrap();
        let user = tx.user(id).await.unwrap().unwrap();
        assert!(tx.bump_epoch(id, user.standing.epoch).await.unwrap());
        tx.commit().await.unwrap();
    }

    /// Has it no longer hear what other processes change.
    pub fn stop_hearing(&self) {
        self.hearing.abort();
        self.store.changes().deaf();
    }

    /// The identifier of a user.
    pub async fn id(&self, who: &str) -> UserId {
        let email = Email::parse(&email(who)).unwrap();
        let mut db = self.store.read().await.unwrap();
        db.password_of(&email).await.unwrap().unwrap_or_else(|| panic!("no {who}")).user.id
    }

    /// A browser that has been nowhere.
    pub fn browser(&self) -> Client {
        Client::behind(&self.url, &self.public_url)
    }

    /// The code that the user's app shows now.
    pub fn code(&self, who: &str) -> String {
        self.code_of(who, self.clock.now())
    }

    /// The code that the user's app shows at a time.
    pub fn code_of(&self, who: &str, at: Timestamp) -> String {
        let apps = self.apps.lock().unwrap();
        let secret = apps.get(who).unwrap_or_else(|| panic!("{who} has no app"));
        secret.code_at(at).to_string()
    }

    /// The phone of a furnished user.
    pub fn phone(&self, who: &str) -> Enrolled {
        let apps = self.apps.lock().unwrap();
        let secret = apps.get(who).unwrap_or_else(|| panic!("{who} has no app"));
        Enrolled::from_uri(&secret.expose_uri("Acme Analytics", &email(who)))
    }

    /// A code that no user's app shows at any time near now.
    pub fn wrong_code(&self) -> String {
        let apps = self.apps.lock().unwrap();
        let is_near = |code: &String| {
            (-25..=25).any(|step: i64| {
                let at = Timestamp::from_millis(self.clock.now().millis() + step * 30_000);
                apps.values().any(|secret| *code == *secret.code_at(at))
            })
        };
        (0..1000).map(|n| format!("{n:06}")).find(|code| !is_near(code)).unwrap()
    }

    /// Remembers the app that an enrolment page showed the key of.
    pub fn scan(&self, who: &str, page: &Answer) {
        self.install(who, &page.between("?secret=", "&"));
    }

    /// Remembers an app by its key, in base32.
    pub fn install(&self, who: &str, key: &str) {
        let key = totp_rs::Secret::try_from_base32(key).unwrap();
        let secret = TotpSecret::from_bytes(key.as_bytes()).unwrap();
        self.apps.lock().unwrap().insert(who.to_owned(), secret);
    }

    /// Signs in with the password alone; wherever that leads.
    pub async fn give_password(&self, who: &str) -> Client {
        let browser = self.browser();
        let fields = [("email", email(who)), ("password", password(who))];
        let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let answer = browser.post("/sign-in", &fields).await;
        assert_eq!(answer.status, 303, "{who} should get in: {}", answer.text());
        browser
    }

    /// Signs in with everything that is asked for; a new code is waited for first.
    pub async fn sign_in(&self, who: &str) -> Client {
        let browser = self.give_password(who).await;
        let answer = browser.get("/").await;
        if answer.status == 303 {
            assert_eq!(answer.leads_to(), "/sign-in/code", "{who} cannot simply sign in");
            self.clock.next_code();
            let code = self.code(who);
            let answer = browser.post("/sign-in/code", &[("code", code.as_str())]).await;
            assert_eq!(answer.leads_to(), "/", "{}", answer.text());
        }
        let dashboard = browser.get("/").await;
        assert_eq!(dashboard.status, 200, "{who} should be in: {dashboard:?}");
        browser
    }

    /// Enrols an app from wherever the enrolment page is open to this browser, and keeps the
    /// recovery codes that come with a first one.
    pub async fn enrol(&self, who: &str, browser: &Client) -> Answer {
        let answer = self.enrol_without_keeping(who, browser).await;
        if answer.status == 303 {
            self.keep_codes(who, browser).await;
        }
        answer
    }

    /// The same, up to the page that shows the recovery codes.
    pub async fn enrol_without_keeping(&self, who: &str, browser: &Client) -> Answer {
        let page = browser.visit("/enrolment").await;
        assert_eq!(page.status, 200, "{}", page.text());
        self.scan(who, &page);
        self.clock.next_code();
        let code = self.code(who);
        browser.post("/enrolment", &[("code", code.as_str())]).await
    }

    /// An Admin with a factor who signed in just now.
    pub async fn admin(&self, who: &str) -> Client {
        let browser = self.sign_in(who).await;
        if !self.apps.lock().unwrap().contains_key(who) {
            let answer = self.enrol(who, &browser).await;
            assert_eq!(answer.status, 303, "{}", answer.text());
        }
        browser
    }

    /// The switch, turned by an Admin's browser.
    pub async fn turn_switch(&self, admin: &Client, required: bool) -> Answer {
        let required = if required { "true" } else { "false" };
        admin.post("/settings/account/mfa", &[("required", required)]).await
    }

    /// The key that its data is sealed with.
    pub fn master_key(&self) -> &MasterKey {
        &self.key
    }

    /// A set-up link's path, on an empty database.
    pub async fn setup_path(&self) -> String {
        let token = self.vestibule.make_setup_link().await.unwrap().expect("an empty database");
        self.path(LinkPurpose::Setup, &token)
    }

    /// A recover link's path, as the host's command line prints it.
    pub async fn recover_path(&self, who: &str) -> String {
        let email = Email::parse(&email(who)).unwrap();
        self.recover_path_for(&email, Recovers::Everything).await
    }

    /// The same, of a link that may do what was asked for.
    pub async fn recover_path_for(&self, email: &Email, recovers: Recovers) -> String {
        match self.vestibule.make_recover_link(email, recovers).await.unwrap() {
            Recover::Made(made) => self.path(LinkPurpose::Recover, &made.token),
            _ => panic!("no recover link for {email}"),
        }
    }

    fn path(&self, purpose: LinkPurpose, token: &vestibule_domain::token::Token) -> String {
        let public_url = Url::parse(&self.public_url).unwrap();
        self.path_of_link(&link(&public_url, purpose, token))
    }

    /// The path of a link: it must lead to the public address.
    pub fn path_of_link(&self, link: &str) -> String {
        let path = link.strip_prefix(self.public_url.trim_end_matches('/'));
        let path = path.unwrap_or_else(|| panic!("{link} does not lead to {}", self.public_url));
        assert!(path.starts_with('/'), "{link} does not lead to {}", self.public_url);
        path.to_owned()
    }

    /// Everything that its database holds, as bytes.
    pub fn database_dump(&self) -> Vec<u8> {
        self.database.dump()
    }

    /// The address of its database.
    pub fn database_url(&self) -> &str {
        &self.database.url
    }

    /// A copy of its database as it is now: yesterday's backup, a day later.
    pub async fn back_up(&self) -> Emptied {
        self.database.copy().await
    }

    /// Puts a backup back in place of this one's database, which `replaced` tells about or not, and
    /// serves it: with the same key, clock and phones.
    pub async fn restore(&self, backup: Emptied, replaced: &Replaced<'_>) -> (Self, AfterRestore) {
        let settings = *self.vestibule.settings();
        let (key, clock) = (self.key.clone(), self.clock.clone());
        let mut app = Self::start_on(Arc::new(backup), key, clock, settings, None, &[]).await;
        app.account = self.account;
        app.apps = self.apps.clone();
        app.kept = self.kept.clone();
        let done = app.vestibule.after_restore(&app.key, replaced, "a story").await.unwrap();
        (app, done)
    }

    /// What there is after a restore with all that this one's database tells.
    pub async fn restore_with_all(&self, backup: Emptied) -> (Self, AfterRestore) {
        let replaced = open_as_is(self.database_url()).await;
        self.restore(backup, &Replaced::There(&replaced)).await
    }

    /// What Prometheus would read.
    pub async fn scrape(&self) -> String {
        let router = metrics_app(Arc::clone(&self.site), Arc::new(|_| ()));
        let request = Request::get("/metrics").body(Body::empty()).unwrap();
        let answer = router.oneshot(request).await.unwrap();
        assert_eq!(answer.status(), 200);
        let bytes = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    /// A number that Prometheus would read, by its name and labels.
    pub async fn counted(&self, line: &str) -> i64 {
        let scrape = self.scrape().await;
        let found = scrape.lines().find_map(|it| it.strip_prefix(line)?.strip_prefix(' '));
        found.unwrap_or_else(|| panic!("no {line} in {scrape}")).parse().unwrap()
    }

    /// How often an event stands in the audit trail.
    pub async fn audited(&self, kind: &str) -> i64 {
        let kinds = self.store.read().await.unwrap().audit_kinds().await.unwrap();
        kinds.iter().filter(|(known, _)| known == kind).map(|(_, count)| count).sum()
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.server.abort();
        self.hearing.abort();
    }
}

/// The hashing threads, which all share.
fn hashing() -> HashingQueue {
    static HASHING: OnceLock<HashingQueue> = OnceLock::new();
    HASHING.get_or_init(|| HashingQueue::start(Priority::Usual).unwrap()).clone()
}

/// The address of a furnished user.
pub fn email(who: &str) -> String {
    format!("{who}@acme.example")
}

/// The password of a furnished user.
pub fn password(who: &str) -> String {
    format!("{who} walks through a marble garden")
}

/// Runs each story on both databases: `stories! { async fn name(app) { … } }` with a furnished
/// account, or `(empty app)` on an empty database, `(https app)` behind a proxy.
#[macro_export]
macro_rules! stories {
    () => {};
    ($(#[$doc:meta])* async fn $name:ident($app:ident) $body:block $($rest:tt)*) => {
        $crate::story!(furnished, $(#[$doc])* $name, $app, $body);
        $crate::stories!($($rest)*);
    };
    ($(#[$doc:meta])* async fn $name:ident($start:ident $app:ident) $body:block $($rest:tt)*) => {
        $crate::story!($start, $(#[$doc])* $name, $app, $body);
        $crate::stories!($($rest)*);
    };
}

/// One story, twice.
#[doc(hidden)]
#[macro_export]
macro_rules! story {
    ($start:ident, $(#[$doc:meta])* $name:ident, $app:ident, $body:block) => {
        $(#[$doc])*
        mod $name {
            #[allow(unused_imports, reason = "not every story needs everything")]
            use super::*;

            async fn story($app: $crate::TestApp) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                story($crate::TestApp::$start($crate::Database::Sqlite).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                story($crate::TestApp::$start($crate::Database::Postgres).await).await;
            }
        }
    };
}
