//! What users and attackers observe, over HTTP, each story on both databases.

mod accounts;
mod invitations;
mod last_admin;
mod password_links;
mod recover;
mod setup;
mod sign_in;
mod stale_proofs;
mod user_acts;
mod users;
