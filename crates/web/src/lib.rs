//! HTTP: parse, ask a flow, answer.
//!
//! `pages` has one module a page, its `router()` first; `request` is what a request is turned
//! into before a handler sees it; [`views`] is what the pages show. Nothing here decides who may
//! do what: the authority that a handler needs stands in its signature, and only `vestibule-flows`
//! makes it.

mod app;
mod error;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod gate;
mod metrics;
mod pages;
mod request;
mod respond;
mod routes;
mod serve;
mod state;
mod surroundings;
pub mod views;

pub use app::{Site, app};
pub use metrics::{MoreMetrics, metrics_app};
pub use routes::{Route, routes};
pub use serve::{serve, serve_metrics};
pub use state::{WebSettings, link};
