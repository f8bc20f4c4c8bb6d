//! The decision, over its whole input space cut into classes, against the rules of the design in
//! the design's own shape: a list of `if … then …`, of which exactly one speaks about each case.
//! Then properties over inputs that nobody thought of.

#![expect(clippy::unwrap_used, reason = "tests")]
#![expect(clippy::struct_excessive_bools, reason = "a point of a space of yes and no")]

use std::time::Duration;

use proptest::option;
use proptest::prelude::*;
use vestibule_domain::access::{Access, Admits, Demand, Step, Why, access};
use vestibule_domain::id::FactorId;
use vestibule_domain::policy::Policy;
use vestibule_domain::proof::{Assurance, FRESHNESS, Proof, SecondProof};
use vestibule_domain::session::{Session, SessionLimits};
use vestibule_domain::time::Timestamp;
use vestibule_domain::user::{Epoch, MembershipState, Role, User};

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

fn every_given() -> Vec<Option<Given>> {
    let mut all = vec![None];
    for epoch in [EPOCH - 1, EPOCH, EPOCH + 1] {
        for at in [0, -5 * MINUTE, -5 * MINUTE - 1, 1] {
            all.push(Some(Given { at, epoch }));
        }
    }
    all
}

impl Given {
    fn counts(given: Option<Self>) -> bool {
        given.is_some_and(|given| given.epoch == EPOCH)
    }

    /// At most five minutes old, and not from the future.
    fn is_fresh(given: Option<Self>) -> bool {
        given.is_some_and(|given| (-5 * MINUTE..=0).contains(&given.at))
    }

    fn proof(self) -> Proof {
        Proof { at: from_now(self.at), epoch: Epoch(self.epoch) }
    }
}

/// One point of the input space.
#[derive(Clone, Copy, Debug)]
struct Case {
    asks_for_two: bool,
    asks_for_fresh: bool,
    admits: Admits,
    required: bool,
    state: MembershipState,
    is_admin: bool,
    has_factor: bool,
    age: Age,
    password: Option<Given>,
    second: Option<Given>,
    recovering: bool,
    enrolling: bool,
}

impl Case {
    fn decide(self) -> Access {
        let role = |admin| if admin { Role::Admin } else { Role::Member };
        access(
            Demand {
                assurance: if self.asks_for_two { Assurance::Aal2 } else { Assurance::Aal1 },
                max_age: self.asks_for_fresh.then_some(FRESHNESS),
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
                second: self.second.map(|given| (SecondProof::Totp(factor()), given.proof())),
                recovering: self.recovering,
                enrolling: self.enrolling,
            },
            NOW,
        )
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
        Given::is_fresh(self.password) || self.enrolling
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
        !self.asks_for_fresh || Given::is_fresh(self.proof_that_must_be_fresh())
    }

    /// The earliest moment at which something that was needed is over: a session at its end, a
    /// proof in the millisecond after its five minutes.
    fn granted_until(self) -> Timestamp {
        let session = self.age.left.unwrap();
        let proof = self.proof_that_must_be_fresh().unwrap().at + 5 * MINUTE + 1;
        from_now(if self.asks_for_fresh { session.min(proof) } else { session })
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

fn every_case(mut visit: impl FnMut(Case)) {
    let both = [false, true];
    let states = [MembershipState::Invited, MembershipState::Active, MembershipState::Disabled];
    let given = every_given();
    let admits = [Admits::Everyone, Admits::Admins, Admits::Nobody];
    // Seven yes-or-no questions, one bit each.
    for (bits, admits) in (0..1_u16 << 7).flat_map(|bits| admits.map(|admits| (bits, admits))) {
        let bit = |number: u16| both[usize::from(bits >> number & 1)];
        for state in states {
            for age in AGES {
                for &password in &given {
                    for &second in &given {
                        visit(Case {
                            asks_for_two: bit(0),
                            asks_for_fresh: bit(1),
                            admits,
                            required: bit(2),
                            is_admin: bit(3),
                            has_factor: bit(4),
                            recovering: bit(5),
                            enrolling: bit(6),
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
}

#[test]
fn every_case_is_decided_as_the_rules_say() {
    let mut spoken = [0_u64; RULES.len()];
    every_case(|case| {
        let mut speaking = (0..RULES.len()).filter(|&number| RULES[number].1(case));
        let number = speaking.next().unwrap_or_else(|| panic!("no rule speaks about {case:?}"));
        assert_eq!(speaking.next(), None, "two rules speak about {case:?}");
        spoken[number] += 1;
        let (says, _, answer) = RULES[number];
        assert_eq!(case.decide(), answer(case), "{says}\n{case:?}");
    });
    let total: u64 = spoken.iter().sum();
    println!("{total} cases, as the rules say:");
    for (number, (says, ..)) in RULES.iter().enumerate() {
        println!("{:>9}  {says}", spoken[number]);
        assert!(spoken[number] > 0, "no case reaches: {says}");
    }
    assert_eq!(total, 128 * 3 * 3 * 11 * 13 * 13);
}

// What follows draws its inputs at random: any distance in time, any limits, any epochs.

/// Anything that can be asked, of anybody.
#[derive(Clone, Copy, Debug)]
struct Asked {
    demand: Demand,
    policy: Policy,
    user: User,
    session: Session,
}

impl Asked {
    fn at(&self, now: Timestamp) -> Access {
        access(self.demand, self.policy, self.user, &self.session, now)
    }

    fn now(&self) -> Access {
        self.at(NOW)
    }

    /// The newest proof that counts is the second one where there is a factor.
    fn newest(&self) -> Option<Proof> {
        if self.user.has_factor {
            self.session.second.map(|(_, proof)| proof)
        } else {
            self.session.password
        }
    }

    fn stamps(&self) -> impl Iterator<Item = Timestamp> {
        let proofs = [self.session.password, self.session.second.map(|(_, proof)| proof)];
        [self.session.created, self.session.last_seen]
            .into_iter()
            .chain(proofs.into_iter().flatten().map(|proof| proof.at))
    }
}

fn is_granted(answer: Access) -> bool {
    matches!(answer, Access::Granted { .. })
}

/// Mostly the last half hour, where answers differ; sometimes the edges; rarely any time at all.
fn moment() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        8 => (-30 * MINUTE..=0).prop_map(from_now),
        4 => (-26 * HOUR..2 * HOUR).prop_map(from_now),
        2 => prop::sample::select(vec![0, 1, -1, -5 * MINUTE, -HOUR, -24 * HOUR, MINUTE])
            .prop_map(from_now),
        1 => any::<i64>().prop_map(Timestamp::from_millis),
    ]
}

fn proof() -> impl Strategy<Value = Proof> {
    (moment(), prop_oneof![4 => Just(EPOCH), 1 => EPOCH - 2..EPOCH + 3])
        .prop_map(|(at, epoch)| Proof { at, epoch: Epoch(epoch) })
}

fn limits() -> impl Strategy<Value = SessionLimits> {
    let random = (0..200_000_000_u64, 0..200_000_000_u64).prop_map(|(idle, total)| SessionLimits {
        idle: Duration::from_millis(idle),
        total: Duration::from_millis(total),
    });
    prop_oneof![3 => Just(SessionLimits::default()), 1 => random]
}

fn demand() -> impl Strategy<Value = Demand> {
    let max_age = prop_oneof![
        3 => Just(None),
        3 => Just(Some(FRESHNESS)),
        1 => (0..4_000_000_u64).prop_map(|millis| Some(Duration::from_millis(millis))),
        1 => Just(Some(Duration::MAX)),
    ];
    let admits = prop_oneof![
        6 => Just(Admits::Everyone),
        3 => Just(Admits::Admins),
        1 => Just(Admits::Nobody),
    ];
    (prop::bool::ANY, max_age, admits).prop_map(|(two, max_age, admits)| Demand {
        assurance: if two { Assurance::Aal2 } else { Assurance::Aal1 },
        max_age,
        admits,
    })
}

fn asked() -> impl Strategy<Value = Asked> {
    let user = (
        prop_oneof![
            8 => Just(MembershipState::Active),
            1 => Just(MembershipState::Invited),
            1 => Just(MembershipState::Disabled),
        ],
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(state, admin, has_factor)| User {
            epoch: Epoch(EPOCH),
            state,
            role: if admin { Role::Admin } else { Role::Member },
            has_factor,
        });
    let session = (
        moment(),
        moment(),
        limits(),
        option::weighted(0.9, proof()),
        option::weighted(0.7, (second_by(), proof())),
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.2),
    )
        .prop_map(|(created, last_seen, limits, password, second, recovering, enrolling)| {
            Session { created, last_seen, limits, password, second, recovering, enrolling }
        });
    (demand(), any::<bool>(), user, session).prop_map(|(demand, required, user, session)| Asked {
        demand,
        policy: Policy::from_required(required),
        user,
        session,
    })
}

fn second_by() -> impl Strategy<Value = SecondProof> {
    prop_oneof![Just(SecondProof::Totp(factor())), Just(SecondProof::RecoveryCode)]
}

fn asked_without_future() -> impl Strategy<Value = Asked> {
    asked().prop_filter("a stamp from the future", |asked| asked.stamps().all(|stamp| stamp <= NOW))
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// A recovery code stands in for a security code, no more and no less.
    #[test]
    fn a_recovery_code_opens_what_a_security_code_opens(asked in asked()) {
        let with = |by| {
            let second = asked.session.second.map(|(_, proof)| (by, proof));
            let session = Session { second, ..asked.session };
            Asked { session, ..asked }.now()
        };
        prop_assert_eq!(with(SecondProof::RecoveryCode), with(SecondProof::Totp(factor())));
    }

    #[test]
    fn nothing_is_granted_without_what_it_takes(asked in asked()) {
        let Access::Granted { assurance, .. } = asked.now() else { return Ok(()) };
        let Asked { demand, policy, user, session } = asked;
        prop_assert_eq!(user.state, MembershipState::Active);
        let admitted = match demand.admits {
            Admits::Everyone => true,
            Admits::Admins => user.role == Role::Admin,
            Admits::Nobody => false,
        };
        prop_assert!(admitted);
        prop_assert_eq!(session.password.unwrap().epoch, user.epoch);
        prop_assert!(assurance >= demand.assurance);
        if assurance == Assurance::Aal2 {
            prop_assert!(user.has_factor);
            prop_assert_eq!(session.second.unwrap().1.epoch, user.epoch);
        } else {
            prop_assert!(!user.has_factor && !policy.is_required());
        }
        if let Some(max_age) = demand.max_age {
            let age = NOW.millis() - asked.newest().unwrap().at.millis();
            prop_assert!(age >= 0 && u128::from(age.unsigned_abs()) <= max_age.as_millis());
        }
    }

    #[test]
    fn another_epoch_leaves_nothing_granted(asked in asked(), by in 1_i64..1000, back in any::<bool>()) {
        let proofs_of_now = under_epoch_of_now(asked);
        let epoch = Epoch(EPOCH + if back { -by } else { by });
        let other = Asked { user: User { epoch, ..asked.user }, ..proofs_of_now };
        prop_assert!(!is_granted(other.now()));
    }

    #[test]
    fn who_is_shut_out_is_out(asked in asked(), invited in any::<bool>()) {
        let state = if invited { MembershipState::Invited } else { MembershipState::Disabled };
        let out = Asked { user: User { state, ..asked.user }, ..asked };
        prop_assert_eq!(out.now(), Access::Refused(Why::NotActive));
    }

    #[test]
    fn a_grant_ends_when_it_says_and_not_before(asked in asked()) {
        let Access::Granted { assurance, until } = asked.now() else { return Ok(()) };
        let left = until.millis() - NOW.millis();
        prop_assert!(left > 0, "until is {left} ms away");
        let longest = asked.session.limits.idle.min(asked.session.limits.total);
        prop_assert!(i128::from(left) <= i128::try_from(longest.as_millis()).unwrap() + 60_000);
        prop_assert!(asked.session.limits != SessionLimits::default() || left <= 24 * HOUR);
        let last = Timestamp::from_millis(until.millis() - 1);
        prop_assert_eq!(asked.at(last), Access::Granted { assurance, until });
        prop_assert!(!is_granted(asked.at(until)));
    }

    #[test]
    fn time_alone_opens_nothing(asked in asked_without_future(), later in 0..48 * HOUR) {
        if !is_granted(asked.now()) {
            prop_assert!(!is_granted(asked.at(from_now(later))));
        }
    }

    #[test]
    fn who_asks_for_more_gets_no_more(asked in asked(), more in demand()) {
        let stricter = Asked {
            demand: Demand {
                assurance: asked.demand.assurance.max(more.assurance),
                max_age: [asked.demand.max_age, more.max_age].into_iter().flatten().min(),
                admits: asked.demand.admits.max(more.admits),
            },
            ..asked
        };
        prop_assert!(!is_granted(stricter.now()) || is_granted(asked.now()));
    }

    #[test]
    fn the_switch_opens_nothing_and_shuts_out_only_who_is_not_enrolled(asked in asked()) {
        let on = Asked { policy: Policy::Required, ..asked }.now();
        let off = Asked { policy: Policy::Optional, ..asked }.now();
        if asked.user.has_factor {
            prop_assert_eq!(on, off);
        } else {
            prop_assert!(!is_granted(on));
        }
    }

    #[test]
    fn recovering_and_enrolling_are_ways_to_the_enrolment_alone(
        asked in asked(),
        recovering in any::<bool>(),
        enrolling in any::<bool>(),
    ) {
        let other = Asked { session: Session { recovering, enrolling, ..asked.session }, ..asked };
        let (one, two) = (asked.now(), other.now());
        prop_assert_eq!(is_granted(one), is_granted(two));
        if is_granted(one) {
            prop_assert_eq!(one, two);
        }
    }

    #[test]
    fn enrolment_in_the_vestibule_is_for_who_has_no_factor_or_recovers(asked in asked()) {
        if asked.now() == Access::Needs(Step::Enrolment) {
            prop_assert!(!asked.user.has_factor || asked.session.recovering);
            prop_assert_eq!(asked.session.password.unwrap().epoch, asked.user.epoch);
        }
    }

    #[test]
    fn no_moment_and_no_limit_makes_it_panic(
        asked in asked(),
        now in any::<i64>(),
        idle in any::<u64>(),
        total in any::<u64>(),
    ) {
        let limits =
            SessionLimits { idle: Duration::from_secs(idle), total: Duration::from_secs(total) };
        let extreme = Asked { session: Session { limits, ..asked.session }, ..asked };
        extreme.at(Timestamp::from_millis(now));
    }
}

/// The same question with all proofs under the user's epoch.
fn under_epoch_of_now(asked: Asked) -> Asked {
    let under = |proof: Proof| Proof { epoch: Epoch(EPOCH), ..proof };
    let session = Session {
        password: asked.session.password.map(under),
        second: asked.session.second.map(|(kind, proof)| (kind, under(proof))),
        ..asked.session
    };
    Asked { session, ..asked }
}

/// The one exception to "time alone opens nothing", said aloud: what was written by a clock that
/// has been set back is refused until the clock has caught up, and then is what it was.
#[test]
fn a_stamp_from_the_future_counts_once_its_time_has_come() {
    let proof = Proof { at: from_now(HOUR), epoch: Epoch(EPOCH) };
    let asked = Asked {
        demand: Demand::SIGNED_IN.with_fresh_proof(),
        policy: Policy::Optional,
        user: User {
            epoch: Epoch(EPOCH),
            state: MembershipState::Active,
            role: Role::Member,
            has_factor: false,
        },
        session: Session {
            created: from_now(HOUR),
            last_seen: from_now(HOUR),
            limits: SessionLimits::default(),
            password: Some(proof),
            second: None,
            recovering: false,
            enrolling: false,
        },
    };
    assert_eq!(asked.now(), Access::Needs(Step::Password));
    assert!(is_granted(asked.at(from_now(HOUR))));
}
