//! `vestibule backup`, beside a running server, and when it cannot be done.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::place::{Place, Running, failure_of, get, mode, post};

pub(crate) const PASSWORD: &str = "an otter sings in the marble hall";
pub(crate) const PASSPHRASE: &str = "seven herons over a cold lagoon";
const FILE: &str = "yesterday.backup";

/// A served account with the Admin Ada.
pub(crate) fn serve_with_ada(place: &Place, args: &[&str]) -> Running {
    let mut server = place.serve(args);
    server.line();
    server.line();
    let link = server.line();
    let (status, answer) = post(
        &link,
        "account=Acme&name=Ada+Lovelace&email=ada%40acme.example&\
         password=an+otter+sings+in+the+marble+hall",
    );
    assert_eq!(status, 303, "{answer}");
    server
}

/// A place where Ada set up an account, and nobody serves.
pub(crate) fn with_ada() -> Place {
    let place = Place::new();
    serve_with_ada(&place, &[]).stop("TERM");
    place
}

/// The status of the answer to Ada's password.
pub(crate) fn sign_in(url: &str, password: &str) -> u16 {
    let form = format!("email=ada%40acme.example&password={}", password.replace(' ', "+"));
    post(&format!("{url}/sign-in"), &form).0
}

/// What stands in a folder.
pub(crate) fn names(folder: PathBuf) -> Vec<String> {
    let files = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn it_is_made_while_people_sign_in_and_belongs_to_its_owner_alone() {
    let place = Place::new();
    let server = serve_with_ada(&place, &[]);
    let url = server.first.as_str();
    let (over, signed_in) = (AtomicBool::new(false), AtomicU32::new(0));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    assert_eq!(sign_in(url, PASSWORD), 303);
                    signed_in.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for n in 0..3 {
            let before = signed_in.load(Ordering::Relaxed);
            let file = format!("{n}.backup");
            let answer = place.answer(&["backup", &file]);
            assert!(answer.contains(&format!("is in {file}.")), "{answer}");
            assert!(answer.contains("It does not hold the master key"), "{answer}");
            while signed_in.load(Ordering::Relaxed) < before + 2 {
                std::thread::yield_now();
            }
        }
        over.store(true, Ordering::Relaxed);
    });
    assert_eq!(get(&format!("{}/readyz", server.first)).0, 200);
    let key = fs::read_to_string(place.path("vestibule-data/master.key")).unwrap();
    let key = key.trim_end().rsplit(' ').next().unwrap();
    for n in 0..3 {
        let file = place.path(&format!("{n}.backup"));
        assert_eq!(mode(&file), 0o600);
        let bytes = fs::read(&file).unwrap();
        assert!(!bytes.windows(key.len()).any(|text| text == key.as_bytes()));
        // Another machine with a copy of the key takes each of them.
        let other = Place::new();
        fs::create_dir(other.path("vestibule-data")).unwrap();
        fs::copy(place.path("vestibule-data/master.key"), other.path("vestibule-data/master.key"))
            .unwrap();
        other.answer(&["restore", file.to_str().unwrap()]);
        assert_eq!(sign_in(&other.serve(&[]).first, PASSWORD), 303);
    }
    let left = names(place.path(""));
    assert!(left.iter().all(|name| !name.starts_with('.')), "{left:?}");
}

#[test]
fn nothing_is_overwritten_and_nothing_is_left_of_a_failure() {
    let place = with_ada();
    place.write(FILE, "precious");
    let failure = place.failure(&["backup", FILE]);
    assert!(failure.starts_with(&format!("{FILE} exists already")), "{failure}");
    assert_eq!(fs::read_to_string(place.path(FILE)).unwrap(), "precious");
    for nowhere in ["nowhere/a.backup", "/proc/a.backup"] {
        let failure = place.failure(&["backup", nowhere]);
        assert!(failure.starts_with("no backup of ") && failure.contains(nowhere), "{failure}");
    }
    assert_eq!(names(place.path("")), ["vestibule-data", FILE]);
}

/// SQLite writes beside a database also to read it, and says only that it cannot open it.
#[test]
fn a_database_that_sqlite_cannot_open_says_what_to_look_at() {
    let place = with_ada();
    let database = place.path("vestibule-data/vestibule.db");
    fs::remove_file(&database).unwrap();
    fs::create_dir(&database).unwrap();
    let failure = place.failure(&["backup", FILE]);
    assert!(failure.contains("is its folder writable for this user"), "{failure}");
    assert_eq!(names(place.path("")), ["vestibule-data"]);
    let output = place.command(&["doctor"]).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("is its folder writable for this user"), "{told}");
    assert!(!told.contains("is it running"), "{told}");
}

#[test]
fn a_disk_without_room_leaves_nothing() {
    let place = with_ada();
    // A file may have no more than 32 blocks here, as on a disk that is full.
    let mut command = std::process::Command::new("/bin/sh");
    command
        .args(["-c", "trap '' XFSZ; ulimit -f 32; exec \"$0\" backup full.backup"])
        .arg(env!("CARGO_BIN_EXE_vestibule"))
        .current_dir(place.path(""))
        .env_clear()
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let failure = failure_of(command);
    assert!(failure.contains(" was made in full.backup: "), "{failure}");
    assert!(failure.ends_with("nothing is left of it"), "{failure}");
    assert_eq!(names(place.path("")), ["vestibule-data"]);
}

#[test]
fn where_there_is_nothing_to_back_up_it_is_said() {
    let place = Place::new();
    assert!(place.failure(&["backup", FILE]).starts_with("there is no key file "));
    let place = Place::with_data();
    fs::remove_file(place.path("vestibule-data/vestibule.db")).unwrap();
    assert!(place.failure(&["backup", FILE]).starts_with("there is no database "));
    place.write("vestibule-data/vestibule.db", &"no database ".repeat(1000));
    assert!(place.failure(&["backup", FILE]).contains("file is not a database"));
    assert!(!place.path(FILE).exists());
}

#[test]
fn a_foreign_key_is_found_before_it_is_needed() {
    let (place, other) = (with_ada(), Place::with_data());
    let key = "vestibule-data/master.key";
    fs::copy(other.path(key), place.path(key)).unwrap();
    let failure = place.failure(&["backup", FILE]);
    assert!(failure.contains("the master key does not belong to this database"), "{failure}");
    assert_eq!(names(place.path("")), ["vestibule-data"]);
}

#[test]
fn with_postgresql_it_says_what_to_do_instead() {
    let place = Place::new();
    let url = "postgres://app:hush@127.0.0.1:1/login";
    for (command, hint) in [("backup", "pg_dump --format=custom"), ("restore", "pg_restore ")] {
        let failure = place.failure(&[command, FILE, "--database", url]);
        assert!(failure.contains(hint) && !failure.contains("hush"), "{failure}");
    }
}

#[test]
fn a_passphrase_is_as_long_as_a_password_and_is_never_an_argument() {
    let place = with_ada();
    place.write("passphrase", "too short\n");
    let file = ["backup", FILE, "--with-key", "--passphrase-file"];
    let failure = place.failure(&[&file[..], &["passphrase"]].concat());
    assert!(failure.contains("at least 12 characters"), "{failure}");
    let failure = place.failure(&[&file[..], &["missing"]].concat());
    assert!(failure.starts_with("the passphrase file missing cannot be read"), "{failure}");
    assert_eq!(names(place.path("")), ["passphrase", "vestibule-data"]);
}
