//! What an operator is told after a restore.

use std::fmt::Write as _;
use std::path::Path;

use url::Url;
use vestibule_domain::link::LinkPurpose;
use vestibule_flows::after_restore::{AccountChange, AfterRestore, Change, Part, UserChange};

use crate::config::{Config, show_database};
use crate::{output, system};

/// Which database is where now.
pub(crate) fn say_restored(
    config: &Config,
    made_at: &str,
    kept: Option<&Path>,
) -> anyhow::Result<()> {
    let mut text = format!("{} is as it was at {made_at}.", show_database(&config.database));
    if let Some(kept) = kept {
        let kept = kept.display();
        let _ = write!(text, "\nThe replaced database is kept as {kept}.");
    }
    output::print(&text)
}

/// What was carried over, what nobody knows, and what is left to do.
pub(crate) fn say(public_url: &Url, done: &AfterRestore) -> anyhow::Result<()> {
    // Writing to a string cannot fail.
    let mut text =
        "Everybody signs in anew: every session and every link of either time is dead.\n"
            .to_owned();
    let users = done.changes.iter();
    let (to_do, carried): (Vec<_>, Vec<_>) =
        users.partition(|change| change.change.needs_attention());
    let of_accounts = done.accounts.iter().map(account_change);
    let lines: Vec<String> = of_accounts.chain(carried.into_iter().map(user_change)).collect();
    list(&mut text, "Carried over from the replaced database:", &lines);
    let lines: Vec<String> = to_do.into_iter().map(user_change).collect();
    list(&mut text, "Not as it was in the replaced database; an Admin has to look at it:", &lines);
    list(&mut text, "Not known, for the replaced database could not be read:", &unknown(done));
    if let Some(from) = done.codes_from {
        let from = system::said(from);
        let _ = writeln!(
            text,
            "\nCodes of authenticator apps are taken again from {from}: those of the minutes before\n\
             may have been used already. Apps enrolled by a link work at once."
        );
    }
    for account in &done.without_admin {
        let _ = writeln!(text, "\nThe account \"{account}\" has nobody who could be its Admin.");
    }
    for way_in in &done.ways_in {
        let minutes = LinkPurpose::Recover.lifetime().as_secs() / 60;
        let (account, email) = (&way_in.account, &way_in.link.email);
        let back = if way_in.brought_back {
            " This user\nhad lost that role or the access since the backup; there is nobody else."
        } else {
            ""
        };
        let _ = writeln!(
            text,
            "\nThe account \"{account}\" has no Admin who can enter. With this link {email} sets a new\n\
             password, enrols a new app and is its Admin.{back} It works once, within {minutes} minutes;\n\
             `vestibule recover {email}` makes another:\n{}",
            vestibule_web::link(public_url, LinkPurpose::Recover, &way_in.link.token)
        );
    }
    output::print(text.trim_end())
}

fn list(text: &mut String, title: &str, lines: &[String]) {
    if !lines.is_empty() {
        let _ = writeln!(text, "\n{title}");
        for line in lines {
            let _ = writeln!(text, "  {line}");
        }
    }
}

fn account_change(change: &AccountChange) -> String {
    match change {
        AccountChange::Required(name) => format!("account \"{name}\": the switch is on"),
        AccountChange::StaysRequired(name) => {
            format!("account \"{name}\": the switch was turned off since, and is on again")
        }
        AccountChange::NotThere(name) => {
            format!("account \"{name}\": made since, and not there; make it anew")
        }
        AccountChange::ApplicationClosed(host) => {
            format!("application {host}: removed or moved since, and closed; remove it, or open it")
        }
        AccountChange::ApplicationStricter(host) => {
            format!(
                "application {host}: changed since; it admits at most whom old and new rules admit"
            )
        }
        AccountChange::ApplicationNotThere(host) => {
            format!("application {host}: added since, and not there; add it anew")
        }
    }
}

fn user_change(change: &UserChange) -> String {
    let what = match &change.change {
        Change::Password => "the later password",
        Change::Email => "the later address (this is the earlier one)",
        Change::EmailTaken(later) => {
            return format!("{}: has the address {later} no more: another has it", change.email);
        }
        Change::Accepted => "the invitation was accepted",
        Change::Disabled => "disabled",
        Change::Removed => "removed since, and now disabled; remove the user again",
        Change::StaysDisabled => "enabled since, and disabled again; enable the user anew",
        Change::Demoted => "a Member",
        Change::StaysMember => "an Admin since, and a Member again",
        Change::NotThere => "added since, and not there; invite the user anew",
        Change::FactorRemoved => "an authenticator app is removed",
        Change::FactorAdded => "an authenticator app is added",
        Change::RecoveryCodesUsed => "recovery codes used since are used",
        Change::RecoveryCodesMade => "the recovery codes made since hold",
        Change::FactorLost => {
            "an authenticator app was added since, and is not there; enrol it anew"
        }
    };
    format!("{}: {what}", change.email)
}

/// What follows from what is not known.
fn unknown(done: &AfterRestore) -> Vec<String> {
    let of = |part: Part| match part {
        Part::Policies => {
            "switches: one that was turned on since is off again. Look at every account".to_owned()
        }
        Part::Users => format!(
            "users: whoever was disabled, removed or made a Member since is as before, and so is \
             every password. Look at all users ({})",
            done.users
        ),
        Part::Applications => {
            "applications: those removed since are back, and so is whoever lost the way in to one. \
             Look at Settings, Applications"
                .to_owned()
        }
        Part::DataKeys => "data keys: apps sealed under a newer one are missing".to_owned(),
        Part::Factors => {
            "authenticator apps: those removed since are back, those added since are missing"
                .to_owned()
        }
        Part::RecoveryCodes => {
            "recovery codes that were used: all are void. Users make new ones in Settings, Security"
                .to_owned()
        }
        Part::AuditHead => {
            "where the audit log ended: compare its exported heads yourself (docs/audit.md)"
                .to_owned()
        }
        Part::SpentCodes => "security codes that were used: see below".to_owned(),
    };
    let whys = done.unknown.iter().map(|unknown| unknown.why.as_str());
    let mut whys: Vec<&str> = whys.collect();
    whys.dedup();
    let mut lines: Vec<String> = done.unknown.iter().map(|unknown| of(unknown.part)).collect();
    lines.extend(whys.into_iter().map(|why| format!("(why: {why})")));
    lines
}
