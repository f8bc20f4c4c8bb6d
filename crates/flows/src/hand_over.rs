//! The hand-over: a session of Vestibule's own host opens the gate of a protected host, by a cookie
//! of that host alone.
//!
//! The protected host has set a nonce as a cookie before it led the browser here, and passes on its
//! hash. The code that leads back is taken once, within seconds, by the browser that has the nonce:
//! nobody can hand their own session over to another's browser, or take another's.

use vestibule_domain::access::{Access, Step, Why, access};
use vestibule_domain::application::Host;
use vestibule_domain::audit::{AuditEvent, AuditKind};
use vestibule_domain::token::Token;
use vestibule_store::{ApplicationRecord, NewHandOver, Taking};

use crate::authority::SignedIn;
use crate::error::FlowError;
use crate::vestibule::Vestibule;
use crate::visitor::Visitor;

/// The answer to a session that asks for an application.
pub enum HandOver {
    /// This code opens it, once.
    Made(Token),
    /// This step comes first.
    Needs(Step),
    /// The application does not let this user in.
    Refused(ApplicationRecord, Why),
    /// There is no application behind this host.
    NoApplication,
}

impl Vestibule {
    /// Hands a session over to a protected host. `challenge` is the hash of the nonce in a cookie
    /// there.
    pub async fn hand_over(
        &self,
        from: &Visitor,
        who: &SignedIn,
        host: &Host,
        challenge: &[u8; 32],
    ) -> Result<HandOver, FlowError> {
        let (session, now) = (who.record(), self.clock.now());
        let mut db = self.store.read().await?;
        let Some(application) = db.application_of_host(host.as_str()).await? else {
            return Ok(HandOver::NoApplication);
        };
        let named = db.is_named(application.id, session.user).await?;
        drop(db);
        let demand = application.rules.demand(session.account, named);
        match access(demand, session.policy, session.standing, &session.session, now) {
            Access::Granted { .. } => {}
            Access::Needs(step) => return Ok(HandOver::Needs(step)),
            Access::Refused(why) => {
                let event = AuditEvent {
                    detail: host.to_string(),
                    ..from.event_in(AuditKind::ApplicationRefused, session)
                };
                self.refuse(self.store.write().await?, event, now).await?;
                return Ok(HandOver::Refused(application, why));
            }
        }
        let code = Token::new(&self.randomness);
        let new = NewHandOver {
            code: &code.hash(),
            challenge,
            session: session.id,
            token: &who.current.token,
            epoch: session.standing.epoch,
            host: host.as_str(),
        };
        let mut tx = self.store.write().await?;
        if !tx.insert_hand_over(&new, now).await? {
            return Ok(HandOver::Needs(Step::Password));
        }
        tx.commit().await?;
        Ok(HandOver::Made(code))
    }

    /// Takes a hand-over at the protected host, for the browser that has the nonce; answers the
    /// gate cookie. `None` for a code that is used, expired, another host's or another browser's:
    /// the last is worth nothing from then on.
    pub async fn take_hand_over(
        &self,
        from: &Visitor,
        host: &Host,
        code: &Token,
        nonce: Option<&Token>,
    ) -> Result<Option<Token>, FlowError> {
        let (code, nonce, now) = (code.hash(), nonce.map(Token::hash), self.clock.now());
        if !self.store.read().await?.is_hand_over(&code, host.as_str()).await? {
            return Ok(None);
        }
        let mut tx = self.store.write().await?;
        let taken = match tx.take_hand_over(&code, nonce.as_ref(), host.as_str(), now).await? {
            Taking::Taken(taken) => Some(taken),
            Taking::Wasted | Taking::Nothing => None,
        };
        let user = match &taken {
            Some(taken) => tx.user(taken.user).await?,
            None => None,
        };
        let (Some(taken), Some(user)) = (taken, user) else {
            let event =
                AuditEvent { detail: host.to_string(), ..from.event(AuditKind::HandOverRefused) };
            self.refuse(tx, event, now).await?;
            return Ok(None);
        };
        let cookie = Token::new(&self.randomness);
        tx.insert_gate_cookie(&cookie.hash(), &taken, host.as_str(), now).await?;
        let event = AuditEvent {
            actor: Some(user.id),
            session: Some(taken.session),
            detail: host.to_string(),
            ..from.event_about(AuditKind::ApplicationEntered, &user)
        };
        self.audit(&mut tx, event, now).await?;
        tx.commit().await?;
        Ok(Some(cookie))
    }
}
