//! Changing the own address: asked for with a fresh proof, made so by a link that came to the new
//! one, in a session of the same user. Both addresses are told.

use vestibule_domain::audit::AuditKind;
use vestibule_domain::email::{Email, EmailError};
use vestibule_domain::id::LinkId;
use vestibule_domain::link::LinkPurpose;
use vestibule_domain::mail::ADDRESSES_BY_USER;
use vestibule_domain::notice::Notice;
use vestibule_domain::token::Token;
use vestibule_store::NewLink;

use crate::authority::{Fresh, SignedIn};
use crate::error::FlowError;
use crate::outbox::StoredLetter;
use crate::vestibule::Vestibule;
use crate::visitor::Visitor;

/// The answer to a new address.
#[derive(Debug, PartialEq, Eq)]
pub enum AddressAsked {
    /// A mail goes to it, unless it is another user's: nobody learns that.
    Heard(Email),
    /// No address.
    Field(EmailError),
    /// It is the user's already.
    Unchanged,
    /// Too many within an hour.
    TooMany,
    /// There is no mail server, so that nobody can prove that an address is theirs.
    NoMail,
    /// The session or the user changed meanwhile: nothing was done.
    SessionOver,
}

/// The answer to a confirmation.
pub enum AddressConfirmed {
    /// Done; the session goes on under this new token, every other has ended.
    Done(Token),
    /// Used, replaced, too old, or another user's.
    Gone,
    /// Somebody else has taken the address meanwhile.
    Taken,
}

impl Vestibule {
    /// Has a link mailed to the new address, and the old one told.
    pub async fn ask_address_change(
        &self,
        from: &Visitor,
        who: &Fresh<SignedIn>,
        email: &str,
    ) -> Result<AddressAsked, FlowError> {
        let session = who.0.record();
        if !self.settings.mail {
            return Ok(AddressAsked::NoMail);
        }
        let email = match Email::parse(email) {
            Ok(email) if email.as_str() == session.email => return Ok(AddressAsked::Unchanged),
            Ok(email) => email,
            Err(error) => return Ok(AddressAsked::Field(error)),
        };
        let (epoch, now) = (session.standing.epoch, self.clock.now());
        let mut tx = self.store.write().await?;
        if !tx.hold_epoch(session.user, epoch).await? {
            return Ok(AddressAsked::SessionOver);
        }
        let key = format!("address/{}", session.user);
        if !tx.count_ask(&key, ADDRESSES_BY_USER, now).await? {
            return Ok(AddressAsked::TooMany);
        }
        // The same whether the address is somebody's or not: that is looked at when it is sent.
        let token = Token::new(&self.randomness);
        let link = LinkId::new(now, &self.randomness);
        let new = NewLink {
            id: link,
            purpose: LinkPurpose::Address,
            token: &token.hash(),
            user: Some((session.user, epoch)),
            recovers: None,
        };
        tx.make_link(&new, now).await?;
        tx.insert_address_change(link, &email).await?;
        let mut event = from.event_in(AuditKind::EmailChangeAsked, session);
        event.detail = email.to_string();
        self.audit(&mut tx, event, now).await?;
        let (asked, detail) = (Notice::EmailChangeAsked, email.as_str());
        self.tell(&mut tx, session.user, asked, from, detail, now).await?;
        let letter = StoredLetter::confirm_address(&email, &token, from, now);
        self.post(&mut tx, Some(session.user), &letter, now).await?;
        tx.commit().await?;
        Ok(AddressAsked::Heard(email))
    }

    /// The address that a live link of this user's confirms.
    pub async fn address_to_confirm(
        &self,
        who: &SignedIn,
        token: &Token,
    ) -> Result<Option<String>, FlowError> {
        let mut db = self.store.read().await?;
        let link = db.live_link(LinkPurpose::Address, &token.hash(), self.clock.now()).await?;
        match link.and_then(|link| Some((link.id, link.user?.0))) {
            Some((link, user)) if user == who.record().user => Ok(db.address_of_link(link).await?),
            _ => Ok(None),
        }
    }

    /// Takes the link and changes the address. Everything else issued to the user ends.
    pub async fn confirm_address(
        &self,
        from: &Visitor,
        who: &Fresh<SignedIn>,
        token: &Token,
    ) -> Result<AddressConfirmed, FlowError> {
        let (session, now) = (who.0.record(), self.clock.now());
        let Some(linked) = self.user_of_link(LinkPurpose::Address, token).await? else {
            return Ok(AddressConfirmed::Gone);
        };
        let epoch = session.standing.epoch;
        if linked.user.id != session.user || linked.epoch != epoch {
            return Ok(AddressConfirmed::Gone);
        }
        let new = Token::new(&self.randomness);
        let mut tx = self.store.write().await?;
        let stored = tx.address_of_link(linked.link).await?;
        let Some(email) = stored.and_then(|stored| Email::parse(&stored).ok()) else {
            return Ok(AddressConfirmed::Gone);
        };
        if !tx.bump_epoch(session.user, epoch).await? || !tx.take_link(linked.link, now).await? {
            return Ok(AddressConfirmed::Gone);
        }
        if !tx.set_email(session.user, &email).await? {
            drop(tx);
            let mut event = from.event_in(AuditKind::AddressTaken, session);
            event.detail = email.to_string();
            self.refuse(self.store.write().await?, event, now).await?;
            return Ok(AddressConfirmed::Taken);
        }
        if !tx.reissue_session(session.id, (&who.0.current.token, &new.hash()), epoch).await? {
            return Ok(AddressConfirmed::Gone);
        }
        let (old, detail) = (&linked.user.email, email.as_str());
        let mut event = from.event_in(AuditKind::EmailChanged, session);
        event.detail = format!("{old} to {detail}");
        self.audit(&mut tx, event, now).await?;
        self.tell(&mut tx, session.user, Notice::EmailChanged, from, detail, now).await?;
        let letter = StoredLetter::notice(Notice::EmailChanged, from, detail, now).sent_to(old);
        self.post(&mut tx, Some(session.user), &letter, now).await?;
        tx.commit().await?;
        Ok(AddressConfirmed::Done(new))
    }
}
