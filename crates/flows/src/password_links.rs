//! A link for a user who forgot the password. It signs nobody in and removes no factor.

use vestibule_domain::audit::AuditKind;
use vestibule_domain::id::UserId;
use vestibule_domain::link::LinkPurpose;
use vestibule_domain::notice::Notice;
use vestibule_domain::token::Token;
use vestibule_domain::user::MembershipState;

use crate::authority::{Admin, Fresh};
use crate::error::FlowError;
use crate::invitations::{LinkRefused, MadeLink};
use crate::vestibule::Vestibule;
use crate::visitor::Visitor;

impl Vestibule {
    /// Makes a link for an active user. `None` where there is none such, or whoever asked is no
    /// Admin any more.
    pub async fn make_password_link(
        &self,
        from: &Visitor,
        admin: &Fresh<Admin>,
        target: UserId,
    ) -> Result<Option<MadeLink>, FlowError> {
        let kind = AuditKind::PasswordLinkMade;
        let (state, purpose) = (MembershipState::Active, LinkPurpose::Password);
        self.make_link_for(from, admin, target, state, purpose, kind).await
    }

    /// Takes the link and sets the password; every session of the user ends, the budget of
    /// attempts is renewed.
    pub async fn use_password_link(
        &self,
        from: &Visitor,
        token: &Token,
        password: &str,
    ) -> Result<Result<(), LinkRefused>, FlowError> {
        let Some(linked) = self.user_of_link(LinkPurpose::Password, token).await? else {
            return Ok(Err(LinkRefused::Gone));
        };
        let hash = match self.hash_for_link(from, &linked, password).await? {
            Ok(hash) => hash,
            Err(why) => return Ok(Err(why)),
        };
        let now = self.clock.now();
        let mut tx = self.store.write().await?;
        if !self.take_link_of_user(&mut tx, &linked, hash, now).await? {
            return Ok(Err(LinkRefused::Gone));
        }
        let event = from.event_about(AuditKind::PasswordLinkUsed, &linked.user);
        self.audit(&mut tx, event, now).await?;
        self.tell(&mut tx, linked.user.id, Notice::PasswordChanged, from, "", now).await?;
        tx.commit().await?;
        Ok(Ok(()))
    }
}
