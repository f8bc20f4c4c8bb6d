//! A clock that stands until it is moved.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use vestibule_domain::time::{Clock, Timestamp};

/// 15 January 2027, 08:00 UTC, ten seconds into a TOTP step.
const START: i64 = 1_800_000_010_000;

/// Shared by all that it is cloned into.
#[derive(Clone)]
pub struct MovableClock(Arc<AtomicI64>);

impl Default for MovableClock {
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(START)))
    }
}

impl MovableClock {
    /// The time on it.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }

    /// Moves it on.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(millis(by), Ordering::SeqCst);
    }

    /// Sets it back.
    pub fn set_back(&self, by: Duration) {
        self.0.fetch_sub(millis(by), Ordering::SeqCst);
    }

    /// Moves it to the next TOTP step, so that the app shows another code.
    pub fn next_code(&self) {
        self.advance(Duration::from_secs(30));
    }

    /// Moves it on until no proof given so far is fresh; sessions stay.
    pub fn outlive_proofs(&self) {
        self.advance(Duration::from_secs(5 * 60 + 1));
    }

    /// Moves it on until no wait between attempts is left; sessions stay.
    pub fn outlive_waits(&self) {
        self.advance(vestibule_domain::limits::wait::LONGEST);
    }

    /// The clock as the program takes it.
    pub fn clock(&self) -> Clock {
        let clock = self.clone();
        Clock::new(move || clock.now())
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap()
}
