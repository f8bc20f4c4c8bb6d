//! The data keys of a running node, unwrapped.

use vestibule_domain::id::DataKeyId;
use vestibule_domain::limits::lanes::LaneKey;
use vestibule_domain::randomness::Randomness;
use vestibule_domain::sealing::{DataKey, DoesNotOpen, MasterKey};
use vestibule_domain::time::Timestamp;
use vestibule_store::{Store, StoreError};

/// Why the keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The data was sealed under another master key.
    #[error(
        "the master key does not belong to this database: put back the key file that the data was \
         made with"
    )]
    Foreign(#[from] DoesNotOpen),
}

/// Wraps every data key with `to` that is wrapped with `from`; one that `to` opens already stays as
/// it is. One that neither opens is refused, and then nothing is changed.
pub async fn rewrap(
    store: &Store,
    from: &MasterKey,
    to: &MasterKey,
    randomness: &Randomness,
) -> Result<(), KeyError> {
    let mut tx = store.write().await?;
    for stored in tx.data_keys().await? {
        if to.unwrap(stored.id, &stored.wrapped).is_ok() {
            continue;
        }
        let key = from.unwrap(stored.id, &stored.wrapped)?;
        let wrapped = to.wrap(&key, randomness)?;
        let _unless_changed = tx.rewrap_data_key(&stored, &wrapped).await?;
    }
    Ok(tx.commit().await?)
}

/// The data keys, the newest last: it seals, all of them open.
pub(crate) struct DataKeys(Vec<DataKey>);

impl DataKeys {
    pub(crate) async fn open(
        store: &Store,
        master_key: &MasterKey,
        now: Timestamp,
        randomness: &Randomness,
    ) -> Result<Self, KeyError> {
        if store.read().await?.data_keys().await?.is_empty() {
            let first = DataKey::new(DataKeyId::new(now, randomness), randomness);
            let wrapped = master_key.wrap(&first, randomness)?;
            let mut tx = store.write().await?;
            // Another node may be faster; then its key is read below, and must unwrap.
            let _ours = tx.insert_first_data_key(first.id(), &wrapped, now).await?;
            tx.commit().await?;
        }
        let stored = store.read().await?.data_keys().await?;
        let unwrapped = stored.iter().map(|key| master_key.unwrap(key.id, &key.wrapped));
        Ok(Self(unwrapped.collect::<Result<_, _>>()?))
    }

    /// The key that seals.
    pub(crate) fn newest(&self) -> Result<&DataKey, DoesNotOpen> {
        self.0.last().ok_or(DoesNotOpen)
    }

    /// The key that sealed a stored secret.
    pub(crate) fn find(&self, id: DataKeyId) -> Result<&DataKey, DoesNotOpen> {
        self.0.iter().find(|key| key.id() == id).ok_or(DoesNotOpen)
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
