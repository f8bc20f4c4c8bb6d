//! What all use cases share: the database, the clock, randomness, the keys, the hashing threads.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use vestibule_domain::clock_watch::ClockWatch;
use vestibule_domain::id::AuditEventId;
use vestibule_domain::limits::lanes::LaneKey;
use vestibule_domain::password::{DEFAULT_MINIMUM, HashCost};
use vestibule_domain::randomness::Randomness;
use vestibule_domain::sealing::MasterKey;
use vestibule_domain::session::SessionLimits;
use vestibule_domain::time::{Clock, Timestamp};
use vestibule_domain::token::Token;
use vestibule_store::Store;

use crate::error::FlowError;
use crate::gate::{DEFAULT_MEMORY, Seen};
use crate::hashing::HashingQueue;
use crate::keys::{DataKeys, KeyError, lane_key};
use crate::metrics::Metrics;
use crate::users::Counts;

/// What an operator can set about the rules.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// When sessions end.
    pub session_limits: SessionLimits,
    /// The fewest characters in a new password.
    pub password_minimum: usize,
    /// What a password hash costs.
    pub hash_cost: HashCost,
    /// Whether there is a mail server: then what users are told is mailed to them as well.
    pub mail: bool,
    /// How long audit events are kept; `None` for ever.
    pub audit_kept: Option<Duration>,
    /// How many sessions the gate remembers between requests.
    pub gate_memory: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            session_limits: SessionLimits::default(),
            password_minimum: DEFAULT_MINIMUM,
            hash_cost: HashCost::STANDARD,
            mail: false,
            audit_kept: None,
            gate_memory: DEFAULT_MEMORY,
        }
    }
}

/// Vestibule without its doors to the outside: every use case is a method of it. Cheap to clone.
#[derive(Clone)]
pub struct Vestibule {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) randomness: Randomness,
    pub(crate) settings: Settings,
    pub(crate) hashing: HashingQueue,
    pub(crate) keys: Arc<DataKeys>,
    pub(crate) clock_watch: Arc<Mutex<ClockWatch>>,
    /// This process among those that seal the audit trail.
    pub(crate) sealer: Arc<str>,
    pub(crate) lane_key: LaneKey,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) seen: Arc<Seen>,
    pub(crate) counts: Arc<Counts>,
}

impl Vestibule {
    /// Takes a database into service: unwraps its data keys with whichever of these master keys
    /// fits, or makes the first one under the first of them. Where none fits, it is refused.
    pub async fn open(
        store: Store,
        master_keys: &[MasterKey],
        clock: Clock,
        randomness: Randomness,
        settings: Settings,
        hashing: HashingQueue,
    ) -> Result<Self, KeyError> {
        let keys = DataKeys::open(&store, master_keys, clock.now(), &randomness).await?;
        let lane_key = lane_key(&store, &randomness).await?;
        let sealer = format!("{:032x}", u128::from_be_bytes(randomness.bytes())).into();
        let (keys, clock_watch, seen) = (Arc::new(keys), Arc::default(), Arc::default());
        Ok(Self {
            store,
            clock,
            randomness,
            settings,
            hashing,
            keys,
            clock_watch,
            sealer,
            lane_key,
            metrics: Arc::default(),
            seen,
            counts: Arc::default(),
        })
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The time on the steady clock, which nobody sets.
    pub fn steady(&self) -> std::time::Duration {
        self.clock.steady()
    }

    /// A name for a request in the log. It is random: a number would tell strangers how many others
    /// there are.
    pub fn request_id(&self) -> String {
        format!("{:016x}", u64::from_be_bytes(self.randomness.bytes()))
    }

    /// Random bytes for the names of many requests.
    pub fn random_bytes<const N: usize>(&self) -> [u8; N] {
        self.randomness.bytes()
    }

    /// A nonce for a protected host's cookie, which a hand-over is bound to.
    pub fn nonce(&self) -> Token {
        Token::new(&self.randomness)
    }

    /// A token for a browser that has none, to be known by at its next sign-in.
    pub fn browser_token(&self) -> Token {
        Token::new(&self.randomness)
    }

    /// What the operator set.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Whether the database answers.
    pub async fn is_ready(&self) -> bool {
        self.store.is_ready().await
    }

    /// Closes the database after what is under way.
    pub async fn close(&self) {
        self.store.close().await;
    }

    /// Commits a refusal's event, although nothing else of its act is.
    pub(crate) async fn refuse(
        &self,
        mut tx: vestibule_store::Writing,
        event: vestibule_domain::audit::AuditEvent,
        now: Timestamp,
    ) -> Result<(), FlowError> {
        self.audit(&mut tx, event, now).await?;
        Ok(tx.commit().await?)
    }

    /// Writes an audit event in the transaction of its act, with which it is counted.
    pub(crate) async fn audit(
        &self,
        tx: &mut vestibule_store::Writing,
        event: vestibule_domain::audit::AuditEvent,
        now: Timestamp,
    ) -> Result<(), FlowError> {
        tx.count_at_commit(self.metrics.event(event.kind));
        Ok(tx.audit(AuditEventId::new(now, &self.randomness), &event, now).await?)
    }
}
