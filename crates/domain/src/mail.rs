//! When a mail is tried again, and how often one may be asked for.

use std::time::Duration;

/// How long a mail belongs to the node that has begun to send it: longer than sending may take and
/// two nodes' clocks may differ, so that nobody sends it a second time meanwhile.
pub const CLAIM: Duration = Duration::from_mins(2);

/// How many attempts a mail is given: with the pauses between them, a day. They are counted and not
/// timed, so that a clock that jumps loses none.
pub const ATTEMPTS: i64 = 29;

/// The pause after attempt number `attempt`, the first being 1: a minute, doubling to an hour.
pub fn pause_after(attempt: i64) -> Duration {
    let doublings = u32::try_from(attempt.clamp(1, 7) - 1).unwrap_or(0);
    Duration::from_mins(1 << doublings).min(Duration::from_hours(1))
}

/// How often something may be asked for: at most `times` within `window`, from the first time on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AskLimit {
    /// How often.
    pub times: i64,
    /// Within how long.
    pub window: Duration,
}

/// Mails to one address for a forgotten password, whether somebody has the address or not.
pub const FORGOTTEN_BY_ADDRESS: AskLimit = AskLimit { times: 1, window: Duration::from_mins(5) };
/// The same from one network: a company whose people come back on a Monday is not shut out.
pub const FORGOTTEN_BY_NETWORK: AskLimit = AskLimit { times: 10, window: Duration::from_mins(1) };
/// How many of them wait at most, from everywhere: whoever asks from ten thousand networks fills no
/// disk with it. It counts whoever asks for whatever address, so that it tells nothing.
pub const FORGOTTEN_WAITING: i64 = 10_000;
/// How many counts of what was asked for are kept; beyond that the oldest go.
pub const ASKS_IN_ALL: i64 = 100_000;
/// Mails to confirm new addresses that one user asks for.
pub const ADDRESSES_BY_USER: AskLimit = AskLimit { times: 5, window: Duration::from_hours(1) };

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{ATTEMPTS, CLAIM, pause_after};

    #[test]
    fn a_mail_is_tried_for_a_day() {
        assert_eq!(pause_after(1), Duration::from_mins(1));
        assert_eq!(pause_after(4), Duration::from_mins(8));
        assert_eq!(pause_after(i64::MAX), Duration::from_hours(1));
        let all: Duration = (1..ATTEMPTS).map(pause_after).sum();
        assert!((23..=25).contains(&(all.as_secs() / 3600)), "{all:?}");
        assert!(CLAIM > Duration::from_mins(1), "than two clocks may differ");
    }
}
