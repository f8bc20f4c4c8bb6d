//! Data folder, key files, the database's file, and the room on their disk.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use vestibule_domain::sealing::MasterKey;
use vestibule_store::DatabaseUrl;

use super::Finding;
use crate::config::Config;
use crate::key_file;

/// Below this, the next days may fill the disk.
const SCARCE: u64 = 1024 * 1024 * 1024;
/// Below this, the next minutes may.
const NO_ROOM: u64 = 64 * 1024 * 1024;

/// Looks at the files; answers the master keys that it could read as well.
pub(crate) fn look(config: &Config) -> (Vec<Finding>, Vec<MasterKey>) {
    let folder = config.data_dir.as_path();
    let mut found = vec![private(folder, "data folder", 0o700)];
    let mut keys = vec![];
    let (file, next) = (config.key_file(), config.next_key_file());
    match key_file::read(&file) {
        Ok(Some(key)) => {
            found.push(Finding::ok(format!(
                "key file {}: master key {}",
                file.display(),
                key.id()
            )));
            found.push(same_owner(folder, &file));
            keys.push(key);
        }
        Ok(None) => found.push(Finding::bad(
            format!("there is no key file {}", file.display()),
            "put it back; on a new installation `vestibule serve` makes it",
        )),
        Err(error) => {
            found.push(Finding::bad(error.to_string(), "nothing starts until it is mended"));
        }
    }
    match key_file::read(&next) {
        Ok(Some(key)) => keys.push(key),
        Ok(None) => {}
        Err(error) => found.push(Finding::bad(error.to_string(), "no node can take this key up")),
    }
    if let DatabaseUrl::Sqlite(path) = &config.database
        && path.exists()
    {
        found.push(private(path, "database file", 0o600));
        let folder = path.parent().filter(|path| *path != Path::new(""));
        found.push(room(folder.unwrap_or_else(|| Path::new("."))));
    }
    (found, keys)
}

fn private(path: &Path, what: &str, mode: u32) -> Finding {
    let shown = path.display();
    match path.metadata() {
        Ok(metadata) => {
            let found = metadata.permissions().mode() & 0o777;
            if found & 0o077 != 0 {
                return Finding::warn(
                    format!("{what} {shown}: mode {found:o}, open to other users"),
                    format!("run `chmod {mode:o} {shown}`"),
                );
            }
            Finding::ok(format!("{what} {shown}: mode {found:o}"))
        }
        Err(error) => Finding::bad(
            format!("{what} {shown}: {error}"),
            "name it with --data-dir or --config, or start `vestibule serve` first",
        ),
    }
}

fn same_owner(folder: &Path, file: &Path) -> Finding {
    let owner = |path: &Path| path.metadata().map(|it| it.uid()).ok();
    let (of_folder, of_file) = (owner(folder), owner(file));
    if of_folder == of_file {
        return Finding::ok("key file and data folder belong to the same user");
    }
    Finding::warn(
        format!("{} belongs to another user than {}", file.display(), folder.display()),
        format!("run `chown --reference={} {}`", folder.display(), file.display()),
    )
}

fn room(folder: &Path) -> Finding {
    let shown = folder.display();
    match rustix::fs::statvfs(folder) {
        Ok(disk) => {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            let what = format!("disk of {shown}: {} MB free", free / 1_000_000);
            let remedy = "make room: while the disk is full nobody can sign in";
            match free {
                ..NO_ROOM => Finding::bad(what, remedy),
                NO_ROOM..SCARCE => Finding::warn(what, remedy),
                _ => Finding::ok(what),
            }
        }
        Err(error) => Finding::warn(format!("disk of {shown}: {error}"), "look at it with `df`"),
    }
}
