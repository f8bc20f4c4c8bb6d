//! What Admins do with the users of their account, all under the last-Admin rule.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use vestibule_domain::audit::AuditKind;
use vestibule_domain::id::{AccountId, UserId};
use vestibule_domain::notice::Notice;
use vestibule_domain::time::Timestamp;
use vestibule_domain::user::{MembershipState, Role};
use vestibule_guards::guard;
use vestibule_store::{
    AccountRecord, FactorRecord, MemberFilter, MemberPage, MfaCounts, PageKey, Reading,
    SessionRecord, UserRecord, Writing,
};

use crate::authority::{Admin, Fresh};
use crate::error::FlowError;
use crate::vestibule::Vestibule;
use crate::visitor::Visitor;

/// Accounts whose users are counted without counting them anew each time.
const COUNTED_ACCOUNTS: usize = 1_000;

/// What was counted, and at which moment.
#[derive(Default)]
pub(crate) struct Counts(Mutex<HashMap<AccountId, (u64, MfaCounts)>>);

impl Counts {
    fn of(&self, account: AccountId) -> Option<(u64, MfaCounts)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&account).copied()
    }

    fn remember(&self, account: AccountId, moment: u64, counts: MfaCounts) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= COUNTED_ACCOUNTS {
            all.clear();
        }
        all.insert(account, (moment, counts));
    }
}

/// Users on one page of the list.
const PAGE: i64 = 50;

/// The answer to an act upon a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserChanged {
    /// It is so now.
    Done,
    /// No such user in this account, or not in a state that allows the act.
    NotFound,
    /// The account would be left without an able Admin.
    LastAdmin,
    /// Nobody resets their own factors.
    Oneself,
    /// Whoever asked is no Admin any more.
    NotAdmin,
}

/// An act upon a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserAct {
    /// Gives another role.
    SetRole(Role),
    /// Shuts out, sessions and links included.
    Disable,
    /// Lets in again.
    Enable,
    /// Removes for good.
    Remove,
    /// Removes all factors; sessions end.
    ResetFactors,
}

/// A user as an Admin sees one.
pub struct ManagedUser {
    /// The user.
    pub user: UserRecord,
    /// The factors.
    pub factors: Vec<FactorRecord>,
    /// How many recovery codes are left; `None` for who has none.
    pub recovery_codes_left: Option<u64>,
    /// How many sessions are open.
    pub open_sessions: u64,
    /// When the invitation's link ends, for an invited user who has a live one.
    pub invited_until: Option<Timestamp>,
    /// How many attempts at security codes are in the budget since the password was renewed.
    pub code_attempts: u64,
    /// Whether this is the only able Admin.
    pub is_last_admin: bool,
    /// Whether it is who asks.
    pub is_oneself: bool,
}

impl Vestibule {
    /// One page of the account's users.
    pub async fn users(
        &self,
        admin: &Admin,
        filter: &MemberFilter,
        after: &PageKey,
    ) -> Result<(MemberPage, MfaCounts), FlowError> {
        let account = admin.0.record().account;
        let mut db = self.store.read().await?;
        let page = db.members(account, filter, after, PAGE).await?;
        Ok((page, self.mfa_counts(&mut db, account).await?))
    }

    /// How many users have a factor. It takes a walk along an index, which grows with the account,
    /// so it is remembered until a user or an account changes, by the rules of what the gate
    /// remembers.
    pub(crate) async fn mfa_counts(
        &self,
        db: &mut Reading,
        account: AccountId,
    ) -> Result<MfaCounts, FlowError> {
        let changes = self.store.changes();
        if let Some((moment, counts)) = self.counts.of(account)
            && changes.users_are_as_at(moment, self.clock.steady())
        {
            return Ok(counts);
        }
        let before = changes.moment_of_users();
        let counts = db.mfa_counts(account).await?;
        if changes.moment_of_users() == before {
            self.counts.remember(account, before, counts);
        }
        Ok(counts)
    }

    /// One user of the account.
    pub async fn user(&self, admin: &Admin, id: UserId) -> Result<Option<ManagedUser>, FlowError> {
        let (actor, now) = (admin.0.record(), self.clock.now());
        let limits = self.settings.session_limits;
        let mut db = self.store.read().await?;
        let Some(user) = db.user_of(actor.account, id).await? else { return Ok(None) };
        let purpose = vestibule_domain::link::LinkPurpose::Invitation;
        let is_admin =
            user.standing.role == Role::Admin && user.standing.state == MembershipState::Active;
        let codes = db.recovery_codes(id).await?;
        let others = db.able_admins_besides(actor.account, id, actor.policy).await?;
        Ok(Some(ManagedUser {
            factors: db.factors(id).await?,
            recovery_codes_left: codes.map(|codes| codes.left.unsigned_abs()),
            invited_until: db.link_of_user(purpose, id, now).await?,
            code_attempts: db.code_attempts(id).await?.unsigned_abs(),
            open_sessions: db.open_sessions(id, limits, now).await?.len() as u64,
            is_last_admin: is_admin && others == 0,
            is_oneself: id == actor.user,
            user,
        }))
    }

    /// Carries out an act upon a user of the account. Whatever could take the last able Admin away
    /// holds the account's guard first, then reads, then writes (design, rule 5).
    pub async fn change_user(
        &self,
        from: &Visitor,
        admin: &Fresh<Admin>,
        target: UserId,
        act: UserAct,
    ) -> Result<UserChanged, FlowError> {
        let (actor, now) = (admin.0.0.record(), self.clock.now());
        let mut tx = self.store.write().await?;
        let Some(account) = tx.guard_account(actor.account).await? else {
            return Ok(UserChanged::NotAdmin);
        };
        if still_admin(&mut tx, actor).await?.is_none() {
            self.refuse(tx, from.event_in(AuditKind::AdminActRefused, actor), now).await?;
            return Ok(UserChanged::NotAdmin);
        }
        // Whatever the user does at this moment is before or after: it cannot ward the act off.
        tx.hold_user(target).await?;
        let Some(user) = tx.user_of(actor.account, target).await? else {
            return Ok(UserChanged::NotFound);
        };
        if act == UserAct::ResetFactors && !guard!("reset-of-another", target != actor.user) {
            self.refuse(tx, from.event_in(AuditKind::OwnResetRefused, actor), now).await?;
            return Ok(UserChanged::Oneself);
        }
        if unseats_last_admin(&mut tx, &account, &user, act).await? {
            let mut event = from.event_in(AuditKind::LastAdminKept, actor);
            event.user = Some(target);
            self.refuse(tx, event, now).await?;
            return Ok(UserChanged::LastAdmin);
        }
        let kind = match carry_out(&mut tx, &user, act).await? {
            Carried::Out(kind) => kind,
            Carried::AsItWas => return Ok(UserChanged::Done),
            Carried::NotPossible => return Ok(UserChanged::NotFound),
        };
        let mut event = from.event_in(kind, actor);
        event.user = Some(target);
        event.detail = match act {
            UserAct::SetRole(role) => format!("{} {role}", user.email),
            _ => user.email,
        };
        self.audit(&mut tx, event, now).await?;
        if act == UserAct::ResetFactors {
            self.tell(&mut tx, target, Notice::FactorsReset, from, &actor.user_name, now).await?;
        }
        tx.commit().await?;
        Ok(UserChanged::Done)
    }
}

/// The actor, read under the account's guard, if still an active Admin there.
pub(crate) async fn still_admin(
    tx: &mut Writing,
    actor: &SessionRecord,
) -> Result<Option<UserRecord>, FlowError> {
    let user = tx.user_of(actor.account, actor.user).await?;
    Ok(user.filter(|user| {
        guard!(
            "still-admin",
            user.standing.role == Role::Admin
                && user.standing.state == MembershipState::Active
                && user.standing.epoch == actor.standing.epoch
        )
    }))
}

/// Whether `act` would leave the account without an able Admin. The account's guard is held.
async fn unseats_last_admin(
    tx: &mut Writing,
    account: &AccountRecord,
    user: &UserRecord,
    act: UserAct,
) -> Result<bool, FlowError> {
    let takes_away = match act {
        UserAct::SetRole(role) => role != Role::Admin,
        UserAct::Disable | UserAct::Remove => true,
        UserAct::ResetFactors => account.policy.is_required(),
        UserAct::Enable => false,
    };
    if !takes_away || user.standing.role != Role::Admin {
        return Ok(false);
    }
    let others = tx.able_admins_besides(account.id, user.id, account.policy).await?;
    Ok(!guard!("able-admin", others > 0))
}

/// What became of an act.
enum Carried {
    /// Done.
    Out(AuditKind),
    /// There was nothing to change.
    AsItWas,
    /// The user's state does not allow it.
    NotPossible,
}

/// Writes the act.
async fn carry_out(
    tx: &mut Writing,
    user: &UserRecord,
    act: UserAct,
) -> Result<Carried, FlowError> {
    let (id, standing) = (user.id, user.standing);
    let (kind, changed) = match act {
        // The role that it is already is no change, and no event.
        UserAct::SetRole(role) if standing.role == role => return Ok(Carried::AsItWas),
        UserAct::SetRole(role) => (AuditKind::RoleChanged, tx.set_role(id, role).await?),
        UserAct::Disable => {
            let (from, to) = (MembershipState::Active, MembershipState::Disabled);
            let changed =
                tx.set_state(id, from, to).await? && tx.bump_epoch(id, standing.epoch).await?;
            (AuditKind::UserDisabled, changed)
        }
        UserAct::Enable => {
            let (from, to) = (MembershipState::Disabled, MembershipState::Active);
            (AuditKind::UserEnabled, tx.set_state(id, from, to).await?)
        }
        UserAct::Remove => (AuditKind::UserRemoved, tx.remove_user(id).await?),
        // It would void the invitation, and there is nothing to reset.
        UserAct::ResetFactors if standing.state == MembershipState::Invited => {
            return Ok(Carried::NotPossible);
        }
        UserAct::ResetFactors => {
            let changed = tx.bump_epoch(id, standing.epoch).await?;
            tx.remove_factors(id).await?;
            (AuditKind::FactorsReset, changed)
        }
    };
    Ok(if changed { Carried::Out(kind) } else { Carried::NotPossible })
}
