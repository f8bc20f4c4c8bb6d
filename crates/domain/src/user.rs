//! What the decision needs to know of a user.

use std::fmt;
use std::str::FromStr;

/// The number that all proofs, links and pending enrolments of a user carry. When it changes,
/// everything issued under the old one is dead, without a sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub i64);

impl Epoch {
    /// The epoch after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// A user's role in the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Signs in.
    Member,
    /// Also holds the switch and manages users.
    Admin,
}

/// The state of a membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MembershipState {
    /// Has an invitation and no password yet.
    Invited,
    /// May sign in.
    Active,
    /// May not, until an Admin says otherwise.
    Disabled,
}

/// The text names no value of this type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown value")]
pub struct Unknown;

macro_rules! named {
    ($type:ident { $($variant:ident = $text:literal),+ }) => {
        impl $type {
            /// The word for the database, for forms and for programs.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $type {
            type Err = Unknown;

            fn from_str(text: &str) -> Result<Self, Unknown> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    _ => Err(Unknown),
                }
            }
        }
    };
}

named!(Role { Member = "Member", Admin = "Admin" });
named!(MembershipState { Invited = "invited", Active = "active", Disabled = "disabled" });

/// The facts about a user on which [`crate::access::access`] decides, read at each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct User {
    /// The security epoch now.
    pub epoch: Epoch,
    /// The membership's state now.
    pub state: MembershipState,
    /// The membership's role now.
    pub role: Role,
    /// Whether MFA is on for this user: at least one confirmed factor.
    pub has_factor: bool,
}
