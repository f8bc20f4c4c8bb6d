//! The short forms of the proof's parts.

mod access;
mod explore;
mod faults;
mod marks;
mod nodes;
