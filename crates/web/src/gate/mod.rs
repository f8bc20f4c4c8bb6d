//! `/gate`: what a reverse proxy asks for each request to a protected host (forward-auth).
//!
//! It stands beside the router and its layers, because it answers proxies and not browsers, and
//! because it is asked more often than all else together. A yes is answered from what is
//! remembered, with headers that were prepared when it was read; everything else takes the longer
//! way through the database. `docs/gate.md` has the protocol.

mod answers;
pub(crate) mod asked;
mod complaints;
pub(crate) mod request_ids;

use std::net::IpAddr;
use std::time::Duration;

use axum::http::{HeaderMap, Request};
use axum::response::Response;
use vestibule_domain::application::Host;
use vestibule_domain::proof::Assurance;
use vestibule_domain::token::{Token, TokenHash};
use vestibule_flows::GateDecision;
use vestibule_flows::gate::{GateAnswer, GateMemory};
use vestibule_metrics::Stopwatch;

use crate::request::cookies::{self, GATE};
use crate::state::App;
use answers::{Identity, No};
use asked::{Asked, AskedOwned, Dialect};
use complaints::Complaints;

/// A database that takes longer does not answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Where it stands.
pub(crate) const PATH: &str = "/gate";

/// The gate with what it remembers.
pub(crate) struct Gate {
    app: App,
    memory: GateMemory<Identity>,
    complaints: Complaints,
}

/// Who is at the other end of a connection, and whether its word counts.
#[derive(Clone, Copy)]
pub(crate) struct Peer {
    address: IpAddr,
    trusted: bool,
}

/// One request to the gate, as far as it was understood.
pub(crate) struct Question {
    dialect: Dialect,
    asked: Result<AskedOwned, Misunderstood>,
    token: Option<TokenHash>,
    nonce: Option<Token>,
    since: Stopwatch,
}

/// Why a request says nothing that could be answered with yes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Misunderstood {
    /// It comes from this peer, which is not among the trusted proxies: anybody may have written it.
    Untrusted(IpAddr),
    /// A header is missing, doubled or not written as it should be, or no dialect is named.
    Malformed,
}

impl Gate {
    pub(crate) fn new(app: App) -> Self {
        let memory = GateMemory::new(app.vestibule.settings().gate_memory);
        Self { app, memory, complaints: Complaints::default() }
    }

    /// How many sessions it remembers.
    pub(crate) fn remembers(&self) -> usize {
        self.memory.len()
    }

    /// Whoever asks from this address.
    pub(crate) fn peer(&self, address: IpAddr) -> Peer {
        Peer { address, trusted: self.app.trusts(address) }
    }

    /// Understands a request, and answers it at once if what is remembered says yes.
    pub(crate) fn answer_from_memory<B>(
        &self,
        request: &Request<B>,
        peer: Peer,
        id: &str,
    ) -> Result<Response, Question> {
        let since = Stopwatch::start();
        let headers = request.headers();
        let dialect = Dialect::of_query(request.uri().query());
        let asked = match dialect {
            _ if !peer.trusted => Err(Misunderstood::Untrusted(peer.address)),
            None => Err(Misunderstood::Malformed),
            Some(_) => Asked::read(headers).ok_or(Misunderstood::Malformed),
        };
        let dialect = dialect.unwrap_or(Dialect::Caddy);
        let token = cookies::read_one(&self.app, GATE, headers).map(|token| token.hash());
        if let (Ok(asked), Some(token)) = (&asked, &token)
            && let Some((known, assurance)) =
                self.app.vestibule.gate_remembers(&self.memory, token, asked.host)
        {
            let response = answers::yes(&known.prepared, assurance, id);
            self.note(GateDecision::GrantedFromMemory, since);
            return Ok(response);
        }
        let nonce = cookies::read_one(&self.app, cookies::NONCE, headers);
        let asked = asked.map(Asked::into_owned);
        Err(Question { dialect, asked, token, nonce, since })
    }

    /// Answers from the database.
    pub(crate) async fn answer(&self, question: Question, id: &str) -> Response {
        let decided = self.decide(&question).await;
        self.note(decision(&decided), question.since);
        let no = match decided {
            Ok((identity, assurance)) => return answers::yes(&identity, assurance, id),
            Err(no) => no,
        };
        tracing::debug!(id, ?no, "the gate stays shut");
        self.complaints.about(&no, self.app.vestibule.steady());
        answers::no(&self.app, &question, &no, id)
    }

    async fn decide(&self, question: &Question) -> Result<(Identity, Assurance), No> {
        let asked = question.asked.as_ref().map_err(|why| No::Misunderstood(*why))?;
        let host = protected_host(&self.app, &asked.host).ok_or(No::NothingThere(None))?;
        let vestibule = &self.app.vestibule;
        let answer = vestibule.gate(&self.memory, question.token.as_ref(), &host, Identity::of);
        let Ok(answer) = tokio::time::timeout(PATIENCE, answer).await else {
            tracing::warn!("the gate cannot know: the database does not answer in time");
            return Err(No::Unknown);
        };
        match answer {
            Ok(GateAnswer::Granted(known, assurance)) => Ok((known.prepared.clone(), assurance)),
            Ok(GateAnswer::Needs(_)) => Err(No::Needs(host)),
            Ok(GateAnswer::Refused(_)) => Err(No::Refused),
            Ok(GateAnswer::NoApplication) => Err(No::NothingThere(Some(host))),
            Err(error) => {
                tracing::warn!(%error, "the gate cannot know");
                Err(No::Unknown)
            }
        }
    }

    fn note(&self, decision: GateDecision, since: Stopwatch) {
        self.app.vestibule.metrics().gate.note(decision, since);
    }
}

/// What counts as what.
fn decision<T>(decided: &Result<T, No>) -> GateDecision {
    match decided {
        Ok(_) => GateDecision::Granted,
        Err(No::Needs(_)) => GateDecision::SignInNeeded,
        Err(No::Refused | No::NothingThere(_)) => GateDecision::Refused,
        Err(No::Misunderstood(_)) => GateDecision::NotUnderstood,
        Err(No::Unknown) => GateDecision::Unavailable,
    }
}

/// A host that may be an application's: never Vestibule's own, whose cookies are for itself.
pub(crate) fn protected_host(app: &App, text: &str) -> Option<Host> {
    Host::beside(text, app.own_host()).ok()
}

/// The protected host that a proxy names; `None` unless its word counts and it names one.
pub(crate) fn host_of_proxy(app: &App, headers: &HeaderMap, peer: IpAddr) -> Option<Host> {
    if app.trusts(peer) { protected_host(app, asked::forwarded_host(headers)?) } else { None }
}
