//! The gate through the real nginx and Caddy, run from the files in `examples/`: what users, scripts
//! and attackers observe, and what the application behind them is sent. Each story through both, on
//! both databases.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod entering;
mod forwarded;
mod fuzz;
mod gated;
mod https;
mod identity;
mod smuggling;
mod traefik;
mod transport;
