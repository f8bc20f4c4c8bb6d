//! No enumeration (design, rule 8): whoever is asked for at the first door, an address that somebody has
//! and one that nobody has get the same bytes, for the same work, in the same time.
//!
//! Requests are answered in process and hashes cost next to nothing: twenty milliseconds of Argon2id, or a
//! network, would hide in their noise what this looks for. Of each pair one request of either class is
//! sent in turn, in an order that is tossed up each time, so that a machine that grows slower does so for both.

mod auc;
mod door;

use vestibule_testkit::Database;

use crate::Report;
use auc::area_under_curve;
use door::{Answered, Door};

/// How far from chance a classifier may be that knows nothing but the time.
const CHANCE: std::ops::RangeInclusive<f64> = 0.47..=0.53;
/// A database that has seen more requests than these is left for a fresh one.
const ROUNDS_OF_A_DOOR: usize = 500;

/// Who has, or has not, the address that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// Nobody.
    Unknown,
    /// A user without a factor.
    Known,
    /// A user with one.
    WithFactor,
    /// A user who is disabled; the password that is typed is theirs.
    Disabled,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asks {
    /// To sign in.
    SignIn,
    /// The same, after so many attempts that the next has to wait.
    SignInTooSoon,
    /// For a link, for the password is forgotten.
    Forgotten,
}

impl Asks {
    /// What either is answered, and how many hashes that costs.
    fn answer(self) -> (u16, u64) {
        match self {
            Self::SignIn => (401, 1),
            Self::SignInTooSoon => (429, 0),
            Self::Forgotten => (303, 0),
        }
    }
}

/// Two classes of requests that nobody may tell apart.
struct Pair {
    name: &'static str,
    asks: Asks,
    classes: [Who; 2],
}

const PAIRS: [Pair; 5] = [
    Pair { name: "unknown or known", asks: Asks::SignIn, classes: [Who::Unknown, Who::Known] },
    Pair {
        name: "with MFA or without",
        asks: Asks::SignIn,
        classes: [Who::WithFactor, Who::Known],
    },
    Pair {
        name: "disabled or unknown",
        asks: Asks::SignIn,
        classes: [Who::Disabled, Who::Unknown],
    },
    Pair {
        name: "unknown or known, when it comes too soon",
        asks: Asks::SignInTooSoon,
        classes: [Who::Unknown, Who::Known],
    },
    Pair {
        name: "unknown or known, for a forgotten password",
        asks: Asks::Forgotten,
        classes: [Who::Unknown, Who::Known],
    },
];

/// How much is asked.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Options {
    /// Requests of each class; 0 looks at bytes and hashes alone
    #[arg(long, default_value_t = 2_000)]
    pub samples: usize,
    /// How often as many are sent again where the time seems to tell something
    #[arg(long, default_value_t = 2)]
    pub again: usize,
}

/// The short form: the same bytes and the same number of hashes, without a stopwatch.
pub async fn bytes_and_hashes(database: Database) -> Report {
    let mut report = Report::default();
    for pair in &PAIRS {
        let door = Door::new(database, pair.asks, pair.classes, 3).await;
        for _ in 0..3 {
            pair.ask(&door, &mut report).await;
        }
    }
    report
}

/// The long form.
pub async fn report(options: &Options) -> Report {
    let mut report = Report::default();
    let (mut requests, mut farthest) = (0, 0.5_f64);
    for database in [Database::Sqlite, Database::Postgres] {
        report.violations.extend(bytes_and_hashes(database).await.violations);
        for pair in &PAIRS {
            let name = format!("{}, {database:?}", pair.name);
            let mut times = [vec![], vec![]];
            let mut tries = vec![];
            for _ in 0..=options.again {
                pair.measure(database, options.samples, &mut times, &mut report).await;
                let area = area_under_curve(&times[0], &times[1]);
                eprintln!("{name}: {area:.3} of {} samples a class", times[0].len());
                tries.push(area);
                if CHANCE.contains(&area) || options.samples == 0 {
                    break;
                }
            }
            requests += times[0].len() + times[1].len();
            let Some(last) = tries.last().copied().filter(|_| options.samples > 0) else {
                continue;
            };
            if (last - 0.5).abs() > (farthest - 0.5).abs() {
                farthest = last;
            }
            let samples = times[0].len();
            report.figure(&format!("{name}: AUC over {samples} a class"), format!("{last:.3}"));
            if !CHANCE.contains(&last) {
                report.violation(format!("{name}: the time tells which it is, AUC {tries:.3?}"));
            }
        }
    }
    report.figure("requests timed", requests);
    report.figure("farthest from 0.5", format!("{farthest:.3}"));
    report
}

impl Pair {
    /// One request of each class, in an order that is tossed up; what differs is noted.
    async fn ask(&self, door: &Door, report: &mut Report) -> [Answered; 2] {
        let first = usize::from(door.toss());
        let mut answers = [None, None];
        for at in [first, 1 - first] {
            answers[at] = Some(door.ask(self.asks, self.classes[at]).await);
        }
        door.next();
        let answers = answers.map(|answer| answer.expect("both were asked"));
        let (status, hashes) = self.asks.answer();
        for (answer, who) in answers.iter().zip(self.classes) {
            if answer.status != status || answer.hashes != hashes {
                let found = (answer.status, answer.hashes);
                let story = format!("{}: {who:?} is answered {found:?}", self.name);
                report
                    .violation(format!("{story} in status and hashes, not {:?}", (status, hashes)));
            }
        }
        if answers[0].bytes != answers[1].bytes {
            let [one, other] = &answers;
            report.violation(format!("{}: {}\n---\n{}", self.name, one.bytes, other.bytes));
        }
        answers
    }

    /// So many requests of each class, and how long each took.
    async fn measure(
        &self,
        database: Database,
        samples: usize,
        times: &mut [Vec<u64>; 2],
        report: &mut Report,
    ) {
        let mut left = samples;
        while left > 0 {
            let door = Door::new(database, self.asks, self.classes, 16).await;
            // What is compiled, read and connected for the first time is not measured.
            for _ in 0..20 {
                self.ask(&door, report).await;
            }
            for _ in 0..left.min(ROUNDS_OF_A_DOOR) {
                let answers = self.ask(&door, report).await;
                for (times, answer) in times.iter_mut().zip(&answers) {
                    times.push(answer.nanoseconds);
                }
            }
            left = left.saturating_sub(ROUNDS_OF_A_DOOR);
            if !report.holds() {
                return;
            }
        }
    }
}
