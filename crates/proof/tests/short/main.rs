//! The short forms of the proof's parts.

mod access;
mod enumeration;
mod explore;
mod fuzz_targets;
mod http_fuzz;
mod marks;
mod secrets;
