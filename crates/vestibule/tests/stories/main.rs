//! What users and attackers observe, over HTTP, each story on both databases.

mod sign_in;
mod users;
