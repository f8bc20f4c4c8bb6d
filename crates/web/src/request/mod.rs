//! What a request is turned into before a handler sees it.

pub(crate) mod browser;
pub(crate) mod cookies;
pub(crate) mod fields;
pub(crate) mod host;
pub(crate) mod log;
pub(crate) mod return_to;
pub(crate) mod same_origin;
pub(crate) mod segment;
pub(crate) mod visitor;
