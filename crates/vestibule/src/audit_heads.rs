//! Heads of the audit trail, written down outside the database: a file of JSON lines, and the log.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use serde::{Deserialize, Serialize};
use vestibule_domain::audit_chain::Head;
use vestibule_domain::audit_verify::ExportedHead;
use vestibule_domain::time::Timestamp;

/// Bytes at the end of the file that hold at least one whole line.
const LAST_LINES: u64 = 1024;

/// A line of the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    /// When it was written.
    time: String,
    position: i64,
    hash: String,
}

/// The file to append to.
#[derive(Clone)]
pub(crate) struct HeadsFile {
    path: PathBuf,
    exported: Option<Head>,
}

impl HeadsFile {
    pub(crate) fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), exported: None }
    }

    /// Writes the head down if it is another than the last time. A file that cannot be written is no
    /// reason to let nobody in: the log has the head as well.
    pub(crate) fn export(&mut self, head: Head, now: Timestamp) {
        if head == Head::START || self.exported == Some(head) {
            return;
        }
        self.exported = Some(head);
        tracing::info!(
            target: "vestibule::audit_head",
            position = head.position,
            hash = %head.hash,
            "head of the audit trail"
        );
        if let Err(error) = self.append(head, now) {
            tracing::warn!(
                file = %self.path.display(), %error,
                "the head of the audit trail cannot be written to its file"
            );
        }
    }

    fn append(&self, head: Head, now: Timestamp) -> io::Result<()> {
        let time = vestibule_flows::audit_file::moment(now);
        let line = Line { time, position: head.position, hash: head.hash.to_string() };
        let mut text = serde_json::to_string(&line)?;
        text.push('\n');
        let mut file =
            OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&self.path)?;
        if ends_unfinished(&mut file)? {
            // A power cut in the middle of a line: the next one begins on its own.
            text.insert(0, '\n');
        }
        file.write_all(text.as_bytes())?;
        file.sync_data()
    }
}

/// The last head that was written down here, where there is one: whatever the database says, it was
/// there once.
pub(crate) fn last(path: &Path) -> Option<Head> {
    let mut file = File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LAST_LINES))).ok()?;
    let mut end = vec![];
    file.read_to_end(&mut end).ok()?;
    let end = String::from_utf8_lossy(&end);
    end.lines().rev().find_map(|line| parse(line.trim_end()))
}

fn ends_unfinished(file: &mut File) -> io::Result<bool> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

/// The heads in these files. A line that is none is a mistake, not a reason to compare less; but a
/// last line without its end is one that a power cut left.
pub(crate) fn read(files: &[PathBuf]) -> anyhow::Result<Vec<ExportedHead>> {
    let mut heads = vec![];
    for path in files {
        let shown = path.display();
        let unreadable = |error: io::Error| anyhow!("the file {shown} cannot be read: {error}");
        let mut file = BufReader::new(File::open(path).map_err(unreadable)?);
        let (mut number, mut text) = (0, String::new());
        loop {
            text.clear();
            if file.read_line(&mut text).map_err(unreadable)? == 0 {
                break;
            }
            number += 1;
            match parse(text.trim_end()) {
                Some(head) => {
                    heads.push(ExportedHead { head, place: format!("{shown}:{number}") });
                }
                None if !text.ends_with('\n') || text.trim().is_empty() => {}
                None => return Err(anyhow!("{shown}:{number}: this is no head of an audit trail")),
            }
        }
        if number == 0 {
            return Err(anyhow!("the file {shown} holds no heads"));
        }
    }
    Ok(heads)
}

fn parse(text: &str) -> Option<Head> {
    let line: Line = serde_json::from_str(text).ok()?;
    Some(Head { position: line.position, hash: line.hash.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use tempfile::TempDir;
    use vestibule_domain::audit_chain::{ChainHash, Head};
    use vestibule_domain::time::Timestamp;

    use super::{HeadsFile, last, read};

    fn head(position: i64) -> Head {
        Head { position, hash: ChainHash::START.then(position, &ChainHash::START) }
    }

    #[test]
    fn heads_are_appended_when_they_move_and_read_again() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("heads");
        let mut file = HeadsFile::at(&path);
        for position in [0, 1, 1, 2] {
            let head = if position == 0 { Head::START } else { head(position) };
            file.export(head, Timestamp::from_millis(0));
        }
        let found = read(std::slice::from_ref(&path)).unwrap();
        assert_eq!(found.iter().map(|f| f.head).collect::<Vec<_>>(), [head(1), head(2)]);
        assert!(found[1].place.ends_with("heads:2"));
        assert_eq!(last(&path), Some(found[found.len() - 1].head));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn an_unfinished_last_line_is_no_head_and_does_not_spoil_the_next() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("heads");
        HeadsFile::at(&path).export(head(1), Timestamp::from_millis(0));
        let whole = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{whole}{{\"time\":\"19")).unwrap();
        assert_eq!(read(std::slice::from_ref(&path)).unwrap().len(), 1);
        HeadsFile::at(&path).export(head(2), Timestamp::from_millis(0));
        let error = read(&[path]).unwrap_err().to_string();
        assert!(error.ends_with("heads:2: this is no head of an audit trail"), "{error}");
    }

    #[test]
    fn a_file_without_heads_compares_nothing_and_is_refused() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("heads");
        assert!(
            read(std::slice::from_ref(&path)).unwrap_err().to_string().contains("cannot be read")
        );
        fs::write(&path, "").unwrap();
        assert!(read(&[path]).unwrap_err().to_string().ends_with("holds no heads"));
    }
}
