//! The account's rule about MFA. "The switch" is the control that changes it.

/// Whether every user of the account must sign in with a second proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Policy {
    /// The switch is off: each user decides for their own login.
    Optional,
    /// The switch is on: nobody opts out.
    Required,
}

impl Policy {
    /// `true` for [`Policy::Required`], as the database stores it.
    pub const fn is_required(self) -> bool {
        matches!(self, Self::Required)
    }

    /// The reverse of [`Policy::is_required`].
    pub const fn from_required(required: bool) -> Self {
        if required { Self::Required } else { Self::Optional }
    }
}
