//! What holds for the installation as a whole: one row, made when it is first written.

use vestibule_domain::sealing::MasterKeyId;

use crate::engine::{Reading, Writing, values};
use crate::error::StoreError;

/// The row.
#[derive(Clone, Debug, Default)]
pub struct Installation {
    /// The address that `vestibule serve` was started with last.
    pub public_url: Option<String>,
    /// Which master key wraps the data keys.
    pub master_key: Option<MasterKeyId>,
    /// How often the nodes were asked for a word.
    pub asked: i64,
}

impl Reading {
    /// The installation.
    pub async fn installation(&mut self) -> Result<Installation, StoreError> {
        let sql = "SELECT public_url, master_key_id, asked FROM installation";
        let Some(row) = self.row(sql, vec![]).await? else { return Ok(Installation::default()) };
        let master_key = row.maybe_text("master_key_id")?.map(|id| id.parse()).transpose();
        Ok(Installation {
            public_url: row.maybe_text("public_url")?,
            master_key: master_key.map_err(|_| StoreError::Unreadable("master_key_id"))?,
            asked: row.int("asked")?,
        })
    }
}

impl Writing {
    /// Takes the installation for this transaction and asks every node for a word. Until the end no
    /// other process makes a data key or changes the master key. Answers the row as it is now.
    pub async fn guard_installation(&mut self) -> Result<Installation, StoreError> {
        let sql = "INSERT INTO installation (id, asked) VALUES (1, 1)
                   ON CONFLICT (id) DO UPDATE SET asked = installation.asked + 1";
        self.change(sql, vec![]).await?;
        self.installation().await
    }

    /// Notes which master key wraps the data keys; `false` where that was noted already.
    pub async fn note_master_key(&mut self, id: &MasterKeyId) -> Result<bool, StoreError> {
        let sql = "INSERT INTO installation (id, master_key_id, asked) VALUES (1, $1, 0)
                   ON CONFLICT (id) DO UPDATE SET master_key_id = $1
                   WHERE /*guard master-key-noted-once*/
                         installation.master_key_id IS NULL /*end*/";
        self.change_one(sql, values![id.to_string()]).await
    }

    /// Notes which master key wraps the data keys, whatever was noted before.
    pub async fn set_master_key(&mut self, id: &MasterKeyId) -> Result<(), StoreError> {
        let sql = "INSERT INTO installation (id, master_key_id, asked) VALUES (1, $1, 0)
                   ON CONFLICT (id) DO UPDATE SET master_key_id = $1";
        self.change(sql, values![id.to_string()]).await.map(drop)
    }

    /// Changes which master key wraps the data keys; `false` when it is not `old`.
    pub async fn change_master_key(
        &mut self,
        old: &MasterKeyId,
        new: &MasterKeyId,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE installation SET master_key_id = $1 WHERE /*guard master-key-as-it-was*/ master_key_id = $2 /*end*/";
        self.change_one(sql, values![new.to_string(), old.to_string()]).await
    }

    /// Notes the address that people open; `false` when it was so already.
    pub async fn note_public_url(&mut self, url: &str) -> Result<bool, StoreError> {
        let sql = "INSERT INTO installation (id, public_url, asked) VALUES (1, $1, 0)
                   ON CONFLICT (id) DO UPDATE SET public_url = $1
                   WHERE installation.public_url IS NULL OR installation.public_url <> $1
                   /*no guard: it says whether anything changed*/";
        self.change_one(sql, values![url]).await
    }
}
