//! What must be true of a history of requests to both nodes, each with the moments at which it was
//! asked and answered.
//!
//! A request takes effect at some moment between the two. So "revoked stays revoked" is: whoever
//! asks after the answer to a revocation gets no yes, in whatever order the rest took effect. And
//! "spent once" is: of all who gave the same code, one got in.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// How long what another node remembers at the gate may count.
const REMEMBERED: Duration = Duration::from_secs(1);

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// A code at the second door: the person and the code.
    Code(usize, String),
    /// A page behind the second door, with this session.
    Page(usize),
    /// The gate, with this session.
    Gate(usize),
    /// Something that ends this session.
    Revocation(usize, &'static str),
    /// Anything else.
    Other,
}

/// A request and its answer.
#[derive(Clone, Debug)]
pub struct Asked {
    /// What it was.
    pub what: What,
    /// Of which node.
    pub node: usize,
    /// When it was asked.
    pub from: Duration,
    /// When it was answered.
    pub to: Duration,
    /// Whether the answer was yes; `None` where there was none, or 503.
    pub yes: Option<bool>,
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, node, from, to, yes } = self;
        write!(f, "node {node}, {from:.3?} to {to:.3?}: {what:?}: {yes:?}")
    }
}

/// What does not hold, each with the requests that show it.
pub fn violations(history: &[Asked]) -> Vec<String> {
    let mut found = spent_twice(history);
    found.extend(revoked_and_open(history));
    found
}

fn spent_twice(history: &[Asked]) -> Vec<String> {
    let mut accepted = BTreeMap::<&What, Vec<&Asked>>::new();
    for asked in history {
        if matches!(asked.what, What::Code(..)) && asked.yes == Some(true) {
            accepted.entry(&asked.what).or_default().push(asked);
        }
    }
    let twice = accepted.into_values().filter(|all| all.len() > 1);
    twice.map(|all| format!("a code was taken more than once:\n{}", told(&all))).collect()
}

fn revoked_and_open(history: &[Asked]) -> Vec<String> {
    let mut revoked = BTreeMap::<usize, &Asked>::new();
    for asked in history {
        if let What::Revocation(session, _) = asked.what
            && asked.yes == Some(true)
        {
            let first = revoked.entry(session).or_insert(asked);
            if asked.to < first.to {
                *first = asked;
            }
        }
    }
    let open = history.iter().filter(|asked| asked.yes == Some(true));
    let late = open.filter_map(|asked| {
        let (session, may_remember) = match asked.what {
            What::Page(session) => (session, false),
            What::Gate(session) => (session, true),
            _ => return None,
        };
        let end = revoked.get(&session)?;
        let grace = may_remember && asked.node != end.node;
        let until = end.to + if grace { REMEMBERED } else { Duration::ZERO };
        (asked.from > until).then(|| format!("what was revoked is open:\n{}", told(&[end, asked])))
    });
    late.collect()
}

fn told(history: &[&Asked]) -> String {
    history.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::{Asked, What, violations};
    use std::time::Duration;

    fn asked(what: What, node: usize, from: u64, to: u64, yes: bool) -> Asked {
        let (from, to) = (Duration::from_millis(from), Duration::from_millis(to));
        Asked { what, node, from, to, yes: Some(yes) }
    }

    #[test]
    fn a_history_in_which_something_does_not_hold_is_noticed() {
        let code = || What::Code(1, "123456".into());
        let once = [asked(code(), 0, 0, 9, true), asked(code(), 1, 0, 9, false)];
        assert!(violations(&once).is_empty());
        let twice = [asked(code(), 0, 0, 9, true), asked(code(), 1, 0, 9, true)];
        assert_eq!(violations(&twice).len(), 1);

        let end = || asked(What::Revocation(7, "sign-out"), 0, 10, 20, true);
        for (late, count) in [
            (asked(What::Page(7), 1, 15, 30, true), 0),
            (asked(What::Page(7), 1, 21, 30, true), 1),
            (asked(What::Page(7), 1, 21, 30, false), 0),
            (asked(What::Page(8), 1, 21, 30, true), 0),
            (asked(What::Gate(7), 0, 21, 30, true), 1),
            (asked(What::Gate(7), 1, 1_019, 1_030, true), 0),
            (asked(What::Gate(7), 1, 1_021, 1_030, true), 1),
        ] {
            assert_eq!(violations(&[end(), late.clone()]).len(), count, "{late}");
        }
    }
}
