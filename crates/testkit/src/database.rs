//! Throw-away databases of both kinds.

use tempfile::TempDir;
use tokio::sync::OnceCell;
use vestibule_store::{DatabaseUrl, Store, copy_sqlite};

use crate::postgres;

/// Which database a story runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Database {
    /// A real file.
    Sqlite,
    /// A real server, started by the test run.
    Postgres,
}

/// An empty database with today's schema, gone when this is dropped.
pub struct Emptied {
    /// Where it is.
    pub url: String,
    folder: Option<TempDir>,
}

impl Database {
    /// Makes a database that holds nothing, not even a schema.
    pub async fn bare(self) -> Emptied {
        match self {
            Self::Sqlite => self.make().await,
            Self::Postgres => {
                let create = || postgres::shared().create_database();
                let url = tokio::task::spawn_blocking(create).await.unwrap();
                Emptied { url, folder: None }
            }
        }
    }

    /// Makes an empty database.
    pub async fn make(self) -> Emptied {
        match self {
            Self::Sqlite => {
                let folder = TempDir::new().unwrap();
                let url = format!("sqlite:{}", folder.path().join("vestibule.db").display());
                Emptied { url, folder: Some(folder) }
            }
            Self::Postgres => {
                // Migrating once and copying is quicker than migrating for each story.
                static TEMPLATE: OnceCell<String> = OnceCell::const_new();
                let template = TEMPLATE
                    .get_or_init(|| async {
                        let url = postgres::shared().create_database();
                        open(&url).await.close().await;
                        url
                    })
                    .await;
                let name = template.rsplit('/').next().unwrap().to_owned();
                let copy = move || postgres::shared().create_database_from(&name);
                let url = tokio::task::spawn_blocking(copy).await.unwrap();
                Emptied { url, folder: None }
            }
        }
    }
}

impl Emptied {
    /// Opens it.
    pub async fn open(&self) -> Store {
        open(&self.url).await
    }

    /// A copy as an operator's backup makes it: SQLite's of our own, PostgreSQL's by `pg_dump` and
    /// `pg_restore`.
    pub async fn copy(&self) -> Self {
        if self.folder.is_none() {
            let from = self.url.clone();
            let copy = move || postgres::shared().copy_database(&from);
            let url = tokio::task::spawn_blocking(copy).await.unwrap();
            return Self { url, folder: None };
        }
        let folder = TempDir::new().unwrap();
        let to = folder.path().join("vestibule.db");
        let from = self.url.strip_prefix("sqlite:").unwrap();
        copy_sqlite(from.as_ref(), &to).await.unwrap();
        Self { url: format!("sqlite:{}", to.display()), folder: Some(folder) }
    }

    /// Everything in it: the bytes of SQLite's files, which hold deleted rows as well; of
    /// PostgreSQL what `pg_dump` writes.
    pub(crate) fn dump(&self) -> Vec<u8> {
        match &self.folder {
            Some(folder) => {
                let files = std::fs::read_dir(folder.path()).unwrap();
                files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
            }
            None => postgres::shared().dump_database(&self.url),
        }
    }
}

impl Drop for Emptied {
    fn drop(&mut self) {
        // A PostgreSQL database goes with its server at the end of the run.
        self.folder.take();
    }
}

/// Opens the database of this address.
pub async fn open(url: &str) -> Store {
    let url: DatabaseUrl = url.parse().unwrap();
    Store::open(&url).await.unwrap()
}

/// Opens the database of this address to read what it still tells.
pub async fn open_as_is(url: &str) -> Store {
    let url: DatabaseUrl = url.parse().unwrap();
    Store::open_as_is(&url).await.unwrap()
}
