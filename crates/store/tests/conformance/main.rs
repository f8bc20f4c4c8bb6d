//! What every database under the store has to do: each conditional write in the case that wins and
//! the case that loses, alone and in races, and what the schema itself forbids. The same tests run
//! on SQLite and on PostgreSQL.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[macro_use]
mod support;

mod accounts;
mod applications;
mod audit;
mod audit_chain;
mod changes;
mod constraints;
mod enrolments;
mod factors;
mod hand_overs;
mod housekeeping;
mod keys;
mod limits;
mod links;
mod mail;
mod members;
mod opening;
mod recovery_codes;
mod restore;
mod sessions;
mod transactions;
mod users;
