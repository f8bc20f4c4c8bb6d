//! Links that are handed to a person: each is good for one purpose, once, for a while.

use std::time::Duration;

use crate::token::Token;
use crate::user::Unknown;

/// What a link is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkPurpose {
    /// Creates the first account and its Admin.
    Setup,
    /// Lets an invited user set a password and enter.
    Invitation,
    /// Lets a user set a new password. Removes no factor, signs nobody in.
    Password,
    /// The same, sent by mail to who asked for it at the sign-in: it does not renew the budget of
    /// attempts (design, rule 3).
    Forgotten,
    /// Proves that a new address is the user's.
    Address,
    /// Made on the host: what [`Recovers`] says.
    Recover,
}

/// What a link of `vestibule recover` may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Recovers {
    /// Set a new password, then enrol a new app in place of the old ones.
    Everything,
    /// Set a new password. It removes no factor and signs nobody in.
    Password,
    /// Enrol a new app in place of the old ones, for who gives the password.
    Factors,
}

impl Recovers {
    /// The word for the database and for the audit trail.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Everything => "everything",
            Self::Password => "password",
            Self::Factors => "factors",
        }
    }
}

impl std::str::FromStr for Recovers {
    type Err = Unknown;

    fn from_str(text: &str) -> Result<Self, Unknown> {
        [Self::Everything, Self::Password, Self::Factors]
            .into_iter()
            .find(|recovers| recovers.as_str() == text)
            .ok_or(Unknown)
    }
}

impl LinkPurpose {
    /// Every purpose there is.
    pub const ALL: [Self; 6] = [
        Self::Setup,
        Self::Invitation,
        Self::Password,
        Self::Forgotten,
        Self::Address,
        Self::Recover,
    ];

    /// The path of a link of this purpose. It holds the secret.
    pub fn path(self, token: &Token) -> String {
        format!("/{}/{}", self.as_str(), token.expose())
    }

    /// How long a link of this purpose lives.
    pub const fn lifetime(self) -> Duration {
        match self {
            Self::Setup | Self::Forgotten | Self::Address => Duration::from_hours(1),
            Self::Invitation => Duration::from_hours(14 * 24),
            Self::Password => Duration::from_hours(24),
            Self::Recover => Duration::from_mins(15),
        }
    }

    /// Whether a new link of this purpose voids the user's older ones. One that strangers can have
    /// mailed at will does not: they would void the owner's before it is read (design, rule 4). The
    /// first use ends them all, by the epoch.
    pub const fn voids_older(self) -> bool {
        !matches!(self, Self::Forgotten)
    }

    /// The word for the database, and the first part of the link's path.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Setup => "setup",
            Self::Invitation => "invitation",
            Self::Password => "password",
            Self::Forgotten => "forgotten",
            Self::Address => "address",
            Self::Recover => "recover",
        }
    }
}

impl std::str::FromStr for LinkPurpose {
    type Err = Unknown;

    fn from_str(text: &str) -> Result<Self, Unknown> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == text).ok_or(Unknown)
    }
}
