//! Proofs: what a session can show for itself, when it was given, and under which security epoch.

use std::time::Duration;
use vestibule_guards::guard;

use crate::id::FactorId;
use crate::time::Timestamp;
use crate::user::Epoch;

/// How old the proof may be that a sensitive act asks for (design, rule 7).
pub const FRESHNESS: Duration = Duration::from_mins(5);

/// How much a session's proofs add up to (NIST SP 800-63B-4 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Assurance {
    /// One proof: the password.
    Aal1,
    /// Two: the password and something that the user has.
    Aal2,
}

/// What gave the second proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SecondProof {
    /// A security code of this TOTP app.
    Totp(FactorId),
    /// A recovery code, which stood in for a factor this once.
    RecoveryCode,
}

/// Evidence of one kind, given in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Proof {
    /// When it was given.
    pub at: Timestamp,
    /// The user's epoch that was read together with the secret it was checked against.
    pub epoch: Epoch,
}

impl Proof {
    /// Whether it is at most `max_age` old. One from the future is not: the clock was set back,
    /// and nobody can say how old it is.
    pub fn is_fresh(self, max_age: Duration, now: Timestamp) -> bool {
        let age = self.at.age_at(now);
        guard!("no-proof-from-the-future", age.is_some()) && age.is_none_or(|age| age <= max_age)
    }
}
