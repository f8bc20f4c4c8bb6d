//! Invitations: adding a user, renewing or taking back the link, accepting it.

use vestibule_domain::audit::AuditKind;
use vestibule_domain::email::{Email, EmailError};
use vestibule_domain::id::{LinkId, UserId};
use vestibule_domain::link::{LinkPurpose, Recovers};
use vestibule_domain::name::{Name, NameError};
use vestibule_domain::password::PasswordError;
use vestibule_domain::time::Timestamp;
use vestibule_domain::token::Token;
use vestibule_domain::user::{Epoch, MembershipState, Role};
use vestibule_store::{NewLink, NewUser, UserRecord, Writing};

use crate::authority::{Admin, Fresh};
use crate::error::FlowError;
use crate::outbox::StoredLetter;
use crate::users::still_admin;
use crate::vestibule::Vestibule;
use crate::visitor::Visitor;

/// A link that was just made. Its token is shown once.
pub struct MadeLink {
    /// What stands in its path.
    pub token: Token,
    /// When it ends.
    pub expires: Timestamp,
    /// For whom.
    pub user: UserId,
    /// That user's name.
    pub name: String,
    /// That user's address.
    pub email: String,
}

/// The answer to an invitation.
pub enum Invited {
    /// The user is added, and this is the link.
    Done(MadeLink),
    /// Fields to mend, each for itself.
    Fields {
        /// What is wrong with the address.
        email: Option<EmailError>,
        /// What is wrong with the name.
        name: Option<NameError>,
    },
    /// The address is taken, or looks like one that is.
    EmailTaken,
    /// Whoever asked is no Admin any more.
    NotAdmin,
}

/// What went wrong where a link's page was sent in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkRefused {
    /// Taken, expired, replaced, or never made.
    Gone,
    /// Fields to mend, each for itself.
    Fields {
        /// What is wrong with the name.
        name: Option<NameError>,
        /// What is wrong with the password.
        password: Option<PasswordError>,
    },
}

impl Vestibule {
    /// Adds a user and makes the invitation's link.
    pub async fn invite(
        &self,
        from: &Visitor,
        admin: &Fresh<Admin>,
        email: &str,
        name: &str,
        role: Role,
    ) -> Result<Invited, FlowError> {
        let (email, name) = match (Email::parse(email), Name::parse(name)) {
            (Ok(email), Ok(name)) => (email, name),
            (email, name) => {
                return Ok(Invited::Fields { email: email.err(), name: name.err() });
            }
        };
        let (actor, now) = (admin.0.0.record(), self.clock.now());
        let mut tx = self.store.write().await?;
        tx.guard_account(actor.account).await?;
        if still_admin(&mut tx, actor).await?.is_none() {
            self.refuse(tx, from.event_in(AuditKind::AdminActRefused, actor), now).await?;
            return Ok(Invited::NotAdmin);
        }
        let id = UserId::new(now, &self.randomness);
        let new = NewUser {
            id,
            account: actor.account,
            email: &email,
            name: &name,
            role,
            state: MembershipState::Invited,
            password: None,
        };
        if !tx.insert_user(&new, now).await? {
            let mut event = from.event_in(AuditKind::AddressTaken, actor);
            event.detail = email.to_string();
            self.refuse(tx, event, now).await?;
            return Ok(Invited::EmailTaken);
        }
        let purpose = LinkPurpose::Invitation;
        let link = self
            .link_for(&mut tx, purpose, (id, Epoch(1)), (name.as_str(), email.as_str()), None, now)
            .await?;
        self.post(&mut tx, Some(id), &StoredLetter::invitation(&link), now).await?;
        let mut event = from.event_in(AuditKind::UserInvited, actor);
        event.user = Some(id);
        event.detail = format!("{email} {role}");
        self.audit(&mut tx, event, now).await?;
        tx.commit().await?;
        Ok(Invited::Done(link))
    }

    /// Makes a new link for an invited user; the old one is void. `None` where the user is not
    /// invited any more, or whoever asked no Admin.
    pub async fn renew_invitation(
        &self,
        from: &Visitor,
        admin: &Fresh<Admin>,
        target: UserId,
    ) -> Result<Option<MadeLink>, FlowError> {
        let kind = AuditKind::InvitationRenewed;
        let (state, purpose) = (MembershipState::Invited, LinkPurpose::Invitation);
        self.make_link_for(from, admin, target, state, purpose, kind).await
    }

    /// Takes an invitation back: the invited user is removed. `false` where there is none.
    pub async fn cancel_invitation(
        &self,
        from: &Visitor,
        admin: &Fresh<Admin>,
        target: UserId,
    ) -> Result<bool, FlowError> {
        let (actor, now) = (admin.0.0.record(), self.clock.now());
        let mut tx = self.store.write().await?;
        tx.guard_account(actor.account).await?;
        if still_admin(&mut tx, actor).await?.is_none() {
            self.refuse(tx, from.event_in(AuditKind::AdminActRefused, actor), now).await?;
            return Ok(false);
        }
        tx.hold_user(target).await?;
        let Some(user) = tx.user_of(actor.account, target).await? else { return Ok(false) };
        // Whoever accepts meanwhile comes before, and then it is no invitation any more, or after.
        if user.standing.state != MembershipState::Invited
            || !tx.bump_epoch(target, user.standing.epoch).await?
            || !tx.remove_user(target).await?
        {
            return Ok(false);
        }
        let mut event = from.event_in(AuditKind::InvitationCancelled, actor);
        event.user = Some(target);
        event.detail = user.email;
        self.audit(&mut tx, event, now).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Makes a link for a user who is in `state`, in the name of an Admin.
    pub(crate) async fn make_link_for(
        &self,
        from: &Visitor,
        admin: &Fresh<Admin>,
        target: UserId,
        state: MembershipState,
        purpose: LinkPurpose,
        kind: AuditKind,
    ) -> Result<Option<MadeLink>, FlowError> {
        let (actor, now) = (admin.0.0.record(), self.clock.now());
        let mut tx = self.store.write().await?;
        tx.guard_account(actor.account).await?;
        if still_admin(&mut tx, actor).await?.is_none() {
            self.refuse(tx, from.event_in(AuditKind::AdminActRefused, actor), now).await?;
            return Ok(None);
        }
        // Held, so that the link is not born under an epoch that ends at this moment.
        tx.hold_user(target).await?;
        let user = tx.user_of(actor.account, target).await?;
        let Some(user) = user.filter(|user| user.standing.state == state) else { return Ok(None) };
        let whose = (user.id, user.standing.epoch);
        let names = (&*user.name, &*user.email);
        let link = self.link_for(&mut tx, purpose, whose, names, None, now).await?;
        // A link for a new password is handed over by the Admin, never mailed: it renews the budget.
        if purpose == LinkPurpose::Invitation {
            self.post(&mut tx, Some(target), &StoredLetter::invitation(&link), now).await?;
        }
        let mut event = from.event_in(kind, actor);
        event.user = Some(target);
        event.detail = user.email;
        self.audit(&mut tx, event, now).await?;
        tx.commit().await?;
        Ok(Some(link))
    }

    /// Makes a link in a transaction; older ones of the same purpose and user are void.
    pub(crate) async fn link_for(
        &self,
        tx: &mut Writing,
        purpose: LinkPurpose,
        whose: (UserId, Epoch),
        (name, email): (&str, &str),
        recovers: Option<Recovers>,
        now: Timestamp,
    ) -> Result<MadeLink, FlowError> {
        let token = Token::new(&self.randomness);
        let new = NewLink {
            id: LinkId::new(now, &self.randomness),
            purpose,
            token: &token.hash(),
            user: Some(whose),
            recovers,
        };
        let expires = tx.make_link(&new, now).await?;
        Ok(MadeLink {
            token,
            expires,
            user: whose.0,
            name: name.to_owned(),
            email: email.to_owned(),
        })
    }

    /// The user of a live link, and nothing about any other.
    pub async fn user_of_link(
        &self,
        purpose: LinkPurpose,
        token: &Token,
    ) -> Result<Option<LinkedUser>, FlowError> {
        let mut db = self.store.read().await?;
        let link = db.live_link(purpose, &token.hash(), self.clock.now()).await?;
        let Some(link) = link else { return Ok(None) };
        let Some((user, epoch)) = link.user else { return Ok(None) };
        let Some(user) = db.user(user).await? else { return Ok(None) };
        let account = db.account(user.account).await?;
        let account_name = account.map(|account| account.name).unwrap_or_default();
        // Links from before there was a choice may do everything.
        let recovers = link.recovers.unwrap_or(Recovers::Everything);
        Ok(Some(LinkedUser { link: link.id, epoch, user, account_name, recovers }))
    }

    /// Accepts an invitation: sets name and password, and begins the first session.
    pub async fn accept_invitation(
        &self,
        from: &Visitor,
        token: &Token,
        name: &str,
        password: &str,
    ) -> Result<Result<Token, LinkRefused>, FlowError> {
        let Some(linked) = self.user_of_link(LinkPurpose::Invitation, token).await? else {
            return Ok(Err(LinkRefused::Gone));
        };
        let hash = self.hash_for_link(from, &linked, password).await?;
        let (name, hash) = match (Name::parse(name), hash) {
            (Ok(name), Ok(hash)) => (name, hash),
            (name, Ok(_)) => {
                return Ok(Err(LinkRefused::Fields { name: name.err(), password: None }));
            }
            (name, Err(LinkRefused::Fields { password, .. })) => {
                return Ok(Err(LinkRefused::Fields { name: name.err(), password }));
            }
            (_, Err(why)) => return Ok(Err(why)),
        };
        let (user, now) = (&linked.user, self.clock.now());
        let mut tx = self.store.write().await?;
        let (invited, active) = (MembershipState::Invited, MembershipState::Active);
        if !self.take_link_of_user(&mut tx, &linked, hash, now).await?
            || !tx.set_state(user.id, invited, active).await?
        {
            return Ok(Err(LinkRefused::Gone));
        }
        tx.set_name(user.id, &name).await?;
        let epoch = linked.epoch.next();
        let (session, id) = self.begin_session(&mut tx, from, user.id, epoch, false, now).await?;
        let mut event = from.event_about(AuditKind::InvitationAccepted, user);
        event.actor = Some(user.id);
        event.session = Some(id);
        self.audit(&mut tx, event, now).await?;
        self.note_complete_sign_in(&mut tx, from, &session).await?;
        tx.commit().await?;
        Ok(Ok(session))
    }

    /// Checks and hashes the password that a link's page was sent with.
    pub(crate) async fn hash_for_link(
        &self,
        from: &Visitor,
        linked: &LinkedUser,
        password: &str,
    ) -> Result<Result<String, LinkRefused>, FlowError> {
        let Ok(email) = Email::parse(&linked.user.email) else { return Ok(Err(LinkRefused::Gone)) };
        let names = vec![linked.user.name.clone(), linked.account_name.clone()];
        let hash = self.new_password_hash(from, password, &email, names).await?;
        Ok(hash.map_err(|error| LinkRefused::Fields { name: None, password: Some(error) }))
    }

    /// Takes the link, ends everything issued under its epoch, and sets the password.
    pub(crate) async fn take_link_of_user(
        &self,
        tx: &mut Writing,
        linked: &LinkedUser,
        hash: String,
        now: Timestamp,
    ) -> Result<bool, FlowError> {
        if !tx.bump_epoch(linked.user.id, linked.epoch).await?
            || !tx.take_link(linked.link, now).await?
        {
            return Ok(false);
        }
        tx.set_password(linked.user.id, hash).await?;
        Ok(true)
    }
}

/// A live link's user.
pub struct LinkedUser {
    pub(crate) link: LinkId,
    pub(crate) epoch: Epoch,
    /// The user.
    pub user: UserRecord,
    /// The name of the user's account.
    pub account_name: String,
    /// What it may do, if it is one of `vestibule recover`.
    pub recovers: Recovers,
}
