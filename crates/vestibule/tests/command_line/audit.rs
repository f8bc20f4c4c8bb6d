//! `vestibule audit`: what an auditor is told about a log, and about one that somebody changed.

use std::fs;
use std::path::{Path, PathBuf};

use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _};
use vestibule_domain::audit_chain::{Head, SegmentWhy};
use vestibule_domain::time::Timestamp;
use vestibule_store::Store;

use crate::place::{Place, Running, mode, post, text};

const DATABASE: &str = "vestibule-data/vestibule.db";
const HEADS: &str = "vestibule-data/audit-heads.jsonl";
const VERIFY: &[&str] = &["audit", "verify"];
const WITH_HEADS: &[&str] = &["audit", "verify", "--heads", HEADS];

/// A place whose log holds this many events, sealed when the server stopped.
fn with_events(count: usize) -> Place {
    let place = Place::with_data();
    more_events(&place, count);
    place
}

fn more_events(place: &Place, count: usize) {
    let server = place.serve(&[]);
    add_events(place, &server, &[], count);
    assert_eq!(server.stop("TERM").0, Some(0));
}

fn add_events(place: &Place, server: &Running, args: &[&str], count: usize) {
    static NUMBER: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    for _ in 0..count {
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let admin = format!("admin-{number}@acme.example");
        let create = ["account", "create", "Acme", "--admin", &admin];
        let url = ["--public-url", &server.first];
        place.answer(&[&create[..], &url, args].concat());
    }
}

/// Runs statements on the database of a place.
fn run(place: &Place, statements: &str) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(place.path(DATABASE));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut connection = options.connect().await.unwrap();
        for statement in statements.split(';') {
            let statement = AssertSqlSafe(statement.to_owned());
            connection.execute(statement).await.unwrap();
        }
        connection.close().await.unwrap();
    });
}

/// The failure of a command on a database that was changed, which is put back afterwards.
fn failure_after(place: &Place, statements: &str, command: &[&str]) -> String {
    let (database, kept) = (place.path(DATABASE), place.path("kept.db"));
    fs::copy(&database, &kept).unwrap();
    run(place, statements);
    let failure = place.failure(command);
    fs::rename(&kept, &database).unwrap();
    failure
}

fn export(place: &Place, name: &str) -> PathBuf {
    place.answer(&["audit", "export", name]);
    place.path(name)
}

#[test]
fn a_log_that_nobody_changed_verifies_in_one_line() {
    let place = with_events(3);
    let answer = place.answer(VERIFY);
    assert!(answer.starts_with("3 events verified, head 3 "), "{answer}");
    assert_eq!(answer.lines().count(), 1);
    assert_eq!(answer.split(' ').nth(5).unwrap().trim().len(), 64, "{answer}");
    let answer = place.answer(WITH_HEADS);
    assert!(
        answer.contains("exported heads agree") || answer.contains("exported head agrees"),
        "{answer}"
    );
    assert_eq!(mode(&place.path(HEADS)), 0o600);
    // A log without events is one, too.
    assert!(Place::with_data().answer(VERIFY).starts_with("0 events verified, head 0 "));
}

/// Beside a running server, and with what nobody has sealed yet.
#[test]
fn it_is_verified_while_serving() {
    let place = with_events(2);
    let server = place.serve(&[]);
    let (status, _) =
        post(&format!("{}/sign-in", server.first), "email=admin%40acme.example&password=wrong");
    assert_eq!(status, 401, "a refusal, which is counted for a minute before it is sealed");
    let answer = place.answer(WITH_HEADS);
    // Unless the minute ended just now.
    let not_yet = answer.starts_with("2 ") && answer.contains("; 1 newer event is not sealed yet");
    assert!(not_yet || answer.starts_with("3 events"), "{answer}");
    server.stop("TERM");
    assert!(place.answer(VERIFY).starts_with("3 events verified"));
}

#[test]
fn each_change_of_the_database_is_named_with_its_position() {
    let place = with_events(5);
    for field in [
        "detail = 'Other'",
        "count = 9",
        "at = at + 1",
        "actor_id = 'x'",
        "kind = 'x'",
        "address = ' '",
        "account_id = NULL",
    ] {
        let edit = format!("UPDATE audit_events SET {field} WHERE position = 3");
        let failure = failure_after(&place, &edit, VERIFY);
        assert!(
            failure.starts_with("position 3: this is not the event that was sealed here"),
            "{field}: {failure}"
        );
    }
    let removed = "DELETE FROM audit_events WHERE position = 2";
    let failure = failure_after(&place, removed, VERIFY);
    assert_eq!(failure, "position 2: the event is missing; the next one is at position 3");
    let closed_up = "DELETE FROM audit_events WHERE position = 2;
                     UPDATE audit_events SET position = position - 1 WHERE position = 3;
                     UPDATE audit_events SET position = position - 1 WHERE position = 4;
                     UPDATE audit_events SET position = position - 1 WHERE position = 5;
                     UPDATE audit_chain SET head_position = 4";
    assert!(failure_after(&place, closed_up, VERIFY).starts_with("position 2: this is not"));
    let inserted = "UPDATE audit_events SET position = 6 WHERE position = 5;
                    UPDATE audit_events SET position = 5 WHERE position = 4;
                    INSERT INTO audit_events (id, at, kind, address, detail, count, position, hash)
                    SELECT 'new', at, kind, address, detail, count, 4, hash
                    FROM audit_events WHERE position = 3;
                    UPDATE audit_chain SET head_position = 6";
    assert!(failure_after(&place, inserted, VERIFY).starts_with("position 4: this is not"));
    let swapped = "UPDATE audit_events SET position = 99 WHERE position = 2;
                   UPDATE audit_events SET position = 2 WHERE position = 3;
                   UPDATE audit_events SET position = 3 WHERE position = 99";
    assert!(failure_after(&place, swapped, VERIFY).starts_with("position 2: this is not"));
    let beyond = "INSERT INTO audit_events (id, at, kind, address, detail, count, position, hash)
                  SELECT 'new', at, kind, address, detail, count, 6, hash
                  FROM audit_events WHERE position = 5";
    assert!(failure_after(&place, beyond, VERIFY).starts_with("position 6: an event stands after"));
    let before = beyond.replace("6, hash", "0, hash");
    assert!(
        failure_after(&place, &before, VERIFY).starts_with("position 0: an event stands where")
    );
    let cut = "DELETE FROM audit_events WHERE position > 3";
    let failure = failure_after(&place, cut, VERIFY);
    assert!(
        failure.starts_with("position 4: the event is missing; the events end at"),
        "{failure}"
    );
    let relinked = "UPDATE audit_events SET hash = x'00' WHERE position = 4";
    assert!(failure_after(&place, relinked, VERIFY).starts_with("position 4: this is not"));
    let why = "UPDATE audit_segments SET why = 'restored'";
    assert!(failure_after(&place, why, VERIFY).starts_with("position 1: this is not"));
    assert!(place.answer(WITH_HEADS).starts_with("5 events verified"));
}

/// Who cuts the end off and sets the head back is found by the heads that were exported before.
#[test]
fn a_cut_tail_shows_against_exported_heads() {
    let place = with_events(5);
    let cut = "DELETE FROM audit_events WHERE position > 2;
               UPDATE audit_chain SET head_position = 2,
                   head_hash = (SELECT hash FROM audit_events WHERE position = 2)";
    let failure = failure_after(&place, cut, WITH_HEADS);
    assert!(
        failure.starts_with("position 3: the events end at position 2, but a head at position"),
        "{failure}"
    );
    assert!(failure.contains(HEADS), "{failure}");
    // Without them nobody can know, which docs/audit.md says.
    run(&place, cut);
    assert!(place.answer(VERIFY).starts_with("2 events verified"));
}

/// The same with a chain that is sealed anew from the start, after an event was changed.
#[test]
fn a_chain_that_was_computed_anew_shows_against_exported_heads() {
    let place = with_events(3);
    let heads = place.path("heads-elsewhere");
    fs::copy(place.path(HEADS), &heads).unwrap();
    run(
        &place,
        "UPDATE audit_events SET detail = 'Other' WHERE position = 1;
         UPDATE audit_events SET position = NULL, hash = NULL;
         DELETE FROM audit_segments; DELETE FROM audit_chain",
    );
    place.serve(&[]).stop("TERM");
    assert!(place.answer(VERIFY).starts_with("3 events verified"));
    let failure = place.failure(&[VERIFY, &["--heads", "heads-elsewhere"]].concat());
    assert!(
        failure.contains("the chain was computed anew at or before this position"),
        "{failure}"
    );
    assert!(failure.starts_with("position "), "{failure}");
}

/// Yesterday's backup: the log says that it was put back, and who knows of it says so.
#[test]
fn a_restore_explains_heads_of_the_database_that_was_replaced() {
    let place = with_events(2);
    fs::copy(place.path(DATABASE), place.path("backup.db")).unwrap();
    more_events(&place, 2);
    fs::copy(place.path("backup.db"), place.path(DATABASE)).unwrap();
    more_events(&place, 1);
    let failure = place.failure(WITH_HEADS);
    assert!(
        failure.contains("the end was cut off") && !failure.contains("--restored"),
        "{failure}"
    );
    // This time the restore is recorded.
    fs::copy(place.path("backup.db"), place.path(DATABASE)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let url = format!("sqlite:{}", place.path(DATABASE).display());
        let store = Store::open(&url.parse().unwrap()).await.unwrap();
        let mut tx = store.write().await.unwrap();
        let last = Head { position: 4, ..Head::START };
        let why = SegmentWhy::Restored(Some(last));
        tx.begin_audit_segment(why, Timestamp::from_millis(0)).await.unwrap();
        tx.commit().await.unwrap();
        store.close().await;
    });
    more_events(&place, 1);
    let failure = place.failure(WITH_HEADS);
    assert!(failure.ends_with("if you know of it, verify with --restored"), "{failure}");
    let answer = place.answer(&[WITH_HEADS, &["--restored"]].concat());
    assert!(answer.starts_with("3 events verified"), "{answer}");
    assert!(answer.contains("1 restore of the database is recorded"), "{answer}");
    assert!(answer.contains("of the database that was replaced"), "{answer}");
}

#[test]
fn an_export_is_written_whole_for_its_owner_alone_and_over_nothing() {
    let place = with_events(3);
    let answer = place.answer(&["audit", "export", "log.jsonl"]);
    // The export is an event, and in it.
    assert!(answer.starts_with("4 events are written to log.jsonl."), "{answer}");
    let path = place.path("log.jsonl");
    assert_eq!(mode(&path), 0o600);
    let answer = place.answer(&["audit", "verify", "--export", "log.jsonl", "--heads", HEADS]);
    assert!(answer.starts_with("4 events verified, head 4 "), "{answer}");
    assert!(answer.contains("agree"), "{answer}");
    let before = fs::read_to_string(&path).unwrap();
    let failure = place.failure(&["audit", "export", "log.jsonl"]);
    assert!(failure.contains("exists already, and nothing is written over it"), "{failure}");
    assert_eq!(fs::read_to_string(&path).unwrap(), before);
    let failure = place.failure(&["audit", "export", "no/such/folder/log"]);
    assert!(failure.contains("no/such/folder/log cannot be written"), "{failure}");
    let left = fs::read_dir(place.path(".")).unwrap().map(|file| file.unwrap().file_name());
    let left: Vec<_> = left.filter(|name| name.to_string_lossy().starts_with('.')).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn each_change_of_an_exported_file_is_named() {
    let place = with_events(4);
    let path = export(&place, "log.jsonl");
    let whole = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let event = |n: usize| {
        lines.iter().position(|l| l.contains(&format!("\"position\":{n},\"time\""))).unwrap()
    };
    let failure = |changed: &[&str]| {
        fs::write(&path, changed.join("\n") + "\n").unwrap();
        place.failure(&["audit", "verify", "--export", "log.jsonl"])
    };
    let edited = lines[event(2)].replace("Acme", "Evil");
    let mut changed = lines.clone();
    changed[event(2)] = &edited;
    assert!(failure(&changed).contains("position 2: this is not the event"));
    let mut changed = lines.clone();
    changed.remove(event(3));
    assert!(failure(&changed).contains("position 3: the event is missing"));
    let mut changed = lines.clone();
    changed.swap(event(2), event(3));
    assert!(failure(&changed).contains("position 2: the event is missing"));
    let mut changed = lines.clone();
    changed.insert(event(3), lines[event(2)]);
    assert!(failure(&changed).contains("position 2: an event stands where none belongs"));
    let end = lines.len() - 1;
    let broken = failure(&lines[..end]);
    assert!(broken.contains("the export breaks off after position 5"), "{broken}");
    assert!(failure(&lines[..end - 1]).contains("breaks off after position 4"));
    let half = &lines[end][..lines[end].len() / 2];
    assert!(failure(&[&lines[..end], &[half]].concat()).contains("it breaks off"));
    let relabelled = lines[event(2)].replace("\"detail\"", "\"note\":\"x\",\"detail\"");
    let mut changed = lines.clone();
    changed[event(2)] = &relabelled;
    assert!(failure(&changed).contains("unknown field"), "{}", failure(&changed));
    assert!(failure(&lines[1..]).contains("the first line is missing"));
    assert!(failure(&["hello"]).contains("line 1: this is no line of an exported audit log"));
    assert!(failure(&[&lines[..], &[lines[1]]].concat()).contains("stands after the last one"));
    // Cut off and finished anew, which the heads show.
    let last = lines[end].split("\"head\"").next().unwrap();
    let hash = lines[event(3)].rsplit("\"hash\":\"").next().unwrap().trim_end_matches("\"}");
    let forged = last.replace("\"events\":5", "\"events\":3");
    let forged = format!("{forged}\"head\":{{\"position\":3,\"hash\":\"{hash}\"}}}}");
    fs::write(&path, [&lines[..=event(3)], &[&forged]].concat().join("\n")).unwrap();
    let command = ["audit", "verify", "--export", "log.jsonl"];
    assert!(place.answer(&command).starts_with("3 events verified"));
    let failure = place.failure(&[&command[..], &["--heads", HEADS]].concat());
    assert!(failure.contains("position 4: the events end at position 3"), "{failure}");
}

#[test]
fn an_export_goes_to_stdout_as_well_and_can_be_a_part() {
    let place = with_events(2);
    let whole = place.answer(&["audit", "export"]);
    assert!(
        whole.starts_with("{\"line\":\"begin\"") && whole.contains("\"line\":\"end\""),
        "{whole}"
    );
    place.write("piped.jsonl", &whole);
    place.answer(&["audit", "verify", "--export", "piped.jsonl"]);
    let table = place.answer(&["audit", "export", "--format", "csv"]);
    assert!(
        table.starts_with("\"position\",\"time\",") && table.contains("\"the host\""),
        "{table}"
    );
    let part = place.answer(&["audit", "export", "--until", "2020-01-01"]);
    assert!(!part.contains("\"line\":\"event\""), "{part}");
    place.write("part.jsonl", &part);
    let failure = place.failure(&["audit", "verify", "--export", "part.jsonl"]);
    assert_eq!(failure, "part.jsonl: the export holds no events");
    let id = whole.split("\"account\":\"").nth(1).unwrap().split('"').next().unwrap();
    let part = place.answer(&["audit", "export", "--account", id, "--from", "2020-01-01"]);
    assert!(part.contains(id) && part.contains("\"line\":\"withheld\""), "{part}");
    place.write("account.jsonl", &part);
    let answer = place.answer(&["audit", "verify", "--export", "account.jsonl", "--heads", HEADS]);
    assert!(
        answer.contains("by their hash alone") || answer.contains("by its hash alone"),
        "{answer}"
    );
}

#[test]
fn what_is_typed_wrong_is_said_in_one_line() {
    let place = with_events(2);
    for (args, words) in [
        (["audit", "export", "--format", "xml"], "--format: \"xml\" is none of jsonl, csv"),
        (["audit", "export", "--from", "today"], "--from: \"today\" is not a day"),
        (["audit", "export", "--until", "2027-13-01"], "--until: \"2027-13-01\" is not a day"),
        (["audit", "export", "--account", "Acme"], "no account of this name, or more than one"),
        (["audit", "verify", "--heads", "none"], "the file none cannot be read"),
        (["audit", "verify", "--export", "none"], "the file none cannot be read"),
        (
            ["audit", "verify", "--heads", "vestibule-data/master.key"],
            "master.key:1: this is no head",
        ),
    ] {
        let failure = place.failure(&args);
        assert!(failure.contains(words), "{args:?}: {failure}");
    }
    fs::write(place.path("garbage"), [0xff, 0xfe, b'\n', 0]).unwrap();
    assert!(
        place.failure(&["audit", "verify", "--export", "garbage"]).contains("line 1: this is no")
    );
    assert!(
        place
            .failure(&["audit", "verify", "--export", "vestibule-data"])
            .contains("cannot be read")
    );
}

/// Heads that cannot be written are said and stop nothing; the log has them as well.
#[test]
fn heads_that_cannot_be_written_stop_nothing() {
    let place = Place::with_data();
    fs::create_dir(place.path("folder")).unwrap();
    let mut command = place.command(&["serve", "--listen", "127.0.0.1:0"]);
    command.env("VESTIBULE_AUDIT_HEADS", "folder");
    let log = place.path("log");
    command.stderr(fs::File::create(&log).unwrap());
    let server = Running::start_as_is(command);
    add_events(&place, &server, &[], 2);
    assert_eq!(server.stop("TERM").0, Some(0));
    let log = fs::read_to_string(log).unwrap();
    assert!(log.contains("the head of the audit trail cannot be written to its file"), "{log}");
    assert!(log.contains("vestibule::audit_head") && log.contains("position=2"), "{log}");
    assert!(place.answer(VERIFY).starts_with("2 events verified"));
}

#[test]
fn postgresql_is_verified_as_well() {
    let place = Place::new();
    let url = vestibule_testkit::postgres::shared().create_database();
    let database = ["--database", url.as_str()];
    let server = place.serve(&database);
    add_events(&place, &server, &database, 3);
    server.stop("TERM");
    let verify = [WITH_HEADS, &database].concat();
    assert!(place.answer(&verify).starts_with("3 events verified, head 3 "));
    place.answer(&[&["audit", "export", "log.jsonl"], &database[..]].concat());
    place.answer(&["audit", "verify", "--export", "log.jsonl"]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let options: sqlx::postgres::PgConnectOptions = url.parse().unwrap();
        let mut connection = options.connect().await.unwrap();
        connection
            .execute("UPDATE audit_events SET detail = 'x' WHERE position = 2")
            .await
            .unwrap();
    });
    assert!(place.failure(&verify).starts_with("position 2: this is not the event"));
}

/// A reader of stdout that goes away is no failure.
#[test]
fn a_reader_who_has_gone_is_no_failure() {
    let place = with_events(1);
    let mut child = place.command(&["audit", "export"]).spawn().unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert!(ended.status.success(), "{}", text(&ended.stderr));
    assert!(Path::new(&place.path(DATABASE)).exists());
}

/// `cargo test --profile … -p vestibule --test command_line -- --ignored a_million` says how long it
/// takes; `docs/audit.md` has the numbers.
#[test]
#[ignore = "measures, and takes minutes where it is not optimised"]
fn a_million_events_are_verified() {
    const EVENTS: u32 = 1_000_000;
    let place = Place::with_data();
    run(
        &place,
        &format!(
            "INSERT INTO audit_events (id, at, kind, account_id, actor_id, user_id, session_id,
                                       address, detail, count)
             WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {EVENTS})
             SELECT printf('0190c0de-0000-7000-8000-%012d', n), 1800000000000 + n,
                    'password.accepted', '0190c0de-0000-7000-8000-00000000000a',
                    '0190c0de-0000-7000-8000-00000000000b', '0190c0de-0000-7000-8000-00000000000b',
                    printf('0190c0de-0000-7000-9000-%012d', n), '192.0.2.7', '', 1 FROM n"
        ),
    );
    #[expect(clippy::disallowed_methods, reason = "it measures")]
    let timed = |what: &str, act: &dyn Fn()| {
        let begun = std::time::Instant::now();
        act();
        eprintln!("{what}: {:?}", begun.elapsed());
    };
    // Without a server, whoever exports seals first.
    timed("sealed", &|| drop(place.answer(&["audit", "export", "--until", "2020-01-01"])));
    timed("verified", &|| {
        assert!(place.answer(VERIFY).starts_with("1000001 events verified"));
    });
    timed("exported", &|| drop(place.answer(&["audit", "export", "log.jsonl"])));
    timed("verified the export", &|| {
        let answer = place.answer(&["audit", "verify", "--export", "log.jsonl"]);
        assert!(answer.starts_with("1000002 events verified"), "{answer}");
    });
}
