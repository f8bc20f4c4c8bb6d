//! The database: whether it answers, its schema, its keys, what durability rests on, and the clock.

use vestibule_domain::clock_watch::{ClockWatch, Look, surely_ahead};
use vestibule_domain::sealing::MasterKey;
use vestibule_store::{DatabaseUrl, Inspection, StoreError};

use super::Finding;
use crate::config::{Config, show_database};
use crate::{opening, system};

/// Looks at the database with these master keys at hand; answers as well at which address
/// `vestibule serve` was started last.
pub(crate) async fn look(config: &Config, keys: &[MasterKey]) -> (Vec<Finding>, Option<String>) {
    let shown = show_database(&config.database);
    if let DatabaseUrl::Sqlite(path) = &config.database
        && !path.exists()
    {
        let remedy = "start `vestibule serve` first, or name the database with --database";
        return (vec![Finding::bad(format!("there is no database {shown}"), remedy)], None);
    }
    let mut found = vec![];
    let served = match look_inside(config, keys, &mut found).await {
        Ok(served) => served,
        Err(error) => {
            let text = opening::explain(config, &error).to_string();
            found.push(Finding::bad(text, "mend this, then run `vestibule doctor` again"));
            None
        }
    };
    (found, served)
}

async fn look_inside(
    config: &Config,
    keys: &[MasterKey],
    found: &mut Vec<Finding>,
) -> Result<Option<String>, StoreError> {
    let database = Inspection::of(&config.database).await?;
    found.push(Finding::ok(format!("database {}: answers", show_database(&config.database))));
    let known = Inspection::newest_schema();
    let current = match database.schema().await? {
        None => {
            found.push(Finding::bad("the database is empty", "start `vestibule serve` first"));
            return Ok(None);
        }
        Some(schema) if schema > known => {
            found.push(Finding::bad(
                format!("schema {schema} is of a newer version; this program knows {known}"),
                "run the newer version, or restore a backup made before the upgrade",
            ));
            return Ok(None);
        }
        Some(schema) if schema < known => {
            found.push(Finding::warn(
                format!("schema {schema} is of an older version; this program's is {known}"),
                "make a backup; the next `vestibule serve` of this version brings it up to date",
            ));
            false
        }
        Some(schema) => {
            found.push(Finding::ok(format!("schema {schema} is this program's")));
            true
        }
    };
    for setting in database.durability().await? {
        let what = format!("{} = {}", setting.name, setting.value);
        found.push(if setting.value == setting.wanted {
            Finding::ok(what)
        } else {
            let remedy = format!(
                "set it to {}: otherwise a power cut can take back what was answered already",
                setting.wanted
            );
            Finding::bad(what, remedy)
        });
    }
    match database.damage().await? {
        None => {}
        Some(damage) => found.push(Finding::bad(
            format!("the database file is damaged: {damage}"),
            "stop `vestibule serve`, copy the file away, and restore a backup",
        )),
    }
    clock(&database, found).await?;
    if !current {
        return Ok(None);
    }
    look_at_keys(config, &database, keys, found).await?;
    Ok(database.store.read().await?.installation().await?.public_url)
}

async fn clock(database: &Inspection, found: &mut Vec<Finding>) -> Result<(), StoreError> {
    let clock = system::clock();
    let newest_entry = database.store.read().await?.newest_event().await?;
    let before = clock.now();
    let time = database.store.database_time().await?;
    let now = clock.now();
    let mut watch = ClockWatch::default();
    watch.look(Look {
        now,
        steady: clock.steady(),
        ahead_of_database: time.map(|time| surely_ahead(before, time, now)),
        newest_entry,
    });
    for warning in watch.warnings() {
        let remedy = "let the clock follow a time server (chrony, systemd-timesyncd)";
        found.push(Finding::bad(warning.to_string(), remedy));
    }
    if watch.warnings().is_empty() {
        let against = if time.is_some() { " and agrees with the database's" } else { "" };
        found.push(Finding::ok(format!("the clock is set{against}")));
    }
    Ok(())
}

async fn look_at_keys(
    config: &Config,
    database: &Inspection,
    keys: &[MasterKey],
    found: &mut Vec<Finding>,
) -> Result<(), StoreError> {
    let mut db = database.store.read().await?;
    let (stored, installation) = (db.data_keys().await?, db.installation().await?);
    let nodes = db.nodes().await?;
    drop(db);
    let opens = |key: &MasterKey| stored.iter().all(|it| key.unwrap(it.id, &it.wrapped).is_ok());
    let wanted = installation.master_key.map(|id| id.to_string());
    let wanted = wanted.unwrap_or_else(|| "that the data was made with".to_owned());
    let (file, next) = (config.key_file(), config.next_key_file());
    match keys.iter().position(opens) {
        Some(0) if keys.len() == 1 => found.push(Finding::ok("the master key fits the database")),
        Some(0) => found.push(Finding::warn(
            format!("{} holds a master key that is not in effect", next.display()),
            format!(
                "finish with `vestibule keys rewrap --new-key {0}`, or remove it",
                next.display()
            ),
        )),
        Some(_) => found.push(Finding::warn(
            format!("the database needs the key in {}", next.display()),
            format!("run `mv {} {}`", next.display(), file.display()),
        )),
        None => found.push(Finding::bad(
            "no key file here fits the database",
            format!("put the file of the master key {wanted} in place as {}", file.display()),
        )),
    }
    if stored.len() > 1 {
        found.push(Finding::warn(
            format!("{} data keys: a rotation is under way", stored.len()),
            "a running `vestibule serve` finishes it; `vestibule keys list` shows how far it is",
        ));
    }
    let names: Vec<&str> = nodes.iter().map(|node| node.label.as_str()).collect();
    found.push(Finding::ok(if names.is_empty() {
        "no node is serving".to_owned()
    } else {
        format!("nodes: {}", names.join(", "))
    }));
    Ok(())
}
