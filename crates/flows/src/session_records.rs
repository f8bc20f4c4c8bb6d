//! Who asks, seen from outside, and the sessions that begin.

use vestibule_domain::audit::{AuditEvent, AuditKind};
use vestibule_domain::id::{SessionId, UserId};
use vestibule_domain::time::Timestamp;
use vestibule_domain::token::Token;
use vestibule_domain::user::Epoch;
use vestibule_store::{NewSession, SessionRecord, UserRecord, Writing};

use crate::error::FlowError;
use crate::vestibule::Vestibule;

/// Who sent the request, as far as a request tells.
#[derive(Clone, Debug, Default)]
pub struct Visitor {
    /// The network address; empty on the host's command line.
    pub address: String,
    /// What the browser calls itself.
    pub browser: String,
}

impl Visitor {
    /// An event that this visitor caused without a session.
    pub(crate) fn event(&self, kind: AuditKind) -> AuditEvent {
        AuditEvent {
            kind,
            account: None,
            actor: None,
            user: None,
            session: None,
            address: self.address.clone(),
            detail: String::new(),
        }
    }

    /// An event about a user, caused by this visitor without a session.
    pub(crate) fn event_about(&self, kind: AuditKind, user: &UserRecord) -> AuditEvent {
        AuditEvent { account: Some(user.account), user: Some(user.id), ..self.event(kind) }
    }

    /// An event that the user of a session caused.
    pub(crate) fn event_in(&self, kind: AuditKind, session: &SessionRecord) -> AuditEvent {
        AuditEvent {
            account: Some(session.account),
            actor: Some(session.user),
            user: Some(session.user),
            session: Some(session.id),
            ..self.event(kind)
        }
    }
}

impl Vestibule {
    /// Begins a session of a user whose password was just given or set, under the epoch that was
    /// read with it.
    pub(crate) async fn begin_session(
        &self,
        tx: &mut Writing,
        from: &Visitor,
        user: UserId,
        epoch: Epoch,
        recovering: bool,
        now: Timestamp,
    ) -> Result<(Token, SessionId), FlowError> {
        let token = Token::new(&self.randomness);
        let id = SessionId::new(now, &self.randomness);
        let new = NewSession {
            id,
            user,
            token: &token.hash(),
            epoch,
            browser: &from.browser,
            address: &from.address,
            recovering,
        };
        tx.insert_session(&new, now).await?;
        Ok((token, id))
    }
}
