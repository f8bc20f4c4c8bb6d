//! The wait between attempts: none for the first, then longer with each, up to a quarter of an
//! hour.

use std::time::Duration;

use crate::time::Timestamp;

/// How many attempts come without a wait between them: slips of a thumb.
pub const FREE: i64 = 5;
/// The first wait. Each attempt after it doubles the wait.
const FIRST: Duration = Duration::from_secs(5);
/// The longest.
pub const LONGEST: Duration = Duration::from_mins(15);

/// The wait that follows the `attempts`th attempt.
pub fn after(attempts: i64) -> Duration {
    if attempts < FREE {
        return Duration::ZERO;
    }
    // Ten doublings are beyond the longest.
    let doublings = u32::try_from(attempts - FREE).unwrap_or(u32::MAX).min(10);
    (FIRST * (1 << doublings)).min(LONGEST)
}

/// What is known of the attempts at one secret: how many, when the latest was, and how long the
/// next has to wait from then on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempts {
    /// How many since they were last cleared. Each is counted before its secret is compared.
    pub count: i64,
    /// When the latest was counted: the wait began then.
    pub latest: Timestamp,
    /// How long the wait is.
    pub wait: Duration,
}

impl Attempts {
    /// None yet.
    pub const NONE: Self =
        Self { count: 0, latest: Timestamp::from_millis(0), wait: Duration::ZERO };

    /// How long the wait still is; `None` when there is none. One that began in the future has
    /// ended: the clock was set back, and nobody can say how long ago it was.
    pub fn left(&self, now: Timestamp) -> Option<Duration> {
        let left = self.wait.checked_sub(self.latest.age_at(now)?)?;
        (!left.is_zero()).then_some(left)
    }

    /// The same with one more, made now. Nobody asks while there is a wait.
    #[must_use]
    pub fn with_one_more(&self, now: Timestamp) -> Self {
        let count = self.count.saturating_add(1);
        Self { count, latest: now, wait: after(count) }
    }

    /// The same, forgotten if nothing was tried for so long.
    #[must_use]
    pub fn unless_quiet_for(self, long: Duration, now: Timestamp) -> Self {
        if self.latest.age_at(now).is_some_and(|age| age >= long) { Self::NONE } else { self }
    }
}

/// A wait in whole seconds, as pages and `Retry-After` say it: never less than it is.
pub fn seconds(left: Duration) -> u64 {
    left.as_secs() + u64::from(left.subsec_nanos() > 0)
}
