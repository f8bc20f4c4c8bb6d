//! The processes that serve: each says of itself what it knows, one of them tends the keys, and
//! whoever needs all of them to know something watches them.

use std::time::Duration;

use vestibule_domain::id::NodeId;
use vestibule_domain::nodes::{BEAT, NodeWatch};
use vestibule_domain::sealing::MasterKeyId;
use vestibule_store::{NodeRecord, WrappedDataKey};

use crate::error::FlowError;
use crate::key_rotation::Resealed;
use crate::vestibule::Vestibule;

/// How long an old data key outlives the moment at which every node knew a newer one: longer than
/// a request may take, so that nothing that began before can still be sealing with it.
pub const RETIRED_AFTER: Duration = Duration::from_secs(31);

/// This process, among the nodes.
pub struct ServingNode {
    vestibule: Vestibule,
    record: NodeRecord,
    /// How often the nodes had been asked when this one said something last.
    answered: i64,
    last_beat: Option<Duration>,
    watch: NodeWatch,
    /// Since when every live node knows the data key of this number.
    all_know: Option<(i64, Duration)>,
}

/// What a node did, for the log.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tended {
    /// Secrets that were sealed anew.
    pub resealed: Resealed,
    /// Data keys that were removed, by number.
    pub retired: Vec<i64>,
    /// The master key that wraps the data keys, where this node does not hold it.
    pub lacks: Option<MasterKeyId>,
}

impl Vestibule {
    /// This process as a node. It counts as one from its first [`ServingNode::tend`].
    pub fn node(&self, label: &str) -> ServingNode {
        let now = self.clock.now();
        ServingNode {
            vestibule: self.clone(),
            record: NodeRecord {
                id: NodeId::new(now, &self.randomness),
                label: label.to_owned(),
                started: now,
                seen: now,
                beats: 0,
                newest_key: 0,
                master_keys: vec![],
            },
            answered: 0,
            last_beat: None,
            watch: NodeWatch::default(),
            all_know: None,
        }
    }

    /// Begins to watch the nodes.
    pub fn watch_nodes(&self) -> Onlooker {
        Onlooker { vestibule: self.clone(), watch: NodeWatch::default() }
    }

    /// Asks every node for a word. Each that lives counts on within a second or two.
    pub async fn ask_nodes(&self) -> Result<(), FlowError> {
        let mut tx = self.store.write().await?;
        tx.guard_installation().await?;
        Ok(tx.commit().await?)
    }
}

impl Vestibule {
    /// A node ends.
    pub async fn leave(&self, node: NodeId) -> Result<(), FlowError> {
        let mut tx = self.store.write().await?;
        let _was_there = tx.remove_node(node).await?;
        Ok(tx.commit().await?)
    }

    /// All nodes as they said last, the eldest first.
    pub async fn nodes(&self) -> Result<Vec<NodeRecord>, FlowError> {
        Ok(self.store.read().await?.nodes().await?)
    }
}

impl ServingNode {
    /// Which one it is.
    pub fn id(&self) -> NodeId {
        self.record.id
    }

    /// Learns new data keys, says what there is to say, and does its share of tending the keys. To
    /// be called every second, and again at once while it seals anew.
    pub async fn tend(&mut self) -> Result<Tended, FlowError> {
        let vestibule = self.vestibule.clone();
        let steady = vestibule.clock.steady();
        let (installation, stored, nodes) = {
            let mut db = vestibule.store.read().await?;
            (db.installation().await?, db.data_keys().await?, db.nodes().await?)
        };
        vestibule.keys.learn(&stored);
        self.speak(installation.asked, &nodes, steady).await?;
        self.watch.note(nodes.iter().map(|node| (node.id, node.beats)), steady);

        let lacks = installation.master_key.filter(|id| vestibule.keys.master(id).is_none());
        let mut tended = Tended { lacks, ..Tended::default() };
        let (dead, alive): (Vec<_>, Vec<_>) = nodes
            .into_iter()
            .filter(|node| node.id != self.record.id)
            .partition(|node| self.watch.is_dead(node.id, steady));
        // The eldest does the work. Two who both think so are in nobody's way.
        if alive.iter().any(|node| node.id < self.record.id) {
            self.all_know = None;
            return Ok(tended);
        }
        for node in &dead {
            let mut tx = vestibule.store.write().await?;
            let _removed = tx.remove_dead_node(node.id, node.beats).await?;
            tx.commit().await?;
        }
        if stored.len() > 1 {
            tended.resealed = vestibule.reseal_some().await?;
            if self.is_settled(&stored, &alive, steady) && tended.resealed.done == 0 {
                tended.retired = vestibule.retire_data_keys().await?;
            }
        }
        Ok(tended)
    }

    /// Writes this node's row when it is time, when it changes, when the nodes were asked, and when
    /// somebody took it for dead.
    async fn speak(
        &mut self,
        asked: i64,
        nodes: &[NodeRecord],
        steady: Duration,
    ) -> Result<(), FlowError> {
        let keys = &self.vestibule.keys;
        let (newest_key, master_keys) = (keys.newest_number(), keys.master_ids());
        let due = self.last_beat.is_none_or(|last| steady.saturating_sub(last) >= BEAT);
        let is_missing = !nodes.iter().any(|node| node.id == self.record.id);
        let is_new = self.record.newest_key != newest_key || self.record.master_keys != master_keys;
        if !(due || is_missing || is_new || asked != self.answered) {
            return Ok(());
        }
        let beats = self.record.beats + 1;
        let seen = self.vestibule.clock.now();
        let record = NodeRecord { seen, beats, newest_key, master_keys, ..self.record.clone() };
        let mut tx = self.vestibule.store.write().await?;
        tx.note_node(&record).await?;
        tx.commit().await?;
        (self.record, self.answered, self.last_beat) = (record, asked, Some(steady));
        Ok(())
    }

    /// Whether every live node has known the newest data key for so long that nothing is sealed
    /// with an older one any more.
    fn is_settled(
        &mut self,
        stored: &[WrappedDataKey],
        others: &[NodeRecord],
        steady: Duration,
    ) -> bool {
        let newest = stored.last().map_or(0, |key| key.number);
        let all =
            self.record.newest_key >= newest && others.iter().all(|node| node.newest_key >= newest);
        self.all_know = match self.all_know {
            _ if !all => None,
            Some((number, since)) if number == newest => Some((number, since)),
            _ => Some((newest, steady)),
        };
        self.all_know.is_some_and(|(_, since)| steady.saturating_sub(since) >= RETIRED_AFTER)
    }
}

/// Somebody who watches the nodes from outside.
pub struct Onlooker {
    vestibule: Vestibule,
    watch: NodeWatch,
}

/// A node as it was seen.
#[derive(Clone, Debug)]
pub struct SeenNode {
    /// What it says of itself.
    pub record: NodeRecord,
    /// Whether it lives.
    pub life: Life,
}

/// Whether a node lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It has counted on since it is watched: what it says is of now.
    Alive,
    /// It has not counted on for half a minute.
    Dead,
    /// Too early to say.
    Unknown,
}

impl Onlooker {
    /// Looks at all nodes.
    pub async fn look(&mut self) -> Result<Vec<SeenNode>, FlowError> {
        let steady = self.vestibule.clock.steady();
        let nodes = self.vestibule.store.read().await?.nodes().await?;
        self.watch.note(nodes.iter().map(|node| (node.id, node.beats)), steady);
        let seen = nodes.into_iter().map(|record| {
            let life = if self.watch.is_dead(record.id, steady) {
                Life::Dead
            } else if self.watch.has_counted_on(record.id) {
                Life::Alive
            } else {
                Life::Unknown
            };
            SeenNode { record, life }
        });
        Ok(seen.collect())
    }
}
