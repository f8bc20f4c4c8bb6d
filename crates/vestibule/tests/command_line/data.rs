//! Folder, key file and database that do not fit together.

use std::fs;
use std::io::{BufRead as _, BufReader};

use sqlx::{ConnectOptions as _, Connection as _};

use crate::place::{Place, failure_of, mode, set_mode, text};

const SERVE: &[&str] = &["serve", "--listen=127.0.0.1:0"];
const KEY: &str = "vestibule-data/master.key";
const DATABASE: &str = "vestibule-data/vestibule.db";

/// Runs a statement on the database of a place.
pub(crate) fn change(place: &Place, statement: &'static str) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(place.path(DATABASE));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut connection = options.connect().await.unwrap();
        let changed = sqlx::query(statement).execute(&mut connection).await.unwrap();
        assert_eq!(changed.rows_affected(), 1, "{statement}");
        connection.close().await.unwrap();
    });
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let place = Place::new();
    place.write("file", "");
    for (folder, problem) in [("file", "it is a file"), ("file/in/it", "Not a directory")] {
        let failure = place.failure(&[SERVE, &["--data-dir", folder]].concat());
        assert!(failure.starts_with(&format!("the data folder {folder} cannot be ")), "{failure}");
        assert!(failure.contains(problem), "{failure}");
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let place = Place::new();
    fs::create_dir(place.path("folder")).unwrap();
    set_mode(&place.path("folder"), 0o500);
    if fs::write(place.path("folder/file"), "").is_ok() {
        // Root may write everywhere.
        return;
    }
    let failure = place.failure(&[SERVE, &["--data-dir", "folder"]].concat());
    assert!(failure.contains("folder/vestibule.db"), "{failure}");
    assert!(failure.contains("Permission denied"), "{failure}");
}

#[test]
fn a_missing_key_over_existing_data_is_not_made_anew() {
    let place = Place::with_data();
    fs::rename(place.path(KEY), place.path("kept")).unwrap();
    let failure = place.failure(SERVE);
    assert!(failure.starts_with(&format!("the key file ./{KEY} is missing, but ")), "{failure}");
    assert!(!place.path(KEY).exists());
    fs::rename(place.path("kept"), place.path(KEY)).unwrap();
    place.serve(&[]);
}

#[test]
fn a_missing_key_over_existing_data_in_postgresql_is_not_made_anew() {
    let database = vestibule_testkit::postgres::shared().create_database();
    let database = ["--database", &database];
    Place::new().serve(&database).stop("TERM");
    let second_node = Place::new();
    let failure = second_node.failure(&[SERVE, &database].concat());
    assert!(failure.starts_with(&format!("the key file ./{KEY} is missing, but ")), "{failure}");
    assert!(!second_node.path(KEY).exists());
}

#[test]
fn parallel_first_starts_agree_on_one_key() {
    let place = Place::new();
    let starts: Vec<_> = (0..6).map(|_| place.command(SERVE).spawn().unwrap()).collect();
    let mut serving = vec![];
    for mut start in starts {
        let mut first = String::new();
        BufReader::new(start.stdout.as_mut().unwrap()).read_line(&mut first).unwrap();
        if first.is_empty() {
            let error = text(&start.wait_with_output().unwrap().stderr);
            assert!(error.contains("appeared meanwhile"), "{error}");
        } else {
            serving.push(start);
        }
    }
    assert!(!serving.is_empty());
    for mut server in serving {
        server.kill().unwrap();
        server.wait().unwrap();
    }
    place.serve(&[]);
}

#[test]
fn a_foreign_key_is_refused() {
    let (place, other) = (Place::with_data(), Place::with_data());
    fs::copy(other.path(KEY), place.path(KEY)).unwrap();
    for command in [SERVE, &["recover", "ada@acme.example"]] {
        let failure = place.failure(command);
        assert!(
            failure.starts_with(&format!("./{KEY}: the master key does not belong ")),
            "{failure}"
        );
    }
}

#[test]
fn a_file_that_holds_no_key_is_refused() {
    let place = Place::with_data();
    let good = fs::read_to_string(place.path(KEY)).unwrap();
    for bad in ["", "hello", &good[..good.len() - 9], &good.repeat(2), &"x".repeat(100_000)] {
        place.write(KEY, bad);
        let failure = place.failure(SERVE);
        assert!(failure.contains("does not hold a master key"), "{failure}");
        assert_eq!(fs::read_to_string(place.path(KEY)).unwrap(), bad, "it is left alone");
    }
    fs::write(place.path(KEY), [0xff, 0xfe]).unwrap();
    assert!(place.failure(SERVE).contains("does not hold a master key"));
    fs::remove_file(place.path(KEY)).unwrap();
    fs::create_dir(place.path(KEY)).unwrap();
    set_mode(&place.path(KEY), 0o700);
    assert!(place.failure(SERVE).contains("cannot be read"));
}

#[test]
fn a_key_that_others_can_read_is_refused_with_the_command_that_mends_it() {
    let place = Place::with_data();
    for open in [0o644, 0o640, 0o602] {
        set_mode(&place.path(KEY), open);
        let failure = place.failure(SERVE);
        assert!(failure.ends_with(&format!("run `chmod 600 ./{KEY}`")), "{failure}");
    }
    assert_eq!(mode(&place.path(KEY)), 0o602, "nothing is changed unasked");
    set_mode(&place.path(KEY), 0o400);
    place.serve(&[]);
}

#[test]
fn a_database_of_a_newer_version_is_refused() {
    let place = Place::with_data();
    change(
        &place,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'from the future', TRUE, x'00', 0)",
    );
    let failure = place.failure(SERVE);
    assert!(failure.contains("written by a newer version of Vestibule"), "{failure}");
}

#[test]
fn a_file_that_is_no_database_is_named() {
    let place = Place::with_data();
    place.write(DATABASE, &"no database ".repeat(1000));
    let failure = place.failure(SERVE);
    assert!(failure.contains(DATABASE), "{failure}");
}

#[test]
fn a_database_that_does_not_answer_is_named_without_its_password() {
    let place = Place::new();
    // Port 1 is reserved, and nobody listens there.
    let mut command = place.command(SERVE);
    command.env("VESTIBULE_DATABASE", "postgres://app:hush@127.0.0.1:1/login");
    let failure = failure_of(command);
    let name = "the database postgres://app@127.0.0.1:1/login does not answer";
    assert!(failure.starts_with(name), "{failure}");
    assert!(!failure.contains("hush"), "{failure}");
    assert!(!place.path(KEY).exists());
}
