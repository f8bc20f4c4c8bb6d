//! The program as an operator meets it: started, asked, stopped, and told what is wrong.
//!
//! Every failure is one line on stderr and exit code 1.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on panics")]

mod after_restore;
mod audit;
mod backup;
mod beside;
mod configuration;
mod data;
mod demo;
mod keys;
mod mail;
mod metrics;
mod place;
mod restore;
mod serve;
