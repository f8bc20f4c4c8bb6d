//! The gate: what a gate cookie opens at a protected host, asked for every request to it.
//!
//! A yes is remembered with all that it was decided from, and decided anew from that at each
//! request, as long as nothing of it has changed ([`vestibule_store::Changes`]). A no is never
//! answered from memory: whoever has just given a proof gets in at once, on every node.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use quick_cache::sync::Cache;
use vestibule_domain::access::{Access, Demand, Step, Why, access};
use vestibule_domain::application::Host;
use vestibule_domain::id::SessionId;
use vestibule_domain::proof::Assurance;
use vestibule_domain::session::Session;
use vestibule_domain::time::Timestamp;
use vestibule_domain::token::TokenHash;
use vestibule_guards::guard;
use vestibule_store::{GateRecord, SEEN_EVERY, SessionRecord, Watch};

use crate::error::FlowError;
use crate::vestibule::Vestibule;

/// How many sessions are remembered unless an operator sets it: about 100 MB if all are in use.
pub const DEFAULT_MEMORY: usize = 100_000;
/// Sessions whose latest request waits to be written at most. Of those beyond it, the next request
/// is noted.
const SEEN_WAITING: usize = 100_000;
/// How many of them one transaction writes.
const SEEN_AT_ONCE: usize = 500;

/// What the gate remembers, each with a `P` that was prepared when it was read.
pub struct GateMemory<P>(Cache<TokenHash, Arc<Remembered<P>>>);

/// A session at a protected host, as it was read.
pub struct Remembered<P> {
    facts: GateRecord,
    demand: Demand,
    host: Box<str>,
    /// The latest request that was noted, in Unix milliseconds: the session's own time is older.
    seen: AtomicI64,
    /// `None` for what changed while it was read: it answers the one request that read it.
    watch: Option<Watch>,
    /// What was prepared of it.
    pub prepared: P,
}

/// The answer to one request to a protected host.
pub enum GateAnswer<P> {
    /// It may go on to the application, as this user.
    Granted(Arc<Remembered<P>>, Assurance),
    /// This step comes first; [`Step::Password`] for whom the host does not know.
    Needs(Step),
    /// No step leads there.
    Refused(Why),
    /// There is no application behind this host.
    NoApplication,
}

/// Latest requests that wait to be written.
#[derive(Default)]
pub(crate) struct Seen(Mutex<Vec<(SessionId, Timestamp)>>);

impl<P> GateMemory<P> {
    /// An empty memory for so many sessions.
    pub fn new(most: usize) -> Self {
        Self(Cache::new(most.max(1)))
    }

    /// How many sessions it holds.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<P> Remembered<P> {
    fn decide(&self, now: Timestamp) -> Access {
        let SessionRecord { policy, standing, .. } = self.facts.session;
        access(self.demand, policy, standing, &self.session(), now)
    }

    fn session(&self) -> Session {
        let session = self.facts.session.session;
        let seen = Timestamp::from_millis(self.seen.load(Ordering::Relaxed));
        Session { last_seen: session.last_seen.max(seen), ..session }
    }
}

impl Vestibule {
    /// Answers from memory, if that is a yes.
    pub fn gate_remembers<P>(
        &self,
        memory: &GateMemory<P>,
        token: &TokenHash,
        host: &str,
    ) -> Option<(Arc<Remembered<P>>, Assurance)> {
        let known = memory.0.get(token)?;
        let now = self.clock.now();
        let watch = known.watch.as_ref()?;
        let still_holds = self.store.changes().still_holds(watch, self.clock.steady());
        if !guard!("remembered-for-the-host", *known.host == *host)
            || !guard!("remembered-while-it-holds", still_holds)
        {
            return None;
        }
        let Access::Granted { assurance, .. } = known.decide(now) else { return None };
        self.note_at_gate(&known, now);
        Some((known, assurance))
    }

    /// Answers from the database, and remembers a yes with what `prepare` makes of it.
    pub async fn gate<P>(
        &self,
        memory: &GateMemory<P>,
        token: Option<&TokenHash>,
        host: &Host,
        prepare: impl FnOnce(&SessionRecord) -> P,
    ) -> Result<GateAnswer<P>, FlowError> {
        let (before, steady) = (self.store.changes().moment(), self.clock.steady());
        let (now, limits) = (self.clock.now(), self.settings.session_limits);
        let mut db = self.store.read().await?;
        let found = match token {
            Some(token) => db.gate(token, host.as_str(), limits, now).await?,
            None => None,
        };
        let (Some(token), Some(facts)) = (token, found) else {
            let application = db.application_of_host(host.as_str()).await?;
            return Ok(match application {
                Some(_) => GateAnswer::Needs(Step::Password),
                None => GateAnswer::NoApplication,
            });
        };
        drop(db);
        let session = &facts.session;
        let demand = facts.rules.demand(session.account, facts.named);
        let known = Remembered {
            demand,
            host: host.as_str().into(),
            seen: AtomicI64::new(session.session.last_seen.millis()),
            watch: self.store.changes().watch(
                before,
                session.id,
                session.user,
                session.account,
                steady,
            ),
            prepared: prepare(session),
            facts,
        };
        match known.decide(now) {
            Access::Granted { assurance, .. } => {
                let known = Arc::new(known);
                self.note_at_gate(&known, now);
                if known.watch.is_some() {
                    memory.0.insert(token.clone(), Arc::clone(&known));
                }
                Ok(GateAnswer::Granted(known, assurance))
            }
            Access::Needs(step) => Ok(GateAnswer::Needs(step)),
            Access::Refused(why) => Ok(GateAnswer::Refused(why)),
        }
    }

    /// Notes the request as the session's latest, at most once a minute, to be written soon.
    fn note_at_gate<P>(&self, known: &Remembered<P>, now: Timestamp) {
        let last = known.session().last_seen;
        if last.age_at(now).is_none_or(|age| age < SEEN_EVERY) {
            return;
        }
        let seen = known.seen.load(Ordering::Relaxed);
        let mine =
            known.seen.compare_exchange(seen, now.millis(), Ordering::Relaxed, Ordering::Relaxed);
        if mine.is_ok() && !self.seen.push(known.facts.session.id, now) {
            known.seen.store(seen, Ordering::Relaxed);
        }
    }

    /// Hears what other processes change, for as long as it is awaited. Nothing that the gate
    /// remembers counts while nobody does this.
    pub async fn hear_changes(&self) {
        self.store.watch(&self.clock).await;
    }

    /// Writes the latest requests that the gate has noted. To be called every second.
    pub async fn write_seen(&self) -> Result<(), FlowError> {
        loop {
            let batch = self.seen.take();
            if batch.is_empty() {
                return Ok(());
            }
            if let Err(error) = self.write_seen_batch(&batch).await {
                for (session, at) in batch {
                    self.seen.push(session, at);
                }
                return Err(error);
            }
        }
    }

    async fn write_seen_batch(&self, batch: &[(SessionId, Timestamp)]) -> Result<(), FlowError> {
        let mut tx = self.store.write().await?;
        for (session, at) in batch {
            tx.note_seen(*session, *at).await?;
        }
        Ok(tx.commit().await?)
    }
}

impl Seen {
    fn push(&self, session: SessionId, at: Timestamp) -> bool {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let has_room = waiting.len() < SEEN_WAITING;
        if has_room {
            waiting.push((session, at));
        }
        has_room
    }

    /// A batch in the order of the rows, in which all nodes take them.
    fn take(&self) -> Vec<(SessionId, Timestamp)> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let rest = waiting.len().saturating_sub(SEEN_AT_ONCE);
        let mut batch = waiting.split_off(rest);
        batch.sort_unstable();
        batch
    }
}
