//! Recovery codes: made with the first factor, shown until their user keeps them, each good once in
//! place of a security code.

use vestibule_domain::audit::AuditKind;
use vestibule_domain::id::{RecoveryCodeSetId, UserId};
use vestibule_domain::notice::Notice;
use vestibule_domain::proof::SecondProof;
use vestibule_domain::recovery_code::{
    RecoveryCode, RecoveryCodeHash, SetSalt, expose_set, read_set,
};
use vestibule_domain::sealing::{DataKey, DoesNotOpen};
use vestibule_domain::time::Timestamp;
use vestibule_domain::token::Token;
use vestibule_domain::user::Epoch;
use vestibule_store::{
    NewRecoveryCodes, RecoveryCodeSalt, RecoveryCodesRecord, TakenRecoveryCode, UnkeptRecoveryCodes,
};
use zeroize::Zeroizing;

use crate::authority::{Fresh, ProofAsked, Proving, SignedIn};
use crate::error::FlowError;
use crate::own_settings::Reissued;
use crate::security_code::{CodeRefused, Proven};
use crate::vestibule::Vestibule;
use crate::visitor::Visitor;

/// A set to be shown, until its user says that it is kept.
pub struct ShownCodes {
    /// Which set.
    pub set: RecoveryCodeSetId,
    /// The codes, in groups.
    pub codes: Vec<Zeroizing<String>>,
}

/// Where a user stands who just used a recovery code.
pub struct AfterRecoveryCode {
    /// How many codes are left.
    pub left: u64,
    /// Whether security codes are closed until the password is changed.
    pub budget_spent: bool,
}

impl Vestibule {
    /// A set for a user, hashed and sealed, to be stored with the act that it belongs to. Each hash
    /// waits for its own turn: ten at a time would be unfair to whoever signs in meanwhile.
    pub(crate) async fn new_recovery_codes(
        &self,
        from: &Visitor,
        user: UserId,
    ) -> Result<NewRecoveryCodes, FlowError> {
        let id = RecoveryCodeSetId::new(self.clock.now(), &self.randomness);
        let salt = SetSalt { salt: self.randomness.bytes(), cost: self.settings.hash_cost };
        let codes = RecoveryCode::set(&self.randomness);
        let key = self.keys.newest(&self.store).await?;
        let text = expose_set(&codes);
        let sealed = key.seal_recovery_codes(text.as_bytes(), id, user, &self.randomness)?;
        let data_key = key.id();
        let mut hashes = Vec::with_capacity(codes.len());
        for code in codes {
            hashes.push(self.hash_recovery_code(from, code, salt).await?);
        }
        Ok(NewRecoveryCodes { id, user, salt, hashes, sealed, data_key })
    }

    async fn hash_recovery_code(
        &self,
        from: &Visitor,
        code: RecoveryCode,
        salt: SetSalt,
    ) -> Result<RecoveryCodeHash, FlowError> {
        Ok(self.hashing.run(from, move |memory| code.hash(&salt, memory)).await??)
    }

    /// Makes the codes anew; the old ones are void. Everything else that was issued to the user
    /// ends, as with any change of factors: who came in by an old code is out.
    pub async fn make_recovery_codes(
        &self,
        from: &Visitor,
        who: &Fresh<SignedIn>,
    ) -> Result<Reissued, FlowError> {
        let (session, epoch) = (who.0.record(), who.0.record().standing.epoch);
        // Who has no factor has nothing that they could stand in for.
        if !session.standing.has_factor {
            return Ok(Reissued::SessionOver);
        }
        let codes = self.new_recovery_codes(from, session.user).await?;
        let now = self.clock.now();
        let new = Token::new(&self.randomness);
        let mut tx = self.store.write().await?;
        if !tx.bump_epoch(session.user, epoch).await?
            || !tx.reissue_session(session.id, (&who.0.current.token, &new.hash()), epoch).await?
        {
            return Ok(Reissued::SessionOver);
        }
        tx.replace_recovery_codes(&codes, now).await?;
        self.audit(&mut tx, from.event_in(AuditKind::RecoveryCodesMade, session), now).await?;
        self.tell(&mut tx, session.user, Notice::RecoveryCodesMade, from, "", now).await?;
        tx.commit().await?;
        Ok(Reissued::Done(new))
    }

    /// The codes that the user has not said to have kept. They are as good as a factor, so that a
    /// stolen cookie must not read them: it takes a fresh proof, which the act that made them gave.
    pub async fn unkept_recovery_codes(
        &self,
        who: &Fresh<SignedIn>,
    ) -> Result<Option<ShownCodes>, FlowError> {
        let session = who.0.record();
        let (user, epoch) = (session.user, session.standing.epoch);
        let found = self.store.read().await?.unkept_recovery_codes(user, epoch).await?;
        let Some(unkept) = found else { return Ok(None) };
        let key = self.keys.find(&self.store, unkept.data_key).await?;
        let codes = open_set(&key, &unkept, user)?;
        let codes = codes.iter().map(RecoveryCode::expose).collect();
        Ok(Some(ShownCodes { set: unkept.set, codes }))
    }

    /// Notes that the user keeps the codes of this set: from now on nobody can read them. `false`
    /// when it was noted before, or another set has taken its place.
    pub async fn keep_recovery_codes(
        &self,
        from: &Visitor,
        who: &SignedIn,
        set: RecoveryCodeSetId,
    ) -> Result<bool, FlowError> {
        let (session, now) = (who.record(), self.clock.now());
        let mut tx = self.store.write().await?;
        let kept = tx.keep_recovery_codes(session.user, set).await?;
        if kept {
            self.audit(&mut tx, from.event_in(AuditKind::RecoveryCodesKept, session), now).await?;
        }
        tx.commit().await?;
        Ok(kept)
    }

    /// What stands about the own recovery codes; `None` for who has none.
    pub async fn own_recovery_codes(
        &self,
        who: &SignedIn,
    ) -> Result<Option<RecoveryCodesRecord>, FlowError> {
        Ok(self.store.read().await?.recovery_codes(who.record().user).await?)
    }

    /// Whether this session could give a recovery code.
    pub async fn has_recovery_codes(&self, proving: &Proving) -> Result<bool, FlowError> {
        let codes = self.store.read().await?.recovery_codes(proving.record().user).await?;
        Ok(codes.is_some_and(|codes| codes.left > 0))
    }

    /// What to tell a user who just used a recovery code.
    pub async fn after_recovery_code(
        &self,
        who: &SignedIn,
    ) -> Result<AfterRecoveryCode, FlowError> {
        let user = who.record().user;
        let codes = self.store.read().await?.recovery_codes(user).await?;
        Ok(AfterRecoveryCode {
            left: codes.map_or(0, |codes| codes.left.unsigned_abs()),
            budget_spent: self.codes_are_closed(user).await?,
        })
    }

    /// Gives a recovery code in place of a security code. It ends everything else that was issued
    /// to the user; this session alone goes on, with the code as its second proof.
    ///
    /// The budget of security codes has no part in it: a spent one closes them alone, and a code of
    /// 80 bits is not guessed. Nor are attempts at security codes refunded: who gives a recovery
    /// code has not shown that those attempts were the owner's.
    pub(crate) async fn give_recovery_code(
        &self,
        from: &Visitor,
        proving: &Proving,
        code: RecoveryCode,
    ) -> Result<Proven, FlowError> {
        let session = &proving.current.record;
        let salt = self.store.read().await?.recovery_code_salt(session.user).await?;
        let Some(set) = salt else { return Ok(Proven::Refused(CodeRefused::NoRecoveryCodes)) };
        if set.epoch != session.standing.epoch || proving.by != ProofAsked::SecurityCode {
            return Ok(Proven::Refused(CodeRefused::SessionOver));
        }
        if let Err(why) = self.count_recovery_attempt(from, proving).await? {
            return Ok(Proven::Refused(why));
        }
        let hash = self.hash_recovery_code(from, code.clone(), set.salt).await?;
        self.conclude_recovery_code(from, proving, &set, (&code, &hash), self.clock.now()).await
    }

    async fn conclude_recovery_code(
        &self,
        from: &Visitor,
        proving: &Proving,
        set: &RecoveryCodeSalt,
        (code, hash): (&RecoveryCode, &RecoveryCodeHash),
        now: Timestamp,
    ) -> Result<Proven, FlowError> {
        let session = &proving.current.record;
        let mut tx = self.store.write().await?;
        if !tx.hold_epoch(session.user, set.epoch).await? {
            return Ok(Proven::Refused(CodeRefused::SessionOver));
        }
        let (kind, why) = match tx.take_recovery_code(set.set, hash, now).await? {
            TakenRecoveryCode::Taken => {
                self.strike_out(&mut tx, session.user, set.epoch, code).await?;
                return self.accept_recovery_code(tx, from, proving, now).await;
            }
            TakenRecoveryCode::Before => {
                (AuditKind::RecoveryCodeSpent, CodeRefused::UsedRecoveryCode)
            }
            TakenRecoveryCode::Unknown => {
                (AuditKind::RecoveryCodeWrong, CodeRefused::WrongRecoveryCode)
            }
        };
        self.refuse(tx, from.event_in(kind, session), now).await?;
        Ok(Proven::Refused(why))
    }

    /// Takes a used code off the list that is still shown, where the user has not kept it yet: each
    /// code on it lets in.
    async fn strike_out(
        &self,
        tx: &mut vestibule_store::Writing,
        user: UserId,
        epoch: Epoch,
        given: &RecoveryCode,
    ) -> Result<(), FlowError> {
        let Some(unkept) = tx.unkept_recovery_codes(user, epoch).await? else { return Ok(()) };
        let key = self.keys.find_within(tx, unkept.data_key).await?;
        let mut codes = open_set(&key, &unkept, user)?;
        codes.retain(|code| code.expose() != given.expose());
        if codes.is_empty() {
            let _unless_kept = tx.keep_recovery_codes(user, unkept.set).await?;
            return Ok(());
        }
        let text = expose_set(&codes);
        let sealed =
            key.seal_recovery_codes(text.as_bytes(), unkept.set, user, &self.randomness)?;
        if !tx.reseal_unkept_codes(&unkept, &sealed).await?
            && tx.unkept_recovery_codes(user, epoch).await?.is_some()
        {
            // Sealed anew under another data key at this moment. Nothing is taken yet.
            return Err(FlowError::Busy);
        }
        Ok(())
    }

    /// The code is taken in `tx`; the rest of the act follows, or nothing is taken.
    async fn accept_recovery_code(
        &self,
        mut tx: vestibule_store::Writing,
        from: &Visitor,
        proving: &Proving,
        now: Timestamp,
    ) -> Result<Proven, FlowError> {
        let (session, is_sign_in) = (&proving.current.record, proving.is_sign_in(now));
        let epoch = session.standing.epoch;
        let new = Token::new(&self.randomness);
        let hash = new.hash();
        let by = SecondProof::RecoveryCode;
        if !tx.bump_epoch(session.user, epoch).await?
            || !tx.reissue_session(session.id, (&proving.current.token, &hash), epoch).await?
            || !tx.give_second_proof(session.id, (&hash, &hash), by, epoch.next(), now).await?
        {
            return Ok(Proven::Refused(CodeRefused::SessionOver));
        }
        let left = tx.recovery_codes(session.user).await?.map_or(0, |codes| codes.left);
        let mut event = from.event_in(AuditKind::RecoveryCodeUsed, session);
        event.detail = format!("{left} left");
        self.audit(&mut tx, event, now).await?;
        let told = left.to_string();
        self.tell(&mut tx, session.user, Notice::RecoveryCodeUsed, from, &told, now).await?;
        if is_sign_in {
            self.note_complete_sign_in(&mut tx, from, &new).await?;
        } else {
            self.end_waits(&mut tx, from, session.user).await?;
        }
        tx.commit().await?;
        Ok(Proven::AcceptedRecoveryCode(new))
    }
}

fn open_set(
    key: &DataKey,
    unkept: &UnkeptRecoveryCodes,
    user: UserId,
) -> Result<Vec<RecoveryCode>, FlowError> {
    let text = key.open_recovery_codes(&unkept.sealed, unkept.set, user)?;
    read_set(&text).ok_or(FlowError::Sealed(DoesNotOpen))
}
