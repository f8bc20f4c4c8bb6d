//! A clock that stands until it is moved.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use vestibule_domain::time::{Clock, Timestamp};

/// 15 January 2027, 08:00 UTC, ten seconds into a TOTP step.
const START: i64 = 1_800_000_010_000;

/// Shared by all that it is cloned into.
#[derive(Clone)]
pub struct MovableClock {
    now: Arc<AtomicI64>,
    /// What the steady clock shows, which nobody can set.
    steady: Arc<AtomicU64>,
}

impl Default for MovableClock {
    fn default() -> Self {
        Self { now: Arc::new(AtomicI64::new(START)), steady: Arc::default() }
    }
}

impl MovableClock {
    /// The time on it.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now.load(Ordering::SeqCst))
    }

    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        self.now.fetch_add(millis(by), Ordering::SeqCst);
        self.steady.fetch_add(millis(by).unsigned_abs(), Ordering::SeqCst);
    }

    /// Sets it, without any time passing.
    pub fn set(&self, now: Timestamp) {
        self.now.store(now.millis(), Ordering::SeqCst);
    }

    /// Sets it back, without any time passing.
    pub fn set_back(&self, by: Duration) {
        self.set(self.now().minus(by));
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
        let (clock, steady) = (self.clone(), Arc::clone(&self.steady));
        Clock::new(
            move || clock.now(),
            move || Duration::from_millis(steady.load(Ordering::SeqCst)),
        )
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap()
}
