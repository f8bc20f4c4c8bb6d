//! The folder that holds the key file and, unless configured otherwise, the database.

use std::fs::DirBuilder;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use anyhow::anyhow;

/// Makes the folder, for its owner alone, unless it exists.
pub(crate) fn ensure(path: &Path) -> anyhow::Result<()> {
    let shown = path.display();
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => anyhow!("the data folder {shown} cannot be used: it is a file"),
        _ => anyhow!("the data folder {shown} cannot be made: {error}"),
    })
}

/// The folder that a file lies in.
pub(crate) fn of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}
