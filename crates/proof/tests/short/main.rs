//! The short forms of the proof's parts.

mod marks;
