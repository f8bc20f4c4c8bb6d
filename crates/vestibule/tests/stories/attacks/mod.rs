//! What went wrong elsewhere: published ways around two-factor sign-in, each tried here against the
//! running server, on both databases. A row's number is the beginning of its stories' names.
//!
//! | rows | where |
//! |---|---|
//! | AT-01 to 04, 06 to 08 | `once.rs` |
//! | AT-11 to 13, 15 to 18, 20, 22 to 24, 26 to 28, 30 | `guessing.rs` |
//! | AT-32, 34 to 37, 43 (and 47, 54, 55) | `vestibule.rs` |
//! | AT-38 to 41 | `steps.rs` |
//! | AT-45, 46, 48, 49, 54 | `paths.rs` |
//! | AT-53 | `../gate.rs` |
//! | AT-55, 56, 59, 61, 62, 63 | `factors.rs` |
//! | AT-57 | `cross_site.rs` |
//! | AT-69, 70 | `cookies.rs` |
//! | AT-77, 79, 80, 81, 83 | `recovery.rs` |
//! | AT-77, 82, 83 by mail | `../mail.rs`, `../address_change.rs`, `../forgotten.rs` |
//! | AT-85 | `return_to.rs` |
//! | AT-86 to 88 | `gate.rs`, and through real proxies `tests/proxies/` |
//! | AT-90, 91 | `secrets.rs` |
//! | AT-92, 93, 94, 96, 97 | `operations.rs` |
//! | AT-93, 98 | `trail.rs` |
//! | AT-95 | `upgrade.rs` |
//!
//! `docs/attacks.md` has every row with its tests, and what the rows wait for that are not here.

mod cookies;
mod cross_site;
mod factors;
mod gate;
mod guessing;
mod once;
mod operations;
mod paths;
mod recovery;
mod return_to;
mod secrets;
mod steps;
mod trail;
mod upgrade;
mod vestibule;

use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};

/// Runs statements on a database past the program, as whoever holds the database can.
async fn run(url: &str, statements: &str) {
    let statements = sqlx::raw_sql(AssertSqlSafe(statements.to_owned()));
    if let Some(path) = url.strip_prefix("sqlite:") {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
        let mut db = options.create_if_missing(true).connect().await.unwrap();
        statements.execute(&mut db).await.unwrap();
        db.close().await.unwrap();
    } else {
        let mut db = sqlx::PgConnection::connect(url).await.unwrap();
        statements.execute(&mut db).await.unwrap();
        db.close().await.unwrap();
    }
}
