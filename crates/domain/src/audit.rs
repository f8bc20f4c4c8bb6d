//! Everything that matters to security, as a closed list of events.
//!
//! An event is written in the transaction of the act; a refusal's event is committed although the
//! act is refused. No event holds a secret.

use crate::id::{AccountId, SessionId, UserId};

macro_rules! kinds {
    ($($(#[$doc:meta])+ $name:ident = $text:literal, $group:ident;)+) => {
        /// What happened.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum AuditKind {
            $($(#[$doc])+ $name,)+
        }

        impl AuditKind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The stable name of the event, in the database and for programs.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// What it is about.
            pub const fn group(self) -> AuditGroup {
                match self { $(Self::$name => AuditGroup::$group,)+ }
            }
        }
    };
}

// One line a kind: its name here, its stable name, its group.
kinds! {
    /// An account and its first Admin were created.
    AccountCreated = "account.created", Policy;
    /// The switch was turned on.
    PolicyRequired = "policy.required", Policy;
    /// The switch was turned off.
    PolicyOptional = "policy.optional", Policy;
    /// Someone was refused at the password: unknown, wrong or disabled.
    PasswordRefused = "password.refused", SignIn;
    /// A password was accepted and a session began.
    PasswordAccepted = "password.accepted", SignIn;
    /// A security code was wrong.
    CodeWrong = "code.wrong", SignIn;
    /// A security code was right, and spent before.
    CodeSpent = "code.spent", SignIn;
    /// A security code was right for another time.
    CodeOff = "code.off", SignIn;
    /// The budget of attempts is spent: security codes are closed for this user.
    BudgetSpent = "code.budget_spent", SignIn;
    /// A security code was accepted and opened the second door.
    CodeAccepted = "code.accepted", SignIn;
    /// A recovery code was used in place of a security code.
    RecoveryCodeUsed = "recovery_code.used", SignIn;
    /// A recovery code was none of the user's.
    RecoveryCodeWrong = "recovery_code.wrong", SignIn;
    /// A recovery code was the user's, and used before.
    RecoveryCodeSpent = "recovery_code.spent", SignIn;
    /// Recovery codes were made; older ones are void.
    RecoveryCodesMade = "recovery_codes.made", OwnSettings;
    /// The user said that the recovery codes are kept: they are not shown again.
    RecoveryCodesKept = "recovery_codes.kept", OwnSettings;
    /// A fresh proof was given inside a session.
    FreshProofGiven = "proof.given", SignIn;
    /// A fresh proof was refused inside a session.
    FreshProofRefused = "proof.refused", SignIn;
    /// A key for a new factor was shown.
    EnrolmentStarted = "enrolment.started", OwnSettings;
    /// A new factor was confirmed.
    FactorAdded = "factor.added", OwnSettings;
    /// A factor was renamed.
    FactorRenamed = "factor.renamed", OwnSettings;
    /// A user removed a factor of their own.
    FactorRemoved = "factor.removed", OwnSettings;
    /// An Admin removed all factors of a user.
    FactorsReset = "factors.reset", Users;
    /// Factors were replaced by the link of `vestibule recover`.
    FactorsReplaced = "factors.replaced", OwnSettings;
    /// A user changed the own password.
    PasswordChanged = "password.changed", OwnSettings;
    /// A user changed the display name.
    NameChanged = "name.changed", OwnSettings;
    /// A session was signed out.
    SignedOut = "session.signed_out", SignIn;
    /// A user ended one of the own sessions.
    SessionEnded = "session.ended", SignIn;
    /// A user ended all own sessions but one.
    OtherSessionsEnded = "session.others_ended", SignIn;
    /// A user was invited.
    UserInvited = "invitation.made", Users;
    /// An invitation was made anew.
    InvitationRenewed = "invitation.renewed", Users;
    /// An invitation was taken back.
    InvitationCancelled = "invitation.cancelled", Users;
    /// An invitation was accepted.
    InvitationAccepted = "invitation.accepted", OwnSettings;
    /// An Admin made a link for a new password.
    PasswordLinkMade = "password_link.made", Users;
    /// A link for a new password was used.
    PasswordLinkUsed = "password_link.used", OwnSettings;
    /// Somebody asked for a new-password link by mail, for whatever address.
    PasswordForgotten = "password.forgotten", SignIn;
    /// A link for a new password was mailed to its user.
    PasswordLinkMailed = "password_link.mailed", OwnSettings;
    /// A user asked to change the own address.
    EmailChangeAsked = "email.change_asked", OwnSettings;
    /// A user's address was changed.
    EmailChanged = "email.changed", OwnSettings;
    /// A mail was refused by the mail server, or could not be sent for a day.
    MailGivenUp = "mail.given_up", Users;
    /// `vestibule recover` made a link on the host.
    RecoverLinkMade = "recover_link.made", Users;
    /// A link of `vestibule recover` was used.
    RecoverLinkUsed = "recover_link.used", OwnSettings;
    /// A user's role was changed.
    RoleChanged = "user.role_changed", Users;
    /// A user was disabled.
    UserDisabled = "user.disabled", Users;
    /// A user was enabled again.
    UserEnabled = "user.enabled", Users;
    /// A user was removed.
    UserRemoved = "user.removed", Users;
    /// A code did not confirm an enrolment.
    EnrolmentCodeRefused = "enrolment.code_refused", OwnSettings;
    /// Whoever asked for an Admin's act was no Admin any more.
    AdminActRefused = "refused.not_admin", Refused;
    /// The switch was not turned on, for the Admin has no factor.
    SwitchNeedsFactor = "refused.needs_factor", Refused;
    /// An Admin was refused the reset of the own factors.
    OwnResetRefused = "refused.own_reset", Refused;
    /// An invitation was refused: the address is taken, or looks like one that is.
    AddressTaken = "refused.address_taken", Refused;
    /// An act was refused because it would leave no able Admin.
    LastAdminKept = "refused.last_admin", Refused;
    /// A user was refused the removal of the last factor while the switch is on.
    LastFactorKept = "refused.last_factor", Refused;
    /// The database was put back from a backup, and what came after the backup carried over.
    DatabaseRestored = "database.restored", Policy;
    /// A new data key was made for all that is sealed from now on.
    DataKeyMade = "keys.made", Policy;
    /// An old data key was removed: nothing is sealed with it any more.
    DataKeyRetired = "keys.retired", Policy;
    /// The data keys were wrapped by another master key.
    MasterKeyChanged = "keys.rewrapped", Policy;
    /// A password was given before the wait was over: it was not compared.
    PasswordTooSoon = "password.too_soon", SignIn;
    /// A code was given before the wait was over: it was not compared.
    CodeTooSoon = "code.too_soon", SignIn;
    /// An application was added behind the gate.
    ApplicationAdded = "application.added", Policy;
    /// What an application is, or whom it lets in, was changed.
    ApplicationChanged = "application.changed", Policy;
    /// An application was removed.
    ApplicationRemoved = "application.removed", Policy;
    /// A user was handed over to an application's host.
    ApplicationEntered = "application.entered", SignIn;
    /// A user asked for an application that does not let them in.
    ApplicationRefused = "refused.application", Refused;
    /// A hand-over to an application's host was not taken: used, expired, or another browser's.
    HandOverRefused = "refused.hand_over", Refused;
    /// The audit trail, or a part of it, was exported.
    AuditExported = "audit.exported", Trail;
    /// Retention removed the oldest events of the audit trail.
    AuditTrimmed = "audit.trimmed", Trail;
}

/// What an event is about, for who looks for some of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuditGroup {
    /// Signing in and out, sessions.
    SignIn,
    /// Factors, passwords and the other things of one's own login.
    OwnSettings,
    /// What Admins and the host do with users.
    Users,
    /// The switch and the account.
    Policy,
    /// What was asked for and refused.
    Refused,
    /// The audit trail itself.
    Trail,
}

/// The text names no kind or group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an audit kind")]
pub struct NotAKind;

impl AuditGroup {
    /// All of them, in the order in which they are offered.
    pub const ALL: [Self; 6] =
        [Self::SignIn, Self::OwnSettings, Self::Users, Self::Policy, Self::Refused, Self::Trail];

    /// The stable name in addresses and commands.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignIn => "sign-in",
            Self::OwnSettings => "own-settings",
            Self::Users => "users",
            Self::Policy => "policy",
            Self::Refused => "refused",
            Self::Trail => "trail",
        }
    }
}

impl std::str::FromStr for AuditGroup {
    type Err = NotAKind;

    fn from_str(text: &str) -> Result<Self, NotAKind> {
        Self::ALL.into_iter().find(|group| group.as_str() == text).ok_or(NotAKind)
    }
}

impl std::str::FromStr for AuditKind {
    type Err = NotAKind;

    fn from_str(text: &str) -> Result<Self, NotAKind> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == text).ok_or(NotAKind)
    }
}

impl AuditKind {
    /// Whether strangers can cause it at will: such events are one row per kind, user, network and
    /// minute, with a count.
    pub const fn is_counted(self) -> bool {
        matches!(
            self,
            Self::PasswordRefused
                | Self::PasswordTooSoon
                | Self::CodeTooSoon
                | Self::PasswordForgotten
                | Self::FreshProofRefused
                | Self::BudgetSpent
                | Self::EnrolmentCodeRefused
                | Self::ApplicationRefused
                | Self::HandOverRefused
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

#[cfg(test)]
mod tests {
    use super::{AuditGroup, AuditKind};

    #[test]
    fn every_kind_and_group_reads_back_and_no_group_is_empty() {
        for kind in AuditKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(*kind));
        }
        for group in AuditGroup::ALL {
            assert_eq!(group.as_str().parse(), Ok(group));
            assert!(AuditKind::ALL.iter().any(|kind| kind.group() == group), "{group:?} is empty");
        }
    }
}
