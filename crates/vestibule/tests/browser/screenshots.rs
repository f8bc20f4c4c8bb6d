//! The pictures of the documentation, of an account that looks like one. The run with
//! `VESTIBULE_SCREENSHOTS=1` puts them into `docs/screenshots/`, every other throws them away.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use vestibule_domain::application::{Enter, Host, Rules};
use vestibule_domain::name::Name;
use vestibule_domain::user::Role;
use vestibule_testkit::browser::Options;
use vestibule_testkit::{Database, TestApp};

use crate::person::Person;

const LARGEST: u64 = 150_000;

/// Those who joined before the pictures; the number is of the hours before now at which they last
/// signed in.
const WITH_A_FACTOR: [(&str, &str, u32); 22] = [
    ("amara", "Amara Nwosu", 0),
    ("anneke", "Anneke Visser", 0),
    ("carlos", "Carlos Ibáñez", 0),
    ("chioma", "Chioma Eze", 26),
    ("daniel", "Daniel Weiss", 0),
    ("elif", "Elif Yıldız", 0),
    ("emma", "Emma Lindqvist", 4),
    ("farid", "Farid Haddad", 0),
    ("grace", "Grace Kimani", 0),
    ("hiroshi", "Hiroshi Tanaka", 75),
    ("ines", "Inês Carvalho", 0),
    ("jonas", "Jonas Berg", 0),
    ("katya", "Katya Orlova", 27),
    ("liam", "Liam Walsh", 0),
    ("mei", "Mei Chen", 0),
    ("noor", "Noor Rahman", 5),
    ("oskar", "Oskar Nowak", 0),
    ("priya", "Priya Raman", 0),
    ("rosa", "Rosa Delgado", 0),
    ("samuel", "Samuel Osei", 50),
    ("tomas", "Tomáš Novák", 0),
    ("yuki", "Yuki Sato", 0),
];
const WITHOUT: [(&str, &str, u32); 12] = [
    ("arjun", "Arjun Mehta", 0),
    ("bea", "Bea Fontaine", 3),
    ("bruno", "Bruno Keller", 28),
    ("clara", "Clara Rossi", 0),
    ("erik", "Erik Johansson", 99),
    ("fatou", "Fatou Diallo", 0),
    ("george", "George Papadakis", 0),
    ("hanna", "Hanna Virtanen", 51),
    ("isaac", "Isaac Cohen", 0),
    ("lucia", "Lucía Herrera", 0),
    ("marek", "Marek Dvořák", 6),
    ("sofia", "Sofia Almeida", 0),
];

/// 38 users, 24 of them with a factor.
async fn acme() -> TestApp {
    let app = TestApp::furnished(Database::Sqlite).await;
    let mut all = vec![];
    for (people, with_factor) in [(&WITH_A_FACTOR[..], true), (&WITHOUT[..], false)] {
        for (who, name, hours_ago) in people {
            let role = if *who == "priya" { Role::Admin } else { Role::Member };
            app.add(who, name, role, with_factor).await;
            all.push((*who, *hours_ago));
        }
    }
    all.extend([("cleo", 0), ("dinesh", 29)]);
    all.sort_by_key(|(_, hours_ago)| std::cmp::Reverse(*hours_ago));
    let mut now = all[0].1;
    for (who, hours_ago) in all {
        app.clock.advance(Duration::from_hours(u64::from(now - hours_ago)));
        now = hours_ago;
        app.sign_in(who).await;
        app.clock.advance(Duration::from_secs(45));
    }
    // Some have a second browser open.
    for who in ["amara", "daniel", "grace", "mei", "priya", "fatou", "isaac"] {
        app.sign_in(who).await;
    }
    app
}

const APPLICATIONS: [(&str, &str, Enter, bool); 4] = [
    ("Grafana", "grafana.localhost", Enter::Everyone, false),
    ("Metabase", "metabase.localhost", Enter::Everyone, false),
    ("Payroll", "payroll.localhost", Enter::Named, true),
    ("Staging", "staging.localhost:8443", Enter::Admins, true),
];

async fn protect(app: &TestApp, (name, host): (&str, &str), enter: Enter, always_mfa: bool) {
    let (name, host) = (Name::parse(name).unwrap(), Host::parse(host, false).unwrap());
    let account = app.account.unwrap();
    let rules = Rules { account, enter, always_mfa, max_age: None };
    let id = app.vestibule.furnish_application(&name, &host, rules).await.unwrap();
    if enter == Enter::Named {
        let mut tx = app.store.write().await.unwrap();
        for who in ["bea", "grace", "priya"] {
            assert!(tx.name_user(id, app.id(who).await).await.unwrap());
        }
        tx.commit().await.unwrap();
    }
}

/// Where pictures are put.
pub(crate) struct Pictures {
    folder: PathBuf,
    _thrown_away: TempDir,
}

impl Pictures {
    pub(crate) fn new() -> Self {
        let thrown_away = TempDir::new().expect("a folder");
        let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/screenshots");
        let keep = std::env::var_os("VESTIBULE_SCREENSHOTS").is_some_and(|value| value == "1");
        let folder = if keep { kept } else { thrown_away.path().to_owned() };
        Self { folder, _thrown_away: thrown_away }
    }

    /// The page that is open, on a desktop and on a phone.
    pub(crate) async fn take(&self, person: &Person, name: &str) {
        for (screen, options) in [("desktop", Options::desktop()), ("phone", Options::phone())] {
            self.take_on(person, &format!("{name}-{screen}"), options).await;
        }
        person.show_as(Options::desktop()).await;
    }

    async fn take_in_the_dark(&self, person: &Person, name: &str) {
        for (screen, options) in [("desktop", Options::desktop()), ("phone", Options::phone())] {
            self.take_on(person, &format!("{name}-{screen}-dark"), options.dark()).await;
        }
        person.show_as(Options::desktop()).await;
    }

    async fn take_on(&self, person: &Person, name: &str, options: Options) {
        let path = self.folder.join(format!("{name}.png"));
        person.show_as(options).await;
        // A long list is cut off where the screen ends.
        let measured = person
            .evaluate(
                "const { scrollHeight } = document.body; \
                 const { bottom } = document.body.getBoundingClientRect(); \
                 return [Math.max(scrollHeight, bottom + scrollY), innerHeight]",
            )
            .await;
        let points = |at: usize| measured[at].as_f64().expect("a number");
        let height = if points(0) > 2.0 * points(1) { points(1) } else { points(0) };
        // A phone's 1.4 pixels to the point are sharp enough, and half the size.
        let scale = if name.contains("phone") { 0.7 } else { 1.0 };
        person.screenshot_of_top(&path, height, scale).await;
        let size = std::fs::metadata(&path).expect("it is there").len();
        assert!(size < LARGEST, "{name} has {size} bytes");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_of_an_account() {
    let (app, pictures) = (acme().await, Pictures::new());

    let mut ada = Person::new("ada", &app).await;
    ada.set_clock(app.clock.now().millis()).await;
    ada.goes_to("/sign-in").await;
    pictures.take(&ada, "sign-in").await;
    ada.gives_password().await;
    ada.press("Turn MFA on for yourself").await;
    ada.enrols("Turn MFA on").await;
    ada.set_clock(app.clock.now().millis()).await;
    ada.press("Dashboard").await;
    pictures.take(&ada, "dashboard").await;
    ada.press("Account").await;
    ada.sees("24 of 38 ready.").await;
    pictures.take(&ada, "account").await;
    pictures.take_in_the_dark(&ada, "account").await;
    ada.press("Users").await;
    ada.sees("38 users · 24 with MFA").await;
    pictures.take(&ada, "users").await;
    for (name, host, enter, always) in APPLICATIONS {
        protect(&app, (name, host), enter, always).await;
    }
    ada.press("Applications").await;
    ada.sees("Metabase").await;
    pictures.take(&ada, "applications").await;
    ada.press("Account").await;
    ada.press("Turn on for everyone").await;
    ada.sees("Two-factor sign-in is on for everyone.").await;

    let cleo = Person::new("cleo", &app).await;
    cleo.goes_to("/").await;
    cleo.gives_password().await;
    pictures.take(&cleo, "security-code").await;

    let ben = Person::new("ben", &app).await;
    ben.goes_to("/").await;
    ben.gives_password().await;
    pictures.take(&ben, "enrolment").await;
    pictures.take_in_the_dark(&ben, "enrolment").await;
}
