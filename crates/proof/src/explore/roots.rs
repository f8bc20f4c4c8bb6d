//! Where the exploration begins: accounts that were furnished by actions of their own.

use super::actions::{ADA, Action, BEN, Move, Upon};
use super::stage::{Stage, State};

/// The names of the beginnings, in their order.
pub(super) const NAMES: [&str; 5] = [
    "nobody has an app, the switch is off; the attacker knows Ben's password",
    "both have an app, the switch is on; the attacker knows Ben's password",
    "Ada has two apps, Ben has none, the switch is off; the attacker knows Ada's password",
    "Ben's budget of attempts is nearly spent; the attacker knows Ben's password",
    "both are Admins, Ben's proofs have just grown old; the attacker knows Ben's password",
];

fn enrol(browser: usize) -> [Action; 4] {
    [
        Action::SignIn { browser, user: browser, right: true },
        Action::ShowKey { browser },
        Action::ConfirmKey { browser, right: true, for_switch: false },
        Action::KeepCodes { browser },
    ]
}

/// The states in which it begins. Each is reached from the furnished account by actions.
pub(super) async fn all(stage: &mut Stage) -> Vec<State> {
    let both = || {
        let mut story = enrol(ADA).to_vec();
        story.push(Action::Switch { browser: ADA, on: true });
        story.push(Action::SignIn { browser: BEN, user: BEN, right: true });
        story.extend(&enrol(BEN)[1..]);
        story
    };
    let out = |story: Vec<Action>| {
        [story, vec![Action::SignOut { browser: ADA }, Action::SignOut { browser: BEN }]].concat()
    };
    let another = [
        Action::Clock(Move::NextStep),
        Action::ShowKey { browser: ADA },
        Action::ConfirmKey { browser: ADA, right: true, for_switch: false },
        Action::Clock(Move::PastFreshness),
    ];
    let promoted = [
        Action::Act { browser: ADA, user: BEN, act: Upon::MakeAdmin },
        Action::Clock(Move::PastFreshness),
    ];
    let beginnings = [
        (BEN, vec![]),
        (BEN, out(both())),
        (ADA, [enrol(ADA).to_vec(), another.to_vec()].concat()),
        (BEN, [out(both()), vec![Action::Clock(Move::PastFreshness)]].concat()),
        (BEN, [both(), promoted.to_vec()].concat()),
    ];
    let furnished = stage.beginning(BEN);
    let mut states = vec![];
    for (number, (victim, story)) in beginnings.into_iter().enumerate() {
        let mut state = furnished.clone();
        state.ghost.victim = victim;
        for action in story {
            stage.put(&state).await.unwrap();
            let mut ghost = state.ghost.clone();
            if let Err(broken) = stage.play(&mut ghost, action).await {
                panic!("while furnishing: {action}: {}", broken.0);
            }
            state = stage.state(ghost, &state).await.unwrap();
        }
        if number == 3 {
            state = stage.with_budget_used(state, BEN, 96);
        }
        states.push(state);
    }
    states
}
