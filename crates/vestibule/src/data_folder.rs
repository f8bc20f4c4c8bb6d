//! The folder that holds the key file and, unless configured otherwise, the database.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use anyhow::anyhow;

/// Makes the folder, for its owner alone, unless it exists.
pub(crate) fn ensure(path: &Path) -> anyhow::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| anyhow!("the data folder {} cannot be used: {error}", path.display()))
}
