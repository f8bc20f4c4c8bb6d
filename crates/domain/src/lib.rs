//! The rules of Vestibule, and nothing else: no async, no I/O, no clock and no randomness of its own.
//!
//! Start reading in [`access`]: one pure function decides, at every request, what a session opens.

pub mod access;
pub mod application;
pub mod audit;
pub mod audit_chain;
pub mod audit_verify;
pub mod backup;
pub mod browser;
pub mod clock_watch;
pub mod email;
pub mod id;
pub mod limits;
pub mod link;
pub mod mail;
pub mod name;
pub mod nodes;
pub mod notice;
pub mod password;
pub mod policy;
pub mod proof;
pub mod randomness;
pub mod recovery_code;
pub mod sealing;
pub mod session;
pub mod time;
pub mod token;
pub mod totp;
pub mod user;
