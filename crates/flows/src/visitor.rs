//! Who asks, seen from outside, and the events that they cause.

use vestibule_domain::audit::{AuditEvent, AuditKind, network};
use vestibule_domain::token::TokenHash;
use vestibule_store::{SessionRecord, UserRecord};

/// Who sent the request, as far as a request tells.
#[derive(Clone, Debug, Default)]
pub struct Visitor {
    /// The network address; empty on the host's command line.
    pub address: String,
    /// What the browser calls itself.
    pub browser: String,
    /// Names the browser from one sign-in to the next; `None` for what keeps no cookies.
    pub token: Option<TokenHash>,
}

impl Visitor {
    /// The network that the request came from.
    pub(crate) fn network(&self) -> String {
        network(&self.address)
    }

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
