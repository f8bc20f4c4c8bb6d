//! What the first door answers tells nobody who has a login.

use vestibule_proof::enumeration;
use vestibule_testkit::Database;

/// The same bytes for the same number of hashes; the time is measured by `scripts/prove enumeration`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite() {
    enumeration::bytes_and_hashes(Database::Sqlite).await.must_hold();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgres() {
    enumeration::bytes_and_hashes(Database::Postgres).await.must_hold();
}
