//! `vestibule keys` and `vestibule doctor`, as docs/keys.md tells an operator to use them.

use std::fs;

use crate::data::change;
use crate::place::{Place, get, mode, set_mode};

const KEY: &str = "vestibule-data/master.key";
const NEXT: &str = "vestibule-data/master.key.next";
const REWRAP: &[&str] = &["keys", "rewrap", "--new-key", NEXT];

/// The lines of `vestibule doctor` that are not good.
fn complaints(place: &Place) -> Vec<String> {
    let output = place.run(&["doctor"]);
    let text = crate::place::text(&output.stdout);
    let lines: Vec<String> =
        text.lines().filter(|line| !line.starts_with("ok ")).map(str::to_owned).collect();
    let bad = lines.iter().any(|line| line.starts_with("bad "));
    assert_eq!(output.status.code(), Some(i32::from(bad)), "{text}");
    assert_eq!(crate::place::text(&output.stderr).lines().count(), usize::from(bad));
    for line in &lines {
        assert!(line.contains(" – "), "what to do is said: {line}");
    }
    lines
}

#[test]
fn the_master_key_is_changed_beside_a_running_server() {
    let place = Place::new();
    let server = place.serve(&[]);
    // A key that the running server has not: it is named, and nothing happens.
    place.answer(&["keys", "new", "elsewhere.key"]);
    let before = place.answer(&["keys", "list"]);
    let failure = place.failure(&["keys", "rewrap", "--new-key", "elsewhere.key"]);
    assert!(failure.starts_with("these nodes do not hold the new master key "), "{failure}");
    assert!(failure.contains("127.0.0.1:") && failure.contains("master.key.next"), "{failure}");
    let master =
        |list: &str| list.split_once("Master key").unwrap().1.lines().nth(1).unwrap().to_owned();
    assert_eq!(master(&place.answer(&["keys", "list"])), master(&before));

    let answer = place.answer(&["keys", "new", NEXT]);
    let id = answer.split(' ').nth(3).unwrap().to_owned();
    assert_eq!(mode(&place.path(NEXT)), 0o600);
    let answer = place.answer(REWRAP);
    assert!(answer.contains(&format!("mv {NEXT} ./{KEY}")), "{answer}");
    assert!(place.answer(&["keys", "list"]).contains(&id));
    // Doing it again, as after a crash of the command, changes nothing.
    assert!(place.answer(REWRAP).contains("in effect already"));
    assert_eq!(get(&format!("{}/readyz", server.first)).0, 200);
    // The server reads what is made under the new key.
    assert!(place.answer(&["keys", "rotate"]).contains("in the background"));
    assert_eq!(complaints(&place).len(), 2, "the old file, and a rotation under way");
    server.stop("TERM");

    // Between the change and the move of the file, both starts are good; after it too.
    place.serve(&[]).stop("TERM");
    let old = fs::read_to_string(place.path(KEY)).unwrap();
    fs::remove_file(place.path(KEY)).unwrap();
    place.serve(&[]).stop("TERM");
    fs::rename(place.path(NEXT), place.path(KEY)).unwrap();
    place.serve(&[]).stop("TERM");
    // With the old key alone, it is said which one is wanted.
    fs::rename(place.path(KEY), place.path("new.key")).unwrap();
    place.write(KEY, &old);
    set_mode(&place.path(KEY), 0o600);
    let failure = place.failure(&["serve", "--listen=127.0.0.1:0"]);
    assert!(failure.contains(&format!("the data needs {id}")), "{failure}");
    let complaints = complaints(&place);
    assert!(complaints[0].starts_with("bad ") && complaints[0].contains(&id), "{complaints:?}");
}

#[test]
fn a_key_file_is_never_replaced() {
    let place = Place::with_data();
    let before = fs::read_to_string(place.path(KEY)).unwrap();
    let failure = place.failure(&["keys", "new", KEY]);
    assert!(failure.starts_with(&format!("there is a file {KEY} already")), "{failure}");
    assert_eq!(fs::read_to_string(place.path(KEY)).unwrap(), before);
    let failure = place.failure(REWRAP);
    assert!(failure.starts_with(&format!("there is no file {NEXT}")), "{failure}");
    place.write("open.key", &before);
    set_mode(&place.path("open.key"), 0o644);
    let failure = place.failure(&["keys", "rewrap", "--new-key", "open.key"]);
    assert!(failure.contains("chmod 600"), "{failure}");
}

#[test]
fn without_a_server_the_command_does_the_work_itself() {
    let place = Place::with_data();
    let answer = place.answer(&["keys", "rotate"]);
    assert!(answer.contains("No node is serving") && answer.contains("removed"), "{answer}");
    let list = place.answer(&["keys", "list"]);
    assert!(list.contains("  2    seals") && !list.contains("  1 "), "{list}");
    assert!(list.contains("none is serving"), "{list}");
}

#[test]
fn a_doctor_finds_nothing_on_a_good_installation_and_names_what_is_not() {
    let place = Place::new();
    assert!(complaints(&place).iter().any(|line| line.contains("there is no database")));
    let place = Place::with_data();
    assert_eq!(complaints(&place), Vec::<String>::new());

    set_mode(&place.path("vestibule-data"), 0o755);
    assert!(complaints(&place)[0].ends_with("run `chmod 700 ./vestibule-data`"));
    set_mode(&place.path("vestibule-data"), 0o700);
    set_mode(&place.path(KEY), 0o644);
    assert!(complaints(&place)[0].contains(&format!("run `chmod 600 ./{KEY}`")));
    set_mode(&place.path(KEY), 0o600);

    change(
        &place,
        "INSERT INTO audit_events (id, at, kind, address, detail, count)
         VALUES ('ffffffff', 9000000000000, 'from the future', '', '', 1)",
    );
    let found = complaints(&place);
    assert!(found[0].contains("behind the newest entry"), "{found:?}");
    assert!(found[0].contains("time server"), "{found:?}");
    change(&place, "DELETE FROM audit_events WHERE id = 'ffffffff'");

    change(
        &place,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'from the future', TRUE, x'00', 0)",
    );
    assert!(complaints(&place)[0].contains("newer version"));
    place.write("vestibule-data/vestibule.db", &"no database ".repeat(1000));
    assert!(complaints(&place)[0].starts_with("bad "));
}

#[test]
fn a_doctor_looks_at_postgresql_and_the_public_address() {
    // The test server runs without fsync, which is what a doctor is for.
    let database = vestibule_testkit::postgres::shared().create_database();
    let place = Place::new();
    let mut at = vec!["--database", &database];
    place.serve(&at).stop("TERM");
    at.extend(["--public-url", "https://login.vestibule.invalid"]);
    let output = place.run(&[&["doctor"], at.as_slice()].concat());
    let text = crate::place::text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{text}");
    for line in [
        "bad   fsync = off – set it to on",
        "ok    synchronous_commit = on",
        "ok    the clock is set and agrees with the database's",
        "login.vestibule.invalid has no address",
        "was started with http://localhost:",
        "warn  trusted_proxies is empty",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

/// A limit on the size of files stands for the full disk: the system refuses to let them grow.
#[test]
fn a_full_disk_is_503_and_nothing_is_lost() {
    use std::process::Stdio;

    use crate::place::{Running, post};

    let place = Place::with_data();
    let program = env!("CARGO_BIN_EXE_vestibule");
    let script = format!("trap '' XFSZ; ulimit -f 160; exec {program} serve --listen 127.0.0.1:0");
    let mut command = std::process::Command::new("/bin/sh");
    command
        .args(["-c", &script])
        .current_dir(place.path("."))
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(fs::File::create(place.path("log")).unwrap());
    let server = Running::start_as_is(command);
    let url = format!("{}/sign-in", server.first);
    let mut statuses = vec![];
    for n in 0..60 {
        let form = format!("email=nobody{n}%40acme.example&password=wrong+{n}");
        statuses.push(post(&url, &form).0);
        if statuses.last() == Some(&503) {
            break;
        }
    }
    assert_eq!(statuses.last(), Some(&503), "{statuses:?}");
    assert!(!statuses.contains(&500), "{statuses:?}");
    assert_eq!(get(&format!("{}/healthz", server.first)).0, 200);
    server.stop("TERM");
    let log = fs::read_to_string(place.path("log")).unwrap();
    assert!(log.contains("the database is not available"), "{log}");
    // There is room again.
    assert_eq!(complaints(&place), Vec::<String>::new());
    place.serve(&[]).stop("TERM");
}

/// Whoever can write the database writes to no operator's terminal.
#[test]
fn a_terminal_obeys_nothing_that_a_database_holds() {
    let place = Place::new();
    let server = place.serve(&[]);
    change(&place, "UPDATE nodes SET label = 'node' || char(27) || '[2J' || char(13) || 'none'");
    for command in [&["keys", "list"][..], &["doctor"]] {
        let told = crate::place::text(&place.run(command).stdout);
        assert!(told.contains("node [2J none"), "{told}");
        assert!(!told.contains(|c: char| c.is_control() && c != '\n'), "{told:?}");
    }
    server.stop("TERM");
}
