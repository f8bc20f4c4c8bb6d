//! Known secrets are found nowhere but where they belong, on both databases. Without the memory of the
//! process, which `scripts/prove` searches.

use vestibule_proof::secrets::run;
use vestibule_testkit::Database;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_kept_or_told_on_sqlite() {
    run(Database::Sqlite, None, false).await.must_hold();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_kept_or_told_on_postgres() {
    run(Database::Postgres, None, false).await.must_hold();
}
