//! AT-95: an upgrade takes nobody's way in away. Each schema that was ever released left a database
//! behind (`tests/fixtures`, where it is said how one is made); it is brought up to date here, and
//! its users go on from where they stood.

use std::fmt::Write as _;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _};
use vestibule_domain::sealing::MasterKey;
use vestibule_domain::time::Timestamp;
use vestibule_domain::user::Role;
use vestibule_testkit::app::{email, password};
use vestibule_testkit::{Client, Database, TestApp};

use super::run;

fn folder() -> PathBuf {
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures").into()
}

fn name(database: Database) -> &'static str {
    match database {
        Database::Sqlite => "sqlite",
        Database::Postgres => "postgres",
    }
}

/// The statements that make a PostgreSQL database what it is, less what concerns the server.
fn statements_of_postgres(app: &TestApp) -> String {
    let dump = String::from_utf8(app.database_dump()).unwrap();
    let is_ours = |line: &&str| {
        let of_the_server =
            ["--", "\\", "SET ", "SELECT pg_catalog."].iter().any(|lead| line.starts_with(lead));
        !line.is_empty() && !of_the_server && !line.contains(" OWNER TO ")
    };
    dump.lines().filter(is_ours).collect::<Vec<_>>().join("\n")
}

/// The same of a SQLite database.
async fn statements_of_sqlite(app: &TestApp) -> String {
    let path = app.database_url().strip_prefix("sqlite:").unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
    let mut db = options.connect().await.unwrap();
    let (mut tables, mut rest, mut rows) = (String::new(), String::new(), String::new());
    let made = "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid";
    for object in sqlx::query(made).fetch_all(&mut db).await.unwrap() {
        let [kind, name, sql] = [0, 1, 2].map(|at| object.get::<String, _>(at));
        if kind != "table" {
            writeln!(rest, "{sql};").unwrap();
            continue;
        }
        writeln!(tables, "{sql};").unwrap();
        let columns = format!(
            "SELECT group_concat('quote(' || name || ')', ' || '', '' || ')
                               FROM pragma_table_info('{name}')"
        );
        let columns: String =
            sqlx::query(AssertSqlSafe(columns)).fetch_one(&mut db).await.unwrap().get(0);
        let row = format!("SELECT 'INSERT INTO {name} VALUES (' || {columns} || ');' FROM {name}");
        for row in sqlx::query(AssertSqlSafe(row)).fetch_all(&mut db).await.unwrap() {
            writeln!(rows, "{}", row.get::<String, _>(0)).unwrap();
        }
    }
    db.close().await.unwrap();
    format!("{tables}{rest}{rows}")
}

/// Some days in the life of Acme, and what its people hold in their hands at the end of it.
async fn make(database: Database, schema: &str) {
    let app = TestApp::furnished(database).await;
    let ada = app.admin("ada").await;
    app.add("hal", "Hal Hooper", Role::Member, true).await;
    app.turn_switch(&ada, true).await;
    let invitation = app.invite(&ada, "eve", "Member").await;
    let new_password = app.password_link(&ada, "dinesh").await;
    assert_eq!(app.act(&ada, "hal", "/disable").await.status, 303);
    let cleo = app.sign_in("cleo").await;
    let spent = app.code("cleo");
    let ben = app.give_password("ben").await;
    app.scan("ben", &ben.visit("/").await);

    let mut text = String::new();
    let mut note = |what: &str, value: &str| writeln!(text, "-- {what} = {value}").unwrap();
    note("the time", &app.clock.now().millis().to_string());
    note("the master key", &STANDARD.encode(app.master_key().expose_bytes()));
    for who in ["ada", "ben", "cleo", "hal"] {
        note(&format!("the app of {who}"), &app.phone(who).secret_base32);
    }
    note("the code that cleo used last", &spent);
    note("the session of cleo", &cleo.cookie().unwrap());
    note("the session of ben, before the enrolment", &ben.cookie().unwrap());
    note("the invitation of eve", &invitation);
    note("the link for a new password of dinesh", &new_password);
    text += &match database {
        Database::Sqlite => statements_of_sqlite(&app).await,
        Database::Postgres => statements_of_postgres(&app),
    };
    let path = folder().join(format!("schema_{schema}.{}.sql", name(database)));
    std::fs::write(path, text.trim_end().to_owned() + "\n").unwrap();
}

/// Leaves the databases of today's schema behind for the versions to come.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run once for a release, as tests/fixtures/README.md says"]
async fn make_the_fixtures_of_this_schema() {
    let schema = std::env::var("SCHEMA").unwrap();
    for database in [Database::Sqlite, Database::Postgres] {
        make(database, &schema).await;
    }
}

/// A database that an earlier version left behind, and what its people hold in their hands.
struct Left {
    name: String,
    statements: String,
    notes: Vec<(String, String)>,
}

impl Left {
    fn all(database: Database) -> Vec<Self> {
        let end = format!(".{}.sql", name(database));
        let mut all = Vec::new();
        for file in std::fs::read_dir(folder()).unwrap() {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if !name.ends_with(&end) {
                continue;
            }
            let statements = std::fs::read_to_string(&path).unwrap();
            let notes = statements.lines().map_while(|line| line.strip_prefix("-- "));
            let notes = notes.map(|note| note.split_once(" = ").unwrap());
            let notes = notes.map(|(what, value)| (what.to_owned(), value.to_owned())).collect();
            all.push(Self { name, statements, notes });
        }
        all
    }

    fn note(&self, what: &str) -> &str {
        let found = self.notes.iter().find(|(known, _)| known == what);
        &found.unwrap_or_else(|| panic!("{}: no note of {what}", self.name)).1
    }

    /// Starts today's version on it.
    async fn open(&self, database: Database) -> TestApp {
        let made = database.bare().await;
        run(&made.url, &self.statements).await;
        let key = STANDARD.decode(self.note("the master key")).unwrap();
        let now = Timestamp::from_millis(self.note("the time").parse().unwrap());
        let app = TestApp::on(made, MasterKey::from_bytes(&key).unwrap(), now).await;
        for who in ["ada", "ben", "cleo", "hal"] {
            app.install(who, self.note(&format!("the app of {who}")));
        }
        app
    }
}

fn with_cookie(app: &TestApp, value: &str) -> Client {
    let browser = app.browser();
    browser.plant_cookie(value);
    browser
}

const NEW: &str = "an otter sings in the marble hall";

async fn people_go_on_from_where_they_stood(left: &Left, database: Database) {
    let app = left.open(database).await;
    let events = app.audited("code.accepted").await;
    assert_eq!(events, 1, "{}: the trace of what was", left.name);

    let cleo = with_cookie(&app, left.note("the session of cleo"));
    cleo.get("/").await.must_show("Cleo Marín");
    let ben = with_cookie(&app, left.note("the session of ben, before the enrolment"));
    assert_eq!(ben.get("/").await.leads_to(), "/enrolment", "the switch is on");
    let page = ben.get("/enrolment").await;
    assert_eq!(page.between("?secret=", "&"), left.note("the app of ben"));
    let confirmed = ben.post("/enrolment", &[("code", &app.code("ben"))]).await;
    assert_eq!(confirmed.status, 303, "{}", confirmed.text());
    app.keep_codes("ben", &ben).await;

    // What was spent stays spent; the next code is good.
    let thief = app.give_password("cleo").await;
    let spent = thief.give_code(left.note("the code that cleo used last")).await;
    spent.must_show("This code was used before.");
    app.clock.advance(std::time::Duration::from_mins(1));
    let ada = app.sign_in("ada").await;
    app.sign_in("cleo").await;
    app.sign_in("ben").await;
    assert_eq!(app.audited("code.accepted").await, events + 3);

    let list = ada.get("/settings/users").await;
    assert!(list.row("Hal Hooper").unwrap().contains("Disabled"));
    assert!(list.row("eve@acme.example").unwrap().contains("Invited"));
    let refused = app.browser().sign_in(&email("hal"), &password("hal")).await;
    assert_eq!(refused.status, 401);
    let eve = app.browser();
    let joined = app.use_link(&eve, left.note("the invitation of eve"), NEW).await;
    assert_eq!(joined.status, 303, "{}", joined.text());
    assert_eq!(eve.get("/").await.leads_to(), "/enrolment");
    let dinesh = app.browser();
    let link = left.note("the link for a new password of dinesh");
    assert_eq!(app.use_link(&dinesh, link, NEW).await.leads_to(), "/sign-in");
    assert_eq!(dinesh.sign_in(&email("dinesh"), NEW).await.leads_to(), "/enrolment");

    // And from a backup of it.
    let (restored, _) = app.restore_with_all(app.back_up().await).await;
    for who in ["ada", "ben", "cleo"] {
        restored.sign_in(who).await;
    }
    let old = with_cookie(&restored, &cleo.cookie().unwrap());
    assert_eq!(old.get("/").await.leads_to(), "/sign-in", "as after every restore");
}

mod at_95_after_an_upgrade_everybody_goes_on_from_where_they_stood {
    use super::{Database, Left, people_go_on_from_where_they_stood};

    async fn story(database: Database) {
        let all = Left::all(database);
        assert!(!all.is_empty());
        for left in all {
            people_go_on_from_where_they_stood(&left, database).await;
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn on_sqlite() {
        story(Database::Sqlite).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn on_postgres() {
        story(Database::Postgres).await;
    }
}
