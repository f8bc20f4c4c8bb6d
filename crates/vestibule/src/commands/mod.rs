//! What each command does.

pub(crate) mod account;
pub(crate) mod after_restore;
pub(crate) mod audit_export;
pub(crate) mod audit_verify;
pub(crate) mod backup;
pub(crate) mod config;
pub(crate) mod demo;
mod demo_people;
pub(crate) mod doctor;
pub(crate) mod keys;
pub(crate) mod recover;
pub(crate) mod restore;
pub(crate) mod serve;
