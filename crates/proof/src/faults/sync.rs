//! Sync before the answer: what SQLite has not put on the disk is not answered yet. Seen by `strace`: in
//! the order of the system calls, each answer to a code that is spent by it comes after the syncs of
//! the commits that spend it. The control is a build that can have SQLite sync less: it has to fail.

use std::collections::HashMap;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::Report;
use crate::asking::{Asker, Given};
use crate::installation::Installation;

/// What a code at the second door commits before its answer: that it is counted, and that it is spent.
const COMMITS: usize = 2;
/// The guard that the control leaves out.
pub const GUARD: &str = "synced-commits-of-sqlite";

/// The order of the system calls, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    /// Something is written to the log of the database.
    Write,
    /// A sync of it has come to its end.
    Synced,
    /// An answer to a code that was accepted begins to be sent.
    Accepted,
    /// Any other answer.
    Answered,
}

/// What was seen of the answers to accepted codes.
#[derive(Debug, Default)]
pub struct Seen {
    /// Answers.
    pub answers: usize,
    /// Of these, how many came before all their commits were synced.
    pub too_early: usize,
    /// Of these, at how many somebody else's commit was under way: that one need not be synced yet.
    pub beside_others: usize,
}

/// Looks at the program, and at the control where there is one.
pub async fn run(binary: &Path, control: Option<&Path>, codes: usize, report: &mut Report) {
    if !has_strace() {
        report.note("Sync before the answer was skipped: there is no strace on this machine.");
        return;
    }
    let seen = trace(binary, None, codes).await;
    report.figure("answers to spent codes seen by strace, each after the sync", seen.answers);
    report.figure("of them while another commit was under way", seen.beside_others);
    if seen.too_early > 0 || seen.answers < codes {
        report.violation(format!("answers before the sync of their commit: {seen:?}"));
    }
    match control {
        Some(control) => {
            let seen = trace(control, Some(GUARD), codes).await;
            let early = format!("{} of {}", seen.too_early, seen.answers);
            report.figure("the same with synchronous=NORMAL, answered too early", early);
            if seen.too_early == 0 {
                report.violation(format!("with synchronous=NORMAL nothing is noticed: {seen:?}"));
            }
        }
        None => report.note("The control with synchronous=NORMAL was skipped: no --control."),
    }
}

/// Whether system calls can be seen here.
pub fn has_strace() -> bool {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-e", "trace=fdatasync", "true"]).stdout(Stdio::null());
    strace.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// One person after the other signs in; what the system calls were.
async fn trace(binary: &Path, without: Option<&str>, codes: usize) -> Seen {
    let place = Installation::make(binary, None, codes + 1).await;
    let file = place.yard.path("calls");
    let calls = "trace=pwrite64,write,fdatasync,fsync,sendto,sendmsg,writev";
    let strace = ["strace", "-f", "-y", "-s", "600", "-e", calls, "-o"].map(Into::into);
    let mut program = place.program("server", &place.database);
    program = program.under(strace.into_iter().chain([file.clone().into_os_string()]));
    if let Some(guard) = without {
        program = program.with_variable("VESTIBULE_PROVE_WITHOUT", guard);
    }
    program.start(&place.yard);
    program.ready(&place.yard).await;
    let asker = Asker::default();
    for (number, person) in place.people.iter().enumerate().skip(1) {
        let browser = Installation::browser(&program, number);
        assert!(asker.give_password(&browser, &person.credentials()).await);
        let given = asker.give_code(&browser, &person.code().unwrap()).await;
        assert_eq!(given, Given::Accepted);
    }
    // It ends with what it traces.
    program.stop();
    judge(&calls_of(&std::fs::read_to_string(file).unwrap()))
}

/// The calls that matter, of the text that strace writes.
fn calls_of(text: &str) -> Vec<Call> {
    let (mut calls, mut syncing) = (vec![], HashMap::new());
    for line in text.lines() {
        let Some((thread, call)) = line.split_once(' ') else { continue };
        let call = call.trim_start();
        let of_log = call.contains("-wal>");
        if call.starts_with("pwrite64(") && of_log {
            calls.push(Call::Write);
        } else if call.starts_with("fdatasync(") || call.starts_with("fsync(") {
            syncing.insert(thread, of_log);
            if of_log && call.ends_with("= 0") {
                calls.push(Call::Synced);
            }
        } else if call.starts_with("<... fdatasync resumed")
            || call.starts_with("<... fsync resumed")
        {
            if syncing.get(thread) == Some(&true) && call.ends_with("= 0") {
                calls.push(Call::Synced);
            }
        } else if call.contains("\"HTTP/1.1 ") {
            let accepted = call.contains("HTTP/1.1 303") && call.contains("location: /\\r\\n");
            calls.push(if accepted { Call::Accepted } else { Call::Answered });
        }
    }
    calls
}

/// People come one after the other: what stands between two answers was done for the second.
fn judge(calls: &[Call]) -> Seen {
    let (mut seen, mut unsynced, mut commits) = (Seen::default(), false, 0);
    for call in calls {
        match call {
            Call::Write => unsynced = true,
            Call::Synced => {
                commits += usize::from(unsynced);
                unsynced = false;
            }
            Call::Accepted => {
                seen.answers += 1;
                seen.too_early += usize::from(commits < COMMITS);
                seen.beside_others += usize::from(commits >= COMMITS && unsynced);
                commits = 0;
            }
            Call::Answered => commits = 0,
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::{calls_of, judge};

    const WRITE: &str = "7 pwrite64(9</d/vestibule.db-wal>, \"x\", 4096, 0) = 4096\n";
    const SYNC: &str = "7 fdatasync(9</d/vestibule.db-wal>) = 0\n";
    const ANSWER: &str =
        "8 writev(12<socket:[5]>, [{iov_base=\"HTTP/1.1 303 See Other\\r\\nlocation: /\\r\\n\"";

    #[test]
    fn an_answer_before_the_second_sync_is_seen() {
        let good = [WRITE, SYNC, WRITE, WRITE, SYNC, ANSWER].concat();
        assert_eq!(judge(&calls_of(&good)).too_early, 0);
        let split = "7 fdatasync(9</d/vestibule.db-wal> <unfinished ...>\n";
        let resumed = "7 <... fdatasync resumed>) = 0\n";
        let early = [WRITE, SYNC, WRITE, split, ANSWER, "\n", resumed].concat();
        assert_eq!(judge(&calls_of(&early)).too_early, 1);
        let late = [WRITE, SYNC, WRITE, split, resumed, ANSWER].concat();
        assert_eq!(judge(&calls_of(&late)).too_early, 0);
    }
}
