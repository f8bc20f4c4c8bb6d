//! The short forms of the proof's parts.

mod access;
mod enumeration;
mod explore;
mod marks;
