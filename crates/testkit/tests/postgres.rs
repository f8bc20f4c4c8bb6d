//! The throw-away PostgreSQL: one for the process, many databases, gone with the process.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use vestibule_testkit::postgres::shared;

/// Runs a statement through the client that any user would take.
fn ask(database: &str, statement: &str) -> String {
    let output = Command::new("psql").args([database, "-X", "-qAt", "-c", statement]).output();
    let output = output.expect("psql is installed with the server");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn databases_are_empty_and_separate() {
    let one = shared().create_database();
    let other = shared().create_database();
    assert_ne!(one, other);

    ask(&one, "CREATE TABLE only_here (id BIGINT)");
    let count = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(ask(&one, count), "1");
    assert_eq!(ask(&other, count), "0");
}

#[test]
fn a_migrated_database_is_copied() {
    let template = shared().create_database();
    ask(&template, "CREATE TABLE note (text TEXT); INSERT INTO note VALUES ('kept')");

    let copy = shared().create_database_from(&template);
    ask(&template, "DELETE FROM note");
    assert_eq!(ask(&copy, "SELECT text FROM note"), "kept");
}

#[test]
fn a_dropped_database_is_gone() {
    let server = shared();
    let database = server.create_database();
    server.drop_database(&database);
    let names = ask(&server.create_database(), "SELECT datname FROM pg_database");
    let name = database.rsplit('/').next().unwrap();
    assert!(!names.lines().any(|line| line == name), "{names}");
}

#[test]
fn text_is_ordered_bytewise() {
    let database = shared().create_database();
    let order = "SELECT string_agg(t, '' ORDER BY t) FROM (VALUES ('b'), ('a'), ('B')) AS v(t)";
    assert_eq!(ask(&database, order), "Bab");
    assert_eq!(ask(&database, "SHOW server_encoding"), "UTF8");
}

/// The process to be killed is this test again, told by the environment to hold a server.
#[test]
fn the_server_ends_with_a_killed_process() {
    const HOLD: &str = "VESTIBULE_TEST_HOLDS_A_SERVER";
    if std::env::var_os(HOLD).is_some() {
        println!("holding {}", shared().create_database());
        sleep(Duration::from_mins(1));
        return;
    }
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "the_server_ends_with_a_killed_process"])
        .env(HOLD, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = holder.stdout.take().unwrap();
    let mut printed = String::new();
    let mut buffer = [0; 256];
    while !printed.contains("/test_0") {
        let read = output.read(&mut buffer).unwrap();
        assert_ne!(read, 0, "it ended early: {printed}");
        printed.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
    }
    let (_, database) = printed.split_once("holding ").unwrap();
    let database = database.trim();
    assert_eq!(ask(database, "SELECT 1"), "1");
    let folder = ask(database, "SHOW unix_socket_directories");

    holder.kill().unwrap();
    holder.wait().unwrap();
    for _ in 0..100 {
        if !Path::new(&folder).exists() {
            break;
        }
        sleep(Duration::from_millis(100));
    }
    assert!(!Path::new(&folder).exists(), "{folder} is still there after ten seconds");
    let answer = Command::new("psql").args([database, "-c", "SELECT 1"]).output().unwrap();
    assert!(!answer.status.success(), "the server still answers");
}
