//! `vestibule serve`.

use tokio::signal::unix::SignalKind;
use vestibule_domain::link::LinkPurpose;
use vestibule_flows::Vestibule;

use crate::config::Config;
use crate::serving::{self, Door};
use crate::stop::Stop;
use crate::tending::Tending;
use crate::{audit_heads, opening, output};

/// Serves until the process is asked to stop.
pub(crate) async fn run(config: &Config) -> anyhow::Result<()> {
    let stop = Stop::on(&[SignalKind::terminate(), SignalKind::interrupt()])?;
    // The port comes first: whoever finds it taken must not void the set-up link of the process
    // that has it.
    let door = Door::open(config).await?;
    let vestibule = tokio::select! {
        opened = opening::create_or_open(config) => opened?,
        () = stop.requested() => return Ok(()),
    };
    warn_if_put_back(config, &vestibule).await?;
    let tending = Tending::start(&vestibule, config, &door).await?;
    let setup = vestibule.make_setup_link().await?;
    tracing::info!(
        listen = %door.local_addr()?, metrics = door.metrics_addr(), public_url = %door.shown(),
        "listening"
    );
    output::print(&door.shown())?;
    if let Some(token) = setup {
        let link = vestibule_web::link(&door.public_url, LinkPurpose::Setup, &token);
        output::print(&format!(
            "\nThere is no account yet. Create the first one here, once, within the hour:\n{link}"
        ))?;
    }
    serving::serve(vestibule, door, tending, &config.audit_heads, stop).await
}

/// A database that is older than what was written down beside it was put back by hand.
async fn warn_if_put_back(config: &Config, vestibule: &Vestibule) -> anyhow::Result<()> {
    if let Some(head) = audit_heads::last(&config.audit_heads)
        && !vestibule.has_been_at(&head).await?
    {
        tracing::warn!(
            position = head.position,
            heads = %config.audit_heads.display(),
            "the audit trail once ended where this database has never been: if it was put back from \
             a backup, stop and run `vestibule after-restore`; if not, somebody changed it"
        );
    }
    Ok(())
}
