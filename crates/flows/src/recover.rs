//! The way back for who lost everything but the host: `vestibule recover`.

use std::time::Duration;

use vestibule_domain::audit::{AuditEvent, AuditKind};
use vestibule_domain::email::Email;
use vestibule_domain::link::{LinkPurpose, Recovers};
use vestibule_domain::notice::Notice;
use vestibule_domain::password::PasswordError;
use vestibule_domain::time::Timestamp;
use vestibule_domain::token::Token;
use vestibule_domain::user::MembershipState;
use vestibule_store::Writing;

use crate::error::FlowError;
use crate::invitations::{LinkRefused, LinkedUser, MadeLink};
use crate::vestibule::Vestibule;
use crate::visitor::Visitor;

/// The answer to `vestibule recover`.
pub enum Recover {
    /// The link.
    Made(MadeLink),
    /// No user has this address.
    Unknown,
    /// An Admin has disabled this user.
    Disabled,
    /// The link would ask for the password, and the user has none yet.
    NoPassword,
}

/// What became of a recover link that was taken.
pub enum Recovered {
    /// A session began that alone may enrol although a factor exists.
    Begun(Token),
    /// The new password is set. It signs nobody in.
    PasswordSet,
}

/// Why a recover link was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecoverRefused {
    /// Used, replaced, too old, or never made.
    Gone,
    /// The new password cannot be used.
    NewPassword(PasswordError),
    /// The link asks for the password that there is, and this is another.
    WrongPassword,
    /// Too many attempts at the password came before this one: the next has to wait so long.
    Wait(Duration),
}

impl Vestibule {
    /// Makes a recover link. It removes nothing: the old password and factors hold until it is used.
    /// Every Admin of the account is told.
    pub async fn make_recover_link(
        &self,
        email: &Email,
        recovers: Recovers,
    ) -> Result<Recover, FlowError> {
        let now = self.clock.now();
        let mut tx = self.store.write().await?;
        let Some(known) = tx.password_of(email).await? else { return Ok(Recover::Unknown) };
        tx.hold_user(known.user.id).await?;
        let Some(user) = tx.user(known.user.id).await? else { return Ok(Recover::Unknown) };
        if user.standing.state == MembershipState::Disabled {
            return Ok(Recover::Disabled);
        }
        if recovers == Recovers::Factors && !user.has_password {
            return Ok(Recover::NoPassword);
        }
        let (whose, names) = ((user.id, user.standing.epoch), (&*user.name, email.as_str()));
        let purpose = LinkPurpose::Recover;
        let link = self.link_for(&mut tx, purpose, whose, names, Some(recovers), now).await?;
        let host = Visitor::default();
        let mut event = host.event_about(AuditKind::RecoverLinkMade, &user);
        event.detail = told(&user.email, recovers);
        self.audit(&mut tx, event, now).await?;
        let (kind, detail) = (Notice::RecoverLinkMade, &user.email);
        self.tell_admins(&mut tx, user.account, kind, &host, detail, now).await?;
        tx.commit().await?;
        Ok(Recover::Made(link))
    }

    /// Takes a recover link and does what it may: a new password, which ends every session; or,
    /// with the password that there is, a session that alone may enrol although a factor exists;
    /// or both. The old factors go with the write that confirms the new one.
    pub async fn use_recover_link(
        &self,
        from: &Visitor,
        token: &Token,
        password: &str,
    ) -> Result<Result<Recovered, RecoverRefused>, FlowError> {
        let Some(linked) = self.user_of_link(LinkPurpose::Recover, token).await? else {
            return Ok(Err(RecoverRefused::Gone));
        };
        let new_hash = match linked.recovers {
            Recovers::Factors => match self.ask_password(from, &linked, password).await? {
                Ok(()) => None,
                Err(why) => return Ok(Err(why)),
            },
            Recovers::Everything | Recovers::Password => {
                match self.hash_for_link(from, &linked, password).await? {
                    Ok(hash) => Some(hash),
                    Err(LinkRefused::Fields { password: Some(error), .. }) => {
                        return Ok(Err(RecoverRefused::NewPassword(error)));
                    }
                    Err(_) => return Ok(Err(RecoverRefused::Gone)),
                }
            }
        };
        self.take_recover_link(from, &linked, new_hash).await
    }

    /// Compares the password that the link's page asks for: the link alone lets nobody in.
    async fn ask_password(
        &self,
        from: &Visitor,
        linked: &LinkedUser,
        typed: &str,
    ) -> Result<Result<(), RecoverRefused>, FlowError> {
        let Ok(email) = Email::parse(&linked.user.email) else {
            return Ok(Err(RecoverRefused::Gone));
        };
        let known = self.store.read().await?.password_of(&email).await?;
        let known = known.filter(|known| known.user.standing.epoch == linked.epoch);
        let Some(known) = known else { return Ok(Err(RecoverRefused::Gone)) };
        let too_soon = from.event_about(AuditKind::PasswordTooSoon, &linked.user);
        let counted = match self.count_password_attempt(from, email.as_str(), too_soon).await? {
            Ok(counted) => counted,
            Err(left) => return Ok(Err(RecoverRefused::Wait(left))),
        };
        if self.verify_password(from, &counted, typed, known.hash).await?.right {
            let mut tx = self.store.write().await?;
            self.password_was_right(&mut tx, &counted).await?;
            tx.commit().await?;
            return Ok(Ok(()));
        }
        let tx = self.store.write().await?;
        let event = from.event_about(AuditKind::PasswordRefused, &linked.user);
        self.refuse(tx, event, self.clock.now()).await?;
        Ok(Err(RecoverRefused::WrongPassword))
    }

    async fn take_recover_link(
        &self,
        from: &Visitor,
        linked: &LinkedUser,
        new_hash: Option<String>,
    ) -> Result<Result<Recovered, RecoverRefused>, FlowError> {
        let (user, now) = (&linked.user, self.clock.now());
        let mut tx = self.store.write().await?;
        // The epoch is the one that the password was compared under.
        if !tx.bump_epoch(user.id, linked.epoch).await? || !tx.take_link(linked.link, now).await? {
            return Ok(Err(RecoverRefused::Gone));
        }
        if let Some(hash) = new_hash {
            tx.set_password(user.id, hash).await?;
            self.tell(&mut tx, user.id, Notice::PasswordChanged, from, "", now).await?;
        }
        // Who never accepted the invitation is let in by the host instead.
        let (invited, active) = (MembershipState::Invited, MembershipState::Active);
        let _unless_active = tx.set_state(user.id, invited, active).await?;
        let mut event = from.event_about(AuditKind::RecoverLinkUsed, user);
        event.actor = Some(user.id);
        event.detail = told(&user.email, linked.recovers);
        if linked.recovers == Recovers::Password {
            self.note_recovery(&mut tx, from, event, linked, now).await?;
            tx.commit().await?;
            return Ok(Ok(Recovered::PasswordSet));
        }
        let epoch = linked.epoch.next();
        let (session, id) = self.begin_session(&mut tx, from, user.id, epoch, true, now).await?;
        event.session = Some(id);
        self.note_recovery(&mut tx, from, event, linked, now).await?;
        self.note_complete_sign_in(&mut tx, from, &session).await?;
        tx.commit().await?;
        Ok(Ok(Recovered::Begun(session)))
    }

    async fn note_recovery(
        &self,
        tx: &mut Writing,
        from: &Visitor,
        event: AuditEvent,
        linked: &LinkedUser,
        now: Timestamp,
    ) -> Result<(), FlowError> {
        self.audit(tx, event, now).await?;
        let (kind, user) = (Notice::RecoverLinkUsed, &linked.user);
        self.tell_admins(tx, user.account, kind, from, &user.email, now).await
    }
}

/// Whose link it is and what it may do, for the audit trail.
fn told(email: &str, recovers: Recovers) -> String {
    format!("{email} {}", recovers.as_str())
}
