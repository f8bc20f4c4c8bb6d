//! What users and attackers observe, over HTTP, each story on both databases.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod accounts;
mod address_change;
mod applications;
mod attacks;
mod audit;
mod bad_input;
mod clock;
mod code_budget;
mod configured_applications;
mod enrolment;
mod forgotten;
mod gate;
mod gate_freshness;
mod hand_over;
mod headers;
mod house;
mod invitations;
mod keys;
mod last_admin;
mod limits;
mod limits_of_codes;
mod mail;
mod metrics;
mod notices;
mod password_links;
mod policy;
mod proof;
mod raw_requests;
mod recover;
mod recovery_codes;
mod restore;
mod routes;
mod security_code;
mod security_settings;
mod sessions;
mod setup;
mod sign_in;
mod stale_proofs;
mod user_acts;
mod users;
