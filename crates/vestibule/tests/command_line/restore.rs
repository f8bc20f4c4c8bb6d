//! `vestibule restore`: the operator with yesterday's backup, and every bad day that can be made.

use std::fs;

use sqlx::{ConnectOptions as _, Connection as _};

use crate::backup::{PASSPHRASE, PASSWORD, names, serve_with_ada, sign_in, with_ada};
use crate::data::change;
use crate::place::{Place, get, mode};

const FILE: &str = "yesterday.backup";
const KEY: &str = "vestibule-data/master.key";
const DATABASE: &str = "vestibule-data/vestibule.db";
const RESTORE: &[&str] = &["restore", FILE];

/// A place with a backup from before Ada was disabled.
fn with_backup() -> Place {
    let place = with_ada();
    place.answer(&["backup", FILE]);
    place
}

/// Runs a statement on the backup's database, whatever it changes.
fn change_file(place: &Place, name: &str, statement: &'static str) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(place.path(name));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut connection = options.connect().await.unwrap();
        sqlx::query(statement).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
}

/// Fails unless the restore is refused and nothing is changed.
fn must_be_refused(place: &Place, args: &[&str], why: &str) {
    let files = || -> Vec<(String, Vec<u8>)> {
        names(place.path("vestibule-data"))
            .into_iter()
            .map(|name| {
                let path = place.path("vestibule-data").join(&name);
                (name, fs::read(path).unwrap())
            })
            .filter(|(name, _)| !name.ends_with(".in-use") && !name.ends_with("-shm"))
            .collect()
    };
    let before = files();
    let failure = place.failure(args);
    assert!(failure.contains(why), "{failure}");
    assert!(before == files(), "{why}: something was changed");
}

#[test]
fn yesterday_comes_back_and_today_is_kept() {
    let place = Place::new();
    let server = serve_with_ada(&place, &[]);
    place.answer(&["backup", FILE]);
    let create = ["account", "create", "Beta", "--admin", "zoe@beta.example"];
    place.answer(&create);
    change(&place, "UPDATE accounts SET mfa_required = TRUE WHERE name = 'Acme'");
    must_be_refused(&place, RESTORE, "is in use: stop `vestibule serve` first");
    assert_eq!(sign_in(&server.first, PASSWORD), 303, "it goes on serving");
    let url = server.first.clone();
    server.stop("TERM");

    let answer = place.answer(RESTORE);
    assert!(answer.contains("is as it was at 20"), "{answer}");
    assert!(answer.contains("account \"Acme\": the switch is on"), "{answer}");
    assert!(answer.contains("account \"Beta\": made since, and not there"), "{answer}");
    assert!(answer.contains("zoe@beta.example: added since, and not there"), "{answer}");
    assert!(answer.contains("no Admin who can enter"), "Ada has no app: {answer}");
    let link = answer.lines().find(|line| line.starts_with(&format!("{url}/recover/")));
    let link = link.unwrap().replace(&url, "");

    let kept = names(place.path("vestibule-data"));
    let kept: Vec<_> = kept.iter().filter(|name| name.contains(".replaced-")).collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert_eq!(mode(&place.path("vestibule-data").join(kept[0])), 0o600);
    assert_eq!(mode(&place.path(DATABASE)), 0o600);
    assert!(names(place.path("vestibule-data")).iter().all(|name| !name.starts_with('.')));

    let server = place.serve(&[]);
    assert_eq!(sign_in(&server.first, PASSWORD), 303);
    assert_eq!(get(&format!("{}{link}", server.first)).0, 200);
    // The account of since can be made anew: nothing of it is there.
    let url = ["--public-url", &server.first];
    place.answer(&[&create[..], &url].concat());
}

#[test]
fn a_backup_that_is_not_whole_or_not_as_it_was_is_refused() {
    let place = with_backup();
    let good = fs::read(place.path(FILE)).unwrap();
    let no_backup = "is no whole backup";
    for length in [0, 1, 100, 4096, good.len() / 2, good.len() - 200, good.len() - 1] {
        fs::write(place.path(FILE), &good[..length]).unwrap();
        must_be_refused(&place, RESTORE, no_backup);
    }
    for text in [&b"hello\n"[..], &[0; 10_000], &[b'\n'; 10_000], b"vestibule-backup-1 AAAA\n"] {
        fs::write(place.path(FILE), text).unwrap();
        must_be_refused(&place, RESTORE, no_backup);
    }
    // The database itself, which is no backup.
    fs::copy(place.path(DATABASE), place.path(FILE)).unwrap();
    must_be_refused(&place, RESTORE, no_backup);
    // One byte of the database, or of what the file says of itself.
    let said = good.len() - 250;
    for position in [100, 5000, good.len() / 2, said] {
        let mut bad = good.clone();
        bad[position] ^= 1;
        fs::write(place.path(FILE), bad).unwrap();
        let failure = place.failure(RESTORE);
        assert!(failure.contains("was changed or damaged") || failure.contains(no_backup));
    }
    // A part in the middle that is missing.
    fs::write(place.path(FILE), [&good[..8192], &good[12288..]].concat()).unwrap();
    must_be_refused(&place, RESTORE, "was changed or damaged after it was made");
    fs::remove_file(place.path(FILE)).unwrap();
    must_be_refused(&place, RESTORE, &format!("{FILE} cannot be read: "));
    fs::write(place.path(FILE), good).unwrap();
    place.answer(RESTORE);
}

/// Whoever can write where backups are kept cannot make oneself an Admin by it.
#[test]
fn a_backup_that_was_changed_with_sqlite_is_refused() {
    let place = with_backup();
    let end = {
        let bytes = fs::read(place.path(FILE)).unwrap();
        let lines = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        let starts: Vec<usize> = lines.map(|(position, _)| position).collect();
        bytes[starts[starts.len() - 3]..].to_vec()
    };
    change_file(&place, FILE, "UPDATE users SET password_hash = NULL");
    let mut bytes = fs::read(place.path(FILE)).unwrap();
    if !bytes.ends_with(&end) {
        bytes.extend(&end);
    }
    fs::write(place.path(FILE), bytes).unwrap();
    must_be_refused(&place, RESTORE, "was changed or damaged after it was made");
}

#[test]
fn a_backup_of_another_installation_is_refused() {
    let (place, other) = (with_ada(), with_backup());
    fs::copy(other.path(FILE), place.path(FILE)).unwrap();
    must_be_refused(&place, RESTORE, "name the key file of that time with --key-file");
    fs::copy(other.path(KEY), place.path("other.key")).unwrap();
    let with_its_key = ["restore", FILE, "--key-file", "other.key"];
    must_be_refused(&place, &with_its_key, "is a backup of another installation");
    must_be_refused(&place, &["restore", FILE, "--key-file", KEY], " belongs to ");
    must_be_refused(&place, &["restore", FILE, "--key-file", "none"], "there is no key file none");
    // To move to another machine is possible for who says so.
    place.answer(&[&with_its_key[..], &["--without-replaced"]].concat());
    assert_eq!(sign_in(&place.serve(&[]).first, PASSWORD), 303);
}

#[test]
fn a_newer_schema_is_refused() {
    let place = with_ada();
    change(
        &place,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'from the future', TRUE, x'00', 0)",
    );
    let failure = place.failure(&["backup", FILE]);
    assert!(failure.contains("written by a newer version of Vestibule"), "{failure}");
}

/// The whole machine is gone: a new one, the backup, and the key or the passphrase.
#[test]
fn a_new_machine_is_made_of_a_backup_with_its_key() {
    let place = with_ada();
    place.write("passphrase", &format!("{PASSPHRASE}\n"));
    let with_key = ["--with-key", "--passphrase-file", "passphrase"];
    let answer = place.answer(&[&["backup", FILE], &with_key[..]].concat());
    assert!(answer.contains("It holds the master key "), "{answer}");
    let bytes = fs::read(place.path(FILE)).unwrap();
    assert!(!bytes.windows(9).any(|text| text == &PASSPHRASE.as_bytes()[..9]));

    let new = Place::new();
    fs::copy(place.path(FILE), new.path(FILE)).unwrap();
    new.write("wrong", "seven herons over a warm lagoon");
    new.write("right", PASSPHRASE);
    let failure = new.failure(RESTORE);
    assert!(failure.contains("--passphrase-file"), "no terminal to ask on: {failure}");
    let failure = new.failure(&["restore", FILE, "--passphrase-file", "wrong"]);
    assert_eq!(failure, format!("this is not the passphrase of {FILE}"));
    assert!(!new.path(KEY).exists() && !new.path(DATABASE).exists());
    // It is tried where today's key would do as well: whoever names one wants to know.
    place.write("wrong", "seven herons over a warm lagoon");
    let failure = place.failure(&["restore", FILE, "--passphrase-file", "wrong"]);
    assert_eq!(failure, format!("this is not the passphrase of {FILE}"));
    place.answer(&["backup", "plain.backup"]);
    let failure = place.failure(&["restore", "plain.backup", "--passphrase-file", "passphrase"]);
    assert!(failure.starts_with("plain.backup brought no master key along"), "{failure}");

    let answer = new.answer(&["restore", FILE, "--passphrase-file", "right"]);
    assert!(answer.contains("there was no database in its place"), "{answer}");
    assert!(answer.contains("Look at all users (1)"), "{answer}");
    assert!(answer.contains("are taken again from 20"), "{answer}");
    assert_eq!(mode(&new.path(KEY)), 0o600);
    assert_eq!(fs::read(new.path(KEY)).unwrap(), fs::read(place.path(KEY)).unwrap());
    assert_eq!(sign_in(&new.serve(&[]).first, PASSWORD), 303);
}

#[test]
fn without_the_key_a_backup_is_of_no_use() {
    let (place, new) = (with_backup(), Place::new());
    fs::copy(place.path(FILE), new.path(FILE)).unwrap();
    let failure = new.failure(RESTORE);
    assert!(failure.contains("and there is no ./vestibule-data/master.key"), "{failure}");
    assert!(!new.path("vestibule-data").exists());
}

/// A new machine was started once, with a key of its own: the data go over to that key.
#[test]
fn a_backup_of_an_older_key_goes_over_to_todays() {
    let (place, new) = (with_backup(), Place::with_data());
    fs::copy(place.path(FILE), new.path(FILE)).unwrap();
    fs::copy(place.path(KEY), new.path("old.key")).unwrap();
    let todays = fs::read(new.path(KEY)).unwrap();
    new.answer(&["restore", FILE, "--key-file", "old.key"]);
    assert_eq!(fs::read(new.path(KEY)).unwrap(), todays);
    fs::remove_file(new.path("old.key")).unwrap();
    assert_eq!(sign_in(&new.serve(&[]).first, PASSWORD), 303);
}

/// Yesterday's backup, and a master key and a data key that were changed since, as docs/keys.md and
/// docs/backup.md tell.
#[test]
fn the_day_with_a_rotated_key() {
    let place = Place::new();
    let server = serve_with_ada(&place, &[]);
    place.answer(&["backup", FILE]);
    let next = "vestibule-data/master.key.next";
    place.answer(&["keys", "new", next]);
    fs::copy(place.path(KEY), place.path("old.key")).unwrap();
    place.answer(&["keys", "rewrap", "--new-key", next]);
    fs::rename(place.path(next), place.path(KEY)).unwrap();
    place.answer(&["keys", "rotate"]);
    server.stop("TERM");

    let failure = place.failure(RESTORE);
    assert!(failure.contains(&format!("{FILE} belongs to the master key ")), "{failure}");
    assert!(failure.contains("name the key file of that time with --key-file"), "{failure}");
    assert!(failure.ends_with("it is the backup of another installation"), "{failure}");
    place.answer(&["restore", FILE, "--key-file", "old.key"]);
    fs::remove_file(place.path("old.key")).unwrap();
    let server = place.serve(&[]);
    assert_eq!(sign_in(&server.first, PASSWORD), 303);
    // Both data keys are there, under today's master key, and the next backup is under it too.
    place.answer(&["keys", "list"]);
    place.answer(&["backup", "today.backup"]);
    server.stop("TERM");
    place.answer(&["restore", "today.backup"]);
    assert_eq!(sign_in(&place.serve(&[]).first, PASSWORD), 303);
}

/// What cannot be read is said, and kept as it is.
#[test]
fn a_ruined_database_is_replaced_and_kept() {
    for ruin in ["garbage", "half", "nothing"] {
        let place = with_backup();
        let whole = fs::read(place.path(DATABASE)).unwrap();
        let ruined = match ruin {
            "garbage" => "no database ".repeat(1000).into_bytes(),
            "half" => whole[..whole.len() / 2].to_vec(),
            _ => vec![],
        };
        fs::write(place.path(DATABASE), &ruined).unwrap();
        if ruin == "half" {
            fs::write(place.path("vestibule-data/vestibule.db-wal"), "a journal").unwrap();
        }
        let answer = place.answer(RESTORE);
        assert!(answer.contains("Look at all users (1)"), "{ruin}: {answer}");
        let kept = names(place.path("vestibule-data"));
        let is_kept = |name: &&String| name.contains(".replaced-") && name.ends_with('Z');
        let kept = kept.iter().find(is_kept).unwrap();
        assert_eq!(fs::read(place.path("vestibule-data").join(kept)).unwrap(), ruined, "{ruin}");
        assert!(!place.path("vestibule-data/vestibule.db-wal").exists(), "{ruin}");
        assert_eq!(sign_in(&place.serve(&[]).first, PASSWORD), 303, "{ruin}");
    }
}

/// What a killed restore left behind is in nobody's way, and is cleared.
#[test]
fn an_interrupted_restore_is_done_again() {
    let place = with_backup();
    let left = place.path("vestibule-data/.vestibule.db-restore-Ab12Cd");
    fs::create_dir(&left).unwrap();
    fs::write(left.join("restored.db"), "half").unwrap();
    // Killed after the second name was made and before the swap.
    fs::hard_link(place.path(DATABASE), place.path("vestibule-data/vestibule.db.replaced-then"))
        .unwrap();
    let server = place.serve(&[]);
    assert_eq!(sign_in(&server.first, PASSWORD), 303, "the old one is whole");
    server.stop("TERM");
    place.answer(RESTORE);
    assert!(!left.exists());
    assert_eq!(sign_in(&place.serve(&[]).first, PASSWORD), 303);
}

/// The last commits of a server that was killed stand in its journal; they count.
#[test]
fn a_killed_server_has_said_everything() {
    let place = Place::new();
    let server = serve_with_ada(&place, &[]);
    place.answer(&["backup", FILE]);
    place.answer(&["account", "create", "Beta", "--admin", "zoe@beta.example"]);
    server.kill();
    let answer = place.answer(RESTORE);
    assert!(answer.contains("zoe@beta.example: added since, and not there"), "{answer}");
    assert_eq!(sign_in(&place.serve(&[]).first, PASSWORD), 303);
}
