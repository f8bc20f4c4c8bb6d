//! A database in memory whose rows can be taken out and put back, for the exploration of
//! `crates/proof`: from one state of the database to another without a file and without making the
//! schema anew. No program that is shipped has it.
//!
//! Statements stay prepared, since nothing but rows changes.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{AssertSqlSafe, Row as _, Sqlite, SqlitePool};

use crate::error::StoreError;
use crate::migrations::{self, Spelling};
use crate::store::{Pools, Store};

/// A table of the schema, as the database itself describes it.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its columns, in order.
    pub columns: Vec<Column>,
    delete: String,
    /// Makes room for tokens that go from one row to another.
    clear_tokens: Option<String>,
    upsert: String,
}

/// A column of a table.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its name.
    pub name: String,
    is_blob: bool,
    is_key: bool,
}

/// All tables but those of the migrations: whatever a table refers to stands before it.
#[derive(Clone, Debug)]
pub struct Tables {
    /// The tables.
    pub tables: Vec<Table>,
    take_out: String,
}

/// What stands in each of the tables: an array of rows, each an array of values, as JSON. Bytes are
/// written in hexadecimal.
pub type Contents = Vec<Arc<str>>;

impl Store {
    /// An empty database in memory, with one connection for everything.
    pub async fn in_memory() -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .in_memory(true)
            .foreign_keys(true)
            .statement_cache_capacity(1_000);
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .test_before_acquire(false)
            // With its connection the database would go.
            .max_lifetime(None)
            .idle_timeout(None)
            .connect_with(options)
            .await?;
        migrations::apply(&mut *pool.acquire().await?, Spelling::Sqlite).await?;
        let (sender, metrics, changes) = Default::default();
        let writers = Arc::<AtomicU64>::default();
        let pools = Pools::Sqlite { writer: pool.clone(), readers: pool, writers };
        Ok(Self { pools, sender, metrics, changes, _in_use: None })
    }

    /// The tables of the schema, read from the database.
    pub async fn tables(&self) -> Result<Tables, StoreError> {
        let mut connection = self.one_connection().await?;
        let mut tables = vec![];
        let mut parents = HashMap::<String, Vec<String>>::new();
        let names = "SELECT name FROM sqlite_master
                     WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> '_sqlx_migrations'
                     ORDER BY name";
        for row in sqlx::query(names).fetch_all(&mut *connection).await? {
            let name: String = row.try_get("name")?;
            let columns = "SELECT name, type, pk FROM pragma_table_info($1) ORDER BY cid";
            let rows = sqlx::query(columns).bind(&name).fetch_all(&mut *connection).await?;
            let mut columns = rows
                .iter()
                .map(|row| {
                    Ok(Column {
                        name: row.try_get("name")?,
                        is_blob: row.try_get::<String, _>("type")? == "BLOB",
                        is_key: row.try_get::<i64, _>("pk")? > 0,
                    })
                })
                .collect::<Result<Vec<_>, sqlx::Error>>()?;
            // The one table without a primary key has its key in front.
            if !columns.iter().any(|column| column.is_key)
                && let Some(first) = columns.first_mut()
            {
                first.is_key = true;
            }
            let refers = "SELECT \"table\" AS parent FROM pragma_foreign_key_list($1)";
            let rows = sqlx::query(refers).bind(&name).fetch_all(&mut *connection).await?;
            let of = rows.iter().map(|row| row.try_get("parent")).collect::<Result<_, _>>()?;
            parents.insert(name.clone(), of);
            tables.push(Table::new(name, columns));
        }
        let mut sorted: Vec<Table> = vec![];
        while !tables.is_empty() {
            let is_next = |table: &Table| {
                parents[&table.name].iter().all(|parent| {
                    *parent == table.name || sorted.iter().any(|known| known.name == *parent)
                })
            };
            let Some(at) = tables.iter().position(is_next) else {
                return Err(StoreError::Unreadable("tables that refer to each other"));
            };
            sorted.push(tables.remove(at));
        }
        let each: Vec<String> = sorted.iter().map(Table::take_out).collect();
        Ok(Tables { take_out: each.join(" UNION ALL "), tables: sorted })
    }

    /// What stands in the tables.
    pub async fn take_out(&self, tables: &Tables) -> Result<Contents, StoreError> {
        let mut connection = self.one_connection().await?;
        let sql = AssertSqlSafe(tables.take_out.clone());
        let rows = sqlx::query(sql).fetch_all(&mut *connection).await?;
        rows.iter().map(|row| Ok(row.try_get::<String, _>(0)?.into())).collect()
    }

    /// Makes what stands there now, which is `now`, into `wanted`.
    pub async fn put_back(
        &self,
        tables: &Tables,
        now: &Contents,
        wanted: &Contents,
    ) -> Result<(), StoreError> {
        let differing = || {
            let all = tables.tables.iter().zip(now.iter().zip(wanted));
            all.filter(|(_, (now, wanted))| now != wanted)
                .map(|(table, (_, wanted))| (table, wanted))
        };
        if differing().next().is_none() {
            return Ok(());
        }
        let mut connection = self.one_connection().await?;
        sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await?;
        // Rows that go take with them, by the foreign keys, only rows that go too.
        for (table, wanted) in differing() {
            let sql = AssertSqlSafe(table.delete.clone());
            sqlx::query(sql).bind(&**wanted).execute(&mut *connection).await?;
            if let Some(sql) = &table.clear_tokens {
                let sql = AssertSqlSafe(sql.clone());
                sqlx::query(sql).execute(&mut *connection).await?;
            }
        }
        for (table, wanted) in differing().filter(|(_, wanted)| wanted.len() > 2) {
            let sql = AssertSqlSafe(table.upsert.clone());
            sqlx::query(sql).bind(&**wanted).execute(&mut *connection).await?;
        }
        sqlx::query("COMMIT").execute(&mut *connection).await?;
        Ok(())
    }

    /// How many rows were written since the database was opened, whether or not it was committed.
    pub async fn rows_written(&self) -> Result<i64, StoreError> {
        let mut connection = self.one_connection().await?;
        let row = sqlx::query("SELECT total_changes()").fetch_one(&mut *connection).await?;
        Ok(row.try_get(0)?)
    }

    async fn one_connection(&self) -> Result<PoolConnection<Sqlite>, StoreError> {
        let pool: &SqlitePool = match &self.pools {
            Pools::Sqlite { writer, .. } => writer,
            Pools::Postgres(_) => return Err(StoreError::Unreadable("a database in memory")),
        };
        Ok(pool.acquire().await?)
    }
}

impl Table {
    fn new(name: String, columns: Vec<Column>) -> Self {
        let value = |(number, column): (usize, &Column)| {
            let value = format!("json_extract(value, '$[{number}]')");
            if column.is_blob { format!("unhex({value})") } else { value }
        };
        let of_keys = |text: &dyn Fn((usize, &Column)) -> String| {
            let keys = columns.iter().enumerate().filter(|(_, column)| column.is_key);
            keys.map(text).collect::<Vec<_>>().join(", ")
        };
        let names: Vec<&str> = columns.iter().map(|column| &*column.name).collect();
        let delete = format!(
            "DELETE FROM {name} WHERE ({}) NOT IN (SELECT {} FROM json_each($1))",
            of_keys(&|(_, column)| column.name.clone()),
            of_keys(&value),
        );
        let values: Vec<String> = columns.iter().enumerate().map(value).collect();
        let set: Vec<String> =
            names.iter().map(|name| format!("{name} = excluded.{name}")).collect();
        let upsert = format!(
            "INSERT INTO {name} ({}) SELECT {} FROM json_each($1) WHERE TRUE
             ON CONFLICT DO UPDATE SET {}",
            names.join(", "),
            values.join(", "),
            set.join(", "),
        );
        // Every row that is left is about to be written anew.
        let has_tokens = columns.iter().any(|column| column.name == "token_hash" && !column.is_key);
        let clear_tokens =
            has_tokens.then(|| format!("UPDATE {name} SET token_hash = randomblob(32)"));
        Self { name, columns, delete, clear_tokens, upsert }
    }

    fn take_out(&self) -> String {
        let values: Vec<String> = self
            .columns
            .iter()
            .map(|Column { name, is_blob, .. }| {
                if *is_blob {
                    format!("CASE WHEN {name} IS NULL THEN NULL ELSE hex({name}) END")
                } else {
                    name.clone()
                }
            })
            .collect();
        let (name, values) = (&self.name, values.join(", "));
        let keys: Vec<&str> = self
            .columns
            .iter()
            .filter(|column| column.is_key)
            .map(|column| &*column.name)
            .collect();
        let keys = keys.join(", ");
        format!(
            "SELECT json_group_array(json_array({values})) FROM (SELECT * FROM {name} ORDER BY {keys})"
        )
    }
}
