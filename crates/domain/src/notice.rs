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
    /// Somebody asked to change the e-mail address.
    EmailChangeAsked,
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
    pub const ALL: [Self; 13] = [
        Self::FactorAdded,
        Self::FactorRemoved,
        Self::FactorsReset,
        Self::RecoveryCodesMade,
        Self::RecoveryCodeUsed,
        Self::CodesGuessed,
        Self::NewBrowser,
        Self::PasswordChanged,
        Self::EmailChangeAsked,
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
            Self::EmailChangeAsked => "email.change_asked",
            Self::EmailChanged => "email.changed",
            Self::CodesOfUserGuessed => "user.codes_guessed",
            Self::RecoverLinkMade => "recover_link.made",
            Self::RecoverLinkUsed => "recover_link.used",
        }
    }

    /// What happened, as a sentence to its reader. `detail` is what it is about, if that is known.
    pub fn sentence(self, detail: &str) -> String {
        let called = if detail.is_empty() { String::new() } else { format!(" “{detail}”") };
        let whose = if detail.is_empty() { "a user" } else { detail };
        match self {
            Self::FactorAdded => format!("The app{called} was added to your login."),
            Self::FactorRemoved => format!("The app{called} was removed from your login."),
            Self::FactorsReset if detail.is_empty() => "An Admin removed all your apps.".into(),
            Self::FactorsReset => format!("{detail} removed all your apps."),
            Self::RecoveryCodesMade => {
                "New recovery codes were made. Older ones no longer work.".into()
            }
            Self::RecoveryCodeUsed => {
                let left = match detail {
                    "" => String::new(),
                    "1" => " One is left.".to_owned(),
                    number => format!(" {number} are left."),
                };
                format!("A recovery code was used in place of a security code.{left}")
            }
            Self::CodesGuessed => {
                "Somebody who knows your password is trying out security codes.".into()
            }
            Self::NewBrowser => "Your login was used in a browser that is new to us.".into(),
            Self::PasswordChanged => "Your password was changed.".into(),
            Self::EmailChangeAsked if detail.is_empty() => {
                "Somebody asked to change the email address of your login.".into()
            }
            Self::EmailChangeAsked => {
                format!("Somebody asked to change the email address of your login to {detail}.")
            }
            Self::EmailChanged if detail.is_empty() => {
                "The email address of your login was changed.".into()
            }
            Self::EmailChanged => format!("The email address of your login is now {detail}."),
            Self::CodesOfUserGuessed => {
                format!("Somebody who knows the password of {whose} is trying out security codes.")
            }
            Self::RecoverLinkMade => {
                format!("On the host, `vestibule recover` made a link for {whose}.")
            }
            Self::RecoverLinkUsed => {
                format!("The link of `vestibule recover` for {whose} was used.")
            }
        }
    }

    /// What to do if it was not the reader, or not with their knowledge.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::FactorAdded => {
                "If it was not you: change your password, and remove this app in Settings, Security."
            }
            Self::FactorRemoved => {
                "If it was not you: change your password, and look at your apps in Settings, Security."
            }
            Self::FactorsReset => {
                "You set up an app again when you sign in next. If you did not ask for this, talk to \
                 an Admin of your account."
            }
            Self::RecoveryCodesMade => {
                "If it was not you: change your password, and make new recovery codes in Settings, \
                 Security."
            }
            Self::RecoveryCodeUsed => {
                "If it was not you: change your password, and look at your apps and recovery codes \
                 in Settings, Security."
            }
            Self::CodesGuessed => {
                "If it was not you: change your password now. Without a right code nobody came in."
            }
            Self::NewBrowser => {
                "If it was not you: change your password, which ends that session too."
            }
            Self::PasswordChanged => {
                "If it was not you: ask an Admin of your account for a new-password link at once."
            }
            Self::EmailChangeAsked => {
                "It takes effect once the new address is confirmed. If it was not you: change your \
                 password now, which stops it."
            }
            Self::EmailChanged => "If it was not you: tell an Admin of your account at once.",
            Self::CodesOfUserGuessed => "Make sure that the user knows, and changes the password.",
            Self::RecoverLinkMade | Self::RecoverLinkUsed => {
                "If nobody who runs this installation knows of it, somebody else has access to the \
                 host."
            }
        }
    }

    /// Whether it may be the sign of an attack, and not merely the trace of an own act.
    pub const fn is_alarming(self) -> bool {
        matches!(
            self,
            Self::FactorsReset
                | Self::RecoveryCodeUsed
                | Self::CodesGuessed
                | Self::CodesOfUserGuessed
                | Self::EmailChangeAsked
                | Self::RecoverLinkMade
                | Self::RecoverLinkUsed
        )
    }

    /// Whether it is the user's own act if it came from the user's own browser: no session of
    /// anybody else's brings it about.
    pub const fn is_own_act(self) -> bool {
        matches!(
            self,
            Self::FactorAdded
                | Self::FactorRemoved
                | Self::RecoveryCodesMade
                | Self::RecoveryCodeUsed
                | Self::NewBrowser
                | Self::PasswordChanged
                | Self::EmailChangeAsked
                | Self::EmailChanged
        )
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
