//! `vestibule account create`.

use anyhow::{anyhow, bail};
use vestibule_domain::email::Email;
use vestibule_domain::link::LinkPurpose;
use vestibule_domain::name::Name;

use crate::config::Config;
use crate::{opening, output};

/// Makes a further account and prints its first Admin's invitation.
pub(crate) async fn create(config: &Config, name: &str, admin: &str) -> anyhow::Result<()> {
    let name = Name::parse(name).map_err(|error| anyhow!("NAME {name:?}: {error}"))?;
    let admin = Email::parse(admin).map_err(|error| anyhow!("--admin {admin:?}: {error}"))?;
    let vestibule = opening::open_existing(config).await?;
    let public_url = config.public_url_for_links(vestibule.public_url().await?.as_deref())?;
    let made = vestibule.create_account(&name, &admin).await;
    vestibule.close().await;
    let Some(made) = made? else {
        bail!("{admin} is taken: a user has this address, or one that looks like it");
    };
    output::print(&format!(
        "The account \"{name}\" is made. With this link {admin} sets a password and becomes its\n\
         Admin. It works once, within {} days:\n{}",
        LinkPurpose::Invitation.lifetime().as_secs() / (24 * 60 * 60),
        vestibule_web::link(&public_url, LinkPurpose::Invitation, &made.token),
    ))
}
