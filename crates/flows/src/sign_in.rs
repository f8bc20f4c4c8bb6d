//! Signing in with e-mail and password, and signing out.

use vestibule_domain::access::{Access, Demand, access};
use vestibule_domain::audit::AuditKind;
use vestibule_domain::email::Email;
use vestibule_domain::id::{SessionId, UserId};
use vestibule_domain::time::Timestamp;
use vestibule_domain::token::Token;
use vestibule_domain::user::{Epoch, MembershipState};
use vestibule_store::{NewSession, PasswordRecord, UserRecord, Writing};

use crate::authority::Current;
use crate::error::FlowError;
use crate::vestibule::Vestibule;
use crate::visitor::Visitor;

/// The answer to e-mail and password.
pub enum SignIn {
    /// A session began. What it opens is for `access` to say.
    Begun(Token),
    /// Unknown, wrong or disabled: nobody learns which.
    Refused,
}

impl Vestibule {
    /// Compares a password and begins a session: always a new one, never one that came with the
    /// request. That one ends.
    pub async fn sign_in(
        &self,
        from: &Visitor,
        email: &str,
        password: &str,
        replaced: Option<&Current>,
    ) -> Result<SignIn, FlowError> {
        let email = Email::parse(email).ok();
        let known = match &email {
            Some(email) => self.store.read().await?.password_of(email).await?,
            None => None,
        };
        // Every way to be refused takes one look-up, one hash and one write.
        let stored = known.as_ref().and_then(|known| known.hash.clone());
        let verified = self.verify_password(from, password, stored).await?;
        let now = self.clock.now();
        let mut tx = self.store.write().await?;
        let user = match (&email, &known) {
            (Some(email), Some(known))
                if verified.right && known.user.standing.state == MembershipState::Active =>
            {
                Self::still_right(&mut tx, email, known).await?
            }
            _ => None,
        };
        let user = match user {
            Some(user) if user.standing.state == MembershipState::Active => user,
            _ => {
                let event = match &known {
                    Some(known) => from.event_about(AuditKind::PasswordRefused, &known.user),
                    None => from.event(AuditKind::PasswordRefused),
                };
                self.audit(&mut tx, event, now).await?;
                tx.commit().await?;
                return Ok(SignIn::Refused);
            }
        };
        if let Some(hash) = verified.renewed {
            let _unless_changed = tx.renew_hash(user.id, hash, user.standing.epoch).await?;
        }
        if let Some(replaced) = replaced {
            let _unless_over = tx.end_session(replaced.record.user, replaced.record.id).await?;
        }
        let (token, session) =
            self.begin_session(&mut tx, from, user.id, user.standing.epoch, false, now).await?;
        let event = vestibule_domain::audit::AuditEvent {
            actor: Some(user.id),
            session: Some(session),
            ..from.event_about(AuditKind::PasswordAccepted, &user)
        };
        self.audit(&mut tx, event, now).await?;
        self.note_complete_sign_in(&mut tx, &token).await?;
        tx.commit().await?;
        Ok(SignIn::Begun(token))
    }

    /// The user, held and read again, if what the password was compared with is still theirs. The
    /// comparison took its time: meanwhile they may have been removed, or changed the password.
    async fn still_right(
        tx: &mut Writing,
        email: &Email,
        compared: &PasswordRecord,
    ) -> Result<Option<UserRecord>, FlowError> {
        if !tx.hold_user(compared.user.id).await? {
            return Ok(None);
        }
        let now = tx.password_of(email).await?;
        Ok(now
            .filter(|now| {
                // Under the same epoch another hash is one of the same password.
                now.hash == compared.hash || now.user.standing.epoch == compared.user.standing.epoch
            })
            .map(|now| now.user))
    }

    /// Notes the time of the sign-in if this session's proofs open the dashboard.
    pub(crate) async fn note_complete_sign_in(
        &self,
        tx: &mut Writing,
        token: &Token,
    ) -> Result<(), FlowError> {
        let now = self.clock.now();
        let found = tx.session(&token.hash(), self.settings.session_limits, now).await?;
        if let Some(record) = found {
            let answer =
                access(Demand::SIGNED_IN, record.policy, record.standing, &record.session, now);
            if matches!(answer, Access::Granted { .. }) {
                tx.note_sign_in(record.user, now).await?;
            }
        }
        Ok(())
    }

    /// Ends the session on the server.
    pub async fn sign_out(&self, from: &Visitor, current: &Current) -> Result<(), FlowError> {
        let now = self.clock.now();
        let mut tx = self.store.write().await?;
        if tx.end_session(current.record.user, current.record.id).await? {
            self.audit(&mut tx, from.event_in(AuditKind::SignedOut, &current.record), now).await?;
        }
        Ok(tx.commit().await?)
    }

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
