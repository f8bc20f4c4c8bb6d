//! Applications of the configuration, brought into the database.
//!
//! Several nodes should have the same configuration, and while one of them is restarted with a new
//! one they have not. So a node changes and removes what is there only when it starts; while it
//! serves it adds what is missing and nothing else, and nodes that disagree do not undo each
//! other's work for ever.

use std::collections::BTreeSet;
use std::time::Duration;

use vestibule_domain::audit::{AuditEvent, AuditKind};
use vestibule_domain::email::Email;
use vestibule_domain::id::{AccountId, ApplicationId, UserId};
use vestibule_domain::name::Name;
use vestibule_store::{ApplicationRecord, Reading, Writing};

use crate::applications::{Application, name_and_host};
use crate::error::FlowError;
use crate::vestibule::Vestibule;
use crate::visitor::Visitor;

/// How often a serving process looks for what is missing.
pub const EVERY: Duration = Duration::from_secs(10);

/// An application as the configuration has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfiguredApplication {
    /// What it is to be.
    pub application: Application,
    /// The name of its account; `None` where there is one account alone.
    pub account: Option<Name>,
    /// Whom it names.
    pub users: Vec<Email>,
}

/// When the configuration is brought in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// At the start of a process: all that differs is made as the configuration says.
    Start,
    /// While it serves: what is missing is added.
    Serving,
}

/// What of the database differs from one application of the configuration.
struct Difference {
    /// An application of another account under the same host.
    elsewhere: Option<ApplicationRecord>,
    known: Option<ApplicationRecord>,
    /// Whether the application itself is to be written.
    written: bool,
    named: Vec<(UserId, String)>,
    unnamed: Vec<(UserId, String)>,
}

impl Difference {
    fn is_none(&self) -> bool {
        !self.written && self.named.is_empty() && self.unnamed.is_empty()
    }
}

impl Vestibule {
    /// Brings the applications of the configuration into the database. Answers what stands in the
    /// way of some of them, a line for each, which may be over the next time.
    pub async fn configure_applications(
        &self,
        wanted: &[ConfiguredApplication],
        occasion: Occasion,
    ) -> Result<Vec<String>, FlowError> {
        let mut trouble = vec![];
        if occasion == Occasion::Start {
            self.remove_unconfigured(wanted).await?;
        }
        for one in wanted {
            let mut db = self.store.read().await?;
            let found = difference(&mut db, one, occasion, &mut trouble).await?;
            drop(db);
            if found.is_some_and(|found| !found.is_none()) {
                self.bring_in(one, occasion).await?;
            }
        }
        Ok(trouble)
    }

    /// Removes what came from a configuration and stands in it no more, or under another account.
    async fn remove_unconfigured(&self, wanted: &[ConfiguredApplication]) -> Result<(), FlowError> {
        let mut db = self.store.read().await?;
        let mut gone = vec![];
        for known in db.configured_applications().await? {
            let name = known.host.split(':').next().unwrap_or_default();
            let same = wanted.iter().find(|one| one.application.host.name() == name);
            let stays = match same {
                None => false,
                // While it is not clear which account is meant, nothing is taken away.
                Some(one) => match account_of(&mut db, one).await? {
                    Ok(account) => account == known.rules.account,
                    Err(_) => true,
                },
            };
            if !stays {
                gone.push(known);
            }
        }
        drop(db);
        for known in gone {
            let mut tx = self.store.write().await?;
            tx.guard_account(known.rules.account).await?;
            if tx.remove_application(known.rules.account, known.id).await? {
                let told = name_and_host(&known);
                let account = known.rules.account;
                self.note(&mut tx, AuditKind::ApplicationRemoved, account, told).await?;
                tx.commit().await?;
            }
        }
        Ok(())
    }

    /// Writes what differs, which is looked at again under the account's guard.
    async fn bring_in(
        &self,
        one: &ConfiguredApplication,
        occasion: Occasion,
    ) -> Result<(), FlowError> {
        let mut tx = self.store.write().await?;
        let Ok(account) = account_of(&mut tx, one).await? else { return Ok(()) };
        tx.guard_account(account).await?;
        let Some(found) = difference(&mut tx, one, occasion, &mut vec![]).await? else {
            return Ok(());
        };
        let now = self.clock.now();
        let id = match &found.known {
            Some(known) => known.id,
            None => ApplicationId::new(now, &self.randomness),
        };
        // The host is the operator's to give. Whoever took it on a page of another account loses it.
        if let Some(elsewhere) = &found.elsewhere {
            let of = elsewhere.rules.account;
            if tx.remove_application(of, elsewhere.id).await? {
                let told = format!("{}: its host is another account's", name_and_host(elsewhere));
                self.note(&mut tx, AuditKind::ApplicationRemoved, of, told).await?;
            }
        }
        if found.written {
            let record = one.application.record(id, account, true);
            let (kind, written) = match found.known {
                None => (AuditKind::ApplicationAdded, tx.insert_application(&record, now).await?),
                Some(_) => (AuditKind::ApplicationChanged, tx.change_application(&record).await?),
            };
            // Another node is at it.
            if !written {
                return Ok(());
            }
            self.note(&mut tx, kind, account, one.application.told()).await?;
        }
        let about = format!("{} ({})", one.application.name, one.application.host);
        for (user, email) in &found.unnamed {
            if tx.unname_user(id, *user).await? {
                let told = format!("{about}: {email} may no longer enter by name");
                self.note(&mut tx, AuditKind::ApplicationChanged, account, told).await?;
            }
        }
        for (user, email) in &found.named {
            if tx.hold_user(*user).await? && tx.name_user(id, *user).await? {
                let told = format!("{about}: {email} may enter by name");
                self.note(&mut tx, AuditKind::ApplicationChanged, account, told).await?;
            }
        }
        Ok(tx.commit().await?)
    }

    /// An event that nobody caused but the configuration.
    async fn note(
        &self,
        tx: &mut Writing,
        kind: AuditKind,
        account: AccountId,
        detail: String,
    ) -> Result<(), FlowError> {
        let event = Visitor::default().event(kind);
        let event = AuditEvent { account: Some(account), detail, ..event };
        self.audit(tx, event, self.clock.now()).await
    }
}

/// What differs; `None` where something stands in the way, which is said.
async fn difference(
    db: &mut Reading,
    one: &ConfiguredApplication,
    occasion: Occasion,
    trouble: &mut Vec<String>,
) -> Result<Option<Difference>, FlowError> {
    let application = &one.application;
    let account = match account_of(db, one).await? {
        Ok(account) => account,
        Err(why) => {
            trouble.push(format!("the application {} waits: {why}", application.host));
            return Ok(None);
        }
    };
    let known = db.application_of_host_name(application.host.name()).await?;
    let (known, elsewhere) = match known {
        Some(known) if known.rules.account != account => (None, Some(known)),
        known => (known, None),
    };
    if elsewhere.as_ref().is_some_and(|elsewhere| elsewhere.configured) {
        trouble.push(format!(
            "the application {} moves to another account at the next start",
            application.host,
        ));
        return Ok(None);
    }
    let is_taken_over = known.as_ref().is_none_or(|known| !known.configured);
    let all = is_taken_over || occasion == Occasion::Start;
    let written = match &known {
        None => true,
        Some(known) => is_taken_over || all && !application.is(known),
    };
    let mut named_now = match &known {
        Some(known) => db.named_users(known.id).await?,
        None => vec![],
    };
    let mut named = vec![];
    let mut wanted = BTreeSet::new();
    for email in &one.users {
        let user = db.password_of(email).await?.map(|found| found.user);
        let Some(user) = user.filter(|user| user.account == account) else {
            trouble.push(format!(
                "{email} cannot enter {} yet: there is no such user in its account",
                application.host,
            ));
            continue;
        };
        wanted.insert(user.id);
        if !named_now.iter().any(|(now, ..)| *now == user.id) {
            named.push((user.id, email.to_string()));
        }
    }
    named_now.retain(|(now, ..)| all && !wanted.contains(now));
    let unnamed = named_now.into_iter().map(|(user, email, _)| (user, email)).collect();
    Ok(Some(Difference { elsewhere, known, written, named, unnamed }))
}

/// The account that is meant, or why it is not clear.
async fn account_of(
    db: &mut Reading,
    one: &ConfiguredApplication,
) -> Result<Result<AccountId, String>, FlowError> {
    let found = match &one.account {
        Some(name) => db.accounts_named(name.as_str()).await?,
        None => db.first_accounts().await?,
    };
    Ok(match (&found[..], &one.account) {
        ([account], _) => Ok(account.id),
        ([], None) => Err("there is no account yet; it follows within a minute of one".to_owned()),
        ([], Some(name)) => {
            Err(format!("there is no account {name} yet; it follows within a minute of one"))
        }
        (_, None) => Err("there are several accounts, so it must name its own".to_owned()),
        (_, Some(name)) => Err(format!("there are several accounts of the name {name}")),
    })
}
