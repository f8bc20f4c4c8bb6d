//! `vestibule after-restore`.

use anyhow::{anyhow, bail};
use vestibule_domain::sealing::MasterKey;
use vestibule_flows::KeyError;
use vestibule_flows::after_restore::{Relation, Replaced};
use vestibule_store::{DatabaseUrl, Store};

use crate::cli::AfterRestore;
use crate::config::{Config, show_database};
use crate::{key_file, opening, output, restored, system};

/// Makes a database safe to serve that another program put back.
pub(crate) async fn run(config: &Config, what: &AfterRestore) -> anyhow::Result<()> {
    opening::existing_keys(config)?;
    let Some(key) = opening::only_key(config)? else {
        bail!("there is no key file {}", config.key_file().display());
    };
    let of_backup = match &what.key_file {
        Some(path) => key_file::read(path)?
            .ok_or_else(|| anyhow!("there is no key file {}", path.display()))?,
        None => key.clone(),
    };
    let replaced = open_replaced(config, what).await?;
    let store = open_restored(config, &key, &of_backup).await?;
    let vestibule = opening::open_with(config, store, &key).await?;
    let public_url = config.public_url_for_links(vestibule.public_url().await?.as_deref())?;
    let replaced_by = match &replaced {
        Some((store, shown)) => match vestibule.relation_to(store).await? {
            Relation::Related => Replaced::There(store),
            Relation::Empty => bail!("{shown} holds no account: it is not the replaced database"),
            Relation::Foreign => bail!(
                "{shown} shares no account with the restored database: it is not the one that was \
                 replaced"
            ),
        },
        None => Replaced::Away("--without-replaced was said".to_owned()),
    };
    let done = vestibule.after_restore(&key, &replaced_by, "restored by another program").await;
    vestibule.close().await;
    if let Some((store, _)) = &replaced {
        store.close().await;
    }
    let done = done?;
    let shown = show_database(&config.database);
    output::print(&format!("{shown} can be served. Users: {}.", done.users))?;
    restored::say(&public_url, &done)
}

async fn open_replaced(
    config: &Config,
    what: &AfterRestore,
) -> anyhow::Result<Option<(Store, String)>> {
    let Some(url) = &what.replaced else { return Ok(None) };
    let url: DatabaseUrl = url.parse().map_err(|error| anyhow!("--replaced: {error}"))?;
    let shown = show_database(&url);
    if shown == show_database(&config.database) {
        bail!("--replaced: {shown} is the restored database itself");
    }
    let store = Store::open_as_is(&url).await.map_err(|error| {
        let cause = output::cause(&error);
        anyhow!(
            "the replaced database {shown} cannot be opened: {cause}; if it is lost, say \
             --without-replaced"
        )
    })?;
    Ok(Some((store, shown)))
}

/// Opens the restored database, its data keys wrapped with today's master key.
async fn open_restored(
    config: &Config,
    key: &MasterKey,
    of_backup: &MasterKey,
) -> anyhow::Result<Store> {
    let shown = show_database(&config.database);
    if let DatabaseUrl::Sqlite(file) = &config.database
        && !file.exists()
    {
        bail!("there is no database {}: put the backup there first", file.display());
    }
    let opened = Store::open_alone(&config.database).await;
    let Some(store) = opened.map_err(|error| opening::explain(config, &error))? else {
        bail!("{shown} is in use: stop `vestibule serve` first (and any other command on it)");
    };
    let keys = async { store.read().await?.data_keys().await };
    if keys.await.map_err(|error| opening::explain(config, &error))?.is_empty() {
        bail!("there is nothing in the database {shown}: put the backup there first");
    }
    match vestibule_flows::rewrap(&store, of_backup, key, &system::randomness()).await {
        Ok(()) => Ok(store),
        Err(KeyError::Store(error)) => Err(opening::explain(config, &error)),
        Err(KeyError::Foreign { .. } | KeyError::NotWrapped(_)) => bail!(
            "{shown} was sealed under another master key than {} ({}): name the key file of that \
             time with --key-file",
            config.key_file().display(),
            key.id()
        ),
    }
}
