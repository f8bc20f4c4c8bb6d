//! `vestibule backup`.

use std::path::Path;

use anyhow::{anyhow, bail};
use vestibule_domain::backup::{LockedKey, PASSPHRASE_COST};
use vestibule_domain::sealing::MasterKey;
use vestibule_store::{DatabaseUrl, StoreError, copy_sqlite, examine_sqlite};

use crate::backup_file::{self, Manifest};
use crate::cli::WithKey;
use crate::config::{Config, show_database};
use crate::{data_folder, opening, output, passphrase, system};

/// Copies the database into a new file, looks at it, and gives it its name at the end.
pub(crate) async fn run(config: &Config, file: &Path, with_key: WithKey) -> anyhow::Result<()> {
    let database = sqlite_of(config, file)?;
    let shown = file.display();
    if file.symlink_metadata().is_ok() {
        bail!("{shown} exists already, and a backup overwrites nothing: choose another name");
    }
    let keys = opening::existing_keys(config)?;
    if !database.exists() {
        bail!("there is no database {}: start `vestibule serve` first", database.display());
    }
    let passphrase = match with_key {
        WithKey { with_key: false, .. } => None,
        WithKey { passphrase_file, .. } => {
            let minimum = config.settings.password_minimum;
            Some(passphrase::choose(passphrase_file.as_deref(), minimum)?)
        }
    };

    let folder = data_folder::of(file);
    let cannot = |error: &(dyn std::error::Error + 'static)| {
        let (from, cause) = (database.display(), output::cause(error));
        anyhow!("no backup of {from} was made in {shown}: {cause}; nothing is left of it")
    };
    // It has mode 600 from its beginning, and is gone when anything fails.
    let temporary = tempfile::Builder::new().prefix(".vestibule-backup-").tempfile_in(folder);
    let mut temporary = temporary.map_err(|error| cannot(&error))?;
    let made_at = system::said(system::clock().now());
    copy_sqlite(database, temporary.path()).await.map_err(|error| match &error {
        StoreError::Unavailable(cause) => anyhow!(
            "no backup of {} was made in {shown}: {}; nothing is left of it",
            database.display(),
            opening::of_sqlite(cause)
        ),
        error => cannot(error),
    })?;
    let copy = examine_sqlite(temporary.path()).await.map_err(|error| cannot(&error))?;
    let key = the_fitting(config, keys, &copy)?;

    let mut manifest = Manifest::new(made_at, &copy, &key);
    let randomness = system::randomness();
    if let Some(passphrase) = &passphrase {
        let locked = LockedKey::lock(&key, passphrase, PASSPHRASE_COST, &randomness)?;
        manifest.locked_key = Some(locked.to_text());
    }
    let finished = backup_file::finish(temporary.as_file_mut(), &manifest, &key, &randomness);
    finished.map_err(|error| cannot(error.as_ref()))?;
    temporary.persist_noclobber(file).map_err(|error| cannot(&error.error))?;
    let synced = std::fs::File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|error| cannot(&error))?;
    say(config, file, &manifest, &key)
}

/// The file of the database, or how it is done with PostgreSQL.
fn sqlite_of<'a>(config: &'a Config, file: &Path) -> anyhow::Result<&'a Path> {
    match &config.database {
        DatabaseUrl::Sqlite(path) => Ok(path),
        DatabaseUrl::Postgres(_) => bail!(
            "the database is PostgreSQL, which has its own: `pg_dump --format=custom --file={} \
             {}`; keep a copy of {} elsewhere",
            file.display(),
            show_database(&config.database),
            config.key_file().display(),
        ),
    }
}

/// The key that opens the copy: a backup that says it belongs to another is worth nothing.
fn the_fitting(
    config: &Config,
    keys: Vec<MasterKey>,
    copy: &vestibule_store::Copy,
) -> anyhow::Result<MasterKey> {
    if copy.data_keys.is_empty() {
        bail!(
            "there is nothing in the database {}: start `vestibule serve` first",
            show_database(&config.database)
        );
    }
    let fits = |key: &MasterKey| {
        copy.data_keys.iter().all(|(id, wrapped)| key.unwrap(*id, wrapped).is_ok())
    };
    keys.into_iter().find(fits).ok_or_else(|| {
        anyhow!(
            "{}: the master key does not belong to this database: put back the key file that the \
             data was made with",
            config.key_file().display()
        )
    })
}

fn say(config: &Config, file: &Path, manifest: &Manifest, key: &MasterKey) -> anyhow::Result<()> {
    let (file, key_file, id) = (file.display(), config.key_file(), key.id());
    let key_file = key_file.display();
    let about_key = if manifest.locked_key.is_some() {
        format!(
            "It holds the master key {id} too, locked with the passphrase: keep that elsewhere."
        )
    } else {
        format!(
            "It does not hold the master key {id}, and is of no use without it: keep a copy of\n\
             {key_file} elsewhere."
        )
    };
    output::print(&format!(
        "The database of {} is in {file}.\n{about_key}\n\
         Guard it like the database: it holds password hashes and sealed secrets.",
        manifest.made_at
    ))
}
