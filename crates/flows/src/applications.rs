//! The applications behind the gate: how Admins keep them, and who finds them on the dashboard.

use std::time::Duration;

use vestibule_domain::application::{Enter, Host, Rules};
use vestibule_domain::audit::AuditKind;
use vestibule_domain::email::{Email, EmailError};
use vestibule_domain::id::{AccountId, ApplicationId, UserId};
use vestibule_domain::name::Name;
use vestibule_domain::user::Role;
use vestibule_store::{ApplicationRecord, NewApplication, SessionRecord, Writing};

use crate::authority::{Admin, Fresh, SignedIn};
use crate::error::FlowError;
use crate::users::still_admin;
use crate::vestibule::Vestibule;
use crate::visitor::Visitor;

/// The most applications of an account, and the most users that one of them names: more are not
/// shown on one page.
pub const MOST: usize = 1000;

/// What an application is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// What it is called.
    pub name: Name,
    /// Its host.
    pub host: Host,
    /// Who may enter.
    pub enter: Enter,
    /// Whether two proofs are needed even while the account's switch is off.
    pub always_mfa: bool,
    /// How old the newest proof may be, where that matters.
    pub max_age: Option<Duration>,
}

/// The answer to an act upon an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApplicationAnswer {
    /// It is so now.
    Done(ApplicationId),
    /// No such application in this account.
    NotFound,
    /// The host's name is that of another application, of whichever account.
    HostTaken,
    /// The configuration alone may change it.
    Configured,
    /// This is no e-mail.
    Email(EmailError),
    /// Nobody in this account has this e-mail.
    NoSuchUser,
    /// There are [`MOST`] already.
    TooMany,
    /// Whoever asked is no Admin any more.
    NotAdmin,
}

/// An application as an Admin sees one.
pub struct ManagedApplication {
    /// The application.
    pub application: ApplicationRecord,
    /// Whom it names: identifier, e-mail, display name.
    pub named: Vec<(UserId, String, String)>,
}

impl Application {
    pub(crate) fn rules(&self, account: AccountId) -> Rules {
        let Self { enter, always_mfa, max_age, .. } = *self;
        Rules { account, enter, always_mfa, max_age }
    }

    pub(crate) fn record(
        &self,
        id: ApplicationId,
        account: AccountId,
        configured: bool,
    ) -> NewApplication<'_> {
        let rules = self.rules(account);
        NewApplication { id, name: &self.name, host: &self.host, rules, configured }
    }

    /// Whether it is so already.
    pub(crate) fn is(&self, known: &ApplicationRecord) -> bool {
        let same_host = self.host.as_str() == known.host;
        same_host
            && self.name.as_str() == known.name
            && self.rules(known.rules.account) == known.rules
    }

    /// What the audit trail says of it: "Grafana (grafana.acme.example): everyone, MFA always".
    pub(crate) fn told(&self) -> String {
        let (name, host, enter) = (&self.name, &self.host, self.enter.as_str());
        let always = if self.always_mfa { ", MFA always" } else { "" };
        let age = self.max_age.map(|age| format!(", proof within {} min", age.as_secs() / 60));
        format!("{name} ({host}): {enter}{always}{}", age.unwrap_or_default())
    }
}

/// The same in short, for what happens to it.
pub(crate) fn name_and_host(application: &ApplicationRecord) -> String {
    format!("{} ({})", application.name, application.host)
}

impl Vestibule {
    /// The applications that a user finds on their dashboard: those that let them in, whatever they
    /// will have to prove there.
    pub async fn applications_open_to(
        &self,
        who: &SignedIn,
    ) -> Result<Vec<ApplicationRecord>, FlowError> {
        let session = who.record();
        let is_admin = session.standing.role == Role::Admin;
        let mut db = self.store.read().await?;
        Ok(db.applications_open_to(session.account, session.user, is_admin).await?)
    }

    /// The account's applications, each with how many users it names.
    pub async fn applications(
        &self,
        admin: &Admin,
    ) -> Result<Vec<(ApplicationRecord, u64)>, FlowError> {
        let account = admin.0.record().account;
        let mut db = self.store.read().await?;
        let counts = db.named_counts(account).await?;
        let count = |id| counts.iter().find(|(of, _)| *of == id).map_or(0, |(_, n)| *n);
        let found = db.applications(account).await?;
        Ok(found.into_iter().map(|found| (found.clone(), count(found.id).unsigned_abs())).collect())
    }

    /// One application of the account.
    pub async fn application(
        &self,
        admin: &Admin,
        id: ApplicationId,
    ) -> Result<Option<ManagedApplication>, FlowError> {
        let mut db = self.store.read().await?;
        let found = db.application(admin.0.record().account, id).await?;
        let Some(application) = found else { return Ok(None) };
        let named = db.named_users(id).await?;
        Ok(Some(ManagedApplication { application, named }))
    }

    /// Adds an application to the account.
    pub async fn add_application(
        &self,
        from: &Visitor,
        admin: &Fresh<Admin>,
        wanted: &Application,
    ) -> Result<ApplicationAnswer, FlowError> {
        let (actor, now) = (admin.0.0.record(), self.clock.now());
        let Some(mut tx) = self.begin(from, actor).await? else {
            return Ok(ApplicationAnswer::NotAdmin);
        };
        if tx.applications(actor.account).await?.len() >= MOST {
            return Ok(ApplicationAnswer::TooMany);
        }
        let id = ApplicationId::new(now, &self.randomness);
        if !tx.insert_application(&wanted.record(id, actor.account, false), now).await? {
            return Ok(ApplicationAnswer::HostTaken);
        }
        self.finish(from, tx, AuditKind::ApplicationAdded, actor, wanted.told()).await?;
        Ok(ApplicationAnswer::Done(id))
    }

    /// Gives an application another name, host and rules.
    pub async fn change_application(
        &self,
        from: &Visitor,
        admin: &Fresh<Admin>,
        id: ApplicationId,
        wanted: &Application,
    ) -> Result<ApplicationAnswer, FlowError> {
        let actor = admin.0.0.record();
        let (mut tx, known) = match self.begin_change(from, actor, id).await? {
            Ok(begun) => begun,
            Err(answer) => return Ok(answer),
        };
        if wanted.is(&known) {
            return Ok(ApplicationAnswer::Done(id));
        }
        if !tx.change_application(&wanted.record(id, actor.account, false)).await? {
            return Ok(ApplicationAnswer::HostTaken);
        }
        let mut told = wanted.told();
        if known.host != wanted.host.as_str() || known.name != wanted.name.as_str() {
            told = format!("{}, now {told}", name_and_host(&known));
        }
        self.finish(from, tx, AuditKind::ApplicationChanged, actor, told).await?;
        Ok(ApplicationAnswer::Done(id))
    }

    /// Removes an application.
    pub async fn remove_application(
        &self,
        from: &Visitor,
        admin: &Fresh<Admin>,
        id: ApplicationId,
    ) -> Result<ApplicationAnswer, FlowError> {
        let actor = admin.0.0.record();
        let (mut tx, known) = match self.begin_change(from, actor, id).await? {
            Ok(begun) => begun,
            Err(answer) => return Ok(answer),
        };
        if !tx.remove_application(actor.account, id).await? {
            return Ok(ApplicationAnswer::NotFound);
        }
        let told = name_and_host(&known);
        self.finish(from, tx, AuditKind::ApplicationRemoved, actor, told).await?;
        Ok(ApplicationAnswer::Done(id))
    }

    /// Names a user of the account, by e-mail, among those who may enter an application.
    pub async fn name_user(
        &self,
        from: &Visitor,
        admin: &Fresh<Admin>,
        id: ApplicationId,
        email: &str,
    ) -> Result<ApplicationAnswer, FlowError> {
        let actor = admin.0.0.record();
        let (mut tx, known) = match self.begin_change(from, actor, id).await? {
            Ok(begun) => begun,
            Err(answer) => return Ok(answer),
        };
        let email = match Email::parse(email) {
            Ok(email) => email,
            Err(error) => return Ok(ApplicationAnswer::Email(error)),
        };
        let found = tx.password_of(&email).await?.map(|found| found.user);
        let Some(user) = found.filter(|user| user.account == actor.account) else {
            return Ok(ApplicationAnswer::NoSuchUser);
        };
        if tx.named_users(id).await?.len() >= MOST {
            return Ok(ApplicationAnswer::TooMany);
        }
        // Whoever is removed at this moment is removed before or after.
        if !tx.hold_user(user.id).await? {
            return Ok(ApplicationAnswer::NoSuchUser);
        }
        if tx.name_user(id, user.id).await? {
            let told = format!("{}: {email} may enter by name", name_and_host(&known));
            self.finish(from, tx, AuditKind::ApplicationChanged, actor, told).await?;
        }
        Ok(ApplicationAnswer::Done(id))
    }

    /// Takes a user from those that an application names.
    pub async fn unname_user(
        &self,
        from: &Visitor,
        admin: &Fresh<Admin>,
        id: ApplicationId,
        user: UserId,
    ) -> Result<ApplicationAnswer, FlowError> {
        let actor = admin.0.0.record();
        let (mut tx, known) = match self.begin_change(from, actor, id).await? {
            Ok(begun) => begun,
            Err(answer) => return Ok(answer),
        };
        let named = tx.named_users(id).await?;
        // Who is not among them, perhaps by another tab a moment ago, is as they should be.
        if let Some((_, email, _)) = named.into_iter().find(|(named, ..)| *named == user)
            && tx.unname_user(id, user).await?
        {
            let told = format!("{}: {email} may no longer enter by name", name_and_host(&known));
            self.finish(from, tx, AuditKind::ApplicationChanged, actor, told).await?;
        }
        Ok(ApplicationAnswer::Done(id))
    }

    /// Begins an act of an Admin's, under the account's guard. `None` for who is none any more.
    async fn begin(
        &self,
        from: &Visitor,
        actor: &SessionRecord,
    ) -> Result<Option<Writing>, FlowError> {
        let mut tx = self.store.write().await?;
        tx.guard_account(actor.account).await?;
        if still_admin(&mut tx, actor).await?.is_some() {
            return Ok(Some(tx));
        }
        let event = from.event_in(AuditKind::AdminActRefused, actor);
        self.refuse(tx, event, self.clock.now()).await?;
        Ok(None)
    }

    /// Begins an act upon an application of the actor's account that its pages may change, or says
    /// why not.
    async fn begin_change(
        &self,
        from: &Visitor,
        actor: &SessionRecord,
        id: ApplicationId,
    ) -> Result<Result<(Writing, ApplicationRecord), ApplicationAnswer>, FlowError> {
        let Some(mut tx) = self.begin(from, actor).await? else {
            return Ok(Err(ApplicationAnswer::NotAdmin));
        };
        Ok(match tx.application(actor.account, id).await? {
            None => Err(ApplicationAnswer::NotFound),
            Some(known) if known.configured => Err(ApplicationAnswer::Configured),
            Some(known) => Ok((tx, known)),
        })
    }

    /// Ends it with its event.
    async fn finish(
        &self,
        from: &Visitor,
        mut tx: Writing,
        kind: AuditKind,
        actor: &SessionRecord,
        detail: String,
    ) -> Result<(), FlowError> {
        let mut event = from.event_in(kind, actor);
        event.detail = detail;
        self.audit(&mut tx, event, self.clock.now()).await?;
        Ok(tx.commit().await?)
    }
}
