//! Counting attempts before a secret is compared, in a transaction of their own (design, rules 2
//! to 4).

use std::time::Duration;

use vestibule_domain::audit::{AuditEvent, AuditKind};
use vestibule_domain::id::UserId;
use vestibule_domain::limits::lanes::{
    Address, LANES_OF_A_NETWORK, Lane, count_at_address, count_in_lane, is_pressed,
};
use vestibule_domain::limits::wait::Attempts;
use vestibule_domain::limits::{CODE_BUDGET, cost_of_code, is_told};
use vestibule_domain::notice::Notice;
use vestibule_domain::time::Timestamp;
use vestibule_guards::guard;
use vestibule_store::{SessionRecord, Writing};

use crate::authority::Proving;
use crate::error::FlowError;
use crate::security_code::CodeRefused;
use crate::vestibule::Vestibule;
use crate::visitor::Visitor;

/// An attempt at a password that was counted: only with one is a password compared.
pub(crate) struct CountedAttempt {
    lanes: Lanes,
    at: Timestamp,
}

/// Where an attempt at a password is counted.
enum Lanes {
    /// A browser that signed in before has its own.
    Browser(Lane),
    /// Everybody else's: that of the address, and that of address and network.
    Strange { address: Lane, network: Lane },
}

/// What limits a user's security codes at this moment.
#[derive(Clone, Copy, Debug)]
pub struct CodeLimits {
    /// Whether the budget is spent.
    pub is_spent: bool,
    /// How long the wait still is, if there is one.
    pub wait: Option<Duration>,
}

impl Vestibule {
    /// Counts an attempt at a password, whoever's it is and wherever it is given; or answers how
    /// long it has to wait. `refused` is the event of that.
    pub(crate) async fn count_password_attempt(
        &self,
        from: &Visitor,
        typed_email: &str,
        refused: AuditEvent,
    ) -> Result<Result<CountedAttempt, Duration>, FlowError> {
        // What will not be compared is not counted.
        self.hashing.room_for(from)?;
        let (address, now) = (Address::typed(typed_email), self.clock.now());
        let mut tx = self.store.write().await?;
        let is_known = match &from.token {
            Some(browser) => tx.is_known_browser(address.as_str(), browser).await?,
            None => false,
        };
        let lanes = match &from.token {
            Some(browser) if is_known => {
                Lanes::Browser(self.lane_key.of_browser(&address, browser))
            }
            _ => self.strange_lanes(&mut tx, from, &address).await?,
        };
        let wait = match &lanes {
            Lanes::Browser(lane) => wait_or_count(&mut tx, lane, None, false, now).await?,
            Lanes::Strange { address, network } => {
                // The lane that all share is held first, by everyone.
                let at_address = tx.hold_lane(address, None).await?;
                let pressed = is_pressed(&at_address, now);
                let all = self.lane_key.of_network(&from.network());
                let wait = wait_or_count(&mut tx, network, Some(&all), pressed, now).await?;
                if wait.is_none() {
                    tx.set_lane(address, &count_at_address(&at_address, now)).await?;
                } else if at_address.count == 0 {
                    // Whoever has to wait leaves no row for each address that they think of.
                    tx.clear_lane(address).await?;
                }
                wait
            }
        };
        if let Some(left) = wait {
            self.refuse(tx, refused, now).await?;
            return Ok(Err(left));
        }
        tx.commit().await?;
        Ok(Ok(CountedAttempt { lanes, at: now }))
    }

    async fn strange_lanes(
        &self,
        tx: &mut Writing,
        from: &Visitor,
        address: &Address,
    ) -> Result<Lanes, FlowError> {
        let key = &self.lane_key;
        let (own, all) =
            (key.of_address_in(address, &from.network()), key.of_network(&from.network()));
        let has_room = tx.has_room_for_lane(&own, &all, LANES_OF_A_NETWORK).await?;
        let network = if has_room { own } else { all };
        Ok(Lanes::Strange { address: key.of_address(address), network })
    }

    /// The attempt was right. In the lane that strangers share with the owner only this one is
    /// given back: a stranger does not learn from it that somebody signed in.
    pub(crate) async fn password_was_right(
        &self,
        tx: &mut Writing,
        counted: &CountedAttempt,
    ) -> Result<(), FlowError> {
        match &counted.lanes {
            Lanes::Browser(lane) => Ok(tx.clear_lane(lane).await?),
            Lanes::Strange { .. } => self.give_back(tx, counted).await,
        }
    }

    /// The attempt was not compared: no time was left for it.
    pub(crate) async fn give_back(
        &self,
        tx: &mut Writing,
        counted: &CountedAttempt,
    ) -> Result<(), FlowError> {
        match &counted.lanes {
            Lanes::Browser(lane) => tx.give_back_to_lane(lane, counted.at).await?,
            Lanes::Strange { address, network } => {
                tx.give_back_to_lane(address, counted.at).await?;
                tx.give_back_to_lane(network, counted.at).await?;
            }
        }
        Ok(())
    }

    /// Counts an attempt at a security code against the wait and the budget.
    pub(crate) async fn count_code_attempt(
        &self,
        from: &Visitor,
        proving: &Proving,
        apps: usize,
    ) -> Result<Result<(), CodeRefused>, FlowError> {
        let session = &proving.current.record;
        let (cost, now) = (cost_of_code(apps), self.clock.now());
        let mut tx = self.store.write().await?;
        // Whoever guesses at the same moment waits here, and then sees this attempt.
        let Some((before, tries)) = tx.hold_code_limits(session.user).await? else {
            return Ok(Err(CodeRefused::SessionOver));
        };
        if before + cost > CODE_BUDGET {
            self.refuse(tx, from.event_in(AuditKind::BudgetSpent, session), now).await?;
            return Ok(Err(CodeRefused::BudgetSpent));
        }
        let wait = tries.left(now);
        if let Some(left) = wait
            && !guard!("wait-between-codes", wait.is_none())
        {
            self.refuse(tx, from.event_in(AuditKind::CodeTooSoon, session), now).await?;
            return Ok(Err(CodeRefused::Wait(left)));
        }
        if !tx.reserve_code_attempts(session.user, cost).await? {
            return Ok(Err(CodeRefused::BudgetSpent));
        }
        tx.set_code_tries(session.user, &tries.with_one_more(now)).await?;
        if !tx.count_session_attempts(session.id, &proving.current.token, cost).await? {
            return Ok(Err(CodeRefused::SessionOver));
        }
        if is_told(before, before + cost, cost) {
            self.tell_of_guessing(&mut tx, from, session, before + cost, now).await?;
        }
        tx.commit().await?;
        Ok(Ok(()))
    }

    /// The owner and the Admins are told that security codes are guessed at.
    async fn tell_of_guessing(
        &self,
        tx: &mut Writing,
        from: &Visitor,
        session: &SessionRecord,
        attempts: i64,
        now: Timestamp,
    ) -> Result<(), FlowError> {
        // The number makes each of the three a notice of its own, even on one day.
        let detail = format!("{attempts} of {CODE_BUDGET}");
        self.tell(tx, session.user, Notice::CodesGuessed, from, &detail, now).await?;
        let (kind, whose) = (Notice::CodesOfUserGuessed, &session.email);
        self.tell_admins(tx, session.account, kind, from, whose, now).await
    }

    /// Ends the waits between attempts at a user's second proof: it was given. Comes while the user
    /// is held.
    pub(crate) async fn end_waits(
        &self,
        tx: &mut Writing,
        from: &Visitor,
        user: UserId,
    ) -> Result<(), FlowError> {
        tx.set_code_tries(user, &Attempts::NONE).await?;
        self.end_recovery_waits(tx, from, user).await
    }

    /// The same for recovery codes alone.
    pub(crate) async fn end_recovery_waits(
        &self,
        tx: &mut Writing,
        from: &Visitor,
        user: UserId,
    ) -> Result<(), FlowError> {
        let in_network = self.lane_key.of_recovery_codes_in(user, &from.network());
        let browser = from.token.as_ref();
        let by_browser = browser.map(|browser| self.lane_key.of_recovery_codes_by(user, browser));
        Ok(tx.clear_lanes(&in_network, by_browser.as_ref().unwrap_or(&in_network)).await?)
    }

    /// What limits the security codes of who is asked for one.
    pub async fn code_limits(&self, proving: &Proving) -> Result<CodeLimits, FlowError> {
        let user = proving.current.record.user;
        let is_spent = self.codes_are_closed(user).await?;
        let tries = self.store.read().await?.code_tries(user).await?;
        Ok(CodeLimits { is_spent, wait: tries.left(self.clock.now()) })
    }

    /// Whether security codes are closed for a user until the password is renewed.
    pub(crate) async fn codes_are_closed(&self, user: UserId) -> Result<bool, FlowError> {
        let mut db = self.store.read().await?;
        let cost = cost_of_code(usize::try_from(db.count_factors(user).await?).unwrap_or(1));
        Ok(db.code_attempts(user).await? + cost > CODE_BUDGET)
    }

    /// Counts an attempt at a recovery code of who gave the password, or says how long it has to
    /// wait. Such a code cannot be guessed: the wait, which is another than that of the security
    /// codes, spares the machine the hashes. It ends with a complete sign-in, and no budget is
    /// touched.
    ///
    /// It is a wait of the network, or of a known browser: were it the user's, whoever holds the
    /// password could be there first whenever it ends, and the owner would never get to give one.
    pub(crate) async fn count_recovery_attempt(
        &self,
        from: &Visitor,
        proving: &Proving,
    ) -> Result<Result<(), CodeRefused>, FlowError> {
        // What will not be compared is not counted.
        self.hashing.room_for(from)?;
        let (session, now) = (&proving.current.record, self.clock.now());
        let mut tx = self.store.write().await?;
        let lane = match &from.token {
            Some(browser) if tx.is_known_browser(&session.email, browser).await? => {
                self.lane_key.of_recovery_codes_by(session.user, browser)
            }
            _ => self.lane_key.of_recovery_codes_in(session.user, &from.network()),
        };
        if let Some(left) = wait_or_count(&mut tx, &lane, None, false, now).await? {
            self.refuse(tx, from.event_in(AuditKind::CodeTooSoon, session), now).await?;
            return Ok(Err(CodeRefused::Wait(left)));
        }
        tx.commit().await?;
        Ok(Ok(()))
    }
}

/// Counts one attempt in a lane, or answers how long it still has to wait. Whoever comes at the
/// same moment comes after.
async fn wait_or_count(
    tx: &mut Writing,
    lane: &Lane,
    network: Option<&Lane>,
    pressed: bool,
    now: Timestamp,
) -> Result<Option<Duration>, FlowError> {
    let attempts: Attempts = tx.hold_lane(lane, network).await?;
    let wait = attempts.left(now);
    if !guard!("wait-in-a-lane", wait.is_none()) {
        return Ok(wait);
    }
    tx.set_lane(lane, &count_in_lane(&attempts, pressed, now)).await?;
    Ok(None)
}
