//! Everything that matters to security, as a closed list of events.
//!
//! An event is written in the transaction of the act; a refusal's event is committed although the
//! act is refused. No event holds a secret.

use crate::id::{AccountId, SessionId, UserId};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuditKind {
    /// An account and its first Admin were created.
    AccountCreated,
    /// The switch was turned on.
    PolicyRequired,
    /// The switch was turned off.
    PolicyOptional,
    /// Someone was refused at the password: unknown, wrong or disabled.
    PasswordRefused,
    /// A password was accepted and a session began.
    PasswordAccepted,
    /// A security code was wrong.
    CodeWrong,
    /// A security code was right, and spent before.
    CodeSpent,
    /// A security code was right for another time.
    CodeOff,
    /// The budget of attempts is spent: security codes are closed for this user.
    BudgetSpent,
    /// A security code was accepted and opened the second door.
    CodeAccepted,
    /// A recovery code was used in place of a security code.
    RecoveryCodeUsed,
    /// A recovery code was none of the user's.
    RecoveryCodeWrong,
    /// A recovery code was the user's, and used before.
    RecoveryCodeSpent,
    /// Recovery codes were made; older ones are void.
    RecoveryCodesMade,
    /// The user said that the recovery codes are kept: they are not shown again.
    RecoveryCodesKept,
    /// A fresh proof was given inside a session.
    FreshProofGiven,
    /// A fresh proof was refused inside a session.
    FreshProofRefused,
    /// A key for a new factor was shown.
    EnrolmentStarted,
    /// A new factor was confirmed.
    FactorAdded,
    /// A factor was renamed.
    FactorRenamed,
    /// A user removed a factor of their own.
    FactorRemoved,
    /// An Admin removed all factors of a user.
    FactorsReset,
    /// Factors were replaced by the link of `vestibule recover`.
    FactorsReplaced,
    /// A user changed the own password.
    PasswordChanged,
    /// A user changed the display name.
    NameChanged,
    /// A session was signed out.
    SignedOut,
    /// A user ended one of the own sessions.
    SessionEnded,
    /// A user ended all own sessions but one.
    OtherSessionsEnded,
    /// A user was invited.
    UserInvited,
    /// An invitation was made anew.
    InvitationRenewed,
    /// An invitation was taken back.
    InvitationCancelled,
    /// An invitation was accepted.
    InvitationAccepted,
    /// An Admin made a link for a new password.
    PasswordLinkMade,
    /// A link for a new password was used.
    PasswordLinkUsed,
    /// `vestibule recover` made a link on the host.
    RecoverLinkMade,
    /// A link of `vestibule recover` was used.
    RecoverLinkUsed,
    /// A user's role was changed.
    RoleChanged,
    /// A user was disabled.
    UserDisabled,
    /// A user was enabled again.
    UserEnabled,
    /// A user was removed.
    UserRemoved,
    /// A code did not confirm an enrolment.
    EnrolmentCodeRefused,
    /// Whoever asked for an Admin's act was no Admin any more.
    AdminActRefused,
    /// The switch was not turned on, for the Admin has no factor.
    SwitchNeedsFactor,
    /// An Admin was refused the reset of the own factors.
    OwnResetRefused,
    /// An invitation was refused: the address is taken, or looks like one that is.
    AddressTaken,
    /// An act was refused because it would leave no able Admin.
    LastAdminKept,
    /// A user was refused the removal of the last factor while the switch is on.
    LastFactorKept,
}

impl AuditKind {
    /// The stable name of the event, in the database and for programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccountCreated => "account.created",
            Self::PolicyRequired => "policy.required",
            Self::PolicyOptional => "policy.optional",
            Self::PasswordRefused => "password.refused",
            Self::PasswordAccepted => "password.accepted",
            Self::CodeWrong => "code.wrong",
            Self::CodeSpent => "code.spent",
            Self::CodeOff => "code.off",
            Self::BudgetSpent => "code.budget_spent",
            Self::CodeAccepted => "code.accepted",
            Self::RecoveryCodeUsed => "recovery_code.used",
            Self::RecoveryCodeWrong => "recovery_code.wrong",
            Self::RecoveryCodeSpent => "recovery_code.spent",
            Self::RecoveryCodesMade => "recovery_codes.made",
            Self::RecoveryCodesKept => "recovery_codes.kept",
            Self::FreshProofGiven => "proof.given",
            Self::FreshProofRefused => "proof.refused",
            Self::EnrolmentStarted => "enrolment.started",
            Self::FactorAdded => "factor.added",
            Self::FactorRenamed => "factor.renamed",
            Self::FactorRemoved => "factor.removed",
            Self::FactorsReset => "factors.reset",
            Self::FactorsReplaced => "factors.replaced",
            Self::PasswordChanged => "password.changed",
            Self::NameChanged => "name.changed",
            Self::SignedOut => "session.signed_out",
            Self::SessionEnded => "session.ended",
            Self::OtherSessionsEnded => "session.others_ended",
            Self::UserInvited => "invitation.made",
            Self::InvitationRenewed => "invitation.renewed",
            Self::InvitationCancelled => "invitation.cancelled",
            Self::InvitationAccepted => "invitation.accepted",
            Self::PasswordLinkMade => "password_link.made",
            Self::PasswordLinkUsed => "password_link.used",
            Self::RecoverLinkMade => "recover_link.made",
            Self::RecoverLinkUsed => "recover_link.used",
            Self::RoleChanged => "user.role_changed",
            Self::UserDisabled => "user.disabled",
            Self::UserEnabled => "user.enabled",
            Self::UserRemoved => "user.removed",
            Self::EnrolmentCodeRefused => "enrolment.code_refused",
            Self::AdminActRefused => "refused.not_admin",
            Self::SwitchNeedsFactor => "refused.needs_factor",
            Self::OwnResetRefused => "refused.own_reset",
            Self::AddressTaken => "refused.address_taken",
            Self::LastAdminKept => "refused.last_admin",
            Self::LastFactorKept => "refused.last_factor",
        }
    }

    /// Whether strangers can cause it at will: such events are one row per kind, user, network and
    /// minute, with a count.
    pub const fn is_counted(self) -> bool {
        matches!(
            self,
            Self::PasswordRefused
                | Self::FreshProofRefused
                | Self::BudgetSpent
                | Self::EnrolmentCodeRefused
        )
    }
}

/// One event. Who did it, to whom, from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEvent {
    /// What happened.
    pub kind: AuditKind,
    /// In which account, where that is known.
    pub account: Option<AccountId>,
    /// Who acted; `None` for a stranger and for the host's command line.
    pub actor: Option<UserId>,
    /// Whom it concerns.
    pub user: Option<UserId>,
    /// In which session.
    pub session: Option<SessionId>,
    /// From which address; empty for the host's command line.
    pub address: String,
    /// What else an Admin wants to read: an e-mail, a role, a factor's name. Never a secret.
    pub detail: String,
}

/// The network of an address, as far as one party is likely to hold it: /24 of IPv4, /56 of IPv6.
/// What is no address stays as it is.
pub fn network(address: &str) -> String {
    match address.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(v4)) => {
            let [a, b, c, _] = v4.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        Ok(std::net::IpAddr::V6(v6)) => {
            let masked = u128::from(v6) >> 72 << 72;
            format!("{}/56", std::net::Ipv6Addr::from(masked))
        }
        Err(_) => address.to_owned(),
    }
}
