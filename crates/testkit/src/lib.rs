//! For tests alone: a running Vestibule with actors and a clock that can be moved, a throw-away
//! PostgreSQL, a real browser, a phone.

#![allow(clippy::missing_panics_doc, reason = "a test that cannot go on panics")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod acts;
mod admins;
pub mod app;
pub mod browser;
pub mod cable;
pub mod client;
pub mod clock;
pub mod database;
mod leash;
pub mod own_postgres;
pub mod phone;
pub mod postgres;
pub mod program;
pub mod protected;
pub mod proxies;
mod race;
pub mod raw;
pub mod smtp;
pub mod upstream;
pub mod yard;

pub use acts::{RECOVERY_CODES, codes_on};
pub use admins::{applications_on, users_on};
pub use app::TestApp;
pub use client::{Answer, Client};
pub use clock::MovableClock;
pub use database::Database;
pub use own_postgres::OwnPostgres;
pub use program::Program;
pub use race::race;
pub use reqwest::Method;
pub use smtp::{Behaviour, Mailbox, Received};
pub use yard::Yard;
