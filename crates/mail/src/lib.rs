//! Mail: what a letter looks like, and how it reaches the mail server.
//!
//! What is to be sent, to whom and how often it is tried is decided below, in `vestibule-flows`.
//! Letters load nothing from elsewhere, track nobody, and those that only tell hold no link: who
//! is used to links in warnings follows a forged one.

mod courier;
mod letter;
mod smtp;

pub use courier::{Courier, Step};
pub use letter::samples;
pub use smtp::{BadSetting, Credentials, Encryption, PATIENCE, Secret, Smtp, SmtpSettings};
