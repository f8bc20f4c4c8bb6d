//! Putting a new database file in the place of another, which is kept. Whenever it is interrupted,
//! either the old one stands there or the new one.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::data_folder;

/// A folder beside the database to prepare the new one in: on the same disk, so that it moves at
/// once. It is gone when this is dropped.
pub(crate) struct Workshop {
    folder: TempDir,
}

impl Workshop {
    /// Makes it, and removes what an interrupted run left. The caller has the database for itself.
    pub(crate) fn beside(database: &Path) -> io::Result<Self> {
        let (folder, prefix) = (data_folder::of(database), prefix(database));
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let left = entry.file_name().as_encoded_bytes().starts_with(prefix.as_encoded_bytes());
            if left && entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())?;
            }
        }
        let folder = tempfile::Builder::new().prefix(&prefix).tempdir_in(folder)?;
        Ok(Self { folder })
    }

    /// The file of the new database.
    pub(crate) fn database(&self) -> PathBuf {
        self.folder.path().join("restored.db")
    }
}

fn prefix(database: &Path) -> OsString {
    let mut prefix = OsString::from(".");
    prefix.push(database.file_name().unwrap_or_default());
    prefix.push("-restore-");
    prefix
}

/// Whether the database's last commits stand beside it in its journal, and not in the file.
pub(crate) fn has_journal(database: &Path) -> bool {
    fs::metadata(with_end(database, "-wal")).is_ok_and(|journal| journal.len() > 0)
}

/// Puts `new` in the place of `database`, and answers under which name the old one is kept.
pub(crate) fn swap(new: &Path, database: &Path, stamp: &str) -> io::Result<Option<PathBuf>> {
    let kept = free_name(database, stamp);
    // A journal that is still there is one that nobody could read into its database. It must not be
    // found beside the new one, whose pages it would overwrite.
    for end in ["-wal", "-shm", "-journal"] {
        match fs::rename(with_end(database, end), with_end(&kept, end)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    let was_there = database.exists();
    if was_there {
        // A second name first, so that the first is never missing.
        fs::hard_link(database, &kept).or_else(|_| {
            fs::copy(database, &kept)?;
            File::open(&kept)?.sync_all()
        })?;
    }
    File::open(new)?.sync_all()?;
    fs::rename(new, database)?;
    File::open(data_folder::of(database))?.sync_all()?;
    Ok(was_there.then_some(kept))
}

fn free_name(database: &Path, stamp: &str) -> PathBuf {
    let name = with_end(database, &format!(".replaced-{stamp}"));
    let more = (2..).map(|n| with_end(&name, &format!("-{n}")));
    let mut names = std::iter::once(name.clone()).chain(more);
    names.find(|name| !name.exists()).unwrap_or(name)
}

fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::{Workshop, has_journal, swap};

    #[test]
    fn the_old_one_is_kept_with_its_journal_and_nothing_is_overwritten() {
        let folder = TempDir::new().unwrap();
        let database = folder.path().join("a.db");
        for (n, text) in ["one", "two", "three"].into_iter().enumerate() {
            let new = folder.path().join("new");
            fs::write(&new, text).unwrap();
            let kept = swap(&new, &database, "now").unwrap();
            assert_eq!(kept.is_some(), n > 0);
            assert_eq!(fs::read_to_string(&database).unwrap(), text);
            fs::write(folder.path().join("a.db-wal"), text).unwrap();
            assert!(has_journal(&database));
        }
        for (name, text) in [
            ("a.db.replaced-now", "one"),
            ("a.db.replaced-now-wal", "one"),
            ("a.db.replaced-now-2", "two"),
            ("a.db.replaced-now-2-wal", "two"),
        ] {
            assert_eq!(fs::read_to_string(folder.path().join(name)).unwrap(), text, "{name}");
        }
    }

    #[test]
    fn what_an_interrupted_run_left_is_cleared_away_and_nothing_else() {
        let folder = TempDir::new().unwrap();
        let database = folder.path().join("a.db");
        for name in [".a.db-restore-x", ".b.db-restore-x", "a.db-restore-x"] {
            fs::create_dir(folder.path().join(name)).unwrap();
            fs::write(folder.path().join(name).join("restored.db"), "half").unwrap();
        }
        let workshop = Workshop::beside(&database).unwrap();
        assert!(!folder.path().join(".a.db-restore-x").exists());
        assert!(folder.path().join(".b.db-restore-x").exists(), "another database's");
        assert!(folder.path().join("a.db-restore-x").exists());
        let made = workshop.database();
        assert!(made.parent().unwrap().exists());
        drop(workshop);
        assert!(!made.parent().unwrap().exists());
    }
}
