//! Numbers that are counted while the program runs, and how they are written for Prometheus.
//!
//! Nothing is global: whoever counts was handed the counter. Nothing takes a lock. And nothing can
//! be decided by what is measured here: a [`Stopwatch`] can be noted in a [`Histogram`] and read by
//! nobody else, so the rule that time is a parameter holds.

mod counter;
mod histogram;
mod stopwatch;
mod text;

pub use counter::Counter;
pub use histogram::Histogram;
pub use stopwatch::Stopwatch;
pub use text::{CONTENT_TYPE, Family, Kind, Text};
