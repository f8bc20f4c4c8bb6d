//! `vestibule recover`.

use anyhow::{anyhow, bail};
use vestibule_domain::email::Email;
use vestibule_domain::link::{LinkPurpose, Recovers};
use vestibule_flows::recover::Recover;

use crate::cli::RecoverArgs;
use crate::config::Config;
use crate::{opening, output};

/// What the flags ask for; without any, everything.
pub(crate) fn recovers(args: &RecoverArgs) -> Recovers {
    match (args.password, args.factors) {
        (true, false) => Recovers::Password,
        (false, true) => Recovers::Factors,
        (true, true) | (false, false) => Recovers::Everything,
    }
}

/// Makes the link with which a user who lost everything comes back.
pub(crate) async fn run(config: &Config, email: &str, recovers: Recovers) -> anyhow::Result<()> {
    let email = Email::parse(email).map_err(|error| anyhow!("EMAIL {email:?}: {error}"))?;
    let vestibule = opening::open_existing(config).await?;
    let public_url = config.public_url_for_links(vestibule.public_url().await?.as_deref())?;
    let made = vestibule.make_recover_link(&email, recovers).await;
    vestibule.close().await;
    let made = match made? {
        Recover::Made(made) => made,
        Recover::Unknown => bail!("no user has the e-mail {email}"),
        Recover::Disabled => {
            bail!("{email} is disabled: an Admin of the account has to enable this user first")
        }
        Recover::NoPassword => {
            bail!("{email} has no password yet: run it again without --factors")
        }
    };
    let (does, then) = told(recovers, &email);
    output::print(&format!(
        "With this link {email} {does}. It works\nonce, within {} minutes:\n{}\n\n\
         Nothing is changed until it is used. {then}\n\
         Every Admin of the account is told that this link was made, and when it is used.",
        LinkPurpose::Recover.lifetime().as_secs() / 60,
        vestibule_web::link(&public_url, LinkPurpose::Recover, &made.token),
    ))
}

/// What the link does, and what follows.
fn told(recovers: Recovers, email: &Email) -> (&'static str, String) {
    match recovers {
        Recovers::Everything => (
            "sets a new password and enrols a new authenticator app",
            format!(
                "The new password ends every session of this user;\n\
                 the new app replaces the old ones when its first security code is accepted. Whoever has\n\
                 the link can sign in as {email}: give it to nobody else."
            ),
        ),
        Recovers::Password => (
            "sets a new password",
            format!(
                "The new password ends every session of this user\n\
                 and signs nobody in; a security code is asked for as ever. Whoever has the link chooses the\n\
                 password of {email}: give it to nobody else."
            ),
        ),
        Recovers::Factors => (
            "enrols a new authenticator app, after giving the password",
            format!(
                "It ends every session of this user; the new\n\
                 app replaces the old ones when its first security code is accepted. Whoever has the link\n\
                 and the password can sign in as {email}: give it to nobody else."
            ),
        ),
    }
}
