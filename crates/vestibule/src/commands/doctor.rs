//! `vestibule doctor`.

use anyhow::bail;

use crate::config::Config;
use crate::doctor::{Grade, address, database, files, mail};
use crate::output;

/// Prints a line for each thing it looks at; fails when one is bad.
pub(crate) async fn run(config: &Config) -> anyhow::Result<()> {
    let (mut found, keys) = files::look(config);
    let (of_database, served) = database::look(config, &keys).await;
    found.extend(of_database);
    found.extend(address::look(config, served.as_deref()).await);
    found.extend(mail::look(config).await);
    let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
    output::print(&lines.join("\n"))?;
    match found.iter().filter(|finding| finding.grade == Grade::Bad).count() {
        0 => Ok(()),
        1 => bail!("one check is bad: the line says what to do"),
        count => bail!("{count} checks are bad: their lines say what to do"),
    }
}
