//! The processes that serve, as each says of itself.

use vestibule_domain::id::NodeId;
use vestibule_domain::sealing::MasterKeyId;
use vestibule_domain::time::Timestamp;

use crate::engine::{Reading, Writing, values};
use crate::error::StoreError;

/// What a node says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRecord {
    /// Which one.
    pub id: NodeId,
    /// Host and address, for people.
    pub label: String,
    /// When it started, by its own clock.
    pub started: Timestamp,
    /// When it said this, by its own clock. For people: nothing is decided by it.
    pub seen: Timestamp,
    /// How far it has counted.
    pub beats: i64,
    /// The number of the newest data key that it knows.
    pub newest_key: i64,
    /// The master keys that it holds.
    pub master_keys: Vec<MasterKeyId>,
}

impl Reading {
    /// All nodes, the eldest first.
    pub async fn nodes(&mut self) -> Result<Vec<NodeRecord>, StoreError> {
        let sql = "SELECT id, label, started_at, seen_at, beats, newest_key, master_keys
                   FROM nodes ORDER BY id";
        let rows = self.rows(sql, vec![]).await?;
        rows.iter()
            .map(|row| {
                let master_keys = row.text("master_keys")?;
                let master_keys = master_keys.split_whitespace().map(str::parse).collect();
                Ok(NodeRecord {
                    id: row.parsed("id")?,
                    label: row.text("label")?,
                    started: row.time("started_at")?,
                    seen: row.time("seen_at")?,
                    beats: row.int("beats")?,
                    newest_key: row.int("newest_key")?,
                    master_keys: Result::<_, _>::map_err(master_keys, |_| {
                        StoreError::Unreadable("master_keys")
                    })?,
                })
            })
            .collect()
    }
}

impl Writing {
    /// Writes what a node says of itself.
    pub async fn note_node(&mut self, node: &NodeRecord) -> Result<(), StoreError> {
        let master_keys: Vec<String> = node.master_keys.iter().map(ToString::to_string).collect();
        self.change(
            "INSERT INTO nodes (id, label, started_at, seen_at, beats, newest_key, master_keys)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (id) DO UPDATE SET seen_at = $4, beats = $5, newest_key = $6,
                                            master_keys = $7",
            values![
                node.id,
                node.label.as_str(),
                node.started,
                node.seen,
                node.beats,
                node.newest_key,
                master_keys.join(" "),
            ],
        )
        .await
        .map(drop)
    }

    /// Removes a node that ends.
    pub async fn remove_node(&mut self, id: NodeId) -> Result<bool, StoreError> {
        self.change_one("DELETE FROM nodes WHERE id = $1 /*no guard: by its key*/", values![id])
            .await
    }

    /// Removes all nodes. One that lives writes itself down again.
    pub async fn forget_nodes(&mut self) -> Result<(), StoreError> {
        self.change("DELETE FROM nodes", vec![]).await.map(drop)
    }

    /// Removes a node that was found dead; `false` when it has counted on meanwhile.
    pub async fn remove_dead_node(&mut self, id: NodeId, beats: i64) -> Result<bool, StoreError> {
        let sql = "DELETE FROM nodes WHERE id = $1 AND /*guard dead-node*/ beats = $2 /*end*/";
        self.change_one(sql, values![id, beats]).await
    }
}
