//! Notices: what a user is told about the own login, or an Admin about the account, because they
//! may not have done it themselves.

/// What is told. A closed list: each has its sentence, on the dashboard and in mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Notice {
    /// A factor was added.
    FactorAdded,
    /// A factor was removed.
    FactorRemoved,
    /// An Admin removed all factors.
    FactorsReset,
    /// Recovery codes were made; older ones are void.
    RecoveryCodesMade,
    /// A recovery code was used in place of a security code.
    RecoveryCodeUsed,
    /// Security codes were guessed at by someone who gave the right password.
    CodesGuessed,
    /// A sign-in from a browser that never signed in before.
    NewBrowser,
    /// The password was changed.
    PasswordChanged,
    /// The e-mail address was changed.
    EmailChanged,
    /// To the Admins: security codes of a user were guessed at.
    CodesOfUserGuessed,
    /// To the Admins: `vestibule recover` made a link for a user.
    RecoverLinkMade,
    /// To the Admins: a link of `vestibule recover` was used.
    RecoverLinkUsed,
}

/// The text names no notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a notice")]
pub struct NotANotice;

impl Notice {
    /// Every notice there is.
    pub const ALL: [Self; 12] = [
        Self::FactorAdded,
        Self::FactorRemoved,
        Self::FactorsReset,
        Self::RecoveryCodesMade,
        Self::RecoveryCodeUsed,
        Self::CodesGuessed,
        Self::NewBrowser,
        Self::PasswordChanged,
        Self::EmailChanged,
        Self::CodesOfUserGuessed,
        Self::RecoverLinkMade,
        Self::RecoverLinkUsed,
    ];

    /// The stable name in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FactorAdded => "factor.added",
            Self::FactorRemoved => "factor.removed",
            Self::FactorsReset => "factors.reset",
            Self::RecoveryCodesMade => "recovery_codes.made",
            Self::RecoveryCodeUsed => "recovery_code.used",
            Self::CodesGuessed => "codes.guessed",
            Self::NewBrowser => "browser.new",
            Self::PasswordChanged => "password.changed",
            Self::EmailChanged => "email.changed",
            Self::CodesOfUserGuessed => "user.codes_guessed",
            Self::RecoverLinkMade => "recover_link.made",
            Self::RecoverLinkUsed => "recover_link.used",
        }
    }

    /// Whether someone else can cause it again and again: such a notice is one a day until it is
    /// dismissed, and not a flood.
    pub const fn is_once_a_day(self) -> bool {
        matches!(self, Self::CodesGuessed | Self::CodesOfUserGuessed)
    }
}

impl std::str::FromStr for Notice {
    type Err = NotANotice;

    fn from_str(text: &str) -> Result<Self, NotANotice> {
        Self::ALL.into_iter().find(|notice| notice.as_str() == text).ok_or(NotANotice)
    }
}
