//! Opening: the schema is made once and never taken for another, and the settings on which
//! durability rests are in force whatever the server's defaults are.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use sqlx::{ConnectOptions as _, Executor as _, Row as _};
use vestibule_store::{DatabaseUrl, Store, StoreError};
use vestibule_testkit::{Database, postgres};

use crate::support::*;

async fn settings(store: &Store) -> BTreeMap<String, String> {
    store.settings_in_force().await.unwrap().into_iter().collect()
}

fn url(text: &str) -> DatabaseUrl {
    text.parse().unwrap()
}

/// Opens one database from six processes at once, as far as one process can: each has a runtime
/// and a thread of its own.
fn open_six_times(text: &str) {
    let openers: Vec<_> = (0..6)
        .map(|_| {
            let url = url(text);
            std::thread::spawn(move || {
                let runtime =
                    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    let store = Store::open(&url).await.unwrap();
                    assert!(store.is_ready().await);
                    store.close().await;
                });
            })
        })
        .collect();
    for opener in openers {
        opener.join().unwrap();
    }
}

#[test]
fn six_processes_open_an_empty_sqlite_file_at_once() {
    for _ in 0..3 {
        let folder = tempfile::TempDir::new().unwrap();
        open_six_times(&format!("sqlite:{}", folder.path().join("new.db").display()));
    }
}

#[test]
fn six_nodes_open_an_empty_postgresql_at_once() {
    for _ in 0..3 {
        open_six_times(&postgres::shared().create_database());
    }
}

on_both! {
    async fn a_newer_schema_is_refused(db) {
        db.made.spoil();
        let text = if db.database == Database::Postgres { "'\\x00'" } else { "x'00'" };
        let insert = format!(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
             VALUES (999, 'from the future', TRUE, {text}, 0)"
        );
        assert_eq!(db.run(&insert).await.unwrap(), 1);
        let error = Store::open(&url(&db.made.url)).await.err().unwrap();
        assert!(matches!(error, StoreError::NewerSchema { found: 999, .. }), "{error}");
        assert!(error.to_string().contains("newer version of Vestibule"), "{error}");
        // And nothing was done to it: the newer program still opens it.
        db.run("DELETE FROM _sqlx_migrations WHERE version = 999").await.unwrap();
        let again = db.made.open().await;
        assert!(again.read().await.unwrap().account(db.account).await.unwrap().is_some());
    }

    async fn an_edited_migration_is_refused(db) {
        db.made.spoil();
        let other = if db.database == Database::Postgres { "'\\x00'" } else { "x'00'" };
        db.run(&format!("UPDATE _sqlx_migrations SET checksum = {other} WHERE version = 1"))
            .await
            .unwrap();
        let error = Store::open(&url(&db.made.url)).await.err().unwrap();
        assert!(matches!(error, StoreError::Migration(_)), "{error}");
    }

    async fn a_database_is_opened_again_as_it_was(db) {
        let ben = db.user("ben").await;
        db.store.close().await;
        let again = db.made.open().await;
        assert_eq!(again.read().await.unwrap().user(ben).await.unwrap().unwrap().id, ben);
    }

    async fn the_settings_on_which_all_rests_are_in_force(db) {
        let found = settings(&db.store).await;
        let expected: &[(&str, &str)] = match db.database {
            // `synchronous` 2 is FULL.
            Database::Sqlite => &[
                ("foreign_keys", "1"),
                ("journal_mode", "wal"),
                ("query_only", "1"),
                ("synchronous", "2"),
            ],
            Database::Postgres => {
                &[("synchronous_commit", "on"), ("transaction_isolation", "read committed")]
            }
        };
        let found: Vec<_> = found.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(found, expected);
    }
}

/// The test server itself runs with `synchronous_commit=off`; the address and the database may say
/// so too.
#[tokio::test]
async fn postgresql_keeps_our_settings_against_all_defaults() {
    let plain = postgres::shared().create_database();
    let database = plain.rsplit('/').next().unwrap().to_owned();
    let options: sqlx::postgres::PgConnectOptions = plain.parse().unwrap();
    let mut other = options.connect().await.unwrap();
    for setting in
        ["synchronous_commit = 'off'", "default_transaction_isolation = 'repeatable read'"]
    {
        let sql = format!("ALTER DATABASE {database} SET {setting}");
        other.execute(sqlx::AssertSqlSafe(sql)).await.unwrap();
    }
    let asking = format!(
        "{plain}?options=-c%20synchronous_commit%3Doff%20-c%20default_transaction_isolation%3Dserializable"
    );
    for text in [&plain, &asking] {
        let store = Store::open(&url(text)).await.unwrap();
        let found = settings(&store).await;
        assert_eq!(found["synchronous_commit"], "on", "{text}");
        assert_eq!(found["transaction_isolation"], "read committed", "{text}");
    }
}

/// What persists in the file, as another program sees it; and that nobody else may read it.
#[tokio::test]
async fn a_sqlite_file_is_private_and_in_wal_mode() {
    let db = Db::on(Database::Sqlite).await;
    let mut other = db.sqlite_options().connect().await.unwrap();
    let mode: String = other.fetch_one("PRAGMA journal_mode").await.unwrap().get(0);
    assert_eq!(mode, "wal");
    let path = db.made.url.strip_prefix("sqlite:").unwrap();
    let mut seen = 0;
    for file in std::fs::read_dir(Path::new(path).parent().unwrap()).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{:?} is open to others", file.path());
        seen += 1;
    }
    assert!(seen >= 3, "the database, its journal, its lock");
}

#[test]
fn an_address_names_a_database_or_nothing() {
    for good in [
        "sqlite:a.db",
        "sqlite:/a/b.db",
        "sqlite:///a/b.db",
        "postgres://a@b/c",
        "postgresql://b/c",
    ] {
        assert!(good.parse::<DatabaseUrl>().is_ok(), "{good}");
    }
    for bad in ["", "sqlite:", "sqlite://", "mysql://a/b", "a.db", "postgres:b", "SQLITE:a"] {
        assert!(bad.parse::<DatabaseUrl>().is_err(), "{bad}");
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_and_a_folder_that_is_not_there_are_said() {
    let folder = tempfile::TempDir::new().unwrap();
    let text = folder.path().join("text.db");
    std::fs::write(&text, "this is no database, but it is longer than a header of one is").unwrap();
    let missing = folder.path().join("missing").join("new.db");
    let open =
        async |path: &Path| Store::open(&DatabaseUrl::Sqlite(path.into())).await.err().unwrap();
    let error = open(&missing).await;
    assert!(matches!(error, StoreError::File { .. }), "{error}");
    let _said = open(&text).await;
    assert!(std::fs::read_to_string(&text).unwrap().starts_with("this is no database"));
}
