//! `vestibule audit …`.

use std::path::PathBuf;

use anyhow::anyhow;
use clap::{Args, Subcommand};
use vestibule_domain::time::Timestamp;
use vestibule_flows::audit_log::{beginning_of, end_of};

use super::installation::Installation;
use crate::commands::audit_export::Wanted;

/// The commands about the audit log.
#[derive(Subcommand)]
pub(crate) enum AuditCommand {
    /// Write the audit log to a file or to stdout
    ///
    /// JSON Lines are for `vestibule audit verify --export`; CSV is for people and spreadsheets and
    /// cannot be verified. The export is itself an event. Works beside a running `vestibule serve`,
    /// on the same data.
    Export(ExportArgs),
    /// Check that no event was changed, removed, inserted or moved
    ///
    /// Says in one line how many events hold and which is the last, or what is wrong and at which
    /// position, and exits with code 1. Works beside a running `vestibule serve`. docs/audit.md says
    /// what this shows and what not.
    Verify(VerifyArgs),
}

/// The arguments of `vestibule audit export`.
#[derive(Args)]
pub(crate) struct ExportArgs {
    /// File to write, which must not exist; without it, stdout
    file: Option<PathBuf>,
    /// How to write it: jsonl or csv
    #[arg(long, value_name = "FORMAT", default_value = "jsonl")]
    format: String,
    /// Only the events of this account, by its name or identifier
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// From the beginning of this day, in UTC, such as 2027-01-15
    #[arg(long, value_name = "DAY")]
    from: Option<String>,
    /// Until the end of this day, in UTC
    #[arg(long, value_name = "DAY")]
    until: Option<String>,
    #[command(flatten)]
    pub(crate) installation: Installation,
}

impl ExportArgs {
    /// What is wanted, understood.
    pub(crate) fn wanted(&self) -> anyhow::Result<Wanted> {
        let day = |flag: &str, text: &Option<String>, read: fn(&str) -> Option<Timestamp>| {
            let Some(text) = text else { return Ok(None) };
            let problem = || anyhow!("{flag}: {text:?} is not a day, such as 2027-01-15");
            read(text).map(Some).ok_or_else(problem)
        };
        let format = &self.format;
        Ok(Wanted {
            file: self.file.clone(),
            format: format.parse().map_err(|error| anyhow!("--format: {format:?} is {error}"))?,
            account: self.account.clone(),
            from: day("--from", &self.from, beginning_of)?,
            until: day("--until", &self.until, end_of)?,
        })
    }
}

/// The arguments of `vestibule audit verify`.
#[derive(Args)]
pub(crate) struct VerifyArgs {
    /// File with exported heads, to hold the log against; may be given several times
    #[arg(long, value_name = "FILE")]
    pub(crate) heads: Vec<PathBuf>,
    /// Verify this exported file (JSON Lines) instead of the database
    #[arg(long, value_name = "FILE")]
    pub(crate) export: Option<PathBuf>,
    /// Accept that heads of a database that was replaced by a restore are missing, where the log
    /// records the restore
    #[arg(long)]
    pub(crate) restored: bool,
    #[command(flatten)]
    pub(crate) installation: Installation,
}
