//! The master key's file: one line, readable by its owner alone. It is made once and never changed.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{anyhow, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use vestibule_domain::randomness::Randomness;
use vestibule_domain::sealing::MasterKey;
use zeroize::Zeroizing;

use crate::data_folder;

/// What the line begins with: a person who finds the file knows what it is.
const LEAD: &str = "vestibule-master-key-1 ";
/// Whatever is longer is not a key file.
const LONGEST: u64 = 1024;

/// Reads the key; `None` when there is no such file.
pub(crate) fn read(path: &Path) -> anyhow::Result<Option<MasterKey>> {
    let shown = path.display();
    let unreadable = |error: io::Error| anyhow!("the key file {shown} cannot be read: {error}");
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        bail!(
            "the key file {shown} is open to other users (mode {mode:o}): run `chmod 600 {shown}`"
        );
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(128));
    file.take(LONGEST).read_to_end(&mut bytes).map_err(unreadable)?;
    let key = std::str::from_utf8(&bytes).ok().and_then(parse);
    key.map(Some).ok_or_else(|| {
        anyhow!("the file {shown} does not hold a master key: put back the key file that was there")
    })
}

/// Makes a new key file for an operator, and never touches one that is there.
pub(crate) fn create_new(path: &Path, randomness: &Randomness) -> anyhow::Result<MasterKey> {
    if path.symlink_metadata().is_ok() {
        bail!(
            "there is a file {} already: it is left as it is; choose another name",
            path.display()
        );
    }
    create(path, randomness)
}

/// Makes a new key and its file. It is whole and on the disk before it has its name, so that a
/// power cut leaves either no key file or a good one; a file that is there is never replaced.
pub(crate) fn create(path: &Path, randomness: &Randomness) -> anyhow::Result<MasterKey> {
    let key = MasterKey::new(randomness);
    keep(path, &key)?;
    Ok(key)
}

/// Makes the file of a key that is there already, as [`create`] makes a new one's.
pub(crate) fn keep(path: &Path, key: &MasterKey) -> anyhow::Result<()> {
    let shown = path.display();
    write_new(path, &line(key)).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => anyhow!(
            "the key file {shown} appeared meanwhile: another process is starting with the same \
             data; try again"
        ),
        _ => anyhow!("the key file {shown} cannot be made: {error}"),
    })
}

fn write_new(path: &Path, line: &str) -> io::Result<()> {
    let folder = data_folder::of(path);
    // A temporary file has mode 600 from its beginning.
    let mut file = tempfile::Builder::new().prefix(".master.key-").tempfile_in(folder)?;
    file.write_all(line.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path)?;
    File::open(folder)?.sync_all()
}

pub(crate) fn line(key: &MasterKey) -> Zeroizing<String> {
    let encoded = Zeroizing::new(STANDARD.encode(key.expose_bytes()));
    Zeroizing::new(format!("{LEAD}{}\n", *encoded))
}

pub(crate) fn parse(text: &str) -> Option<MasterKey> {
    let encoded = text.trim_end().strip_prefix(LEAD)?;
    let bytes = Zeroizing::new(STANDARD.decode(encoded).ok()?);
    MasterKey::from_bytes(&bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use tempfile::TempDir;
    use vestibule_domain::randomness::Randomness;

    use super::{create, parse, read};

    fn randomness() -> Randomness {
        Randomness::new(|bytes| bytes.fill(7))
    }

    #[test]
    fn what_was_written_is_read_and_belongs_to_its_owner_alone() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("master.key");
        assert!(read(&path).unwrap().is_none());
        let made = create(&path, &randomness()).unwrap();
        let found = read(&path).unwrap().unwrap();
        assert_eq!(made.expose_bytes(), found.expose_bytes());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left lying");
    }

    #[test]
    fn a_key_file_that_appeared_meanwhile_is_not_replaced() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("master.key");
        fs::write(&path, "somebody else's").unwrap();
        let Err(error) = create(&path, &randomness()) else { panic!("it was replaced") };
        assert!(error.to_string().contains("appeared meanwhile"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "somebody else's");
    }

    #[test]
    fn only_a_whole_key_is_a_key() {
        let good = format!("vestibule-master-key-1 {}=", "A".repeat(43));
        assert!(parse(&good).is_some());
        assert!(parse(&format!("{good}\n")).is_some());
        for bad in ["", "\n", "vestibule-master-key-1 ", "vestibule-master-key-1 QUJD", &good[1..]]
        {
            assert!(parse(bad).is_none(), "{bad}");
        }
        assert!(parse(&good.replace("key-1", "key-2")).is_none());
        assert!(parse(&format!("{good}\n{good}")).is_none());
    }
}
