//! The short forms of the proof's parts.

mod faults;
mod marks;
mod nodes;
