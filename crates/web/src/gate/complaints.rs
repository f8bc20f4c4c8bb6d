//! What the log says of a proxy that asks in vain: whoever sets one up finds here what its page
//! cannot say.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::Misunderstood;
use super::answers::No;

/// How often the same is said: a proxy asks for each request.
const EVERY: Duration = Duration::from_mins(1);
/// How many different ones are said in that time. Behind a site that takes every name a stranger
/// chooses the host, and anybody who reaches the port has an address.
const DIFFERENT: usize = 8;

/// What was said within the minute, and when on the steady clock.
#[derive(Default)]
pub(crate) struct Complaints {
    said: Mutex<VecDeque<(String, Duration)>>,
}

impl Complaints {
    /// Says what is wrong, unless the same or much else was said within the minute.
    pub(crate) fn about(&self, no: &No, steady: Duration) {
        let text = match no {
            No::Misunderstood(Misunderstood::Untrusted(peer)) => format!(
                "the gate was asked by {peer}, which trusted_proxies does not name: it is answered \
                 403, whatever it asks"
            ),
            No::NothingThere(Some(host)) => {
                format!("the gate was asked about {host}, and no application has that host")
            }
            _ => return,
        };
        if self.is_due(&text, steady) {
            tracing::warn!("{text}");
        }
    }

    fn is_due(&self, text: &str, steady: Duration) -> bool {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        while said.front().is_some_and(|(_, at)| steady.saturating_sub(*at) >= EVERY) {
            said.pop_front();
        }
        if said.len() >= DIFFERENT || said.iter().any(|(known, _)| known == text) {
            return false;
        }
        said.push_back((text.to_owned(), steady));
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Complaints, DIFFERENT};

    #[test]
    fn each_is_said_once_a_minute_and_not_too_many() {
        let (complaints, at) = (Complaints::default(), Duration::from_secs);
        let due = |text: &str, second| complaints.is_due(text, at(second));
        assert!(due("a", 0) && !due("a", 1) && due("b", 2));
        let others = (0..100).filter(|other| due(&other.to_string(), 3)).count();
        assert_eq!(others, DIFFERENT - 2);
        assert!(!due("c", 59) && due("c", 60) && !due("a", 61) && due("a", 63));
    }
}
