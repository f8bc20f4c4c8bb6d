//! Opening the data: folder, key file and database, which belong together.

use std::path::absolute;

use anyhow::{anyhow, bail};
use vestibule_domain::sealing::MasterKey;
use vestibule_flows::{HashingQueue, KeyError, Priority, StoreError, Vestibule};
use vestibule_store::{DatabaseUrl, Store};

use crate::config::{Config, show_database};
use crate::{data_folder, key_file, output, system};

/// Opens the data of `vestibule serve`, and makes whatever does not exist yet.
pub(crate) async fn create_or_open(config: &Config) -> anyhow::Result<Vestibule> {
    data_folder::ensure(&config.data_dir)?;
    let path = config.key_file();
    let (key, next) = (key_file::read(&path)?, key_file::read(&config.next_key_file())?);
    let store = open_store(config).await?;
    let key = match key {
        Some(key) => key,
        // Between the removal of the old file and the renaming of the new one.
        None if next.is_some() && holds_data(config, &store).await? => {
            return open(config, store, next.as_slice()).await;
        }
        // A new key over data that another one sealed would lock everybody's factors away. Another
        // process may have made both meanwhile.
        None if holds_data(config, &store).await? => key_file::read(&path)?.ok_or_else(|| {
            anyhow!(
                "the key file {} is missing, but {} holds data that was sealed with it: put the \
                 key file back",
                path.display(),
                show_database(&config.database),
            )
        })?,
        None => key_file::create(&path, &system::randomness())?,
    };
    let keys: Vec<MasterKey> = std::iter::once(key).chain(next).collect();
    open(config, store, &keys).await
}

/// Opens the data that `vestibule serve` made, for a command beside it. It makes nothing.
pub(crate) async fn open_existing(config: &Config) -> anyhow::Result<Vestibule> {
    let keys = existing_keys(config)?;
    if let DatabaseUrl::Sqlite(file) = &config.database
        && !file.exists()
    {
        bail!("there is no database {}: start `vestibule serve` first", file.display());
    }
    let store = open_store(config).await?;
    if !holds_data(config, &store).await? {
        bail!(
            "there is nothing in the database {}: start `vestibule serve` first",
            show_database(&config.database),
        );
    }
    open(config, store, &keys).await
}

/// Opens a database with the key that its data keys are wrapped with.
pub(crate) async fn open_with(
    config: &Config,
    store: Store,
    key: &MasterKey,
) -> anyhow::Result<Vestibule> {
    open(config, store, std::slice::from_ref(key)).await
}

/// The keys of the data that `vestibule serve` made: the one in the key file, and one that is to
/// replace it, or has just replaced it.
pub(crate) fn existing_keys(config: &Config) -> anyhow::Result<Vec<MasterKey>> {
    let path = config.key_file();
    let keys = [key_file::read(&path)?, key_file::read(&config.next_key_file())?];
    let keys: Vec<MasterKey> = keys.into_iter().flatten().collect();
    if keys.is_empty() {
        bail!(
            "there is no key file {}: name the data folder with --data-dir or --config, or start \
             `vestibule serve` first",
            absolute(&path).unwrap_or(path).display(),
        );
    }
    Ok(keys)
}

/// The one key of the data, where a database is put back: with two it would not be clear which.
pub(crate) fn only_key(config: &Config) -> anyhow::Result<Option<MasterKey>> {
    let (file, next) = (config.key_file(), config.next_key_file());
    if next.exists() {
        bail!(
            "the master key is being changed: {} lies beside {}; finish that first (docs/keys.md)",
            next.display(),
            file.display(),
        );
    }
    key_file::read(&file)
}

async fn open_store(config: &Config) -> anyhow::Result<Store> {
    Store::open(&config.database).await.map_err(|error| explain(config, &error))
}

/// Whether the database was taken into service before: then it has a data key.
async fn holds_data(config: &Config, store: &Store) -> anyhow::Result<bool> {
    let keys = async { store.read().await?.data_keys().await };
    let keys = keys.await.map_err(|error| explain(config, &error))?;
    Ok(!keys.is_empty())
}

async fn open(config: &Config, store: Store, keys: &[MasterKey]) -> anyhow::Result<Vestibule> {
    let (clock, randomness) = (system::clock(), system::randomness());
    let hashing = HashingQueue::start(Priority::Low)?;
    Vestibule::open(store, keys, clock, randomness, config.settings, hashing).await.map_err(
        |error| match error {
            KeyError::Store(error) => explain(config, &error),
            KeyError::Foreign { .. } | KeyError::NotWrapped(_) => {
                anyhow!("{}: {error}", config.key_file().display())
            }
        },
    )
}

/// Says which database it was, in one line.
pub(crate) fn explain(config: &Config, error: &StoreError) -> anyhow::Error {
    let database = show_database(&config.database);
    let text = match error {
        StoreError::Unavailable(cause) if matches!(config.database, DatabaseUrl::Sqlite(_)) => {
            format!("{database} cannot be used: {}", of_sqlite(cause))
        }
        StoreError::Unavailable(cause) => format!(
            "the database {database} does not answer: is it running, and is the address right? \
             ({cause})"
        ),
        // Its text names the file already.
        StoreError::File { .. } => error.to_string(),
        _ => format!("{database}: {error}"),
    };
    anyhow!(text.replace('\n', " "))
}

/// What SQLite says of a file that it can do nothing with, and what to look at. It writes beside the
/// file also to read it.
pub(crate) fn of_sqlite(cause: &(dyn std::error::Error + 'static)) -> String {
    format!(
        "{}; is its folder writable for this user, and the disk neither full nor read-only?",
        output::cause(cause)
    )
}
