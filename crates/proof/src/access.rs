//! `access` over its whole input space, cut into classes, against the rules of the design in the
//! design's own shape: a list of `if … then …`, of which exactly one speaks about each case.

use std::time::Duration;

use vestibule_domain::access::{Access, Admits, Demand, Step, Why, access};
use vestibule_domain::id::FactorId;
use vestibule_domain::policy::Policy;
use vestibule_domain::proof::{Assurance, Proof, SecondProof};
use vestibule_domain::session::{Session, SessionLimits};
use vestibule_domain::time::Timestamp;
use vestibule_domain::user::{Epoch, MembershipState, Role, User};

use crate::Report;

/// How much of the space is walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// All of it.
    Whole,
    /// Without a second limit of age, and what gave the second proof taken in turns: for
    /// `scripts/test`.
    Short,
}

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const EPOCH: i64 = 7;

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

fn factor() -> FactorId {
    "019b0000-0000-7000-8000-000000000001".parse().unwrap()
}

fn from_now(millis: i64) -> Timestamp {
    Timestamp::from_millis(NOW.millis() + millis)
}

/// A session that began and was last seen so many milliseconds from now, under limits of 1 hour
/// idle and 24 hours in all; and how many milliseconds it has left, said by hand.
#[derive(Clone, Copy, Debug)]
struct Age {
    created: i64,
    seen: i64,
    left: Option<i64>,
}

const AGES: [Age; 11] = [
    Age { created: 0, seen: 0, left: Some(HOUR) },
    Age { created: -2 * HOUR, seen: -10 * MINUTE, left: Some(50 * MINUTE) },
    Age { created: -24 * HOUR + 1, seen: -MINUTE, left: Some(1) },
    Age { created: -2 * HOUR, seen: -HOUR + 1, left: Some(1) },
    // Idle too long, to the millisecond; too old in all, to the millisecond; both.
    Age { created: -2 * HOUR, seen: -HOUR, left: None },
    Age { created: -24 * HOUR, seen: -MINUTE, left: None },
    Age { created: -30 * HOUR, seen: -3 * HOUR, left: None },
    // Another node's clock is ahead by as much as nodes may differ; then by more, which only a
    // clock that was set back explains.
    Age { created: MINUTE, seen: MINUTE, left: Some(61 * MINUTE) },
    Age { created: MINUTE + 1, seen: 0, left: None },
    Age { created: 0, seen: MINUTE + 1, left: None },
    Age { created: HOUR, seen: HOUR, left: None },
];

/// A proof: given so many milliseconds from now, under which epoch.
#[derive(Clone, Copy, Debug)]
struct Given {
    at: i64,
    epoch: i64,
}

/// No proof, and proofs of this epoch and of others, on both sides of every limit of age.
fn every_given(space: Space) -> Vec<Option<Given>> {
    let edges = [0, -5 * MINUTE, -5 * MINUTE - 1, 1, -HOUR, -HOUR - 1];
    let edges = if space == Space::Whole { &edges[..] } else { &edges[..4] };
    let mut all = vec![None];
    for epoch in [EPOCH - 1, EPOCH, EPOCH + 1] {
        for &at in edges {
            all.push(Some(Given { at, epoch }));
        }
    }
    all
}

impl Given {
    fn counts(given: Option<Self>) -> bool {
        given.is_some_and(|given| given.epoch == EPOCH)
    }

    /// At most so old, and not from the future.
    fn is_of_the_last(millis: i64, given: Option<Self>) -> bool {
        given.is_some_and(|given| (-millis..=0).contains(&given.at))
    }

    fn proof(self) -> Proof {
        Proof { at: from_now(self.at), epoch: Epoch(self.epoch) }
    }
}

/// One point of the input space.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "a point of a space of yes and no")]
struct Case {
    asks_for_two: bool,
    /// How old the newest proof may be, in milliseconds.
    max_age: Option<i64>,
    admits: Admits,
    required: bool,
    state: MembershipState,
    is_admin: bool,
    has_factor: bool,
    age: Age,
    password: Option<Given>,
    second: Option<Given>,
    by_recovery_code: bool,
    recovering: bool,
    enrolling: bool,
}

impl Case {
    fn decide(self) -> Access {
        let role = |admin| if admin { Role::Admin } else { Role::Member };
        access(
            Demand {
                assurance: if self.asks_for_two { Assurance::Aal2 } else { Assurance::Aal1 },
                max_age: self.max_age.map(|millis| Duration::from_millis(millis.unsigned_abs())),
                admits: self.admits,
            },
            Policy::from_required(self.required),
            User {
                epoch: Epoch(EPOCH),
                state: self.state,
                role: role(self.is_admin),
                has_factor: self.has_factor,
            },
            &Session {
                created: from_now(self.age.created),
                last_seen: from_now(self.age.seen),
                limits: SessionLimits::default(),
                password: self.password.map(Given::proof),
                second: self.second.map(|given| (self.second_by(), given.proof())),
                recovering: self.recovering,
                enrolling: self.enrolling,
            },
            NOW,
        )
    }

    fn second_by(self) -> SecondProof {
        if self.by_recovery_code { SecondProof::RecoveryCode } else { SecondProof::Totp(factor()) }
    }

    // The words in which the rules are said.

    fn is_active(self) -> bool {
        self.state == MembershipState::Active
    }

    fn session_is_over(self) -> bool {
        self.age.left.is_none()
    }

    /// The first door is behind this session.
    fn is_inside(self) -> bool {
        self.is_active() && !self.session_is_over() && Given::counts(self.password)
    }

    fn gave_a_second_proof(self) -> bool {
        self.has_factor && Given::counts(self.second)
    }

    fn must_enrol(self) -> bool {
        !self.has_factor && (self.required || self.asks_for_two)
    }

    fn may_enrol_now(self) -> bool {
        Given::is_of_the_last(5 * MINUTE, self.password) || self.enrolling
    }

    /// So is the second.
    fn is_through(self) -> bool {
        self.is_inside() && (self.gave_a_second_proof() || (!self.has_factor && !self.must_enrol()))
    }

    fn is_admitted(self) -> bool {
        match self.admits {
            Admits::Everyone => true,
            Admits::Admins => self.is_admin,
            Admits::Nobody => false,
        }
    }

    /// A second proof of who has a factor, the password of who has none.
    fn proof_that_must_be_fresh(self) -> Option<Given> {
        if self.has_factor { self.second } else { self.password }
    }

    fn is_fresh_enough(self) -> bool {
        self.max_age.is_none_or(|age| Given::is_of_the_last(age, self.proof_that_must_be_fresh()))
    }

    /// The earliest moment at which something that was needed is over: a session at its end, a
    /// proof in the millisecond after its time.
    fn granted_until(self) -> Timestamp {
        let session = self.age.left.unwrap();
        let proof = |age| self.proof_that_must_be_fresh().unwrap().at + age + 1;
        from_now(self.max_age.map_or(session, |age| session.min(proof(age))))
    }
}

type Rule = (&'static str, fn(Case) -> bool, fn(Case) -> Access);

/// Sections 3 and 4 of the design. Exactly one rule speaks about each case.
const RULES: [Rule; 12] = [
    (
        "Who is invited or disabled gets nothing, whatever the session holds.",
        |c| !c.is_active(),
        |_| Access::Refused(Why::NotActive),
    ),
    (
        "A session that is over, or that only a wrong clock can have written, starts anew.",
        |c| c.is_active() && c.session_is_over(),
        |_| Access::Needs(Step::Password),
    ),
    (
        "Without a password proof of the epoch of now, the sign-in starts anew.",
        |c| c.is_active() && !c.session_is_over() && !Given::counts(c.password),
        |_| Access::Needs(Step::Password),
    ),
    (
        "Enrolled and not proven is asked for a code, whatever the switch says.",
        |c| c.is_inside() && c.has_factor && !c.gave_a_second_proof() && !c.recovering,
        |_| Access::Needs(Step::SecurityCode),
    ),
    (
        "A recover link's session enrols anew although a factor exists.",
        |c| {
            c.is_inside()
                && c.has_factor
                && !c.gave_a_second_proof()
                && c.recovering
                && c.may_enrol_now()
        },
        |_| Access::Needs(Step::Enrolment),
    ),
    (
        "But gives the password again first, when it is older than five minutes.",
        |c| {
            c.is_inside()
                && c.has_factor
                && !c.gave_a_second_proof()
                && c.recovering
                && !c.may_enrol_now()
        },
        |_| Access::Needs(Step::FreshProof),
    ),
    (
        "Not enrolled is led to enrolment, where the policy or the asking page wants two proofs.",
        |c| c.is_inside() && c.must_enrol() && c.may_enrol_now(),
        |_| Access::Needs(Step::Enrolment),
    ),
    (
        "But gives the password again first, when it is older than five minutes.",
        |c| c.is_inside() && c.must_enrol() && !c.may_enrol_now(),
        |_| Access::Needs(Step::FreshProof),
    ),
    (
        "Behind the second door, what is for Admins is for Admins.",
        |c| c.is_through() && c.admits == Admits::Admins && !c.is_admin,
        |_| Access::Refused(Why::NotAdmin),
    ),
    (
        "An application that does not let this user in does so whatever they prove or are.",
        |c| c.is_through() && c.admits == Admits::Nobody,
        |_| Access::Refused(Why::NotAdmitted),
    ),
    (
        "A sensitive act wants a fresh second proof of who has a factor, else a fresh password.",
        |c| c.is_through() && c.is_admitted() && !c.is_fresh_enough(),
        |_| Access::Needs(Step::FreshProof),
    ),
    (
        "All else is granted, with the assurance that the proofs add up to, until one is over.",
        |c| c.is_through() && c.is_admitted() && c.is_fresh_enough(),
        |c| Access::Granted {
            assurance: if c.has_factor { Assurance::Aal2 } else { Assurance::Aal1 },
            until: c.granted_until(),
        },
    ),
];

fn every_case(space: Space, mut visit: impl FnMut(Case)) {
    let states = [MembershipState::Invited, MembershipState::Active, MembershipState::Disabled];
    let given = every_given(space);
    let admits = [Admits::Everyone, Admits::Admins, Admits::Nobody];
    let max_ages = [None, Some(5 * MINUTE), Some(HOUR)];
    let (max_ages, bits) =
        if space == Space::Whole { (&max_ages[..], 7) } else { (&max_ages[..2], 6) };
    let mut in_turns = false;
    for (bits, admits) in (0..1_u16 << bits).flat_map(|bits| admits.map(|admits| (bits, admits))) {
        let bit = |number: u16| bits >> number & 1 == 1;
        for (&max_age, state) in max_ages.iter().flat_map(|age| states.map(|state| (age, state))) {
            for age in AGES {
                for (&password, &second) in
                    given.iter().flat_map(|one| given.iter().map(move |two| (one, two)))
                {
                    in_turns = !in_turns;
                    visit(Case {
                        asks_for_two: bit(0),
                        max_age,
                        admits,
                        required: bit(1),
                        is_admin: bit(2),
                        has_factor: bit(3),
                        recovering: bit(4),
                        enrolling: bit(5),
                        by_recovery_code: if space == Space::Whole { bit(6) } else { in_turns },
                        state,
                        age,
                        password,
                        second,
                    });
                }
            }
        }
    }
}

/// Asks `access` about every case and compares its answer with the rule that speaks about it.
pub fn report(space: Space) -> Report {
    let mut report = Report::default();
    let mut spoken = [0_u64; RULES.len()];
    every_case(space, |case| {
        let mut speaking = (0..RULES.len()).filter(|&number| RULES[number].1(case));
        let (Some(number), None) = (speaking.next(), speaking.next()) else {
            report.violation(format!("not exactly one rule speaks about {case:?}"));
            return;
        };
        spoken[number] += 1;
        let (says, _, answer) = RULES[number];
        let (given, due) = (case.decide(), answer(case));
        // The first few say enough.
        if given != due && report.violations.len() < 5 {
            report.violation(format!("{says}\n{case:?}\nis due {due:?}, and was given {given:?}"));
        }
    });
    report.figure("cases", spoken.iter().sum::<u64>());
    for (number, (says, ..)) in RULES.iter().enumerate() {
        report.figure(says, spoken[number]);
        if spoken[number] == 0 {
            report.violation(format!("no case reaches: {says}"));
        }
    }
    report
}
