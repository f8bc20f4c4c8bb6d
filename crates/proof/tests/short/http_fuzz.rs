//! Requests from the grammar, on both databases.

use vestibule_proof::http_fuzz::{Run, run};
use vestibule_testkit::Database;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_of_the_grammar_breaks_anything_on_sqlite() {
    run(Run { database: Database::Sqlite, seed: 1, requests: 4_000, only: None }).await.must_hold();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_of_the_grammar_breaks_anything_on_postgres() {
    run(Run { database: Database::Postgres, seed: 2, requests: 1_000, only: None })
        .await
        .must_hold();
}
