//! What people see and do, in a real Chromium; the phone beside it reads the screen with `zbarimg`
//! and computes codes with `oathtool`. Each story is a file; `person.rs` holds its words.
//!
//! With `VESTIBULE_SCREENSHOTS=1` the pictures in `docs/screenshots/` are made anew.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a story that cannot go on panics"
)]

mod accessibility;
mod applications;
mod codes;
mod effort;
mod factors;
mod gate;
mod mail;
mod main_path;
mod person;
mod recovery_codes;
mod screenshots;
mod setup;
mod sign_in;
mod switch;
mod users;
