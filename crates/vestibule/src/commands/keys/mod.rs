//! `vestibule keys …`: a file each.

pub(crate) mod list;
pub(crate) mod new;
pub(crate) mod rewrap;
pub(crate) mod rotate;

use anyhow::anyhow;
use vestibule_domain::sealing::MasterKeyId;
use vestibule_flows::NodeRecord;

/// The master key that is needed is not there.
fn no_master_key(id: Option<&MasterKeyId>) -> anyhow::Error {
    match id {
        Some(id) => anyhow!(
            "the data keys are wrapped by the master key {id}, which is not in the key file: it \
             was changed a moment ago; try again with its file in place"
        ),
        None => anyhow!("no master key is noted in the database: start `vestibule serve` first"),
    }
}

/// These nodes, for a sentence.
fn names(nodes: &[NodeRecord]) -> String {
    let names: Vec<&str> = nodes.iter().map(|node| node.label.as_str()).collect();
    names.join(", ")
}
