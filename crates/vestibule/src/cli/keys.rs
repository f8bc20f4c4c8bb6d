//! `vestibule keys …`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::installation::Installation;

/// The commands about keys.
#[derive(Subcommand)]
pub(crate) enum KeysCommand {
    /// List the data keys, the master key, and the nodes that serve
    List(Installation),
    /// Make a new data key
    ///
    /// From then on everything is sealed with it. What was sealed before is sealed anew by the
    /// running `vestibule serve` in the background, or by this command where none runs. The old key
    /// is removed when nothing needs it.
    Rotate(Installation),
    /// Make a file with a new master key, and print its id
    New(NewKeyFile),
    /// Wrap the data keys by another master key
    ///
    /// Refused until every running node holds the new key: it takes it from the file
    /// `master.key.next` beside its `master.key`. Afterwards the new file takes the place of the old.
    Rewrap(RewrapArgs),
}

/// The argument of `vestibule keys new`.
#[derive(Args)]
pub(crate) struct NewKeyFile {
    /// File to make; one that is there is left as it is
    #[arg(value_name = "FILE")]
    pub(crate) path: PathBuf,
}

/// The arguments of `vestibule keys rewrap`.
#[derive(Args)]
pub(crate) struct RewrapArgs {
    /// File of the new master key, made by `vestibule keys new`
    #[arg(long, value_name = "FILE")]
    pub(crate) new_key: PathBuf,
    #[command(flatten)]
    pub(crate) installation: Installation,
}
