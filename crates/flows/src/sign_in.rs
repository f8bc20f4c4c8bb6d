//! Signing in with e-mail and password, and signing out.

use std::time::Duration;

use vestibule_domain::access::{Access, Demand, access};
use vestibule_domain::audit::AuditKind;
use vestibule_domain::email::Email;
use vestibule_domain::id::{SessionId, UserId};
use vestibule_domain::notice::Notice;
use vestibule_domain::time::Timestamp;
use vestibule_domain::token::Token;
use vestibule_domain::user::{Epoch, MembershipState};
use vestibule_guards::guard;
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
    /// Too many attempts came before this one, which was not compared: the next has to wait so
    /// long.
    Wait(Duration),
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
        let typed_email = email;
        let email = Email::parse(email).ok();
        let known = match &email {
            Some(email) => self.store.read().await?.password_of(email).await?,
            None => None,
        };
        let event = |kind| match &known {
            Some(known) => from.event_about(kind, &known.user),
            None => from.event(kind),
        };
        // Every way to be refused takes one look-up, one count, one hash and one write.
        let too_soon = event(AuditKind::PasswordTooSoon);
        let counted = match self.count_password_attempt(from, typed_email, too_soon).await? {
            Ok(counted) => counted,
            Err(left) => return Ok(SignIn::Wait(left)),
        };
        let stored = known.as_ref().and_then(|known| known.hash.clone());
        let verified = self.verify_password(from, &counted, password, stored).await?;
        let now = self.clock.now();
        let mut tx = self.store.write().await?;
        let user = match (&email, &known) {
            (Some(email), Some(known))
                if guard!("right-password", verified.right)
                    && known.user.standing.state == MembershipState::Active =>
            {
                Self::still_right(&mut tx, email, known).await?
            }
            _ => None,
        };
        let user = match user {
            Some(user) if user.standing.state == MembershipState::Active => user,
            _ => {
                self.refuse(tx, event(AuditKind::PasswordRefused), now).await?;
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
        self.note_complete_sign_in(&mut tx, from, &token).await?;
        self.password_was_right(&mut tx, &counted).await?;
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
                guard!(
                    "password-as-compared",
                    now.hash == compared.hash
                        || now.user.standing.epoch == compared.user.standing.epoch
                )
            })
            .map(|now| now.user))
    }

    /// Notes a complete sign-in, if this session's proofs open the dashboard: its time, and the
    /// browser. It ends the waits between attempts at the second proof.
    pub(crate) async fn note_complete_sign_in(
        &self,
        tx: &mut Writing,
        from: &Visitor,
        token: &Token,
    ) -> Result<(), FlowError> {
        let now = self.clock.now();
        let found = tx.session(&token.hash(), self.settings.session_limits, now).await?;
        if let Some(record) = found {
            let answer =
                access(Demand::SIGNED_IN, record.policy, record.standing, &record.session, now);
            if matches!(answer, Access::Granted { .. }) {
                self.note_browser(tx, from, record.user, now).await?;
                tx.note_sign_in(record.user, now).await?;
                self.end_recovery_waits(tx, from, record.user).await?;
                let second = record.session.second.map(|(by, _)| by);
                tx.count_at_commit(self.metrics.sign_in(second));
            }
        }
        Ok(())
    }

    /// Notes the browser of a complete sign-in, which has a lane of its own from now on. The owner
    /// is told of a new one, unless it is the first of all.
    async fn note_browser(
        &self,
        tx: &mut Writing,
        from: &Visitor,
        user: UserId,
        now: Timestamp,
    ) -> Result<(), FlowError> {
        let Some(browser) = &from.token else { return Ok(()) };
        if !tx.note_browser(user, browser, now).await? {
            return Ok(());
        }
        let before = tx.user(user).await?.and_then(|user| user.last_sign_in);
        if before.is_some() {
            self.tell(tx, user, Notice::NewBrowser, from, "", now).await?;
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
