//! Two nodes on one PostgreSQL.

use vestibule_proof::Report;
use vestibule_proof::installation::binary;
use vestibule_proof::nodes::{history, once};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_good_once_is_good_once_over_two_nodes() {
    let mut report = Report::default();
    once::run(&binary(None), 1, 12, &mut report).await;
    report.must_hold();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_revoked_stays_revoked_on_nodes_in_trouble() {
    let mut report = Report::default();
    history::run(&binary(None), 200, 1, &mut report).await;
    report.must_hold();
}
