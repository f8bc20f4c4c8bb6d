//! What users and attackers observe, over HTTP, each story on both databases.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod accounts;
mod bad_input;
mod headers;
mod house;
mod invitations;
mod last_admin;
mod password_links;
mod recover;
mod routes;
mod same_origin;
mod secrets;
mod setup;
mod sign_in;
mod stale_proofs;
mod user_acts;
mod users;
