//! `vestibule audit verify`.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use vestibule_domain::audit_verify::Verified;
use vestibule_flows::audit_file::FileVerifier;

use crate::config::Config;
use crate::{audit_heads, opening, output};

/// A line of an export that is longer than this is none. No field that an event takes is longer than
/// a few hundred characters.
const LONGEST_LINE: u64 = 1024 * 1024;

/// Verifies the audit trail in the database.
pub(crate) async fn database(
    config: &Config,
    heads: &[PathBuf],
    restored: bool,
) -> anyhow::Result<()> {
    let heads = audit_heads::read(heads)?;
    let vestibule = opening::open_existing(config).await?;
    let found = vestibule.verify_audit(&heads, restored).await;
    vestibule.close().await;
    let found = found??;
    let mut told = describe(&found.chain);
    match found.unsealed {
        0 => {}
        1 => told += "; 1 newer event is not sealed yet",
        // Writing to a string cannot fail.
        more => drop(write!(told, "; {more} newer events are not sealed yet")),
    }
    output::print(&told)
}

/// Verifies an exported file.
pub(crate) fn file(path: &Path, heads: &[PathBuf], restored: bool) -> anyhow::Result<()> {
    let shown = path.display();
    let unreadable = |error: std::io::Error| anyhow!("the file {shown} cannot be read: {error}");
    let mut verifier = FileVerifier::new(audit_heads::read(heads)?, restored);
    let mut file = BufReader::new(File::open(path).map_err(unreadable)?);
    let mut line = vec![];
    loop {
        line.clear();
        let mut limited = file.by_ref().take(LONGEST_LINE);
        if limited.read_until(b'\n', &mut line).map_err(unreadable)? == 0 {
            break;
        }
        let text = String::from_utf8_lossy(&line);
        verifier.read(text.trim_end_matches(['\n', '\r'])).map_err(|e| anyhow!("{shown}: {e}"))?;
    }
    let found = verifier.finish().map_err(|error| anyhow!("{shown}: {error}"))?;
    if found.events == 0 && found.withheld == 0 {
        bail!("{shown}: the export holds no events");
    }
    output::print(&describe(&found))
}

/// What holds, in one line.
fn describe(found: &Verified) -> String {
    let head = found.head;
    let mut told =
        format!("{} events verified, head {} {}", found.events, head.position, head.hash);
    let mut add = |n: u64, one: &str, many: &str| {
        if n > 0 {
            // Writing to a string cannot fail.
            let _ = write!(told, "; {n} {}", if n == 1 { one } else { many });
        }
    };
    add(
        found.withheld,
        "other event is there by its hash alone",
        "other events are there by their hash alone",
    );
    add(found.agreed, "exported head agrees", "exported heads agree");
    add(
        found.before,
        "exported head is older than the first event",
        "exported heads are older than the first event",
    );
    add(found.removed, "segment was removed by retention", "segments were removed by retention");
    add(
        found.restores.len() as u64,
        "restore of the database is recorded",
        "restores of the database are recorded",
    );
    add(
        found.replaced,
        "exported head is of the database that was replaced",
        "exported heads are of the database that was replaced",
    );
    told
}
