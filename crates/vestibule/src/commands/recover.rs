//! `vestibule recover`.

use anyhow::{anyhow, bail};
use vestibule_domain::email::Email;
use vestibule_domain::link::LinkPurpose;
use vestibule_flows::recover::Recover;

use crate::config::Config;
use crate::{opening, output};

/// Makes the link with which a user who lost everything comes back.
pub(crate) async fn run(config: &Config, email: &str) -> anyhow::Result<()> {
    let email = Email::parse(email).map_err(|error| anyhow!("EMAIL {email:?}: {error}"))?;
    let vestibule = opening::open_existing(config).await?;
    let public_url = config.public_url_for_links(vestibule.public_url().await?.as_deref())?;
    let made = vestibule.make_recover_link(&email).await;
    vestibule.close().await;
    let made = match made? {
        Recover::Made(made) => made,
        Recover::Unknown => bail!("no user has the e-mail {email}"),
        Recover::Disabled => {
            bail!("{email} is disabled: an Admin of the account has to enable this user first")
        }
    };
    output::print(&format!(
        "With this link {email} sets a new password and enrols a new authenticator app. It works\n\
         once, within {} minutes:\n{}\n\n\
         Nothing is changed until it is used. The new password ends every session of this user;\n\
         the new app replaces the old ones when its first security code is accepted. Whoever has\n\
         the link can sign in as {email}: give it to nobody else.",
        LinkPurpose::Recover.lifetime().as_secs() / 60,
        vestibule_web::link(&public_url, LinkPurpose::Recover, &made.token),
    ))
}
