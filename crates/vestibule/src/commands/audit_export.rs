//! `vestibule audit export`.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use vestibule_domain::time::Timestamp;
use vestibule_flows::Vestibule;
use vestibule_flows::audit_export::{AuditExport, AuditFormat};

use crate::config::Config;
use crate::{opening, output};

/// What is to be exported, and where to.
pub(crate) struct Wanted {
    pub(crate) file: Option<PathBuf>,
    pub(crate) format: AuditFormat,
    pub(crate) account: Option<String>,
    pub(crate) from: Option<Timestamp>,
    pub(crate) until: Option<Timestamp>,
}

/// Writes the audit log to a file or to stdout.
pub(crate) async fn run(config: &Config, wanted: &Wanted) -> anyhow::Result<()> {
    if let Some(file) = wanted.file.as_deref().filter(|file| file.exists()) {
        return Err(there_already(file));
    }
    let vestibule = opening::open_existing(config).await?;
    let written = export(&vestibule, wanted).await;
    // What was sealed for the export is not to hold up the sealing of a server.
    let released = vestibule.seal_audit_at_end().await;
    vestibule.close().await;
    written?;
    released?;
    Ok(())
}

async fn export(vestibule: &Vestibule, wanted: &Wanted) -> anyhow::Result<()> {
    let account = match &wanted.account {
        Some(text) => {
            let found = vestibule.account_called(text).await?;
            Some(found.ok_or_else(|| {
                anyhow!("--account {text:?}: there is no account of this name, or more than one")
            })?)
        }
        None => None,
    };
    let range = (wanted.from, wanted.until);
    let mut export = vestibule.export_audit_on_host(account, range, wanted.format).await?;
    let Some(path) = &wanted.file else {
        let failed = |error| anyhow!("nothing can be written to stdout: {error}");
        return match write_to(&mut io::stdout().lock(), &mut export).await? {
            // A reader who has gone (`| head`) is no failure.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            other => other.map_err(failed),
        };
    };
    let failed = |error: io::Error| match error.kind() {
        ErrorKind::AlreadyExists => there_already(path),
        _ => anyhow!("the file {} cannot be written: {error}", path.display()),
    };
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    // It has its name only once it is whole, and mode 600 from its beginning.
    let file = tempfile::Builder::new().prefix(".vestibule-audit-").tempfile_in(folder);
    let mut file = file.map_err(failed)?;
    write_to(file.as_file_mut(), &mut export).await?.map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist_noclobber(path).map_err(|error| failed(error.error))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    let (events, shown) = (export.events(), path.display());
    output::print(&match wanted.format {
        AuditFormat::JsonLines => format!(
            "{events} events are written to {shown}. Verify them: vestibule audit verify --export \
             {shown}"
        ),
        AuditFormat::Csv => format!("{events} events are written to {shown}."),
    })
}

async fn write_to(to: &mut impl Write, export: &mut AuditExport) -> anyhow::Result<io::Result<()>> {
    while let Some(piece) = export.next_piece().await? {
        if let Err(error) = to.write_all(piece.as_bytes()) {
            return Ok(Err(error));
        }
    }
    Ok(to.flush())
}

fn there_already(path: &Path) -> anyhow::Error {
    anyhow!("the file {} exists already, and nothing is written over it", path.display())
}
