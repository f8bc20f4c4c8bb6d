//! Structured logs on stderr; stdout belongs to what a command answers.

use std::io::{self, IsTerminal as _};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::LogFormat;

/// Writes logs from here on.
pub(crate) fn start(level: LevelFilter, format: LogFormat) {
    // At `info` the database would repeat PostgreSQL's notices about tables that exist.
    let database = if level == LevelFilter::INFO { LevelFilter::WARN } else { level };
    let filter = Targets::new().with_default(level).with_target("sqlx", database);
    let lines = fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
        // It would report a failure to write by `eprintln!`, which panics when stderr is closed.
        .log_internal_errors(false);
    let registry = tracing_subscriber::registry().with(filter);
    // It fails only where logs are written already.
    let _ = match format {
        LogFormat::Text => registry.with(lines).try_init(),
        LogFormat::Json => registry.with(lines.json()).try_init(),
    };
}
