//! The switch: one row, for every user at once.

use vestibule_domain::audit::AuditKind;
use vestibule_domain::policy::Policy;
use vestibule_guards::guard;
use vestibule_store::MfaCounts;

use crate::authority::{Admin, Fresh};
use crate::error::FlowError;
use crate::users::still_admin;
use crate::vestibule::Vestibule;
use crate::visitor::Visitor;

/// The answer to the switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicySet {
    /// It holds for every request from now on.
    Done,
    /// The Admin has no factor and would be locked out: enrolment first.
    NeedsFactor,
    /// Whoever asked is no Admin any more.
    NotAdmin,
}

/// The numbers beside the switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SwitchPreview {
    /// Users with and without a factor.
    pub counts: MfaCounts,
    /// Sessions that are open now.
    pub open_sessions: i64,
}

impl Vestibule {
    /// Sets the account's policy.
    pub async fn set_policy(
        &self,
        from: &Visitor,
        admin: &Fresh<Admin>,
        policy: Policy,
    ) -> Result<PolicySet, FlowError> {
        let (actor, now) = (admin.0.0.record(), self.clock.now());
        let mut tx = self.store.write().await?;
        tx.guard_account(actor.account).await?;
        let Some(user) = still_admin(&mut tx, actor).await? else {
            self.refuse(tx, from.event_in(AuditKind::AdminActRefused, actor), now).await?;
            return Ok(PolicySet::NotAdmin);
        };
        if policy.is_required() && !guard!("switch-needs-a-factor", user.standing.has_factor) {
            self.refuse(tx, from.event_in(AuditKind::SwitchNeedsFactor, actor), now).await?;
            return Ok(PolicySet::NeedsFactor);
        }
        if tx.set_policy(actor.account, policy).await? {
            let kind = match policy {
                Policy::Required => AuditKind::PolicyRequired,
                Policy::Optional => AuditKind::PolicyOptional,
            };
            self.audit(&mut tx, from.event_in(kind, actor), now).await?;
        }
        tx.commit().await?;
        Ok(PolicySet::Done)
    }

    /// What turning the switch means now.
    pub async fn switch_preview(&self, admin: &Admin) -> Result<SwitchPreview, FlowError> {
        let account = admin.0.record().account;
        let mut db = self.store.read().await?;
        let (limits, now) = (self.settings.session_limits, self.clock.now());
        Ok(SwitchPreview {
            counts: self.mfa_counts(&mut db, account).await?,
            open_sessions: db.count_open_sessions(account, limits, now).await?,
        })
    }
}
