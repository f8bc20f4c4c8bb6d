//! A new data key, what was sealed with the old ones sealed anew, and the old ones removed.

use vestibule_domain::audit::{AuditEvent, AuditKind};
use vestibule_domain::id::DataKeyId;
use vestibule_domain::sealing::{DataKey, MasterKeyId};
use vestibule_store::{NodeRecord, SEALED};

use crate::error::FlowError;
use crate::vestibule::Vestibule;
use crate::visitor::Visitor;

/// Rows that are sealed anew before others get their turn.
const BATCH: i64 = 100;

/// The answer to `vestibule keys rotate`.
#[derive(Debug)]
pub enum Rotation {
    /// There is a new data key, of this number.
    Made(i64),
    /// Another process made that one at the same moment.
    Overtaken(i64),
    /// The master key that wraps the data keys is not held here.
    NoMasterKey(Option<MasterKeyId>),
    /// These nodes could not unwrap a new key.
    Lacking(Vec<NodeRecord>),
}

/// What a round of sealing anew came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resealed {
    /// Rows that are sealed with the newest key now.
    pub done: usize,
    /// Rows that do not open: they keep their key alive.
    pub unreadable: usize,
}

/// A data key as the operator sees it.
#[derive(Debug)]
pub struct DataKeyState {
    /// Its number.
    pub number: i64,
    /// When it was made.
    pub created: vestibule_domain::time::Timestamp,
    /// How many secrets are sealed with it.
    pub sealed: i64,
}

impl Vestibule {
    /// Makes a new data key. Every node that serves learns of it within a second and seals with it
    /// from then on; what it meets before that, it looks up.
    pub async fn rotate_keys(&self) -> Result<Rotation, FlowError> {
        let now = self.clock.now();
        let stored = self.store.read().await?.data_keys().await?;
        let number = stored.last().map_or(1, |newest| newest.number + 1);
        let mut tx = self.store.write().await?;
        let wraps = tx.guard_installation().await?.master_key;
        let Some(master) = wraps.as_ref().and_then(|id| self.keys.master(id)) else {
            return Ok(Rotation::NoMasterKey(wraps));
        };
        let mut nodes = tx.nodes().await?;
        nodes.retain(|node| !node.master_keys.contains(&master.id()));
        if !nodes.is_empty() {
            return Ok(Rotation::Lacking(nodes));
        }
        let key = DataKey::new(DataKeyId::new(now, &self.randomness), &self.randomness);
        let wrapped = master.wrap(&key, &self.randomness)?;
        if !tx.insert_data_key(key.id(), number, &wrapped, now).await? {
            return Ok(Rotation::Overtaken(number));
        }
        let event = of_installation(AuditKind::DataKeyMade, number.to_string());
        self.audit(&mut tx, event, now).await?;
        tx.commit().await?;
        let stored = self.store.read().await?.data_keys().await?;
        self.keys.learn(&stored);
        Ok(Rotation::Made(number))
    }

    /// Seals one batch anew, of whatever is not sealed with the newest key known here. Each row by
    /// a write of its own: one that held several rows could stand in the way of another that holds
    /// the same in another order. A round that does nothing finds nothing more to do.
    pub async fn reseal_some(&self) -> Result<Resealed, FlowError> {
        let (newest, number) = (self.keys.newest_known()?, self.keys.newest_number());
        let mut found = Resealed::default();
        let stored = self.store.read().await?.data_keys().await?;
        for old in stored.iter().filter(|key| key.number < number) {
            let old = self.keys.find(&self.store, old.id).await?;
            for table in SEALED {
                let rows = self.store.read().await?.sealed_with(table, old.id(), BATCH).await?;
                for row in rows {
                    let whose = (row.row.as_str(), row.user.as_str());
                    let sealed =
                        newest.reseal(&old, &row.sealed, table.purpose, whose, &self.randomness);
                    let Ok(sealed) = sealed else {
                        found.unreadable += 1;
                        continue;
                    };
                    let mut tx = self.store.write().await?;
                    // Gone, or sealed anew by another, is as good.
                    let _ours = tx.reseal(table, &row, (old.id(), newest.id()), &sealed).await?;
                    tx.commit().await?;
                    found.done += 1;
                }
                if found.done > 0 {
                    return Ok(found);
                }
            }
        }
        Ok(found)
    }

    /// Removes the data keys that nothing is sealed with any more, but the newest. The caller knows
    /// that no process still seals with them. Answers their numbers.
    pub async fn retire_data_keys(&self) -> Result<Vec<i64>, FlowError> {
        let now = self.clock.now();
        let stored = self.store.read().await?.data_keys().await?;
        let mut retired = vec![];
        for old in stored.iter().rev().skip(1).rev() {
            let mut tx = self.store.write().await?;
            let unused = tx.count_sealed_with(old.id).await? == 0;
            if !unused || !tx.remove_data_key(old.id).await? {
                continue;
            }
            let event = of_installation(AuditKind::DataKeyRetired, old.number.to_string());
            self.audit(&mut tx, event, now).await?;
            tx.commit().await?;
            retired.push(old.number);
        }
        Ok(retired)
    }

    /// The data keys, the newest last, and how much is sealed with each.
    pub async fn data_key_states(&self) -> Result<Vec<DataKeyState>, FlowError> {
        let mut db = self.store.read().await?;
        let mut states = vec![];
        for key in db.data_keys().await? {
            let sealed = db.count_sealed_with(key.id).await?;
            states.push(DataKeyState { number: key.number, created: key.created, sealed });
        }
        Ok(states)
    }
}

/// An event of the host's command line or of the program itself, about the whole installation.
pub(crate) fn of_installation(kind: AuditKind, detail: String) -> AuditEvent {
    AuditEvent { detail, ..Visitor::default().event(kind) }
}
