//! `vestibule keys rotate`.

use std::time::Duration;

use anyhow::bail;
use tokio::time::sleep;
use vestibule_flows::Vestibule;
use vestibule_flows::key_rotation::Rotation;
use vestibule_flows::nodes::{Life, Onlooker};

use super::{names, no_master_key};
use crate::config::Config;
use crate::{opening, output};

/// How often the nodes are looked at before this command does the work itself, and how far apart.
const LOOKS: u32 = 20;
const APART: Duration = Duration::from_millis(200);

/// Makes a new data key, and sees to it that everything is sealed with it.
pub(crate) async fn run(config: &Config) -> anyhow::Result<()> {
    let vestibule = opening::open_existing(config).await?;
    let rotated = rotate(&vestibule).await;
    vestibule.close().await;
    output::print(&rotated?)
}

async fn rotate(vestibule: &Vestibule) -> anyhow::Result<String> {
    let mut onlooker = vestibule.watch_nodes();
    onlooker.look().await?;
    let number = match vestibule.rotate_keys().await? {
        Rotation::Made(number) => number,
        Rotation::Overtaken(number) => bail!(
            "another process made data key {number} at this moment: nothing more is to be done; \
             `vestibule keys list` shows it"
        ),
        Rotation::NoMasterKey(id) => return Err(no_master_key(id.as_ref())),
        Rotation::Lacking(nodes) => bail!(
            "these nodes do not hold the present master key and could not read a new data key: {}; \
             put the key file in place there. A node that has crashed is forgotten after half a \
             minute",
            names(&nodes),
        ),
    };
    let made = format!("Data key {number} is made: everything is sealed with it from now on.");
    if let Some(node) = first_word(&mut onlooker).await? {
        return Ok(format!(
            "{made}\n{node} seals the rest anew in the background, and removes the old key about\n\
             half a minute after nothing needs it. `vestibule keys list` shows how far it is."
        ));
    }
    let mut count = 0;
    let unreadable = loop {
        let resealed = vestibule.reseal_some().await?;
        if resealed.done == 0 {
            break resealed.unreadable;
        }
        count += resealed.done;
    };
    let rest = if !vestibule.nodes().await?.is_empty() {
        "A node that did not answer may still need the old key: the next `vestibule serve` removes it."
            .to_owned()
    } else if unreadable > 0 {
        format!("{unreadable} secrets do not open, so their old key is kept.")
    } else {
        vestibule.retire_data_keys().await?;
        "The old key is removed.".to_owned()
    };
    Ok(format!("{made}\nNo node is serving, so {count} secrets were sealed anew here. {rest}"))
}

/// The name of a node that lives, if there is one.
async fn first_word(onlooker: &mut Onlooker) -> anyhow::Result<Option<String>> {
    for _ in 0..LOOKS {
        let nodes = onlooker.look().await?;
        if nodes.is_empty() {
            return Ok(None);
        }
        if let Some(node) = nodes.into_iter().find(|node| node.life == Life::Alive) {
            return Ok(Some(node.record.label));
        }
        sleep(APART).await;
    }
    Ok(None)
}
