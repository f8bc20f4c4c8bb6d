//! `vestibule after-restore`: for a database that another program put back.

use std::fs;

use vestibule_testkit::postgres;

use crate::backup::{PASSWORD, serve_with_ada, sign_in, with_ada};
use crate::data::change;
use crate::place::{Place, Running};

const KEY: &str = "vestibule-data/master.key";
const DATABASE: &str = "vestibule-data/vestibule.db";
const FINISH: &[&str] = &["after-restore", "--replaced"];

/// With `pg_dump` and `pg_restore`, as the documentation says.
#[test]
fn a_dump_of_postgresql_is_put_back_and_finished() {
    let place = Place::new();
    let url = postgres::shared().create_database();
    let server = serve_with_ada(&place, &["--database", &url]);
    let restored = postgres::shared().copy_database(&url);
    let create = ["account", "create", "Beta", "--admin", "zoe@beta.example", "--database", &url];
    place.answer(&create);
    server.stop("TERM");
    let at = ["--database", restored.as_str()];

    let unsaid = place.run(&[&["after-restore"], &at[..]].concat());
    assert_eq!(unsaid.status.code(), Some(2), "which database was replaced has to be said");
    let itself = place.failure(&[FINISH, &[&restored], &at[..]].concat());
    assert!(itself.contains("is the restored database itself"), "{itself}");
    let other = postgres::shared().create_database();
    Place::new().serve(&["--database", &other]).stop("TERM");
    let empty = place.failure(&[FINISH, &[&other], &at[..]].concat());
    assert!(empty.contains("holds no account"), "{empty}");

    let answer = place.answer(&[FINISH, &[&url], &at[..]].concat());
    assert!(answer.contains("can be served. Users: 1."), "{answer}");
    assert!(answer.contains("zoe@beta.example: added since, and not there"), "{answer}");
    let server = place.serve(&at);
    assert_eq!(sign_in(&server.first, PASSWORD), 303);
    server.stop("TERM");
    let answer = place.answer(&[&["after-restore", "--without-replaced"], &at[..]].concat());
    assert!(answer.contains("Look at all users (1)"), "{answer}");
    assert_eq!(sign_in(&place.serve(&at).first, PASSWORD), 303);
}

/// A file that was copied back by hand, with the old one beside it.
#[test]
fn a_file_that_was_copied_back_is_finished() {
    let place = with_ada();
    fs::copy(place.path(DATABASE), place.path("copy.db")).unwrap();
    change(&place, "UPDATE accounts SET mfa_required = TRUE");
    fs::rename(place.path(DATABASE), place.path("old.db")).unwrap();
    fs::rename(place.path("copy.db"), place.path(DATABASE)).unwrap();
    let output = place.command(&["after-restore"]).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("--replaced <URL>|--without-replaced"), "both are named: {told}");
    let finish = [FINISH, &["sqlite:old.db"]].concat();
    let server = place.serve(&[]);
    assert!(place.failure(&finish).contains("is in use: stop `vestibule serve` first"));
    let url = server.first.clone();
    server.stop("TERM");
    let failure = place.failure(&[FINISH, &["sqlite:none.db"]].concat());
    assert!(failure.contains("cannot be opened") && failure.contains("--without-replaced"));
    let answer = place.answer(&finish);
    assert!(answer.contains("account \"Acme\": the switch is on"), "{answer}");
    assert!(answer.contains(&format!("{url}/recover/")), "{answer}");
}

/// A file that was copied back by hand is noticed: the heads beside it know better.
#[test]
fn a_server_notices_that_it_was_left_out() {
    let place = with_ada();
    fs::copy(place.path(DATABASE), place.path("copy.db")).unwrap();
    place.answer(&["backup", "yesterday.backup"]);
    let server = place.serve(&[]);
    assert_eq!(sign_in(&server.first, PASSWORD), 303);
    server.stop("TERM");
    let warned = || {
        let mut command = place.command(&["serve", "--listen", "127.0.0.1:0"]);
        command.env("VESTIBULE_LOG", "warn").stderr(fs::File::create(place.path("log")).unwrap());
        Running::start_as_is(command).stop("TERM");
        fs::read_to_string(place.path("log")).unwrap().contains("run `vestibule after-restore`")
    };
    assert!(!warned(), "nothing was put back");
    fs::rename(place.path(DATABASE), place.path("old.db")).unwrap();
    fs::rename(place.path("copy.db"), place.path(DATABASE)).unwrap();
    assert!(warned());
    place.answer(&[FINISH, &["sqlite:old.db"]].concat());
    assert!(!warned(), "it was finished");
    place.answer(&["restore", "yesterday.backup"]);
    assert!(!warned(), "a restore of ours finishes by itself");
}

#[test]
fn a_foreign_database_tells_nothing() {
    let (place, other) = (with_ada(), with_ada());
    let foreign = format!("sqlite:{}", other.path(DATABASE).display());
    let failure = place.failure(&[FINISH, &[&foreign]].concat());
    assert!(failure.contains("it is not the one that was replaced"), "{failure}");
    assert!(place.failure(&[FINISH, &["mysql://x"]].concat()).starts_with("--replaced: "));
}

/// The master key was changed since the copy: the old file opens it, and is not needed after.
#[test]
fn a_copy_under_an_older_key_goes_over_to_todays() {
    let (place, newer) = (with_ada(), Place::with_data());
    fs::rename(place.path(KEY), place.path("old.key")).unwrap();
    fs::copy(newer.path(KEY), place.path(KEY)).unwrap();
    let finish = ["after-restore", "--without-replaced"];
    let failure = place.failure(&finish);
    assert!(failure.contains("name the key file of that time with --key-file"), "{failure}");
    place.answer(&[&finish[..], &["--key-file", "old.key"]].concat());
    fs::remove_file(place.path("old.key")).unwrap();
    assert_eq!(sign_in(&place.serve(&[]).first, PASSWORD), 303);
}
