//! Known passwords, codes, keys and tokens are driven through every flow of the program as it is
//! shipped, at log level `trace`, and then searched for wherever something is kept or told: log,
//! answers, files, database, backup, audit export, and the memory of the process.

mod canaries;
mod days;
mod serving;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use vestibule_domain::sealing::MasterKey;
use vestibule_testkit::smtp::LOGIN;
use vestibule_testkit::{Database, Mailbox, postgres};

use crate::Report;
use canaries::Canaries;
use days::{Witness, live_through};
use serving::Serving;

/// What may be in the memory of the process: without its keys it could open nothing. The set-up link is
/// in the buffer of stdout, where it was printed, and good for nothing after the set-up.
const MAY_BE_IN_MEMORY: [&str; 3] = ["master key", "SMTP password", "set-up link"];

/// Drives and searches. With `core`, the memory of the process too, after the last request is over.
pub async fn run(database: Database, named: Option<&Path>, core: bool) -> Report {
    let mut report = Report::default();
    let mailbox = Mailbox::new();
    let made = database.bare().await;
    let url = Some(made.url.as_str()).filter(|url| url.starts_with("postgres"));
    let serving = Serving::start(&serving::binary(named), url, &mailbox);
    let mut witness = Witness {
        serving: &serving,
        mailbox: &mailbox,
        canaries: Canaries::default(),
        answers: vec![],
    };
    live_through(&mut witness).await;
    let Witness { mut canaries, answers, .. } = witness;
    canaries.text("SMTP password", LOGIN.1);
    canaries.key("master key", &master_key(&serving));
    report.figure("secrets", canaries.counts());

    let log = serving.log();
    let text = String::from_utf8_lossy(&log);
    // A log in which nothing stands hides everything.
    for mark in ["DEBUG", "/invitation/{token}", "answered"] {
        if !text.contains(mark) {
            report.violation(format!("the log tells too little: it lacks {mark}"));
        }
    }
    let mut places = vec![("log".to_owned(), log)];
    for (path, answer) in answers {
        let text = format!("{:?}\n{}", answer.headers, answer.body);
        // The page of a link names it again, and an enrolment shows its key.
        let text = match path.rsplit_once('/') {
            Some((_, token)) if token.len() == 43 => text.replace(token, ""),
            Some(("", "enrolment")) => text.replace(&answer.between("?secret=", "&"), ""),
            _ => text,
        };
        places.push((format!("answer {} {path}", answer.status), text.into_bytes()));
    }
    places.extend(serving.files());
    match url {
        Some(url) => {
            places.push(("dump".into(), postgres::shared().dump_database(url)));
            places.push(("server's log".into(), postgres::shared().log().into_bytes()));
        }
        None => places.push(("backup".into(), written_by(&serving, &["backup", "copy"], "copy"))),
    }
    for format in ["jsonl", "csv"] {
        let export = serving.run(&["audit", "export", "--format", format]);
        assert!(export.status.success(), "{export:?}");
        places.push((format!("audit export, {format}"), export.stdout));
    }
    for name in ["cmdline", "environ"] {
        let path = format!("/proc/{}/{name}", serving.id());
        places.push((name.into(), std::fs::read(path).unwrap()));
    }
    search(&canaries, &places, &mut report);
    if core {
        let core = core_of(&serving).await;
        let found = canaries.found_in(&core);
        report.figure("core, MiB", core.len() / 1024 / 1024);
        let (needed, other): (Vec<String>, Vec<String>) = found
            .into_iter()
            .partition(|it| MAY_BE_IN_MEMORY.iter().any(|kind| it.starts_with(kind)));
        report.figure(
            "found in the core, beside keys in use and the printed set-up link",
            other.len(),
        );
        report.note(format!("what the core may hold, and does: {}", kinds(&needed)));
        report.violations.extend(other.into_iter().map(|it| format!("the core holds {it}")));
    }
    report
}

fn kinds(found: &[String]) -> String {
    let kinds = found.iter().filter_map(|line| line.split(" (").next());
    let kinds: std::collections::BTreeSet<&str> = kinds.collect();
    kinds.into_iter().collect::<Vec<_>>().join(", ")
}

fn search(canaries: &Canaries, places: &[(String, Vec<u8>)], report: &mut Report) {
    let mut bytes = 0;
    for (name, held) in places {
        bytes += held.len();
        for found in canaries.found_in(held) {
            report.violation(format!("{name} holds {found}"));
        }
    }
    report.figure("places", places.len());
    report.figure("bytes searched", bytes);
}

fn master_key(serving: &Serving) -> Vec<u8> {
    let text = std::fs::read_to_string(serving.path("vestibule-data/master.key")).unwrap();
    let key: Option<MasterKey> = vestibule::fuzzing::key_file(&text);
    key.unwrap().expose_bytes().to_vec()
}

fn written_by(serving: &Serving, args: &[&str], name: &str) -> Vec<u8> {
    let output = serving.run(args);
    assert!(output.status.success(), "{output:?}");
    std::fs::read(serving.path(name)).unwrap()
}

/// The memory of the process. The browsers are gone; their connections are closed a moment later.
async fn core_of(serving: &Serving) -> Vec<u8> {
    for _ in 0..200 {
        let connections = std::fs::read_dir(format!("/proc/{}/fd", serving.id())).unwrap();
        let sockets = connections.flatten().filter(|fd| {
            std::fs::read_link(fd.path())
                .is_ok_and(|to| to.to_string_lossy().starts_with("socket:"))
        });
        if sockets.count() <= 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let file = serving.path("core");
    let written = Command::new("gcore").arg("-o").arg(&file).arg(serving.id().to_string()).output();
    let written = written.unwrap_or_else(|error| panic!("gcore (gdb) is missing: {error}"));
    let path = format!("{}.{}", file.display(), serving.id());
    std::fs::read(path).unwrap_or_else(|error| panic!("{error}: {written:?}"))
}
