//! What users and attackers observe, over HTTP, each story on both databases.

mod code_budget;
mod enrolment;
mod policy;
mod proof;
mod return_to;
mod security_code;
mod security_settings;
mod sessions;
mod sign_in;
mod stolen_cookies;
