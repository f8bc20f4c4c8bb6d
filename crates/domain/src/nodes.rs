//! Which serving processes are alive, judged by whether they still count on: no clock of one
//! machine is held against another's, so a clock that jumps makes nobody dead.

use std::collections::HashMap;
use std::time::Duration;

use crate::id::NodeId;

/// How often a node counts on, at the latest.
pub const BEAT: Duration = Duration::from_secs(10);
/// A node that has not counted on for so long, while somebody watched, is dead.
pub const DEAD_AFTER: Duration = Duration::from_secs(30);

/// What was seen of the nodes by one who watches, on the watcher's own steady clock.
#[derive(Debug, Default)]
pub struct NodeWatch(HashMap<NodeId, Seen>);

#[derive(Clone, Copy, Debug)]
struct Seen {
    beats: i64,
    since: Duration,
    counted_on: bool,
}

impl NodeWatch {
    /// Notes how far each node has counted. Nodes that are not named are forgotten.
    pub fn note(&mut self, nodes: impl IntoIterator<Item = (NodeId, i64)>, steady: Duration) {
        let seen = nodes.into_iter().map(|(node, beats)| {
            let seen = match self.0.get(&node) {
                Some(before) if before.beats == beats => *before,
                before => Seen { beats, since: steady, counted_on: before.is_some() },
            };
            (node, seen)
        });
        self.0 = seen.collect();
    }

    /// Whether this node stood still for [`DEAD_AFTER`] while it was watched.
    pub fn is_dead(&self, node: NodeId, steady: Duration) -> bool {
        self.0.get(&node).is_some_and(|seen| steady.saturating_sub(seen.since) >= DEAD_AFTER)
    }

    /// Whether this node counted on while it was watched: then it lives, and what it says of itself
    /// was said since.
    pub fn has_counted_on(&self, node: NodeId) -> bool {
        self.0.get(&node).is_some_and(|seen| seen.counted_on)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::NodeWatch;
    use crate::id::NodeId;
    use crate::randomness::Randomness;
    use crate::time::Timestamp;

    #[test]
    fn who_counts_on_lives_and_who_stands_still_is_dead_after_half_a_minute() {
        let random = |n: u8| Randomness::new(move |bytes: &mut [u8]| bytes.fill(n));
        let node = |n| NodeId::new(Timestamp::from_millis(0), &random(n));
        let (alive, silent, at) = (node(1), node(2), Duration::from_secs);
        let mut watch = NodeWatch::default();
        // The first look says nothing, however long the watcher runs already.
        watch.note([(alive, 7), (silent, 3)], at(1000));
        assert!(!watch.has_counted_on(alive) && !watch.is_dead(silent, at(1029)));
        watch.note([(alive, 8), (silent, 3)], at(1029));
        assert!(watch.has_counted_on(alive) && !watch.has_counted_on(silent));
        assert!(watch.is_dead(silent, at(1030)) && !watch.is_dead(alive, at(1030)));
        // It was asleep and wakes up.
        watch.note([(alive, 8), (silent, 4)], at(1031));
        assert!(!watch.is_dead(silent, at(1060)));
        // Who is not there any more is not dead: nobody waits for it.
        watch.note([(alive, 8)], at(1032));
        assert!(!watch.is_dead(silent, at(2000)));
    }
}
