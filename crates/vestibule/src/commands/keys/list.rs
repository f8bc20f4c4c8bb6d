//! `vestibule keys list`.

use std::fmt::Write as _;

use vestibule_flows::{FlowError, Vestibule};

use crate::config::Config;
use crate::{opening, output};

/// Prints the data keys, the master key and the nodes.
pub(crate) async fn run(config: &Config) -> anyhow::Result<()> {
    let vestibule = opening::open_existing(config).await?;
    let list = list(&vestibule).await;
    vestibule.close().await;
    output::print(list?.trim_end())
}

async fn list(vestibule: &Vestibule) -> Result<String, FlowError> {
    let keys = vestibule.data_key_states().await?;
    let newest = keys.last().map_or(0, |key| key.number);
    // Writing to a string cannot fail.
    let mut text = String::from("Data keys\n");
    for key in &keys {
        let role = if key.number == newest { "seals" } else { "opens what is left" };
        let s = if key.sealed == 1 { "" } else { "s" };
        let _ = writeln!(text, "  {:<4} {role:<20} {} secret{s}", key.number, key.sealed);
    }
    let (master, _) = vestibule.master_key().await?;
    let master = master.map_or_else(|| "unknown".to_owned(), |id| id.to_string());
    let _ = writeln!(text, "\nMaster key\n  {master}\n\nNodes");
    let nodes = vestibule.nodes().await?;
    for node in &nodes {
        let age = node.seen.age_at(vestibule.now()).unwrap_or_default().as_secs();
        let held: Vec<String> = node.master_keys.iter().map(ToString::to_string).collect();
        let _ = writeln!(
            text,
            "  {}: knows data key {}, holds master key {}, last heard of {age} seconds ago",
            node.label,
            node.newest_key,
            held.join(" and "),
        );
    }
    if nodes.is_empty() {
        text.push_str("  none is serving\n");
    }
    Ok(text)
}
