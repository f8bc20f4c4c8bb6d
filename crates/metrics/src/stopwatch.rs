//! How long something takes.

use std::time::Instant;

/// Measures from its start until it is noted in a [`crate::Histogram`], which alone can read it.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts.
    pub fn start() -> Self {
        #[expect(clippy::disallowed_methods, reason = "what it measures decides nothing")]
        Self(Instant::now())
    }

    /// Nanoseconds since the start.
    pub(crate) fn nanos(self) -> u64 {
        #[expect(clippy::disallowed_methods, reason = "what it measures decides nothing")]
        let elapsed = self.0.elapsed();
        // 584 years fit.
        u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
    }
}
