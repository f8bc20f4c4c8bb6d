//! The data keys of a running process, unwrapped, and the master keys that unwrap them.
//!
//! A cheap snapshot: reading it waits for nobody. It grows while serving and forgets nothing, so
//! that what was read a moment before its key was retired still opens.

use std::sync::{Arc, PoisonError, RwLock};

use vestibule_domain::id::DataKeyId;
use vestibule_domain::limits::lanes::LaneKey;
use vestibule_domain::randomness::Randomness;
use vestibule_domain::sealing::{DataKey, DoesNotOpen, MasterKey, MasterKeyId};
use vestibule_domain::time::Timestamp;
use vestibule_store::{Reading, Store, StoreError, WrappedDataKey};

use crate::error::FlowError;

/// Why the keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The data was sealed under another master key.
    #[error(
        "the master key does not belong to this database: the key here is {held}, the data needs \
         {wanted}; put that key file back"
    )]
    Foreign {
        /// Which ones were given.
        held: String,
        /// Which one it is.
        wanted: String,
    },
    /// A key could not be wrapped.
    #[error("a data key could not be wrapped")]
    NotWrapped(#[from] DoesNotOpen),
}

impl KeyError {
    fn foreign(masters: &[MasterKey], wanted: Option<MasterKeyId>) -> Self {
        let mut held: Vec<String> = masters.iter().map(|key| key.id().to_string()).collect();
        held.dedup();
        let wanted = wanted.map(|id| id.to_string());
        Self::Foreign {
            held: held.join(" or "),
            wanted: wanted.unwrap_or_else(|| "the one that it was made with".to_owned()),
        }
    }
}

/// Wraps every data key with `to` that is wrapped with `from`; one that `to` opens already stays as
/// it is. One that neither opens is refused, and then nothing is changed. For a database that was
/// put back from a backup and that nobody serves: the nodes of its time are forgotten.
pub async fn rewrap(
    store: &Store,
    from: &MasterKey,
    to: &MasterKey,
    randomness: &Randomness,
) -> Result<(), KeyError> {
    let mut tx = store.write().await?;
    let wanted = tx.guard_installation().await?.master_key;
    for stored in tx.data_keys().await? {
        if to.unwrap(stored.id, &stored.wrapped).is_ok() {
            continue;
        }
        let Ok(key) = from.unwrap(stored.id, &stored.wrapped) else {
            return Err(KeyError::foreign(&[from.clone(), to.clone()], wanted));
        };
        let wrapped = to.wrap(&key, randomness)?;
        let _unless_changed = tx.rewrap_data_key(&stored, &wrapped).await?;
    }
    tx.set_master_key(&to.id()).await?;
    tx.forget_nodes().await?;
    Ok(tx.commit().await?)
}

/// The data keys: the newest seals, all of them open.
pub(crate) struct DataKeys(RwLock<Arc<Known>>);

#[derive(Clone)]
struct Known {
    /// By number, the newest last.
    keys: Vec<(i64, DataKey)>,
    masters: Vec<MasterKey>,
}

impl Known {
    fn find(&self, id: DataKeyId) -> Option<&DataKey> {
        self.keys.iter().map(|(_, key)| key).find(|key| key.id() == id)
    }

    fn unwrap(&self, stored: &WrappedDataKey) -> Option<DataKey> {
        self.masters.iter().find_map(|master| master.unwrap(stored.id, &stored.wrapped).ok())
    }

    /// Adds what is not known yet; `false` when one of them does not unwrap.
    fn add(&mut self, stored: &[WrappedDataKey]) -> bool {
        let mut all = true;
        for new in stored.iter().filter(|stored| self.find(stored.id).is_none()).collect::<Vec<_>>()
        {
            match self.unwrap(new) {
                Some(key) => self.keys.push((new.number, key)),
                None => all = false,
            }
        }
        self.keys.sort_by_key(|(number, _)| *number);
        all
    }
}

impl DataKeys {
    /// Unwraps the data keys of a database with whichever of these master keys fits, or makes the
    /// first data key under the first of them.
    pub(crate) async fn open(
        store: &Store,
        masters: &[MasterKey],
        now: Timestamp,
        randomness: &Randomness,
    ) -> Result<Self, KeyError> {
        if store.read().await?.data_keys().await?.is_empty()
            && let Some(master) = masters.first()
        {
            let first = DataKey::new(DataKeyId::new(now, randomness), randomness);
            let wrapped = master.wrap(&first, randomness)?;
            let mut tx = store.write().await?;
            tx.guard_installation().await?;
            // Another node may be faster; then its key is read below, and must unwrap.
            if tx.insert_first_data_key(first.id(), &wrapped, now).await? {
                tx.note_master_key(&master.id()).await?;
            }
            tx.commit().await?;
        }
        let (stored, installation) = {
            let mut db = store.read().await?;
            (db.data_keys().await?, db.installation().await?)
        };
        let mut known = Known { keys: vec![], masters: masters.to_vec() };
        if !known.add(&stored) {
            return Err(KeyError::foreign(masters, installation.master_key));
        }
        // A database from before master keys had names.
        let fits = |master: &&MasterKey| {
            stored.last().is_some_and(|key| master.unwrap(key.id, &key.wrapped).is_ok())
        };
        if installation.master_key.is_none()
            && let Some(master) = masters.iter().find(fits)
        {
            let mut tx = store.write().await?;
            tx.note_master_key(&master.id()).await?;
            tx.commit().await?;
        }
        Ok(Self(RwLock::new(Arc::new(known))))
    }

    fn known(&self) -> Arc<Known> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change(&self, change: impl FnOnce(&mut Known)) {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut held));
    }

    /// The key that seals. It is looked up each time, which is seldom: what is sealed with a key
    /// that was retired meanwhile could not be stored.
    pub(crate) async fn newest(&self, store: &Store) -> Result<DataKey, FlowError> {
        self.newest_within(&mut store.read().await?).await
    }

    /// The same, looked up within a transaction: who holds one connection asks for no second.
    pub(crate) async fn newest_within(&self, db: &mut Reading) -> Result<DataKey, FlowError> {
        let stored = db.data_keys().await?;
        self.learn(&stored);
        Ok(self.newest_known()?)
    }

    /// The newest key that is known here.
    pub(crate) fn newest_known(&self) -> Result<DataKey, DoesNotOpen> {
        self.known().keys.last().map(|(_, key)| key.clone()).ok_or(DoesNotOpen)
    }

    /// Its number.
    pub(crate) fn newest_number(&self) -> i64 {
        self.known().keys.last().map_or(0, |(number, _)| *number)
    }

    /// The key that sealed a stored secret. One that another process made since is looked up.
    pub(crate) async fn find(&self, store: &Store, id: DataKeyId) -> Result<DataKey, FlowError> {
        if let Some(key) = self.known().find(id) {
            return Ok(key.clone());
        }
        self.find_within(&mut store.read().await?, id).await
    }

    /// The same within a transaction.
    pub(crate) async fn find_within(
        &self,
        db: &mut Reading,
        id: DataKeyId,
    ) -> Result<DataKey, FlowError> {
        if self.known().find(id).is_none() {
            self.learn(&db.data_keys().await?);
        }
        Ok(self.known().find(id).cloned().ok_or(DoesNotOpen)?)
    }

    /// Learns the keys that other processes made.
    pub(crate) fn learn(&self, stored: &[WrappedDataKey]) {
        let known = self.known();
        if stored.iter().any(|key| known.find(key.id).is_none()) {
            // What does not unwrap is tried again: the master key may come later.
            self.change(|known| {
                known.add(stored);
            });
        }
    }

    /// Holds a further master key.
    pub(crate) fn hold(&self, master: &MasterKey) {
        if self.master(&master.id()).is_none() {
            self.change(|known| known.masters.push(master.clone()));
        }
    }

    /// The master key of this id, where it is held.
    pub(crate) fn master(&self, id: &MasterKeyId) -> Option<MasterKey> {
        self.known().masters.iter().find(|master| master.id() == *id).cloned()
    }

    /// Which master keys are held.
    pub(crate) fn master_ids(&self) -> Vec<MasterKeyId> {
        self.known().masters.iter().map(MasterKey::id).collect()
    }
}

/// The key under which lanes are named, one for all nodes. It opens nothing, and is not sealed.
pub(crate) async fn lane_key(
    store: &Store,
    randomness: &Randomness,
) -> Result<LaneKey, StoreError> {
    if store.read().await?.lane_key().await?.is_none() {
        let mut tx = store.write().await?;
        // Another node may be faster; then its key is read below.
        let _ours = tx.insert_lane_key(LaneKey::new(randomness).expose_bytes()).await?;
        tx.commit().await?;
    }
    let stored = store.read().await?.lane_key().await?;
    stored
        .and_then(|bytes| LaneKey::from_bytes(&bytes))
        .ok_or(StoreError::Unreadable("the key of the lanes"))
}
