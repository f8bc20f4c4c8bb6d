//! `vestibule keys rewrap`.

use std::path::Path;
use std::time::Duration;

use anyhow::{anyhow, bail};
use tokio::time::sleep;
use vestibule_domain::id::NodeId;
use vestibule_domain::sealing::MasterKey;
use vestibule_flows::key_rewrap::Rewrap;
use vestibule_flows::nodes::Life;
use vestibule_flows::{NodeRecord, Vestibule};

use super::{names, no_master_key};
use crate::config::Config;
use crate::{key_file, opening, output};

const APART: Duration = Duration::from_millis(200);
/// After so many looks it is said what is waited for.
const PATIENT_LOOKS: u32 = 15;

/// Wraps the data keys by the master key in `new_key`, once every live node holds it.
pub(crate) async fn run(config: &Config, new_key: &Path) -> anyhow::Result<()> {
    let shown = new_key.display();
    let new = key_file::read(new_key)?.ok_or_else(|| {
        anyhow!("there is no file {shown}: make it with `vestibule keys new {shown}`")
    })?;
    let vestibule = opening::open_existing(config).await?;
    let rewrapped = rewrap(&vestibule, &new, config).await;
    vestibule.close().await;
    let what = match rewrapped? {
        Rewrap::Done(count) => {
            let s = if count == 1 { "" } else { "s" };
            format!(
                "{count} data key{s} can be unwrapped by the master key {} alone now.",
                new.id()
            )
        }
        Rewrap::AlreadyDone => format!("The master key {} is in effect already.", new.id()),
        Rewrap::NoMasterKey(id) => return Err(no_master_key(id.as_ref())),
        Rewrap::Lacking(nodes) => return Err(lacking(&nodes, &new, config)),
    };
    output::print(&format!(
        "{what}\nPut it in the place of the old one, here and likewise on every other node, after a copy\n\
         of the old one is kept for as long as you keep backups that were made before:\n\n    \
         mv {shown} {}",
        config.key_file().display(),
    ))
}

/// Waits until every node holds the key, has answered that it does not, or is dead.
async fn rewrap(vestibule: &Vestibule, new: &MasterKey, config: &Config) -> anyhow::Result<Rewrap> {
    let mut onlooker = vestibule.watch_nodes();
    onlooker.look().await?;
    vestibule.ask_nodes().await?;
    let mut looks = 0;
    loop {
        let mut nodes = onlooker.look().await?;
        nodes.retain(|node| !node.record.master_keys.contains(&new.id()));
        let of = |life| nodes.iter().filter(move |node| node.life == life).map(|it| &it.record);
        let refusing: Vec<NodeRecord> = of(Life::Alive).cloned().collect();
        if !refusing.is_empty() {
            bail!(lacking(&refusing, new, config));
        }
        let silent: Vec<NodeRecord> = of(Life::Unknown).cloned().collect();
        if silent.is_empty() {
            let dead: Vec<(NodeId, i64)> = of(Life::Dead).map(|it| (it.id, it.beats)).collect();
            return Ok(vestibule.rewrap_keys(new, &dead).await?);
        }
        looks += 1;
        if looks == PATIENT_LOOKS {
            output::remark(&format!(
                "Waiting up to half a minute to see whether these nodes still run: {}",
                names(&silent),
            ));
        }
        sleep(APART).await;
    }
}

fn lacking(nodes: &[NodeRecord], new: &MasterKey, config: &Config) -> anyhow::Error {
    anyhow!(
        "these nodes do not hold the new master key {}: {}; put its file there as {} with mode \
         600, and run this again. Nothing was changed",
        new.id(),
        names(nodes),
        config.next_key_file().display(),
    )
}
