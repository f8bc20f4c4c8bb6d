//! Giving a proof inside a session: a security code, at sign-in or as a fresh proof, or the
//! password again where there is no factor.

use std::time::Duration;

use vestibule_domain::audit::{AuditEvent, AuditKind};
use vestibule_domain::email::Email;
use vestibule_domain::id::FactorId;
use vestibule_domain::proof::SecondProof;
use vestibule_domain::recovery_code::RecoveryCode;
use vestibule_domain::time::Timestamp;
use vestibule_domain::token::Token;
use vestibule_domain::totp::{Code, Match, Step, TotpSecret};
use vestibule_domain::user::Epoch;
use vestibule_guards::guard;
use vestibule_store::FactorRecord;

use crate::authority::{ProofAsked, Proving};
use crate::error::FlowError;
use crate::vestibule::Vestibule;
use crate::visitor::Visitor;

/// The answer to a proof.
pub enum Proven {
    /// Good. The session goes on under this new token; the old one is dead.
    Accepted(Token),
    /// The same, by a recovery code: the user is led to setting up a new app.
    AcceptedRecoveryCode(Token),
    /// Not good, and why.
    Refused(CodeRefused),
}

/// Why a proof was not accepted: said to who gave the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeRefused {
    /// Neither six digits nor a recovery code. It was not compared, and costs no attempt.
    NotACode,
    /// The code of no time near now.
    Wrong,
    /// Right, and used before: the next one is good.
    Spent,
    /// Right for another time: the phone's clock is off by so much. Negative when it is slow.
    ClockOff {
        /// Seconds.
        seconds_ahead: i64,
    },
    /// The budget of attempts is spent: somebody who knows the password has been guessing.
    BudgetSpent,
    /// Too many attempts came before this one, which was not compared and costs nothing: the next
    /// has to wait so long.
    Wait(Duration),
    /// It has the form of a recovery code and is none of this user's.
    WrongRecoveryCode,
    /// A recovery code of this user, used before.
    UsedRecoveryCode,
    /// A recovery code, and this user has none.
    NoRecoveryCodes,
    /// The password, given again, is wrong.
    WrongPassword,
    /// The session ended or changed meanwhile.
    SessionOver,
}

/// Whose code it is, and for which time.
struct Matched {
    factor: FactorId,
    step: Step,
    /// How far the phone's clock is ahead, where the code is not of now.
    seconds_off: Option<i64>,
}

impl Vestibule {
    /// Gives a second proof, which is what was typed: six digits are a security code, anything else
    /// can only be a recovery code.
    pub async fn give_code(
        &self,
        from: &Visitor,
        proving: &Proving,
        typed: &str,
    ) -> Result<Proven, FlowError> {
        if let Ok(code) = Code::parse(typed) {
            let proven = self.give_security_code(from, proving, &code).await?;
            self.metrics.count_code(&proven);
            return Ok(proven);
        }
        let proven = match RecoveryCode::parse(typed) {
            Ok(code) => self.give_recovery_code(from, proving, code).await?,
            Err(_) => Proven::Refused(CodeRefused::NotACode),
        };
        self.metrics.count_recovery_code(&proven);
        Ok(proven)
    }

    /// The attempt is counted first, then the code compared, then its step spent together with the
    /// proof.
    async fn give_security_code(
        &self,
        from: &Visitor,
        proving: &Proving,
        code: &Code,
    ) -> Result<Proven, FlowError> {
        let session = &proving.current.record;
        let factors = self.store.read().await?.factors_under_epoch(session.user).await?;
        let Some((epoch, factors)) = factors else {
            return Ok(Proven::Refused(CodeRefused::SessionOver));
        };
        if !guard!("code-of-the-epoch", epoch == session.standing.epoch)
            || proving.by != ProofAsked::SecurityCode
        {
            return Ok(Proven::Refused(CodeRefused::SessionOver));
        }
        if let Err(why) = self.count_code_attempt(from, proving, factors.len()).await? {
            return Ok(Proven::Refused(why));
        }
        let now = self.clock.now();
        let matched = self.compare(&factors, session.user, code, now).await?;
        self.conclude(from, proving, epoch, matched, now).await
    }

    /// Compares with every app: one that matches now wins over one that matches another time.
    async fn compare(
        &self,
        factors: &[FactorRecord],
        user: vestibule_domain::id::UserId,
        code: &Code,
        now: Timestamp,
    ) -> Result<Option<Matched>, FlowError> {
        let mut off = None;
        for factor in factors {
            let key = self.keys.find(&self.store, factor.data_key).await?;
            let secret = key.open_totp(&factor.sealed, factor.id, user)?;
            let Some(secret) = TotpSecret::from_bytes(&secret) else {
                return Err(vestibule_domain::sealing::DoesNotOpen.into());
            };
            let (step, seconds_off) = match secret.compare(code, now) {
                Match::Now(step) => (step, None),
                Match::Off { step, seconds_ahead } => (step, Some(seconds_ahead)),
                Match::No => continue,
            };
            let matched = Matched { factor: factor.id, step, seconds_off };
            if seconds_off.is_none() {
                return Ok(Some(matched));
            }
            off = Some(matched);
        }
        Ok(off)
    }

    async fn conclude(
        &self,
        from: &Visitor,
        proving: &Proving,
        epoch: Epoch,
        matched: Option<Matched>,
        now: Timestamp,
    ) -> Result<Proven, FlowError> {
        let session = &proving.current.record;
        let mut tx = self.store.write().await?;
        if !tx.hold_epoch(session.user, epoch).await? {
            return Ok(Proven::Refused(CodeRefused::SessionOver));
        }
        let Some(Matched { factor, step, seconds_off }) = matched else {
            return self.refuse_code(tx, from, proving, CodeRefused::Wrong, now).await;
        };
        if !tx.spend_code(factor, step, now).await? {
            return self.refuse_code(tx, from, proving, CodeRefused::Spent, now).await;
        }
        if let Some(seconds_ahead) = seconds_off
            && !guard!("code-of-now", seconds_off.is_none())
        {
            let why = CodeRefused::ClockOff { seconds_ahead };
            return self.refuse_code(tx, from, proving, why, now).await;
        }
        tx.refund_code_attempts(session.user, session.id).await?;
        let new = Token::new(&self.randomness);
        let tokens = (&proving.current.token, &new.hash());
        let by = SecondProof::Totp(factor);
        if !tx.give_second_proof(session.id, tokens, by, epoch, now).await? {
            return Ok(Proven::Refused(CodeRefused::SessionOver));
        }
        tx.note_factor_used(factor, now).await?;
        let kind = if proving.is_sign_in(now) {
            self.note_complete_sign_in(&mut tx, from, &new).await?;
            AuditKind::CodeAccepted
        } else {
            // The same proof, in a session that is complete already.
            self.end_waits(&mut tx, from, session.user).await?;
            AuditKind::FreshProofGiven
        };
        self.audit(&mut tx, from.event_in(kind, session), now).await?;
        tx.commit().await?;
        Ok(Proven::Accepted(new))
    }

    async fn refuse_code(
        &self,
        mut tx: vestibule_store::Writing,
        from: &Visitor,
        proving: &Proving,
        why: CodeRefused,
        now: Timestamp,
    ) -> Result<Proven, FlowError> {
        let kind = match why {
            CodeRefused::Spent => AuditKind::CodeSpent,
            CodeRefused::ClockOff { .. } => AuditKind::CodeOff,
            _ => AuditKind::CodeWrong,
        };
        self.audit(&mut tx, from.event_in(kind, &proving.current.record), now).await?;
        tx.commit().await?;
        Ok(Proven::Refused(why))
    }

    /// Gives the password again, as the fresh proof of who has no factor. It is a step-up of this
    /// session, not a new sign-in.
    pub async fn give_password(
        &self,
        from: &Visitor,
        proving: &Proving,
        typed: &str,
    ) -> Result<Proven, FlowError> {
        let session = &proving.current.record;
        let Ok(email) = Email::parse(&session.email) else {
            return Ok(Proven::Refused(CodeRefused::SessionOver));
        };
        let known = self.store.read().await?.password_of(&email).await?;
        let Some(known) = known.filter(|known| {
            known.user.id == session.user && known.user.standing.epoch == session.standing.epoch
        }) else {
            return Ok(Proven::Refused(CodeRefused::SessionOver));
        };
        if !guard!("password-is-no-second-proof", proving.by == ProofAsked::Password) {
            return Ok(Proven::Refused(CodeRefused::SessionOver));
        }
        let too_soon = from.event_in(AuditKind::PasswordTooSoon, session);
        let counted = match self.count_password_attempt(from, email.as_str(), too_soon).await? {
            Ok(counted) => counted,
            Err(left) => return Ok(Proven::Refused(CodeRefused::Wait(left))),
        };
        let verified = self.verify_password(from, &counted, typed, known.hash).await?;
        let now = self.clock.now();
        let mut tx = self.store.write().await?;
        if !guard!("right-password-again", verified.right) {
            let event = from.event_in(AuditKind::FreshProofRefused, session);
            self.audit(&mut tx, event, now).await?;
            tx.commit().await?;
            return Ok(Proven::Refused(CodeRefused::WrongPassword));
        }
        let epoch = known.user.standing.epoch;
        let new = Token::new(&self.randomness);
        let tokens = (&proving.current.token, &new.hash());
        if !tx.hold_epoch(session.user, epoch).await?
            || !tx.give_password_proof(session.id, tokens, epoch, now).await?
        {
            return Ok(Proven::Refused(CodeRefused::SessionOver));
        }
        let event: AuditEvent = from.event_in(AuditKind::FreshProofGiven, session);
        self.audit(&mut tx, event, now).await?;
        self.password_was_right(&mut tx, &counted).await?;
        tx.commit().await?;
        Ok(Proven::Accepted(new))
    }

    /// What the user calls the apps whose codes are good.
    pub async fn factor_names(&self, proving: &Proving) -> Result<Vec<String>, FlowError> {
        let user = proving.current.record.user;
        let factors = self.store.read().await?.factors(user).await?;
        Ok(factors.into_iter().map(|factor| factor.name).collect())
    }
}
