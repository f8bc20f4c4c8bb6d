//! The decision: properties over inputs that nobody thought of. Its whole input space, cut into
//! classes, is held against the rules in `crates/proof/src/access.rs`.

#![expect(clippy::unwrap_used, reason = "tests")]

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

// Inputs are drawn at random: any distance in time, any limits, any epochs.

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
