//! The short forms of the proof's parts.

mod fuzz_targets;
mod http_fuzz;
mod marks;
mod secrets;
