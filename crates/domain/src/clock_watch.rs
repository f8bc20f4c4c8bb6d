//! Watching the server's clock: against one that nobody can set, against the database's, and
//! against what is written in the database already.

use std::fmt;
use std::time::Duration;

use crate::time::Timestamp;

/// By how much a clock may jump or differ without a word: a security code is good for 30 seconds.
pub const TOLERANCE: Duration = Duration::from_secs(5);
/// For how long a jump is told.
const JUMP_TOLD: Duration = Duration::from_mins(15);
/// 1 January 2026: before this program was written. A machine without a battery starts in 1970.
const WRITTEN: Timestamp = Timestamp::from_millis(1_767_225_600_000);
/// By how much the newest entry of the audit trail may lie ahead of the clock.
const AHEAD: Duration = Duration::from_hours(24);

/// What is wrong with the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockWarning {
    /// It moved by itself.
    Jumped {
        /// By how many milliseconds; negative when it was set back.
        by: i64,
    },
    /// It differs from the database's.
    Differs {
        /// How many milliseconds the server's clock is ahead; negative when it is behind.
        ahead: i64,
    },
    /// It shows a time before this program was written.
    NotSet,
    /// It shows a time long before the newest entry in the database.
    BeforeData {
        /// By how many milliseconds.
        by: i64,
    },
}

impl ClockWarning {
    /// Whether it is the same trouble, though its size may have changed.
    pub fn is_same_kind(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

/// What happened, as one line without a full stop.
impl fmt::Display for ClockWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Jumped { by } => {
                let way = if by < 0 { "back" } else { "ahead" };
                write!(f, "the server's clock jumped {way} by {}", Span(by))
            }
            Self::Differs { ahead } => {
                let way = if ahead < 0 { "behind" } else { "ahead of" };
                write!(f, "the server's clock is {} {way} the database's", Span(ahead))
            }
            Self::NotSet => {
                f.write_str("the server's clock is not set: it shows a time before 2026")
            }
            Self::BeforeData { by } => {
                write!(
                    f,
                    "the server's clock is {} behind the newest entry in the database",
                    Span(by)
                )
            }
        }
    }
}

/// A span of milliseconds in its largest unit, for people.
struct Span(i64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.unsigned_abs() / 1000;
        let (count, unit) = match seconds {
            0..=119 => (seconds, "second"),
            120..=7_199 => (seconds / 60, "minute"),
            7_200..=172_799 => (seconds / 3_600, "hour"),
            _ => (seconds / 86_400, "day"),
        };
        write!(f, "{count} {unit}{}", if count == 1 { "" } else { "s" })
    }
}

/// One look at all clocks.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// The server's clock.
    pub now: Timestamp,
    /// The steady clock, at the same moment.
    pub steady: Duration,
    /// By how many milliseconds the server's clock is surely ahead of the database's, or behind
    /// where negative; `None` where the database has no clock of its own or did not answer.
    pub ahead_of_database: Option<i64>,
    /// The newest entry in the audit trail.
    pub newest_entry: Option<Timestamp>,
}

/// By how much the server's clock is surely ahead of the database's, which was asked between two
/// looks at ours: the time that the answer took is nobody's fault.
pub fn surely_ahead(before: Timestamp, database: Timestamp, after: Timestamp) -> i64 {
    if database < before {
        before.millis().saturating_sub(database.millis())
    } else if database > after {
        after.millis().saturating_sub(database.millis())
    } else {
        0
    }
}

/// What was seen of the clock so far.
#[derive(Clone, Debug, Default)]
pub struct ClockWatch {
    last: Option<(Timestamp, Duration)>,
    jump: Option<(i64, Duration)>,
    warnings: Vec<ClockWarning>,
}

impl ClockWatch {
    /// Takes a look into account; answers whether the warnings are others than before in kind, or a
    /// further jump was seen: then they are told anew.
    pub fn look(&mut self, look: Look) -> bool {
        let jumped = self.last.map_or(0, |(now, steady)| {
            let passed = look.steady.saturating_sub(steady).as_millis();
            let shown = look.now.millis().saturating_sub(now.millis());
            shown.saturating_sub(i64::try_from(passed).unwrap_or(i64::MAX))
        });
        self.last = Some((look.now, look.steady));
        let has_jumped = exceeds(jumped, TOLERANCE);
        if has_jumped {
            self.jump = Some((jumped, look.steady));
        }
        self.jump = self.jump.filter(|(_, at)| look.steady.saturating_sub(*at) < JUMP_TOLD);

        let behind =
            look.newest_entry.map(|entry| entry.millis().saturating_sub(look.now.millis()));
        let warnings = [
            (look.now < WRITTEN).then_some(ClockWarning::NotSet),
            behind
                .filter(|by| *by > 0 && exceeds(*by, AHEAD))
                .map(|by| ClockWarning::BeforeData { by }),
            look.ahead_of_database
                .filter(|ahead| exceeds(*ahead, TOLERANCE))
                .map(|ahead| ClockWarning::Differs { ahead }),
            self.jump.map(|(by, _)| ClockWarning::Jumped { by }),
        ];
        let warnings: Vec<ClockWarning> = warnings.into_iter().flatten().collect();
        let same = warnings.len() == self.warnings.len()
            && warnings.iter().zip(&self.warnings).all(|(new, old)| new.is_same_kind(old));
        self.warnings = warnings;
        has_jumped || !same
    }

    /// What is wrong now, the worst first.
    pub fn warnings(&self) -> &[ClockWarning] {
        &self.warnings
    }
}

fn exceeds(millis: i64, bound: Duration) -> bool {
    u128::from(millis.unsigned_abs()) > bound.as_millis()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{ClockWarning, ClockWatch, Look, surely_ahead};
    use crate::time::Timestamp;

    const NOW: i64 = 1_800_000_000_000;

    fn at(now: i64, steady: u64) -> Look {
        Look {
            now: Timestamp::from_millis(now),
            steady: Duration::from_secs(steady),
            ahead_of_database: None,
            newest_entry: None,
        }
    }

    #[test]
    fn a_jump_is_told_for_a_quarter_of_an_hour() {
        let mut watch = ClockWatch::default();
        assert!(!watch.look(at(NOW, 100)), "the first look has nothing to compare");
        assert!(!watch.look(at(NOW + 10_000, 105)), "five seconds are not told");
        assert!(watch.look(at(NOW - 3_600_000, 110)));
        assert_eq!(watch.warnings(), [ClockWarning::Jumped { by: -3_615_000 }]);
        let text = watch.warnings()[0].to_string();
        assert_eq!(text, "the server's clock jumped back by 60 minutes");
        assert!(!watch.look(at(NOW - 3_600_000 + 899_000, 1009)), "told once");
        assert_eq!(watch.warnings().len(), 1);
        assert!(watch.look(at(NOW - 3_600_000 + 900_000, 1010)), "its end is told too");
        assert!(watch.warnings().is_empty());
        // A second jump within the quarter is told although the kind is the same.
        assert!(watch.look(at(NOW, 1011)) && watch.look(at(NOW + 9_000, 1012)));
    }

    #[test]
    fn a_difference_stands_for_as_long_as_it_is_true() {
        let mut watch = ClockWatch::default();
        for (ahead, told, warns) in
            [(5_000, false, false), (5_001, true, true), (-9_000, false, true), (0, true, false)]
        {
            let look = Look { ahead_of_database: Some(ahead), ..at(NOW, 0) };
            assert_eq!((watch.look(look), !watch.warnings().is_empty()), (told, warns), "{ahead}");
        }
        let warning = ClockWarning::Differs { ahead: -9_000 };
        assert_eq!(warning.to_string(), "the server's clock is 9 seconds behind the database's");
    }

    #[test]
    fn the_time_that_an_answer_took_is_no_difference() {
        let time = Timestamp::from_millis;
        assert_eq!(surely_ahead(time(1_000), time(4_000), time(9_000)), 0);
        assert_eq!(surely_ahead(time(8_000), time(1_000), time(9_000)), 7_000);
        assert_eq!(surely_ahead(time(1_000), time(9_500), time(2_000)), -7_500);
    }

    #[test]
    fn a_clock_of_1970_or_a_day_behind_the_data_is_told() {
        let mut watch = ClockWatch::default();
        assert!(watch.look(at(3_000, 0)));
        assert_eq!(watch.warnings(), [ClockWarning::NotSet]);
        let day = 86_400_000;
        let entry = |millis| Some(Timestamp::from_millis(millis));
        let mut watch = ClockWatch::default();
        assert!(!watch.look(Look { newest_entry: entry(NOW + day), ..at(NOW, 0) }));
        assert!(watch.look(Look { newest_entry: entry(NOW + day + 1), ..at(NOW, 0) }));
        assert_eq!(watch.warnings(), [ClockWarning::BeforeData { by: day + 1 }]);
        assert!(watch.look(Look { newest_entry: entry(NOW - 9 * day), ..at(NOW, 0) }));
    }
}
