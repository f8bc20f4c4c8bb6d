//! The one place that reads the clocks and the operating system's randomness.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use vestibule_domain::randomness::Randomness;
use vestibule_domain::time::{Clock, Timestamp};

/// The system's clocks: the one that shows the time, and one that nobody can set.
pub(crate) fn clock() -> Clock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that is handed in")]
    let start = Instant::now();
    Clock::new(wall, move || {
        #[expect(clippy::disallowed_methods, reason = "this is the clock that is handed in")]
        start.elapsed()
    })
}

fn wall() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that is handed in")]
    let now = SystemTime::now();
    // A clock before 1970 has not been set yet; 1970 is as wrong and spares a sign.
    let since_1970 = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX))
}

/// The operating system's random generator.
pub(crate) fn randomness() -> Randomness {
    Randomness::new(|bytes| {
        #[expect(clippy::disallowed_methods, reason = "this is the source that is handed in")]
        let filled = getrandom::fill(bytes);
        #[expect(clippy::panic, reason = "a guessable key or token is worse than no answer")]
        if let Err(error) = filled {
            panic!("the operating system gives no randomness: {error}");
        }
    })
}
