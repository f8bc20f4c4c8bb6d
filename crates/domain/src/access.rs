//! The one decision: what a session opens, asked anew at every request.
//!
//! Every door asks [`access`] and nothing else: the pages, and the gate in front of applications.
//! The rules that it and its neighbours keep are numbered in `docs/DESIGN.md`.

use std::time::Duration;

use vestibule_guards::guard;

use crate::policy::Policy;
use crate::proof::{Assurance, FRESHNESS, Proof};
use crate::session::Session;
use crate::time::Timestamp;
use crate::user::{MembershipState, Role, User};

/// What a page, an act, an application or a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Demand {
    /// At least this much, even where the account's policy asks for less.
    pub assurance: Assurance,
    /// How old the newest proof may be, where that matters.
    pub max_age: Option<Duration>,
    /// Whom it lets in at all.
    pub admits: Admits,
}

/// Whom a page, an act or an application lets in, whatever they prove: each fewer than the one
/// before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Admits {
    /// Every active user.
    Everyone,
    /// Who is an Admin now.
    Admins,
    /// Not this user: an application of others.
    Nobody,
}

impl Demand {
    /// What every page behind the second door asks for.
    pub const SIGNED_IN: Self =
        Self { assurance: Assurance::Aal1, max_age: None, admits: Admits::Everyone };

    /// The same, of an Admin.
    pub const ADMIN: Self = Self { admits: Admits::Admins, ..Self::SIGNED_IN };

    /// The same with a fresh proof, for a sensitive act (design, rule 7).
    #[must_use]
    pub const fn with_fresh_proof(self) -> Self {
        Self { max_age: Some(FRESHNESS), ..self }
    }
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Yes.
    Granted {
        /// What the proofs add up to.
        assurance: Assurance,
        /// The first moment at which this is not the answer any more, if no request and no proof
        /// follows.
        until: Timestamp,
    },
    /// Not yet: this step comes next.
    Needs(Step),
    /// No, and no proof would change it.
    Refused(Why),
}

/// What the user does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Sign in with e-mail and password: the session is over.
    Password,
    /// Give a security code.
    SecurityCode,
    /// Enrol a factor.
    Enrolment,
    /// Prove again who it is: by a second proof if there is a factor, else by the password.
    FreshProof,
}

/// Why there is no way on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// The membership is disabled, or still an invitation.
    NotActive,
    /// Admins alone.
    NotAdmin,
    /// An application that does not let this user in.
    NotAdmitted,
}

/// Decides what `session` opens for `user` under `policy`, for who asks with `demand`.
pub fn access(
    demand: Demand,
    policy: Policy,
    user: User,
    session: &Session,
    now: Timestamp,
) -> Access {
    if !guard!("active-users", user.state == MembershipState::Active) {
        return Access::Refused(Why::NotActive);
    }
    let Some(session_ends) = session.ends(now) else {
        return Access::Needs(Step::Password);
    };
    let counts = |proof: &Proof| proof.epoch == user.epoch;
    let password = session.password.filter(|proof| guard!("password-of-the-epoch", counts(proof)));
    let Some(password) = password else {
        return Access::Needs(Step::Password);
    };
    // A second proof outlives its factor in no way: without any factor there is none to speak of.
    let second = session
        .second
        .map(|(_, proof)| proof)
        .filter(|proof| guard!("second-proof-of-the-epoch", counts(proof)))
        .filter(|_| guard!("second-proof-of-a-factor", user.has_factor));

    let given = if second.is_some() { Assurance::Aal2 } else { Assurance::Aal1 };
    let one_is_enough =
        guard!("the-switch", !policy.is_required()) && guard!("own-factor", !user.has_factor);
    let asked = if one_is_enough { demand.assurance } else { Assurance::Aal2 };
    if !guard!("assurance-asked-for", given >= asked) {
        return Access::Needs(if user.has_factor && !session.recovering {
            Step::SecurityCode
        } else if guard!(
            "fresh-password-for-a-key",
            session.enrolling || password.is_fresh(FRESHNESS, now)
        ) {
            Step::Enrolment
        } else {
            Step::FreshProof
        });
    }
    match demand.admits {
        Admits::Admins if !guard!("admins-alone", user.role == Role::Admin) => {
            return Access::Refused(Why::NotAdmin);
        }
        Admits::Nobody if !guard!("who-may-enter", false) => {
            return Access::Refused(Why::NotAdmitted);
        }
        Admits::Everyone | Admits::Admins | Admits::Nobody => {}
    }
    let newest = second.unwrap_or(password);
    let until = match demand.max_age {
        Some(max_age) if !guard!("fresh-proof", newest.is_fresh(max_age, now)) => {
            return Access::Needs(Step::FreshProof);
        }
        // A proof of exactly this age is still fresh; a millisecond later it is not.
        Some(max_age) => session_ends.min(newest.at.plus(max_age).plus(Duration::from_millis(1))),
        None => session_ends,
    };
    Access::Granted { assurance: given, until }
}
