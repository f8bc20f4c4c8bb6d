//! What users and attackers observe, over HTTP, each story on both databases.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod accounts;
mod code_budget;
mod enrolment;
mod invitations;
mod last_admin;
mod password_links;
mod policy;
mod proof;
mod recover;
mod return_to;
mod security_code;
mod security_settings;
mod sessions;
mod setup;
mod sign_in;
mod stale_proofs;
mod stolen_cookies;
mod user_acts;
mod users;
