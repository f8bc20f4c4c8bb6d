//! What the log says of a proxy that asks in vain: whoever sets one up finds here what its page
//! cannot say.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::Misunderstood;
use super::answers::No;

/// How often the same is said: a proxy asks for each request.
const EVERY: Duration = Duration::from_mins(1);

/// What was said last, and when on the steady clock.
#[derive(Default)]
pub(crate) struct Complaints {
    of_peer: Mutex<Option<(IpAddr, Duration)>>,
    of_host: Mutex<Option<(String, Duration)>>,
}

impl Complaints {
    /// Says what is wrong, unless it was said within the minute.
    pub(crate) fn about(&self, no: &No, steady: Duration) {
        match no {
            No::Misunderstood(Misunderstood::Untrusted(peer))
                if is_due(&self.of_peer, peer, steady) =>
            {
                tracing::warn!(
                    "the gate was asked by {peer}, which trusted_proxies does not name: it is \
                     answered 403, whatever it asks"
                );
            }
            No::NothingThere(Some(host)) => {
                let host = host.to_string();
                if is_due(&self.of_host, &host, steady) {
                    tracing::warn!(
                        "the gate was asked about {host}, and no application has that host"
                    );
                }
            }
            _ => {}
        }
    }
}

/// Whether this is another matter than the last one, or that was long ago.
fn is_due<T: PartialEq + Clone>(
    last: &Mutex<Option<(T, Duration)>>,
    now: &T,
    steady: Duration,
) -> bool {
    let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
    // Strangers cannot choose either: an untrusted peer is an address that reaches us, and a host
    // is what a trusted proxy passes on. Two that take turns are said once a minute together.
    if last.as_ref().is_some_and(|(_, at)| steady.saturating_sub(*at) < EVERY) {
        return false;
    }
    *last = Some((now.clone(), steady));
    true
}
