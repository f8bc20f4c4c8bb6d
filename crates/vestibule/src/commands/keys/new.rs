//! `vestibule keys new`.

use std::path::Path;

use crate::{key_file, output, system};

/// Makes a file with a new master key.
pub(crate) fn run(path: &Path) -> anyhow::Result<()> {
    let key = key_file::create_new(path, &system::randomness())?;
    output::print(&format!(
        "The master key {} is in {}. Nothing uses it yet: `vestibule keys rewrap` puts it into effect.\n\
         Keep a copy apart from the database's backups.",
        key.id(),
        path.display(),
    ))
}
