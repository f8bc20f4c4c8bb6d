//! Enrolment: showing a key, and making a factor of it once its first code comes back.

use std::time::Duration;

use vestibule_domain::audit::AuditKind;
use vestibule_domain::id::FactorId;
use vestibule_domain::name::Name;
use vestibule_domain::notice::Notice;
use vestibule_domain::policy::Policy;
use vestibule_domain::proof::SecondProof;
use vestibule_domain::sealing::DoesNotOpen;
use vestibule_domain::time::Timestamp;
use vestibule_domain::token::Token;
use vestibule_domain::totp::{Code, Match, TotpSecret};
use vestibule_store::{NewRecoveryCodes, PendingEnrolment};
use zeroize::Zeroizing;

use crate::authority::{Admin, Decision, Enrolling, Fresh};
use crate::error::FlowError;
use crate::policy::PolicySet;
use crate::security_code::CodeRefused;
use crate::vestibule::Vestibule;
use crate::visitor::Visitor;

/// How long a key that is shown can be confirmed.
const LIFETIME: Duration = Duration::from_mins(15);

/// A key to be shown to its session.
pub struct ShownKey {
    /// The key in base32, to be typed.
    pub key: Zeroizing<String>,
    /// The `otpauth://` address that the QR code holds.
    pub uri: Zeroizing<String>,
    /// Whether the user has factors already.
    pub is_another: bool,
    /// Whether the factors that there are will be replaced, as a recover link allows.
    pub replaces: bool,
    /// Whether this session was shown another key before, which has expired.
    pub follows_expired: bool,
}

/// What follows once the new factor is confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterEnrolment {
    /// The dispatcher decides.
    GoOn,
    /// The Admin asked for the switch and had no factor: turn it on.
    TurnSwitchOn,
}

/// The answer to the first code of a new factor.
pub enum Confirmed {
    /// The factor is there, and its code was the session's second proof.
    Done {
        /// The session goes on under this new token.
        token: Token,
        /// Whether the switch was turned on with it.
        switch_turned_on: bool,
    },
    /// Not yet, and why.
    Refused(CodeRefused),
    /// The key has expired, or the user has a factor by now: the dispatcher knows what comes next.
    Over,
}

impl Vestibule {
    /// Shows the key of this session's pending enrolment, and makes one if there is none.
    pub async fn show_enrolment(
        &self,
        from: &Visitor,
        who: &Enrolling,
    ) -> Result<ShownKey, FlowError> {
        let (pending, follows_expired) = self.pending(from, who).await?;
        let session = who.record();
        let secret = self.open_pending(&pending).await?;
        Ok(ShownKey {
            key: secret.expose_base32(),
            uri: secret.expose_uri(&session.account_name, &session.email),
            is_another: session.standing.has_factor,
            replaces: who.in_vestibule && session.standing.has_factor,
            follows_expired,
        })
    }

    /// The pending enrolment, and whether it was made now in place of one that has expired.
    async fn pending(
        &self,
        from: &Visitor,
        who: &Enrolling,
    ) -> Result<(PendingEnrolment, bool), FlowError> {
        let (session, now) = (who.record(), self.clock.now());
        let epoch = session.standing.epoch;
        let found = self.store.read().await?.pending_enrolment(session.id, epoch, now).await?;
        if let Some(found) = found {
            return Ok((found, false));
        }
        let secret = TotpSecret::new(&self.randomness);
        let factor = FactorId::new(now, &self.randomness);
        let key = self.keys.newest(&self.store).await?;
        let new = PendingEnrolment {
            factor,
            session: session.id,
            user: session.user,
            epoch,
            sealed: key.seal_totp(secret.expose_bytes(), factor, session.user, &self.randomness)?,
            data_key: key.id(),
            expires: now.plus(LIFETIME),
        };
        let mut tx = self.store.write().await?;
        let follows_expired = tx.has_seen_a_key(session.id).await?;
        if tx.insert_pending_enrolment(&new, now).await? {
            self.audit(&mut tx, from.event_in(AuditKind::EnrolmentStarted, session), now).await?;
            tx.commit().await?;
            return Ok((new, follows_expired));
        }
        // A second tab of this session was faster: both show its key. Or the session is over, and
        // whoever asks again is told so.
        let found = tx.pending_enrolment(session.id, epoch, now).await?;
        Ok((found.ok_or(FlowError::Busy)?, false))
    }

    async fn open_pending(&self, pending: &PendingEnrolment) -> Result<TotpSecret, FlowError> {
        let key = self.keys.find(&self.store, pending.data_key).await?;
        let bytes = key.open_totp(&pending.sealed, pending.factor, pending.user)?;
        TotpSecret::from_bytes(&bytes).ok_or(FlowError::Sealed(DoesNotOpen))
    }

    /// Confirms the pending enrolment of this session by its first code, which is spent with it.
    /// An Admin who was led here by the switch has it turned on `then`.
    pub async fn confirm_enrolment(
        &self,
        from: &Visitor,
        who: &Enrolling,
        typed: &str,
        then: AfterEnrolment,
    ) -> Result<Confirmed, FlowError> {
        let (session, now) = (who.record(), self.clock.now());
        let epoch = session.standing.epoch;
        let found = self.store.read().await?.pending_enrolment(session.id, epoch, now).await?;
        let Some(pending) = found else { return Ok(Confirmed::Over) };
        let Ok(code) = Code::parse(typed) else {
            return Ok(Confirmed::Refused(CodeRefused::NotACode));
        };
        let step = match self.open_pending(&pending).await?.compare(&code, now) {
            Match::Now(step) => step,
            Match::No => {
                let tx = self.store.write().await?;
                let event = from.event_in(AuditKind::EnrolmentCodeRefused, session);
                self.refuse(tx, event, now).await?;
                return Ok(Confirmed::Refused(CodeRefused::Wrong));
            }
            Match::Off { step, seconds_ahead } => {
                let mut tx = self.store.write().await?;
                let unspent = tx.spend_code(pending.factor, step, now).await?;
                let event = from.event_in(AuditKind::EnrolmentCodeRefused, session);
                self.refuse(tx, event, now).await?;
                let why = CodeRefused::ClockOff { seconds_ahead };
                return Ok(Confirmed::Refused(if unspent { why } else { CodeRefused::Spent }));
            }
        };
        // With the first factor come recovery codes. They are hashed before anything is written.
        let is_first = !session.standing.has_factor || who.replaces_factors();
        let codes =
            if is_first { Some(self.new_recovery_codes(from, session.user).await?) } else { None };
        let token = match self.make_factor(from, who, &pending, step, codes, now).await? {
            Ok(token) => token,
            Err(not_made) => return Ok(not_made),
        };
        let switch_turned_on =
            then == AfterEnrolment::TurnSwitchOn && self.turn_switch_on(from, &token).await?;
        Ok(Confirmed::Done { token, switch_turned_on })
    }

    async fn make_factor(
        &self,
        from: &Visitor,
        who: &Enrolling,
        pending: &PendingEnrolment,
        step: vestibule_domain::totp::Step,
        codes: Option<NewRecoveryCodes>,
        now: Timestamp,
    ) -> Result<Result<Token, Confirmed>, FlowError> {
        let (session, epoch) = (who.record(), pending.epoch);
        let mut tx = self.store.write().await?;
        // The session comes before its keys: whoever signs it out takes them in this order too.
        let token = Token::new(&self.randomness);
        let hash = token.hash();
        if !tx.bump_epoch(session.user, epoch).await?
            || !tx.reissue_session(session.id, (&who.current.token, &hash), epoch).await?
        {
            return Ok(Err(Confirmed::Over));
        }
        let replaced =
            if who.replaces_factors() { tx.remove_factors(session.user).await? } else { 0 };
        let name = app_name(tx.count_factors(session.user).await?);
        let beside_others = !who.in_vestibule;
        if !tx.confirm_enrolment(pending, session.account, &name, beside_others, now).await? {
            return Ok(Err(Confirmed::Over));
        }
        if !tx.spend_code(pending.factor, step, now).await? {
            return Ok(Err(Confirmed::Refused(CodeRefused::Spent)));
        }
        // The token is replaced once; the proof of the new factor goes in under the new epoch.
        let given = tx
            .give_second_proof(
                session.id,
                (&hash, &hash),
                SecondProof::Totp(pending.factor),
                epoch.next(),
                now,
            )
            .await?;
        if !given {
            return Ok(Err(Confirmed::Over));
        }
        let kind = if replaced > 0 { AuditKind::FactorsReplaced } else { AuditKind::FactorAdded };
        let mut event = from.event_in(kind, session);
        event.detail = name.to_string();
        self.audit(&mut tx, event, now).await?;
        self.tell(&mut tx, session.user, Notice::FactorAdded, from, name.as_str(), now).await?;
        if let Some(codes) = codes {
            tx.replace_recovery_codes(&codes, now).await?;
            self.audit(&mut tx, from.event_in(AuditKind::RecoveryCodesMade, session), now).await?;
        }
        if who.in_vestibule {
            self.note_complete_sign_in(&mut tx, from, &token).await?;
        }
        tx.commit().await?;
        Ok(Ok(token))
    }

    /// Carries out what the Admin asked for before the enrolment. It asks for the authority anew:
    /// the role may have changed meanwhile.
    async fn turn_switch_on(&self, from: &Visitor, token: &Token) -> Result<bool, FlowError> {
        let Some(current) = self.current(token).await? else { return Ok(false) };
        let Decision::Granted(admin) = self.authorise::<Fresh<Admin>>(&current) else {
            return Ok(false);
        };
        let set = self.set_policy(from, &admin, Policy::Required).await?;
        Ok(matches!(set, PolicySet::Done))
    }
}

/// What a new app is called until its user says otherwise.
fn app_name(others: i64) -> Name {
    let text = match others {
        0 => "Authenticator app".to_owned(),
        n => format!("Authenticator app {}", n + 1),
    };
    Name::parse(&text).unwrap_or_else(|_| unreachable!("a fixed text is a name"))
}
