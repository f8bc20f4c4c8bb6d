//! The way back for who lost everything but the host: `vestibule recover`.

use vestibule_domain::audit::AuditKind;
use vestibule_domain::email::Email;
use vestibule_domain::link::LinkPurpose;
use vestibule_domain::notice::Notice;
use vestibule_domain::token::Token;
use vestibule_domain::user::MembershipState;

use crate::error::FlowError;
use crate::invitations::{LinkRefused, MadeLink};
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
}

impl Vestibule {
    /// Makes a recover link. It removes nothing: the old password and factors hold until it is used.
    pub async fn make_recover_link(&self, email: &Email) -> Result<Recover, FlowError> {
        let now = self.clock.now();
        let mut tx = self.store.write().await?;
        let Some(known) = tx.password_of(email).await? else { return Ok(Recover::Unknown) };
        tx.hold_user(known.user.id).await?;
        let Some(user) = tx.user(known.user.id).await? else { return Ok(Recover::Unknown) };
        if user.standing.state == MembershipState::Disabled {
            return Ok(Recover::Disabled);
        }
        let whose = (user.id, user.standing.epoch);
        let link = self
            .link_for(&mut tx, LinkPurpose::Recover, whose, (&user.name, email.as_str()), now)
            .await?;
        let host = Visitor::default();
        self.audit(&mut tx, host.event_about(AuditKind::RecoverLinkMade, &user), now).await?;
        let (made, about) = (Notice::RecoverLinkMade, email.as_str());
        self.tell_admins(&mut tx, user.account, made, &host, about, now).await?;
        tx.commit().await?;
        Ok(Recover::Made(link))
    }

    /// Takes a recover link: sets the password, ends every session, and begins one that alone may
    /// enrol although a factor exists. The old factors go with the write that confirms the new one.
    pub async fn use_recover_link(
        &self,
        from: &Visitor,
        token: &Token,
        password: &str,
    ) -> Result<Result<Token, LinkRefused>, FlowError> {
        let Some(linked) = self.user_of_link(LinkPurpose::Recover, token).await? else {
            return Ok(Err(LinkRefused::Gone));
        };
        let hash = match self.hash_for_link(from, &linked, password).await? {
            Ok(hash) => hash,
            Err(why) => return Ok(Err(why)),
        };
        let (user, now) = (&linked.user, self.clock.now());
        let mut tx = self.store.write().await?;
        if !self.take_link_of_user(&mut tx, &linked, hash, now).await? {
            return Ok(Err(LinkRefused::Gone));
        }
        // Who never accepted the invitation is let in by the host instead.
        let (invited, active) = (MembershipState::Invited, MembershipState::Active);
        let _unless_active = tx.set_state(user.id, invited, active).await?;
        let (session, id) =
            self.begin_session(&mut tx, from, user.id, linked.epoch.next(), true, now).await?;
        let mut event = from.event_about(AuditKind::RecoverLinkUsed, user);
        event.actor = Some(user.id);
        event.session = Some(id);
        self.audit(&mut tx, event, now).await?;
        self.note_complete_sign_in(&mut tx, &session).await?;
        tx.commit().await?;
        Ok(Ok(session))
    }
}
