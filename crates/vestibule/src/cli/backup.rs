//! `vestibule backup`, `restore` and `after-restore`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

use super::installation::Installation;

/// The arguments of `vestibule backup`.
#[derive(Args)]
pub(crate) struct BackupArgs {
    /// The new file; one that exists is never overwritten
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) passphrase: WithKey,
    #[command(flatten)]
    pub(crate) installation: Installation,
}

/// Whether the master key comes along.
#[derive(Args)]
pub(crate) struct WithKey {
    /// Take the master key along, locked with a passphrase that is asked for on the terminal
    #[arg(long)]
    pub(crate) with_key: bool,
    /// With `--with-key`: take the passphrase from the first line of this file instead
    #[arg(long, value_name = "FILE", requires = "with_key")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

/// The arguments of `vestibule restore`.
#[derive(Args)]
pub(crate) struct RestoreArgs {
    #[command(flatten)]
    pub(crate) what: Restore,
    #[command(flatten)]
    pub(crate) installation: Installation,
}

/// What is restored, and how.
#[derive(Args)]
pub(crate) struct Restore {
    /// The backup
    pub(crate) file: PathBuf,
    /// The key file of the time of the backup, if today's is another
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// Take the passphrase of a backup made `--with-key` from the first line of this file, instead
    /// of asking for it on the terminal
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Carry nothing over from the database that is replaced: when it cannot be trusted, or belongs
    /// to another installation
    #[arg(long)]
    pub(crate) without_replaced: bool,
}

/// The arguments of `vestibule after-restore`.
#[derive(Args)]
pub(crate) struct AfterRestoreArgs {
    #[command(flatten)]
    pub(crate) what: AfterRestore,
    #[command(flatten)]
    pub(crate) installation: Installation,
}

/// What was restored.
#[derive(Args)]
#[command(group(ArgGroup::new("before").args(["replaced", "without_replaced"]).required(true)))]
pub(crate) struct AfterRestore {
    /// The database that was replaced, kept under another name; it is only read
    #[arg(long, value_name = "URL")]
    pub(crate) replaced: Option<String>,
    /// The replaced database is lost, cannot be read or cannot be trusted
    #[arg(long)]
    pub(crate) without_replaced: bool,
    /// The key file of the time of the backup, if today's is another
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
}
