//! The short forms of the proof's parts.

mod enumeration;
mod marks;
