//! The program survives being killed, starved and cut off.

use std::time::Duration;

use vestibule_proof::Report;
use vestibule_proof::faults::kill::{self, Kills, Victim};
use vestibule_proof::installation::binary;

/// Much longer than it takes: the long form looks at how long.
const WIDE: Duration = Duration::from_secs(30);

async fn killed(victim: Victim, times: u32) {
    let mut report = Report::default();
    let kills = Kills { victim, times, people: 40, ready_within: WIDE, seed: 1 };
    kill::run(&binary(None), kills, &mut report).await;
    report.must_hold();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_outlives_the_server_on_sqlite() {
    killed(Victim::OnSqlite, 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_outlives_the_server_on_postgres() {
    killed(Victim::OnPostgres, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_outlives_postgres() {
    killed(Victim::Postgres, 1).await;
}
