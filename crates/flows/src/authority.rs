//! What a session may do, as types. Only [`Vestibule::authorise`] and its siblings make them, and
//! they ask `access` alone.

use vestibule_domain::access::{Access, Demand, Step, Why, access};
use vestibule_domain::proof::Assurance;
use vestibule_domain::time::Timestamp;
use vestibule_domain::token::{Token, TokenHash};
use vestibule_store::SessionRecord;

use crate::error::FlowError;
use crate::vestibule::Vestibule;

/// The session that came with a request, undecided: it opens nothing by itself.
#[derive(Clone)]
pub struct Current {
    pub(crate) record: SessionRecord,
    pub(crate) token: TokenHash,
}

impl Current {
    /// The session and whose it is.
    pub fn record(&self) -> &SessionRecord {
        &self.record
    }

    fn decide(&self, demand: Demand, now: Timestamp) -> Access {
        let record = &self.record;
        access(demand, record.policy, record.standing, &record.session, now)
    }
}

/// A session behind the second door: what every page of the dashboard asks for.
#[derive(Clone)]
pub struct SignedIn {
    pub(crate) current: Current,
    /// What its proofs add up to.
    pub assurance: Assurance,
    /// When it ends if no request follows.
    pub until: Timestamp,
}

/// The same, of an Admin.
#[derive(Clone)]
pub struct Admin(pub(crate) SignedIn);

/// An authority with a fresh proof: what a sensitive act asks for.
#[derive(Clone)]
pub struct Fresh<A>(pub(crate) A);

/// A session that may enrol a factor: in the vestibule when the user has none at all (or comes
/// with a recover link), behind the second door with a fresh proof.
#[derive(Clone)]
pub struct Enrolling {
    pub(crate) current: Current,
    /// Whether it stands in the vestibule.
    pub in_vestibule: bool,
}

/// A session that may give a proof: the missing one, or a fresh one.
#[derive(Clone)]
pub struct Proving {
    pub(crate) current: Current,
    /// Which proof is asked for.
    pub by: ProofAsked,
}

/// Which proof opens the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofAsked {
    /// A security code.
    SecurityCode,
    /// The password, of who has no factor yet.
    Password,
}

/// The answer to a request for an authority.
pub enum Decision<A> {
    /// Here it is.
    Granted(A),
    /// This step comes first.
    Needs(Step),
    /// No step leads there.
    Refused(Why),
}

/// An authority that can be asked for: its demand, and how the type is made when it is met.
pub trait Authority: Sized {
    /// What it asks for.
    const DEMAND: Demand;

    #[doc(hidden)]
    fn from_signed_in(signed_in: SignedIn) -> Self;

    /// The session behind it.
    fn signed_in(&self) -> &SignedIn;
}

impl Authority for SignedIn {
    const DEMAND: Demand = Demand::SIGNED_IN;

    fn from_signed_in(signed_in: SignedIn) -> Self {
        signed_in
    }

    fn signed_in(&self) -> &SignedIn {
        self
    }
}

impl Authority for Admin {
    const DEMAND: Demand = Demand::ADMIN;

    fn from_signed_in(signed_in: SignedIn) -> Self {
        Self(signed_in)
    }

    fn signed_in(&self) -> &SignedIn {
        &self.0
    }
}

impl<A: Authority> Authority for Fresh<A> {
    const DEMAND: Demand = A::DEMAND.with_fresh_proof();

    fn from_signed_in(signed_in: SignedIn) -> Self {
        Self(A::from_signed_in(signed_in))
    }

    fn signed_in(&self) -> &SignedIn {
        self.0.signed_in()
    }
}

impl<A> Fresh<A> {
    /// The same, for what asks for no fresh proof.
    pub fn authority(&self) -> &A {
        &self.0
    }
}

impl SignedIn {
    /// The session, to ask for another authority with.
    pub fn current(&self) -> &Current {
        &self.current
    }

    /// The session and whose it is.
    pub fn record(&self) -> &SessionRecord {
        &self.current.record
    }
}

impl Enrolling {
    /// The session and whose it is.
    pub fn record(&self) -> &SessionRecord {
        &self.current.record
    }

    /// Whether the new factor takes the place of those that there are, as a recover link allows.
    pub(crate) fn replaces_factors(&self) -> bool {
        self.in_vestibule && self.current.record.session.recovering
    }
}

impl Proving {
    /// The session and whose it is.
    pub fn record(&self) -> &SessionRecord {
        &self.current.record
    }

    /// Whether the session stands in the vestibule and this proof opens the second door.
    pub fn is_sign_in(&self, now: Timestamp) -> bool {
        matches!(self.current.decide(Demand::SIGNED_IN, now), Access::Needs(_))
    }
}

impl Vestibule {
    /// Finds the session of a cookie, and notes the request at most once a minute.
    pub async fn current(&self, token: &Token) -> Result<Option<Current>, FlowError> {
        let (token, now) = (token.hash(), self.clock.now());
        let mut db = self.store.read().await?;
        let found = db.session(&token, self.settings.session_limits, now).await?;
        drop(db);
        let Some(record) = found else { return Ok(None) };
        // A session that is over must not live on by asking.
        if record.is_due_to_be_noted(now) && record.session.ends(now).is_some() {
            let mut tx = self.store.write().await?;
            tx.note_seen(record.id, now).await?;
            tx.commit().await?;
        }
        Ok(Some(Current { record, token }))
    }

    /// Asks for an authority.
    pub fn authorise<A: Authority>(&self, current: &Current) -> Decision<A> {
        match current.decide(A::DEMAND, self.clock.now()) {
            Access::Granted { assurance, until } => {
                Decision::Granted(A::from_signed_in(SignedIn {
                    current: current.clone(),
                    assurance,
                    until,
                }))
            }
            Access::Needs(step) => Decision::Needs(step),
            Access::Refused(why) => Decision::Refused(why),
        }
    }

    /// Asks to enrol. A key that is shown already may be shown again and confirmed without another
    /// proof until it expires (design, rule 13).
    pub fn authorise_enrolment(&self, current: &Current) -> Decision<Enrolling> {
        let now = self.clock.now();
        let enrolling = |in_vestibule| Enrolling { current: current.clone(), in_vestibule };
        match current.decide(Demand::SIGNED_IN, now) {
            Access::Needs(Step::Enrolment) => Decision::Granted(enrolling(true)),
            Access::Needs(step) => Decision::Needs(step),
            Access::Refused(why) => Decision::Refused(why),
            Access::Granted { .. } if current.record.session.enrolling => {
                Decision::Granted(enrolling(false))
            }
            Access::Granted { .. } => {
                match current.decide(Demand::SIGNED_IN.with_fresh_proof(), now) {
                    Access::Granted { .. } => Decision::Granted(enrolling(false)),
                    Access::Needs(step) => Decision::Needs(step),
                    Access::Refused(why) => Decision::Refused(why),
                }
            }
        }
    }

    /// Asks to give a proof: the one that is missing, or, behind the second door, a fresh one.
    pub fn authorise_proof(&self, current: &Current) -> Decision<Proving> {
        let record = &current.record;
        let proving = |by| Decision::Granted(Proving { current: current.clone(), by });
        match current.decide(Demand::SIGNED_IN, self.clock.now()) {
            Access::Needs(Step::SecurityCode) => proving(ProofAsked::SecurityCode),
            // In the vestibule before an enrolment, with a password that is too old for it.
            Access::Needs(Step::FreshProof) => proving(ProofAsked::Password),
            Access::Needs(step) => Decision::Needs(step),
            Access::Refused(why) => Decision::Refused(why),
            Access::Granted { .. } if record.standing.has_factor => {
                proving(ProofAsked::SecurityCode)
            }
            Access::Granted { .. } => proving(ProofAsked::Password),
        }
    }
}
