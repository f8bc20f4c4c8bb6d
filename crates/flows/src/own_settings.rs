//! What users change about themselves: name, password, factors, sessions.

use vestibule_domain::audit::AuditKind;
use vestibule_domain::email::Email;
use vestibule_domain::id::{FactorId, SessionId};
use vestibule_domain::name::{Name, NameError};
use vestibule_domain::notice::Notice;
use vestibule_domain::password::PasswordError;
use vestibule_domain::proof::{Assurance, SecondProof};
use vestibule_domain::time::Timestamp;
use vestibule_domain::token::Token;
use vestibule_guards::guard;
use vestibule_store::{FactorRecord, OpenSession, RecoveryCodesRecord};

use crate::authority::{Fresh, SignedIn};
use crate::error::FlowError;
use crate::vestibule::Vestibule;
use crate::visitor::Visitor;

/// What a user sees of the own login.
pub struct OwnSecurity {
    /// The factors.
    pub factors: Vec<FactorRecord>,
    /// The recovery codes, if there are any.
    pub recovery_codes: Option<RecoveryCodesRecord>,
    /// The open sessions: this one first, then the latest.
    pub sessions: Vec<OpenSession>,
    /// How many attempts at security codes are in the budget since the password was renewed.
    pub code_attempts: u64,
    /// Which of them is this one.
    pub this_session: SessionId,
}

/// The answer to an act that ends everything but the acting session.
pub enum Reissued {
    /// Done; the session goes on under this new token.
    Done(Token),
    /// The session or the user changed meanwhile: nothing was done.
    SessionOver,
}

/// The answer to a change of password.
pub enum PasswordChange {
    /// Done; the session goes on under this new token, every other has ended.
    Done(Token),
    /// The new password cannot be used.
    Refused(PasswordError),
    /// The session or the user changed meanwhile: nothing was done.
    SessionOver,
}

/// The answer to the removal of a factor.
pub enum FactorRemoval {
    /// Done; the session goes on under this new token.
    Done(Token),
    /// It is the last one, and the account requires MFA.
    LastOne,
    /// The user has no such factor.
    NotFound,
    /// The session or the user changed meanwhile: nothing was done.
    SessionOver,
}

impl Vestibule {
    /// The own factors and sessions.
    pub async fn own_security(&self, who: &SignedIn) -> Result<OwnSecurity, FlowError> {
        let session = who.record();
        let (limits, now) = (self.settings.session_limits, self.clock.now());
        let mut db = self.store.read().await?;
        let mut sessions = db.open_sessions(session.user, limits, now).await?;
        sessions.sort_by_key(|open| open.id != session.id);
        Ok(OwnSecurity {
            factors: db.factors(session.user).await?,
            recovery_codes: db.recovery_codes(session.user).await?,
            sessions,
            code_attempts: db.code_attempts(session.user).await?.unsigned_abs(),
            this_session: session.id,
        })
    }

    /// By which app, in its user's words (`None` for a recovery code), and when the second proof of
    /// this session was given.
    pub async fn second_proof(
        &self,
        who: &SignedIn,
    ) -> Result<Option<(Option<String>, Timestamp)>, FlowError> {
        let session = who.record();
        let Some((by, proof)) = session.session.second else { return Ok(None) };
        if who.assurance < Assurance::Aal2 {
            return Ok(None);
        }
        let SecondProof::Totp(factor) = by else { return Ok(Some((None, proof.at))) };
        let factors = self.store.read().await?.factors(session.user).await?;
        let name = factors.into_iter().find(|known| known.id == factor).map(|known| known.name);
        Ok(Some((Some(name.unwrap_or_default()), proof.at)))
    }

    /// Changes the own display name.
    pub async fn change_name(
        &self,
        from: &Visitor,
        who: &SignedIn,
        name: &str,
    ) -> Result<Result<(), NameError>, FlowError> {
        let name = match Name::parse(name) {
            Ok(name) => name,
            Err(error) => return Ok(Err(error)),
        };
        let now = self.clock.now();
        let mut tx = self.store.write().await?;
        tx.set_name(who.record().user, &name).await?;
        let mut event = from.event_in(AuditKind::NameChanged, who.record());
        event.detail = name.to_string();
        self.audit(&mut tx, event, now).await?;
        tx.commit().await?;
        Ok(Ok(()))
    }

    /// Changes the own password. Everything else issued to the user ends; the budget of attempts
    /// is renewed, since a second proof (or, without a factor, the old password) was just given.
    pub async fn change_password(
        &self,
        from: &Visitor,
        who: &Fresh<SignedIn>,
        password: &str,
    ) -> Result<PasswordChange, FlowError> {
        let session = who.0.record();
        let Ok(email) = Email::parse(&session.email) else {
            return Ok(PasswordChange::SessionOver);
        };
        let names = vec![session.user_name.clone(), session.account_name.clone()];
        let hash = match self.new_password_hash(from, password, &email, names).await? {
            Ok(hash) => hash,
            Err(error) => return Ok(PasswordChange::Refused(error)),
        };
        let (epoch, now) = (session.standing.epoch, self.clock.now());
        let mut tx = self.store.write().await?;
        if !tx.bump_epoch(session.user, epoch).await? {
            return Ok(PasswordChange::SessionOver);
        }
        tx.set_password(session.user, hash).await?;
        let new = Token::new(&self.randomness);
        let hash = new.hash();
        // The new password is itself a proof under the new epoch.
        if !tx.reissue_session(session.id, (&who.0.current.token, &hash), epoch).await?
            || !tx.give_password_proof(session.id, (&hash, &hash), epoch.next(), now).await?
        {
            return Ok(PasswordChange::SessionOver);
        }
        self.audit(&mut tx, from.event_in(AuditKind::PasswordChanged, session), now).await?;
        self.tell(&mut tx, session.user, Notice::PasswordChanged, from, "", now).await?;
        tx.commit().await?;
        Ok(PasswordChange::Done(new))
    }

    /// Gives a factor another name; `Ok(false)` where there is none such.
    pub async fn rename_factor(
        &self,
        from: &Visitor,
        who: &Fresh<SignedIn>,
        factor: FactorId,
        name: &str,
    ) -> Result<Result<bool, NameError>, FlowError> {
        let name = match Name::parse(name) {
            Ok(name) => name,
            Err(error) => return Ok(Err(error)),
        };
        let now = self.clock.now();
        let mut tx = self.store.write().await?;
        if !tx.rename_factor(who.0.record().user, factor, &name).await? {
            return Ok(Ok(false));
        }
        let mut event = from.event_in(AuditKind::FactorRenamed, who.0.record());
        event.detail = name.to_string();
        self.audit(&mut tx, event, now).await?;
        tx.commit().await?;
        Ok(Ok(true))
    }

    /// Removes a factor. While the account requires MFA the last one stays. The account's guard is
    /// held: the switch may be turned on at this very moment (design, rule 5).
    pub async fn remove_factor(
        &self,
        from: &Visitor,
        who: &Fresh<SignedIn>,
        factor: FactorId,
    ) -> Result<FactorRemoval, FlowError> {
        let (session, now) = (who.0.record(), self.clock.now());
        let epoch = session.standing.epoch;
        let mut tx = self.store.write().await?;
        let Some(account) = tx.guard_account(session.account).await? else {
            return Ok(FactorRemoval::SessionOver);
        };
        let factors = tx.factors(session.user).await?;
        let Some(removed) = factors.iter().find(|own| own.id == factor) else {
            return Ok(FactorRemoval::NotFound);
        };
        if account.policy.is_required() && !guard!("no-opting-out", factors.len() > 1) {
            self.audit(&mut tx, from.event_in(AuditKind::LastFactorKept, session), now).await?;
            tx.commit().await?;
            return Ok(FactorRemoval::LastOne);
        }
        let new = Token::new(&self.randomness);
        if !tx.bump_epoch(session.user, epoch).await?
            || !tx.remove_factor(session.user, factor).await?
            || !tx.reissue_session(session.id, (&who.0.current.token, &new.hash()), epoch).await?
        {
            return Ok(FactorRemoval::SessionOver);
        }
        tx.drop_second_proof(session.id, factor).await?;
        let mut event = from.event_in(AuditKind::FactorRemoved, session);
        event.detail.clone_from(&removed.name);
        self.audit(&mut tx, event, now).await?;
        self.tell(&mut tx, session.user, Notice::FactorRemoved, from, &removed.name, now).await?;
        tx.commit().await?;
        Ok(FactorRemoval::Done(new))
    }

    /// Ends one of the own sessions; `false` where there is none such. It takes a fresh proof, as
    /// does ending all others: a stolen cookie alone must not throw the owner out.
    pub async fn end_session(
        &self,
        from: &Visitor,
        who: &Fresh<SignedIn>,
        session: SessionId,
    ) -> Result<bool, FlowError> {
        let now = self.clock.now();
        let mut tx = self.store.write().await?;
        let ended = tx.end_session(who.0.record().user, session).await?;
        if ended {
            let mut event = from.event_in(AuditKind::SessionEnded, who.0.record());
            event.detail = session.to_string();
            self.audit(&mut tx, event, now).await?;
        }
        tx.commit().await?;
        Ok(ended)
    }

    /// Ends everything issued to the user but this session: other sessions, links, enrolments.
    pub async fn end_other_sessions(
        &self,
        from: &Visitor,
        who: &Fresh<SignedIn>,
    ) -> Result<Reissued, FlowError> {
        let (session, now) = (who.0.record(), self.clock.now());
        let epoch = session.standing.epoch;
        let new = Token::new(&self.randomness);
        let mut tx = self.store.write().await?;
        if !tx.bump_epoch(session.user, epoch).await?
            || !tx.reissue_session(session.id, (&who.0.current.token, &new.hash()), epoch).await?
        {
            return Ok(Reissued::SessionOver);
        }
        let event = from.event_in(AuditKind::OtherSessionsEnded, session);
        self.audit(&mut tx, event, now).await?;
        tx.commit().await?;
        Ok(Reissued::Done(new))
    }
}
