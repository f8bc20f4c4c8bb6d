//! The short forms of the proof's parts.

mod access;
mod enumeration;
mod explore;
mod faults;
mod fuzz_targets;
mod http_fuzz;
mod marks;
mod nodes;
mod secrets;
