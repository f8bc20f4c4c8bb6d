//! The proof: what shows that the sign-in holds, beyond the stories. Each part is a module whose short
//! form is a test (`tests/`), and whose long form `scripts/prove` runs by this package's program.
//!
//! `docs/reliability.md` says what each part does, and what it found.

#![allow(clippy::missing_panics_doc, reason = "what cannot go on panics: it is a test")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

pub mod access;
pub mod asking;
pub mod draws;
pub mod enumeration;
pub mod explore;
pub mod faults;
pub mod fuzz_targets;
pub mod http_fuzz;
pub mod installation;
pub mod marks;
pub mod nodes;
pub mod protected;
pub mod report;
pub mod secrets;

pub use report::Report;
