//! Walking along the audit trail's chain, and saying what is wrong and where.
//!
//! The verifier is fed event by event, so that a million of them need no memory, from the database
//! or from an exported file alike.

use std::collections::BTreeMap;
use std::fmt;

use crate::audit_chain::{ChainHash, Head, Record, Segment, SegmentWhy};
use crate::time::Timestamp;

/// A head that was written down outside the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportedHead {
    /// The head.
    pub head: Head,
    /// Where it is written, for the complaint: a file and a line.
    pub place: String,
}

/// What is wrong with a chain. Its text is one line that names the position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The event does not give the hash that was sealed.
    Changed {
        /// Where.
        position: i64,
    },
    /// No event stands at a position.
    Missing {
        /// The first position without one.
        position: i64,
        /// What stands there instead.
        found: i64,
    },
    /// An event stands at a position that was counted already, or before the first.
    Surplus {
        /// Where.
        position: i64,
    },
    /// An event stands after the head.
    AfterHead {
        /// Where.
        position: i64,
        /// Where the chain says that it ends.
        head: i64,
    },
    /// The chain ends elsewhere than it says.
    WrongHead {
        /// The last event that was found.
        last: i64,
        /// Where the chain says that it ends.
        head: i64,
    },
    /// The records about a segment do not fit the chain.
    Segment {
        /// Its number.
        number: i64,
        /// Where it begins.
        position: i64,
    },
    /// An exported head names another hash.
    Recomputed {
        /// Where.
        position: i64,
        /// Where the head is written.
        place: String,
        /// The restore that explains it, if there is one.
        restored: Option<Restore>,
    },
    /// An exported head stands after the end.
    CutOff {
        /// The last event that was found.
        last: i64,
        /// The position of the exported head.
        position: i64,
        /// Where the head is written.
        place: String,
        /// The restore that explains it, if there is one.
        restored: Option<Restore>,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed { position } => write!(
                f,
                "position {position}: this is not the event that was sealed here; it was changed, \
                 inserted or moved"
            ),
            Self::Missing { position, found } => write!(
                f,
                "position {position}: the event is missing; the next one is at position {found}"
            ),
            Self::Surplus { position } => write!(
                f,
                "position {position}: an event stands where none belongs; it was inserted or moved"
            ),
            Self::AfterHead { position, head } => write!(
                f,
                "position {position}: an event stands after the head, which is at position {head}; \
                 it was inserted, or the head was set back"
            ),
            Self::WrongHead { last, head } if last < head => write!(
                f,
                "position {}: the event is missing; the events end at position {last}, but the \
                 head is at position {head}",
                last + 1
            ),
            Self::WrongHead { last, head } => write!(
                f,
                "position {last}: the last event is not the one that the head at position {head} \
                 names"
            ),
            Self::Segment { number, position } => write!(
                f,
                "position {position}: what is recorded about segment {number} does not fit the \
                 chain"
            ),
            Self::Recomputed { position, place, restored } => write!(
                f,
                "position {position}: the head that was exported in {place} is another; the chain \
                 was computed anew at or before this position{}",
                Explained(*restored)
            ),
            Self::CutOff { last, position, place, restored } => write!(
                f,
                "position {}: the events end at position {last}, but a head at position \
                 {position} was exported in {place}; the end was cut off{}",
                last + 1,
                Explained(*restored)
            ),
        }
    }
}

impl std::error::Error for Fault {}

struct Explained(Option<Restore>);

impl fmt::Display for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(restore) => write!(
                f,
                ", or this is the restore that segment {} records: if you know of it, verify with \
                 --restored",
                restore.segment
            ),
            None => Ok(()),
        }
    }
}

/// A restore, as the segment after it records it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restore {
    /// Number of the segment.
    pub segment: i64,
    /// When it began.
    pub at: Timestamp,
    first: i64,
    /// The last position of the database that was replaced, where it is known.
    replaced: Option<i64>,
}

impl Restore {
    fn explains(&self, position: i64) -> bool {
        position >= self.first && self.replaced.is_none_or(|last| position <= last)
    }
}

/// What was found to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Events that were read and are the ones that were sealed.
    pub events: u64,
    /// Events of which only the hash was there.
    pub withheld: u64,
    /// The last of them.
    pub head: Head,
    /// Exported heads that are in this chain.
    pub agreed: u64,
    /// Exported heads before the first event that is still kept.
    pub before: u64,
    /// Exported heads that a restore explains.
    pub replaced: u64,
    /// Segments that retention removed.
    pub removed: u64,
    /// Restores that the chain records.
    pub restores: Vec<Restore>,
}

/// Walks along a chain.
pub struct Verifier {
    last: Head,
    link: ChainHash,
    heads: BTreeMap<i64, Vec<ExportedHead>>,
    /// Whether a restore that the chain records excuses heads of the database that it replaced.
    accept_restores: bool,
    /// Heads that are not in this chain, until it is known whether a restore explains them.
    strange: Vec<(i64, String)>,
    found: Verified,
}

impl Verifier {
    /// At the beginning, with the heads to hold the chain against.
    pub fn new(heads: Vec<ExportedHead>, accept_restores: bool) -> Self {
        let mut by_position: BTreeMap<i64, Vec<ExportedHead>> = BTreeMap::new();
        for head in heads {
            by_position.entry(head.head.position).or_default().push(head);
        }
        Self {
            last: Head::START,
            link: ChainHash::START,
            heads: by_position,
            accept_restores,
            strange: vec![],
            found: Verified {
                events: 0,
                withheld: 0,
                head: Head::START,
                agreed: 0,
                before: 0,
                replaced: 0,
                removed: 0,
                restores: vec![],
            },
        }
    }

    /// Goes on at `head`, which is taken on trust: what an export begins after.
    pub fn start_after(&mut self, head: Head) {
        self.arrive_at(head);
    }

    /// Notes a segment whose events are gone; its end is taken on trust.
    pub fn removed_segment(&mut self, segment: &Segment, last: Head) -> Result<(), Fault> {
        let fault = Fault::Segment { number: segment.number, position: segment.first };
        if self.found.events > 0 || last.position < self.last.position {
            return Err(fault);
        }
        self.segment(segment)?;
        self.found.removed += 1;
        if last.position > self.last.position {
            self.arrive_at(last);
        } else if last != self.last {
            return Err(fault);
        }
        Ok(())
    }

    /// Notes a segment, before its first event.
    pub fn segment(&mut self, segment: &Segment) -> Result<(), Fault> {
        let expected = self.last.position.saturating_add(1);
        if segment.first > expected {
            return Err(Fault::Missing { position: expected, found: segment.first });
        }
        if segment.first < expected || segment.before != self.last.hash {
            return Err(Fault::Segment { number: segment.number, position: segment.first });
        }
        self.link = self.link.then_segment(segment);
        if let Ok(SegmentWhy::Restored(replaced)) = segment.why.parse() {
            self.found.restores.push(Restore {
                segment: segment.number,
                at: segment.began_at,
                first: segment.first,
                replaced: replaced.map(|head| head.position),
            });
        }
        Ok(())
    }

    /// Holds an event against the hash that was sealed with it.
    pub fn event(&mut self, at: i64, record: &Record, sealed: &ChainHash) -> Result<(), Fault> {
        let next = self.next(at, &record.digest())?;
        if next.hash != *sealed {
            return Err(Fault::Changed { position: at });
        }
        self.found.events += 1;
        self.step_to(next);
        Ok(())
    }

    /// Goes over an event of which only the hash is there.
    pub fn withheld(&mut self, at: i64, digest: &ChainHash) -> Result<(), Fault> {
        let next = self.next(at, digest)?;
        self.found.withheld += 1;
        self.step_to(next);
        Ok(())
    }

    /// Says what holds, if the chain ends where it says.
    pub fn finish(mut self, head: &Head) -> Result<Verified, Fault> {
        if self.last != *head {
            return Err(Fault::WrongHead { last: self.last.position, head: head.position });
        }
        let beyond = self.last.position.saturating_add(1);
        for exported in self.heads.split_off(&beyond).into_values().flatten() {
            self.strange.push((exported.head.position, exported.place));
        }
        for (position, place) in std::mem::take(&mut self.strange) {
            let restored =
                self.found.restores.iter().find(|restore| restore.explains(position)).copied();
            if self.accept_restores && restored.is_some() {
                self.found.replaced += 1;
                continue;
            }
            let last = self.last.position;
            return Err(if position > last {
                Fault::CutOff { last, position, place, restored }
            } else {
                Fault::Recomputed { position, place, restored }
            });
        }
        Ok(Verified { head: self.last, ..self.found })
    }

    /// Where the chain has come to.
    pub fn position(&self) -> i64 {
        self.last.position
    }

    fn next(&self, position: i64, digest: &ChainHash) -> Result<Head, Fault> {
        let expected = self.last.position.saturating_add(1);
        if position > expected {
            return Err(Fault::Missing { position: expected, found: position });
        }
        if position < expected {
            return Err(Fault::Surplus { position });
        }
        Ok(self.last.with(&self.link, digest))
    }

    fn step_to(&mut self, head: Head) {
        self.last = head;
        self.link = head.hash;
        if let Some(exported) = self.heads.remove(&head.position) {
            self.compare(head, exported);
        }
    }

    fn arrive_at(&mut self, head: Head) {
        let later = self.heads.split_off(&head.position);
        let earlier = std::mem::replace(&mut self.heads, later);
        self.found.before += earlier.into_values().map(|heads| heads.len() as u64).sum::<u64>();
        self.step_to(head);
    }

    fn compare(&mut self, head: Head, exported: Vec<ExportedHead>) {
        for exported in exported {
            if exported.head.hash == head.hash {
                self.found.agreed += 1;
            } else {
                self.strange.push((head.position, exported.place));
            }
        }
    }
}
