//! A backup's file: a SQLite database, and after it two lines.
//!
//! The first says what it is, in JSON. The second vouches, under the master key, for every byte
//! before it: who can write where backups are kept, and has not the key, cannot change one.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use vestibule_domain::randomness::Randomness;
use vestibule_domain::sealing::{MasterKey, MasterKeyId};

/// What the last line begins with.
const LEAD: &str = "vestibule-backup-1 ";
/// The two lines are shorter than this together.
const LONGEST_END: u64 = 8 * 1024;

/// What a backup says of itself.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// When, for people.
    pub(crate) made_at: String,
    /// The version of the program that made it.
    pub(crate) version: String,
    /// The newest migration of its database.
    pub(crate) schema: i64,
    /// Where its audit log ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    audit_head: Option<String>,
    /// Which master key it belongs to.
    master_key: String,
    /// That key under a passphrase, where it came along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) locked_key: Option<String>,
}

impl Manifest {
    pub(crate) fn new(made_at: String, copy: &vestibule_store::Copy, key: &MasterKey) -> Self {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let (schema, audit_head) = (copy.schema, copy.audit_head.clone());
        let master_key = key.id().to_string();
        Self { made_at, version, schema, audit_head, master_key, locked_key: None }
    }
}

/// Writes the two lines behind the database that the file holds.
pub(crate) fn finish(
    file: &mut File,
    manifest: &Manifest,
    key: &MasterKey,
    randomness: &Randomness,
) -> anyhow::Result<()> {
    file.seek(SeekFrom::End(0))?;
    write!(file, "\n{}\n", serde_json::to_string(manifest)?)?;
    file.seek(SeekFrom::Start(0))?;
    let vouched = key.vouch(&digest_of(file, &mut io::sink())?, randomness)?;
    writeln!(file, "{LEAD}{}", STANDARD.encode(vouched))?;
    file.sync_all()?;
    Ok(())
}

/// A backup that was found, and not believed yet.
pub(crate) struct Backup {
    pub(crate) path: PathBuf,
    pub(crate) manifest: Manifest,
    /// Which master key it says it belongs to.
    pub(crate) master_key: MasterKeyId,
    vouched: Vec<u8>,
    /// How many bytes the database has, and how many are vouched for.
    database: u64,
    said: u64,
}

impl Backup {
    /// Reads the end of a file.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        let end = read_end(path).map_err(|error| anyhow!("{shown} cannot be read: {error}"))?;
        Self::parse(path, &end).ok_or_else(|| {
            anyhow!(
                "{shown} is no whole backup: it does not end as `vestibule backup` ends one, so a \
                 part of it is missing, or it is something else"
            )
        })
    }

    fn parse(path: &Path, (length, end): &(u64, Vec<u8>)) -> Option<Self> {
        let (rest, last) = split_line(end.strip_suffix(b"\n")?)?;
        let (_, said) = split_line(rest)?;
        let vouched = std::str::from_utf8(last).ok()?.strip_prefix(LEAD)?;
        let manifest: Manifest = serde_json::from_slice(said).ok()?;
        let bytes = |n: usize| u64::try_from(n).ok();
        let vouched_for = length.checked_sub(bytes(last.len())? + 1)?;
        Some(Self {
            path: path.to_owned(),
            master_key: manifest.master_key.parse().ok()?,
            manifest,
            vouched: STANDARD.decode(vouched).ok()?,
            database: vouched_for.checked_sub(bytes(said.len())? + 2)?,
            said: vouched_for,
        })
    }

    /// Copies the database out of it; `false` when the key does not vouch for what was read.
    pub(crate) fn copy_database(&self, key: &MasterKey, to: &mut File) -> io::Result<bool> {
        let mut file = File::open(&self.path)?.take(self.said);
        let digest = digest_of(&mut file, to)?;
        to.set_len(self.database)?;
        to.sync_all()?;
        Ok(key.vouches_for(&digest, &self.vouched))
    }
}

/// What stands before the last end of a line, and what after.
fn split_line(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().rposition(|byte| *byte == b'\n')?;
    Some((&text[..end], &text[end + 1..]))
}

fn read_end(path: &Path) -> io::Result<(u64, Vec<u8>)> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LONGEST_END)))?;
    let mut end = vec![];
    file.take(LONGEST_END).read_to_end(&mut end)?;
    Ok((length, end))
}

/// Copies, and answers the SHA-256 of what was copied.
fn digest_of(from: &mut impl io::Read, to: &mut impl Write) -> io::Result<[u8; 32]> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            return Ok(hash.finalize().into());
        }
        hash.update(&buffer[..read]);
        to.write_all(&buffer[..read])?;
    }
}
