//! The program survives being killed, starved and cut off.

use std::time::Duration;

use vestibule_proof::Report;
use vestibule_proof::faults::away::{self, Spells, Trouble};
use vestibule_proof::faults::kill::{self, Kills, Victim};
use vestibule_proof::faults::{clock, disk, sync};
use vestibule_proof::installation::binary;
use vestibule_testkit::Database;

/// Much longer than it takes: the long form looks at how long.
const WIDE: Duration = Duration::from_secs(30);

async fn killed(victim: Victim) {
    let mut report = Report::default();
    let kills = Kills { victim, times: 1, people: 30, ready_within: WIDE, seed: 1 };
    kill::run(&binary(None), kills, &mut report).await;
    report.must_hold();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_outlives_the_server() {
    killed(Victim::OnSqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_outlives_postgres() {
    killed(Victim::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_comes_before_the_sync_of_its_commit() {
    let mut report = Report::default();
    sync::run(&binary(None), None, 3, &mut report).await;
    report.must_hold();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_and_a_read_only_disk_open_nothing_and_heal() {
    let mut report = Report::default();
    disk::run(&binary(None), 1, &mut report).await;
    report.must_hold();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_goes_silent_opens_nothing_and_heals() {
    let mut report = Report::default();
    let spells = Spells { troubles: &[Trouble::Silent], times: 1, healed_within: WIDE, seed: 1 };
    away::run(&binary(None), spells, &mut report).await;
    report.must_hold();
}

async fn clock_jumps(database: Database) {
    let mut report = Report::default();
    clock::run(database, &mut report).await;
    report.must_hold();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_revives_no_code_and_locks_nobody_out_on_sqlite() {
    clock_jumps(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_revives_no_code_and_locks_nobody_out_on_postgres() {
    clock_jumps(Database::Postgres).await;
}
