//! What users and attackers observe, over HTTP, each story on both databases.

mod last_admin;
mod sign_in;
mod user_acts;
mod users;
