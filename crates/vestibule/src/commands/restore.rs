//! `vestibule restore`.

use std::fs::File;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{anyhow, bail};
use vestibule_domain::backup::LockedKey;
use vestibule_domain::sealing::MasterKey;
use vestibule_flows::Vestibule;
use vestibule_flows::after_restore::{Relation, Replaced};
use vestibule_store::{DatabaseUrl, InUse, Store, examine_sqlite};

use crate::backup_file::Backup;
use crate::cli::Restore;
use crate::config::{Config, show_database};
use crate::replacing::{Workshop, has_journal, swap};
use crate::{data_folder, key_file, opening, output, passphrase, restored, system};

/// Looks at the backup, prepares a database from it beside the one that is there, and puts it in
/// that one's place at the very end.
pub(crate) async fn run(config: &Config, what: &Restore) -> anyhow::Result<()> {
    let database = sqlite_of(config)?;
    let backup = Backup::open(&what.file)?;
    let keys = Keys::find(config, &backup, what)?;

    data_folder::ensure(data_folder::of(database))?;
    data_folder::ensure(&config.data_dir)?;
    let cannot = |error: std::io::Error| unchanged(database, &error);
    let Some(_alone) = InUse::alone(database)? else {
        bail!(
            "{} is in use: stop `vestibule serve` first (and any other command on this database)",
            database.display()
        );
    };
    let workshop = Workshop::beside(database).map_err(cannot)?;
    let new = workshop.database();
    copy_out(&backup, &keys.of_backup, &new, database).await?;

    let old = Old::open(database, what.without_replaced).await;
    let opened = take_into_service(config, &new, &keys).await;
    let vestibule = opened.map_err(|error| unchanged(database, error.as_ref()))?;
    let public_url = config.public_url_for_links(vestibule.public_url().await?.as_deref())?;
    let prepared = prepare(&vestibule, &old, &keys, &backup).await;
    // Both are whole files again when nobody has them open.
    vestibule.close().await;
    old.close().await;
    let done = prepared?;

    if has_journal(&new) {
        bail!("the restored database could not be closed; nothing was changed");
    }
    if old.was_read() && done.unknown.is_empty() && has_journal(database) {
        bail!(
            "{} is open in another program: close it first; nothing was changed",
            database.display()
        );
    }
    if keys.todays.is_none() {
        key_file::keep(&config.key_file(), &keys.of_backup)?;
    }
    let kept = swap(&new, database, &system::stamp(system::clock().now())).map_err(cannot)?;
    restored::say_restored(config, &backup.manifest.made_at, kept.as_deref())?;
    restored::say(&public_url, &done)
}

fn sqlite_of(config: &Config) -> anyhow::Result<&Path> {
    match &config.database {
        DatabaseUrl::Sqlite(path) => Ok(path),
        DatabaseUrl::Postgres(_) => bail!(
            "the database is PostgreSQL: put the dump into a new database with `pg_restore \
             --no-owner --exit-on-error --dbname=URL FILE`, then run `vestibule after-restore` \
             ({} stays as it is)",
            show_database(&config.database)
        ),
    }
}

/// The key that the backup was made under, and today's, which it is wrapped with from now on.
struct Keys {
    of_backup: MasterKey,
    todays: Option<MasterKey>,
}

impl Keys {
    fn find(config: &Config, backup: &Backup, what: &Restore) -> anyhow::Result<Self> {
        let path = config.key_file();
        let todays = opening::only_key(config)?;
        let (file, wanted) = (what.file.display(), &backup.master_key);
        if let Some(old) = &what.key_file {
            let shown = old.display();
            let key =
                key_file::read(old)?.ok_or_else(|| anyhow!("there is no key file {shown}"))?;
            if key.id() != *wanted {
                bail!("{shown} is the master key {}, and {file} belongs to {wanted}", key.id());
            }
            return Ok(Self { of_backup: key, todays });
        }
        // A passphrase that was named is tried, also where today's key would do.
        if let Some(passphrase) = &what.passphrase_file {
            return Ok(Self { of_backup: unlock(backup, Some(passphrase))?, todays });
        }
        if let Some(key) = todays.as_ref().filter(|key| key.id() == *wanted) {
            return Ok(Self { of_backup: key.clone(), todays });
        }
        if backup.manifest.locked_key.is_some() {
            return Ok(Self { of_backup: unlock(backup, None)?, todays });
        }
        let path = path.display();
        let here = match todays {
            Some(key) => format!("{path} is {}", key.id()),
            None => format!("there is no {path}"),
        };
        bail!(
            "{file} belongs to the master key {wanted}, and {here}: name the key file of that time \
             with --key-file; if there never was a key of that id here, it is the backup of \
             another installation"
        )
    }

    fn of_now(&self) -> &MasterKey {
        self.todays.as_ref().unwrap_or(&self.of_backup)
    }
}

/// The master key that a backup brought along, by its passphrase.
fn unlock(backup: &Backup, passphrase_file: Option<&Path>) -> anyhow::Result<MasterKey> {
    let file = backup.path.display();
    let Some(locked) = &backup.manifest.locked_key else {
        bail!("{file} brought no master key along: there is nothing for a passphrase to open");
    };
    let locked = LockedKey::from_text(locked)
        .ok_or_else(|| anyhow!("{file} holds a master key that cannot be read"))?;
    let key = locked.open(&passphrase::recall(passphrase_file)?).ok();
    let key = key.filter(|key| key.id() == backup.master_key);
    key.ok_or_else(|| anyhow!("this is not the passphrase of {file}"))
}

/// A failure that is nobody's mistake, in one line.
fn unchanged(database: &Path, error: &(dyn std::error::Error + 'static)) -> anyhow::Error {
    let (database, cause) = (database.display(), output::cause(error));
    anyhow!("{database} cannot be replaced: {cause}; nothing was changed")
}

/// Copies the database out of the backup and looks at it from end to end.
async fn copy_out(
    backup: &Backup,
    key: &MasterKey,
    new: &Path,
    database: &Path,
) -> anyhow::Result<()> {
    let file = backup.path.display();
    let to = File::options().read(true).write(true).create_new(true).mode(0o600).open(new);
    let mut to = to.map_err(|error| unchanged(database, &error))?;
    let vouched = backup.copy_database(key, &mut to);
    if !vouched.map_err(|error| unchanged(database, &error))? {
        bail!(
            "{file} was changed or damaged after it was made: take another copy of it, or another \
             backup"
        );
    }
    let copy = examine_sqlite(new).await;
    let copy = copy.map_err(|error| anyhow!("{file}: {}", output::cause(&error)))?;
    if copy.data_keys.iter().any(|(id, wrapped)| key.unwrap(*id, wrapped).is_err()) {
        bail!("{file}: its data keys do not open with its master key");
    }
    Ok(())
}

/// Brings the copy's schema up to date and wraps its data keys with today's master key.
async fn take_into_service(config: &Config, new: &Path, keys: &Keys) -> anyhow::Result<Vestibule> {
    let store = Store::open(&DatabaseUrl::Sqlite(new.to_owned())).await?;
    let randomness = system::randomness();
    vestibule_flows::rewrap(&store, &keys.of_backup, keys.of_now(), &randomness).await?;
    opening::open_with(config, store, keys.of_now()).await
}

async fn prepare(
    vestibule: &Vestibule,
    old: &Old,
    keys: &Keys,
    backup: &Backup,
) -> anyhow::Result<vestibule_flows::after_restore::AfterRestore> {
    let replaced = match &old {
        Old::Away(why) => Replaced::Away(why.clone()),
        Old::There(store) => match vestibule.relation_to(store).await? {
            Relation::Related => Replaced::There(store),
            Relation::Empty => Replaced::Away("the replaced database held no account".to_owned()),
            Relation::Foreign => bail!(
                "{} is a backup of another installation, which shares no account with the database \
                 that is here; to replace it all the same, add --without-replaced",
                backup.path.display()
            ),
        },
    };
    let origin = format!("backup of {}", backup.manifest.made_at);
    let done = vestibule.after_restore(keys.of_now(), &replaced, &origin).await;
    done.map_err(|error| anyhow!("nothing was changed: {}", output::cause(&error)))
}

/// The database that is replaced.
enum Old {
    There(Store),
    Away(String),
}

impl Old {
    async fn open(database: &Path, distrusted: bool) -> Self {
        if !database.exists() {
            return Self::Away("there was no database in its place".to_owned());
        }
        if distrusted {
            return Self::Away("--without-replaced was said".to_owned());
        }
        match Store::open_as_is(&DatabaseUrl::Sqlite(database.to_owned())).await {
            Ok(store) => Self::There(store),
            Err(error) => Self::Away(output::cause(&error)),
        }
    }

    fn was_read(&self) -> bool {
        matches!(self, Self::There(_))
    }

    async fn close(&self) {
        if let Self::There(store) = self {
            store.close().await;
        }
    }
}
