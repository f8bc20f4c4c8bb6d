//! A forgotten password: a link by mail, for who asks at the sign-in.
//!
//! The request looks nobody up. It writes one mail, whatever address was typed; whether there is
//! somebody to write to is found out when it is sent (design, rule 8).

use vestibule_domain::audit::{AuditKind, network};
use vestibule_domain::email::{Email, EmailError};
use vestibule_domain::link::LinkPurpose;
use vestibule_domain::mail::{FORGOTTEN_BY_ADDRESS, FORGOTTEN_BY_NETWORK, FORGOTTEN_WAITING};
use vestibule_domain::notice::Notice;
use vestibule_domain::token::Token;

use crate::error::FlowError;
use crate::invitations::LinkRefused;
use crate::outbox::StoredLetter;
use crate::vestibule::Vestibule;
use crate::visitor::Visitor;

/// The answer to who forgot the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forgotten {
    /// If there is such a user, a mail is on its way, or one went a moment ago.
    Heard,
    /// No address.
    Field(EmailError),
    /// Too many from this network within a minute, or too many wait to be sent.
    TooMany,
    /// There is no mail server.
    NoMail,
}

impl Vestibule {
    /// Has a link mailed, if there is an active user with this address.
    pub async fn forgot_password(
        &self,
        from: &Visitor,
        email: &str,
    ) -> Result<Forgotten, FlowError> {
        if !self.settings.mail {
            return Ok(Forgotten::NoMail);
        }
        let email = match Email::parse(email) {
            Ok(email) => email,
            Err(error) => return Ok(Forgotten::Field(error)),
        };
        let now = self.clock.now();
        let by_network = format!("forgotten/from/{}", network(&from.address));
        let pseudonym = self.keys.newest(&self.store).await?.pseudonym(email.as_str())?;
        let by_address = format!("forgotten/to/{pseudonym}");
        let mut tx = self.store.write().await?;
        self.audit(&mut tx, from.event(AuditKind::PasswordForgotten), now).await?;
        if tx.count_mails_to_nobody(FORGOTTEN_WAITING).await? >= FORGOTTEN_WAITING {
            tx.commit().await?;
            return Ok(Forgotten::TooMany);
        }
        if !tx.count_ask(&by_network, FORGOTTEN_BY_NETWORK, now).await? {
            tx.commit().await?;
            return Ok(Forgotten::TooMany);
        }
        if tx.count_ask(&by_address, FORGOTTEN_BY_ADDRESS, now).await? {
            self.post(&mut tx, None, &StoredLetter::forgotten(&email, from, now), now).await?;
        }
        tx.commit().await?;
        Ok(Forgotten::Heard)
    }

    /// Takes the link and sets the password; every session of the user ends. It signs nobody in,
    /// removes no factor, and does not renew the budget of attempts.
    pub async fn use_forgotten_link(
        &self,
        from: &Visitor,
        token: &Token,
        password: &str,
    ) -> Result<Result<(), LinkRefused>, FlowError> {
        let Some(linked) = self.user_of_link(LinkPurpose::Forgotten, token).await? else {
            return Ok(Err(LinkRefused::Gone));
        };
        let hash = match self.hash_for_link(from, &linked, password).await? {
            Ok(hash) => hash,
            Err(why) => return Ok(Err(why)),
        };
        let (user, now) = (linked.user.id, self.clock.now());
        let mut tx = self.store.write().await?;
        if !tx.bump_epoch(user, linked.epoch).await? || !tx.take_link(linked.link, now).await? {
            return Ok(Err(LinkRefused::Gone));
        }
        tx.set_password_by_mail(user, hash).await?;
        let event = from.event_about(AuditKind::PasswordLinkUsed, &linked.user);
        self.audit(&mut tx, event, now).await?;
        self.tell(&mut tx, user, Notice::PasswordChanged, from, "", now).await?;
        tx.commit().await?;
        Ok(Ok(()))
    }
}
