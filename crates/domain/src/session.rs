//! A session: one browser's proofs. It holds no permissions.

use std::time::Duration;

use vestibule_guards::guard;

use crate::proof::{Proof, SecondProof};
use crate::time::Timestamp;

/// How far ahead of this node's clock another's may be. A session from further in the future was
/// written by a clock that has been set back since, and ends.
const CLOCK_TOLERANCE: Duration = Duration::from_mins(1);

/// When sessions end (NIST SP 800-63B-4 §2.2.3: at AAL2, 1 hour of inactivity and 24 hours in all).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionLimits {
    /// Without a request.
    pub idle: Duration,
    /// In all, from the sign-in.
    pub total: Duration,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self { idle: Duration::from_hours(1), total: Duration::from_hours(24) }
    }
}

/// One browser's or client's proofs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Session {
    /// When the sign-in began.
    pub created: Timestamp,
    /// The latest request, to the minute.
    pub last_seen: Timestamp,
    /// The limits that hold for it.
    pub limits: SessionLimits,
    /// The password, given.
    pub password: Option<Proof>,
    /// The second proof, given, and by what.
    pub second: Option<(SecondProof, Proof)>,
    /// Whether it began with a link of `vestibule recover`: it alone may enrol in the vestibule
    /// although a factor exists (design, rule 6).
    pub recovering: bool,
    /// Whether it has a pending enrolment that has not expired.
    pub enrolling: bool,
}

impl Session {
    /// When this session ends if no request follows; `None` if it has ended.
    pub fn ends(&self, now: Timestamp) -> Option<Timestamp> {
        let horizon = now.plus(CLOCK_TOLERANCE);
        let is_past = self.created <= horizon && self.last_seen <= horizon;
        if !guard!("session-from-the-past", is_past) {
            return None;
        }
        let end = self.created.plus(self.limits.total).min(self.last_seen.plus(self.limits.idle));
        guard!("session-limits", now < end).then_some(end)
    }
}
