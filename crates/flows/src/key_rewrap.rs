//! Another master key: it takes effect once every live node holds it.

use vestibule_domain::audit::AuditKind;
use vestibule_domain::id::NodeId;
use vestibule_domain::sealing::{MasterKey, MasterKeyId};
use vestibule_store::NodeRecord;

use crate::error::FlowError;
use crate::key_rotation::of_installation;
use crate::vestibule::Vestibule;

/// The answer to `vestibule keys rewrap`.
#[derive(Debug)]
pub enum Rewrap {
    /// So many data keys are wrapped by the new master key, and by it alone.
    Done(usize),
    /// They were already.
    AlreadyDone,
    /// The master key that wraps them now is not held here.
    NoMasterKey(Option<MasterKeyId>),
    /// These nodes do not hold the new key.
    Lacking(Vec<NodeRecord>),
}

impl Vestibule {
    /// Wraps all data keys by `new` in place of the master key that wraps them now, in one
    /// transaction. Nodes that were found `dead` when they had counted so far are not waited for.
    pub async fn rewrap_keys(
        &self,
        new: &MasterKey,
        dead: &[(NodeId, i64)],
    ) -> Result<Rewrap, FlowError> {
        let now = self.clock.now();
        let mut tx = self.store.write().await?;
        let wraps = tx.guard_installation().await?.master_key;
        if wraps.as_ref() == Some(&new.id()) {
            return Ok(Rewrap::AlreadyDone);
        }
        let Some(old) = wraps.as_ref().and_then(|id| self.keys.master(id)) else {
            return Ok(Rewrap::NoMasterKey(wraps));
        };
        for (id, beats) in dead {
            // One that has counted on after all stays, and is found lacking below.
            let _removed = tx.remove_dead_node(*id, *beats).await?;
        }
        let mut lacking = tx.nodes().await?;
        lacking.retain(|node| !node.master_keys.contains(&new.id()));
        if !lacking.is_empty() {
            return Ok(Rewrap::Lacking(lacking));
        }
        if !tx.change_master_key(&old.id(), &new.id()).await? {
            return Ok(Rewrap::NoMasterKey(wraps));
        }
        let stored = tx.data_keys().await?;
        for key in &stored {
            let wrapped = new.wrap(&old.unwrap(key.id, &key.wrapped)?, &self.randomness)?;
            // The guard keeps everybody else off; what follows would find out.
            let _wrapped = tx.rewrap_data_key(key, &wrapped).await?;
        }
        // Read back what will be committed: a key that does not unwrap is lost for good.
        for key in tx.data_keys().await? {
            new.unwrap(key.id, &key.wrapped)?;
        }
        let detail = format!("{} -> {}", old.id(), new.id());
        self.audit(&mut tx, of_installation(AuditKind::MasterKeyChanged, detail), now).await?;
        tx.commit().await?;
        self.keys.hold(new);
        Ok(Rewrap::Done(stored.len()))
    }

    /// Holds a further master key, such as the one that is to replace the present one.
    pub fn hold_master_key(&self, key: &MasterKey) {
        self.keys.hold(key);
    }

    /// Which master key wraps the data keys, and whether it is held here.
    pub async fn master_key(&self) -> Result<(Option<MasterKeyId>, bool), FlowError> {
        let id = self.store.read().await?.installation().await?.master_key;
        let held = id.as_ref().is_some_and(|id| self.keys.master(id).is_some());
        Ok((id, held))
    }
}
