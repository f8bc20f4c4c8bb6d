//! Use cases against each other: what two people, or one in two windows, do at the same moment.
//! Authorities are read before the race and used in it, as requests do. Below HTTP, so that a
//! thousand rounds take seconds; the same on SQLite and on PostgreSQL.
//!
//! Whatever fails with an error fails the test: no race may end in a deadlock, a locked database
//! or a broken constraint.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[macro_use]
mod stage;

mod able_admin;
mod enrolment;
mod links;
mod melee;
mod proofs;
mod sessions;
mod set_up;
