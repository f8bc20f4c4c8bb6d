//! Passphrases: from the terminal, without an echo, or from a file.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::path::Path;

use anyhow::{anyhow, bail};
use vestibule_domain::backup::Passphrase;
use zeroize::Zeroizing;

/// Whatever is longer is not a file with a passphrase.
const LONGEST: u64 = 4 * 1024;

/// A new passphrase: asked for twice.
pub(crate) fn choose(file: Option<&Path>, minimum: usize) -> anyhow::Result<Passphrase> {
    let typed = if let Some(path) = file {
        first_line(path)?
    } else {
        let typed = ask("Passphrase for the master key in this backup: ")?;
        if *ask("The same passphrase again: ")? != *typed {
            bail!("the two passphrases are not the same: nothing was written");
        }
        typed
    };
    Ok(Passphrase::new(&typed, minimum)?)
}

/// The passphrase that a backup was made with.
pub(crate) fn recall(file: Option<&Path>) -> anyhow::Result<Passphrase> {
    let typed = match file {
        Some(path) => first_line(path)?,
        None => ask("Passphrase of the master key in the backup: ")?,
    };
    Ok(Passphrase::typed(&typed))
}

fn ask(question: &str) -> anyhow::Result<Zeroizing<String>> {
    rpassword::prompt_password(question).map(Zeroizing::new).map_err(|error| {
        anyhow!(
            "a passphrase is needed and there is no terminal to ask on ({error}): name a file that \
             holds it with --passphrase-file"
        )
    })
}

fn first_line(path: &Path) -> anyhow::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::with_capacity(256));
    let read = |text: &mut String| -> io::Result<()> {
        let length = File::open(path)?.take(LONGEST + 1).read_to_string(text)?;
        if u64::try_from(length).is_ok_and(|length| length > LONGEST) {
            return Err(ErrorKind::FileTooLarge.into());
        }
        Ok(())
    };
    let shown = path.display();
    read(&mut text)
        .map_err(|error| anyhow!("the passphrase file {shown} cannot be read: {error}"))?;
    Ok(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned()))
}
