//! The one place that reads the clocks and the operating system's randomness.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::macros::format_description;
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

/// A moment for people, `2026-11-24 08:00:00 UTC`.
pub(crate) fn said(moment: Timestamp) -> String {
    let form = format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC");
    formatted(moment, form)
}

/// A moment for the name of a file, `20261124T080000Z`.
pub(crate) fn stamp(moment: Timestamp) -> String {
    formatted(moment, format_description!("[year][month][day]T[hour][minute][second]Z"))
}

fn formatted(
    moment: Timestamp,
    form: &[time::format_description::BorrowedFormatItem<'_>],
) -> String {
    let moment = OffsetDateTime::from_unix_timestamp(moment.millis().div_euclid(1000));
    // What cannot be written is a year that no clock shows.
    moment.ok().and_then(|moment| moment.format(form).ok()).unwrap_or_default()
}
