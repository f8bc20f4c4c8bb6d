//! The hash chain over the audit trail: each event's hash covers all of it and the hash before it.
//!
//! Pure functions over plain values. The sealer (`vestibule-store`) computes the chain with them and
//! the verifier ([`crate::audit_verify`]) computes it again. `docs/audit.md` describes the encoding,
//! so that an auditor can compute it without this program.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::time::Timestamp;

/// For how long one process alone seals. A process that dies holds the others up for that long.
pub const LEASE: Duration = Duration::from_secs(5);
/// What strangers can cause at will is counted in one row over this time.
pub const COUNTED_OVER: Duration = Duration::from_mins(1);
/// A segment that holds so many events is closed: what retention removes at once stays small.
const SEGMENT_EVENTS: i64 = 10_000;
/// A segment that is so old is closed: retention counts days.
const SEGMENT_AGE: Duration = Duration::from_hours(24);

/// SHA-256 of a link of the chain, or of an event by itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChainHash([u8; 32]);

/// The text is not a hash: 64 hexadecimal digits, small letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a hash of 64 hexadecimal digits")]
pub struct NotAHash;

impl ChainHash {
    /// What stands before the first event.
    pub const START: Self = Self([0; 32]);

    /// The hash of 32 stored bytes; `None` for any other length.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The 32 bytes for the database.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The hash after this one: of the event at `position` whose own hash is `digest`.
    #[must_use]
    pub fn then(&self, position: i64, digest: &Self) -> Self {
        Encoding::new("vestibule/1/audit-link").bytes(&self.0).int(position).bytes(&digest.0).end()
    }

    /// What the first event of a segment follows: the hash before it and the segment's own words,
    /// so that nobody can say afterwards that it began for another reason.
    #[must_use]
    pub fn then_segment(&self, segment: &Segment) -> Self {
        Encoding::new("vestibule/1/audit-segment")
            .bytes(&self.0)
            .int(segment.number)
            .int(segment.first)
            .int(segment.began_at.millis())
            .text(&segment.why)
            .end()
    }
}

impl fmt::Display for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ChainHash {
    type Err = NotAHash;

    fn from_str(text: &str) -> Result<Self, NotAHash> {
        // One spelling only: the form that `Display` writes.
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let digits = text.as_bytes();
        let mut bytes = [0; 32];
        if digits.len() != 64 {
            return Err(NotAHash);
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let (high, low) = (digit(pair[0]).ok_or(NotAHash)?, digit(pair[1]).ok_or(NotAHash)?);
            *byte = high << 4 | low;
        }
        Ok(Self(bytes))
    }
}

/// The last link of a chain: whoever knows it knows, by its hash, all that is before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Position of the last event; 0 where there is none.
    pub position: i64,
    /// Its hash in the chain.
    pub hash: ChainHash,
}

impl Head {
    /// Before the first event.
    pub const START: Self = Self { position: 0, hash: ChainHash::START };

    /// The head with one event more, at the next position, after `link`.
    #[must_use]
    pub fn with(self, link: &ChainHash, digest: &ChainHash) -> Self {
        let position = self.position.saturating_add(1);
        Self { position, hash: link.then(position, digest) }
    }
}

/// An event as it is stored: every word of it that an auditor reads. Texts are as they are found,
/// for a verifier meets also what this program never wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Its identifier, which is random: nobody finds the event by guessing at its hash.
    pub id: String,
    /// When it happened, in Unix milliseconds; of a counted one, the first time.
    pub at: i64,
    /// What happened: [`crate::audit::AuditKind::as_str`].
    pub kind: String,
    /// In which account.
    pub account: Option<String>,
    /// Who acted.
    pub actor: Option<String>,
    /// Whom it concerns.
    pub user: Option<String>,
    /// In which session.
    pub session: Option<String>,
    /// From which address.
    pub address: String,
    /// What else there is to read.
    pub detail: String,
    /// How often, within its minute.
    pub count: i64,
}

impl Record {
    /// The hash of the event by itself. It stands in the chain in the event's place where the
    /// reader of an export must not see the event.
    pub fn digest(&self) -> ChainHash {
        Encoding::new("vestibule/1/audit-event")
            .text(&self.id)
            .int(self.at)
            .text(&self.kind)
            .maybe(self.account.as_deref())
            .maybe(self.actor.as_deref())
            .maybe(self.user.as_deref())
            .maybe(self.session.as_deref())
            .text(&self.address)
            .text(&self.detail)
            .int(self.count)
            .end()
    }
}

/// A run of consecutive events that retention removes as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// 1, 2, 3, …
    pub number: i64,
    /// Position of its first event.
    pub first: i64,
    /// The chain's hash before it.
    pub before: ChainHash,
    /// When it began.
    pub began_at: Timestamp,
    /// Why: [`SegmentWhy`] as text.
    pub why: String,
}

/// Why a segment begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentWhy {
    /// There was none.
    First,
    /// The one before it held enough.
    Full,
    /// The one before it was a day old.
    Day,
    /// The database was put back to an earlier state. Holds the last head of the database that was
    /// replaced, where that could be read: heads that were exported from it up to there are not in
    /// this chain.
    Restored(Option<Head>),
}

impl fmt::Display for SegmentWhy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First => f.write_str("first"),
            Self::Full => f.write_str("full"),
            Self::Day => f.write_str("day"),
            Self::Restored(None) => f.write_str("restored"),
            Self::Restored(Some(head)) => write!(f, "restored {} {}", head.position, head.hash),
        }
    }
}

/// The text is no reason that this program writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a reason for a segment")]
pub struct NotAReason;

impl FromStr for SegmentWhy {
    type Err = NotAReason;

    fn from_str(text: &str) -> Result<Self, NotAReason> {
        match text {
            "first" => return Ok(Self::First),
            "full" => return Ok(Self::Full),
            "day" => return Ok(Self::Day),
            "restored" => return Ok(Self::Restored(None)),
            _ => {}
        }
        let head = text.strip_prefix("restored ").and_then(|head| head.split_once(' '));
        let (position, hash) = head.ok_or(NotAReason)?;
        let position = position.parse().map_err(|_| NotAReason)?;
        let hash = hash.parse().map_err(|_| NotAReason)?;
        Ok(Self::Restored(Some(Head { position, hash })))
    }
}

/// Why the next event begins a new segment, if it does.
pub fn segment_ends(events: i64, began_at: Timestamp, now: Timestamp) -> Option<SegmentWhy> {
    // A clock that was ahead when the segment began and is right again must not keep it open.
    let is_old = began_at.age_at(now).is_none_or(|age| age >= SEGMENT_AGE);
    if events >= SEGMENT_EVENTS {
        Some(SegmentWhy::Full)
    } else if is_old && events > 0 {
        Some(SegmentWhy::Day)
    } else {
        None
    }
}

/// Which counted rows may still be counted in at `now`: those that began at or after the first
/// moment and before the second. They are sealed when that is over, and then never change. A row of
/// another time, of a clock that jumped, waits for nothing.
pub fn still_counting(now: Timestamp) -> (Timestamp, Timestamp) {
    let minute = minute_of(now).saturating_mul(over());
    let from = Timestamp::from_millis(minute);
    // A node whose clock is a little ahead is in the next minute already.
    (from, from.plus(COUNTED_OVER).plus(COUNTED_OVER))
}

/// The number of the minute in which a counted event is counted.
pub fn minute_of(now: Timestamp) -> i64 {
    now.millis().div_euclid(over())
}

fn over() -> i64 {
    i64::try_from(COUNTED_OVER.as_millis()).unwrap_or(i64::MAX)
}

/// Texts with their length before them and numbers of eight bytes, so that no two lists of values
/// give the same bytes.
struct Encoding(Sha256);

impl Encoding {
    fn new(purpose: &str) -> Self {
        Self(Sha256::new()).text(purpose)
    }

    fn int(mut self, number: i64) -> Self {
        self.0.update(number.to_be_bytes());
        self
    }

    fn bytes(mut self, bytes: &[u8; 32]) -> Self {
        self.0.update(bytes);
        self
    }

    fn text(mut self, text: &str) -> Self {
        self.0.update((text.len() as u64).to_be_bytes());
        self.0.update(text.as_bytes());
        self
    }

    fn maybe(mut self, text: Option<&str>) -> Self {
        self.0.update([u8::from(text.is_some())]);
        match text {
            Some(text) => self.text(text),
            None => self,
        }
    }

    fn end(self) -> ChainHash {
        ChainHash(self.0.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::{ChainHash, Head, Record, SegmentWhy, Timestamp, segment_ends, still_counting};

    /// An installation's heads outlive its version: what was sealed once is verified for ever. These
    /// numbers were computed by the Python program in `docs/audit.md`.
    #[test]
    fn the_encoding_never_changes() {
        let record = Record {
            id: "0190c0de-0000-7000-8000-000000000001".into(),
            at: 1_800_000_000_123,
            kind: "policy.required".into(),
            account: Some("acme".into()),
            actor: None,
            user: Some(String::new()),
            session: None,
            address: "192.0.2.7".into(),
            detail: "Grüße".into(),
            count: 1,
        };
        assert_eq!(
            record.digest().to_string(),
            "d8bc10408e6b8cccdc7e2667ef9ab1cdfe0b6207b254a796fd10e5d51c5e2c3f"
        );
        assert_eq!(
            ChainHash::START.then(1, &record.digest()).to_string(),
            "c1afd0cecb8f8230c304f9a838096c4cd11a0ffacdde89ecbd2b5e8933f92653"
        );
    }

    #[test]
    fn hashes_and_reasons_are_read_as_they_are_written() {
        let hash = Record::default().digest();
        assert_eq!(hash.to_string().parse(), Ok(hash));
        for bad in ["", "00", &hash.to_string().to_uppercase(), &format!("{hash}0")] {
            assert!(bad.parse::<ChainHash>().is_err(), "{bad}");
        }
        let restored = SegmentWhy::Restored(Some(Head { position: 7, hash }));
        for why in [SegmentWhy::First, SegmentWhy::Full, SegmentWhy::Day, restored] {
            assert_eq!(why.to_string().parse(), Ok(why));
        }
        assert_eq!("restored".parse(), Ok(SegmentWhy::Restored(None)));
        for bad in ["", "restored 7", "restored x y", "because"] {
            assert!(bad.parse::<SegmentWhy>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_segment_ends_when_it_is_full_or_a_day_old() {
        let day = 24 * 60 * 60 * 1000;
        let at = Timestamp::from_millis;
        assert_eq!(segment_ends(9_999, at(0), at(day - 1)), None);
        assert_eq!(segment_ends(10_000, at(0), at(0)), Some(SegmentWhy::Full));
        assert_eq!(segment_ends(1, at(0), at(day)), Some(SegmentWhy::Day));
        assert_eq!(segment_ends(0, at(0), at(day)), None, "an empty one stays");
        assert_eq!(segment_ends(1, at(day), at(0)), Some(SegmentWhy::Day), "a clock set back");
    }

    #[test]
    fn a_counted_row_waits_for_the_end_of_its_minute_and_no_longer() {
        let (from, until) = still_counting(Timestamp::from_millis(3 * 60_000 + 59_999));
        assert_eq!((from.millis(), until.millis()), (3 * 60_000, 5 * 60_000));
    }
}
