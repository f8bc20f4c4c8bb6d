//! Rule 5: nobody loses the last way in, not even two Admins who act against each other at the
//! same moment.

use vestibule_domain::application::{Enter, Host};
use vestibule_domain::id::ApplicationId;
use vestibule_domain::name::Name;
use vestibule_domain::policy::Policy;
use vestibule_domain::user::Role;
use vestibule_flows::applications::{Application, ApplicationAnswer};
use vestibule_flows::authority::{Admin, Fresh, SignedIn};
use vestibule_flows::invitations::Invited;
use vestibule_flows::own_settings::{FactorRemoval, Reissued};
use vestibule_flows::policy::PolicySet;
use vestibule_flows::users::{UserAct, UserChanged};
use vestibule_testkit::app::randomness;

use crate::stage::*;

const ON_POSTGRES: usize = 1000;
const ON_SQLITE: usize = 200;

/// One round: what A does to B while B does it to A.
async fn against_each_other(
    stage: &Stage,
    round: usize,
    (a, b): (&Person, &Person),
    admins: (Fresh<Admin>, Fresh<Admin>),
    acts: (UserAct, UserAct),
) -> (UserChanged, UserChanged) {
    let (one, two) = (stage.vestibule.clone(), stage.vestibule.clone());
    let (a, b) = (a.id, b.id);
    let changed = duel(
        round,
        async move { one.change_user(&visitor(), &admins.0, b, acts.0).await },
        async move { two.change_user(&visitor(), &admins.1, a, acts.1).await },
    )
    .await;
    stage.assert_an_able_admin(&format!("round {round}: {acts:?} gave {changed:?}")).await;
    changed
}

/// Exactly one of two acts took place: the other's actor was no Admin any more, or was the last.
fn assert_one_won(round: usize, changed: (UserChanged, UserChanged)) {
    let won = [changed.0, changed.1].iter().filter(|c| **c == UserChanged::Done).count();
    assert_eq!(won, 1, "round {round}: {changed:?}");
}

races! {
    async fn two_admins_demote_each_other(stage) {
        let (a, b) = (stage.add("a", Role::Admin, false).await, stage.add("b", Role::Admin, false).await);
        let (a_token, b_token) = (stage.sign_in_fully(&a).await, stage.sign_in_fully(&b).await);
        let demote = UserAct::SetRole(Role::Member);
        for round in 0..stage.rounds(ON_POSTGRES, ON_SQLITE) {
            let admins = (stage.may(&a_token).await, stage.may(&b_token).await);
            let changed =
                against_each_other(&stage, round, (&a, &b), admins, (demote, demote)).await;
            assert_one_won(round, changed);
            let demoted = if changed.0 == UserChanged::Done { b.id } else { a.id };
            stage.restore(demoted, Role::Admin).await;
        }
    }

    async fn two_admins_disable_each_other(stage) {
        let (a, b) = (stage.add("a", Role::Admin, false).await, stage.add("b", Role::Admin, false).await);
        let (mut a_token, mut b_token) =
            (stage.sign_in_fully(&a).await, stage.sign_in_fully(&b).await);
        for round in 0..stage.rounds(ON_POSTGRES, ON_SQLITE) {
            let admins = (stage.may(&a_token).await, stage.may(&b_token).await);
            let acts = (UserAct::Disable, UserAct::Disable);
            let changed = against_each_other(&stage, round, (&a, &b), admins, acts).await;
            assert_one_won(round, changed);
            let a_won = changed.0 == UserChanged::Done;
            let (out, token) = if a_won { (b.id, &mut b_token) } else { (a.id, &mut a_token) };
            let look = round % 10 == 0;
            assert!(!look || !stage.opens(token).await);
            stage.restore(out, Role::Admin).await;
            assert!(!look || !stage.opens(token).await, "enabling revives no session");
            *token = stage.session(out).await;
        }
    }

    async fn two_admins_remove_each_other(stage) {
        let mut people =
            [stage.add("a", Role::Admin, false).await, stage.add("b", Role::Admin, false).await];
        let mut tokens = [stage.session(people[0].id).await, stage.session(people[1].id).await];
        for round in 0..stage.rounds(ON_POSTGRES, ON_SQLITE) {
            let admins = (stage.may(&tokens[0]).await, stage.may(&tokens[1]).await);
            let acts = (UserAct::Remove, UserAct::Remove);
            let both = (&people[0], &people[1]);
            let changed = against_each_other(&stage, round, both, admins, acts).await;
            assert_one_won(round, changed);
            let gone = usize::from(changed.0 == UserChanged::Done);
            if round % 10 == 0 {
                assert!(stage.standing(people[gone].id).await.is_none());
                assert!(stage.vestibule.current(&tokens[gone]).await.unwrap().is_none());
            }
            stage.bring_back(&mut people[gone], Role::Admin).await;
            tokens[gone] = stage.session(people[gone].id).await;
        }
    }

    /// While MFA is required, an Admin without a factor is not able to help.
    async fn two_admins_reset_each_others_factors_while_required(stage) {
        let (a, b) = (stage.admin_with_app("a").await, stage.admin_with_app("b").await);
        stage.set_policy(Policy::Required).await;
        let (mut a_token, mut b_token) = (stage.session(a.id).await, stage.session(b.id).await);
        for round in 0..stage.rounds(ON_POSTGRES, ON_SQLITE) {
            let admins = (stage.may(&a_token).await, stage.may(&b_token).await);
            let acts = (UserAct::ResetFactors, UserAct::ResetFactors);
            let changed = against_each_other(&stage, round, (&a, &b), admins, acts).await;
            assert_one_won(round, changed);
            let a_won = changed.0 == UserChanged::Done;
            let (reset, token) = if a_won { (&b, &mut b_token) } else { (&a, &mut a_token) };
            assert!(round % 10 > 0 || !stage.opens(token).await);
            stage.ensure_factor(reset).await;
            *token = stage.session(reset.id).await;
        }
    }

    /// Every pair of acts, also upon oneself.
    async fn two_admins_do_different_things_to_each_other_and_themselves(stage) {
        let (a, b) = (stage.admin_with_app("a").await, stage.admin_with_app("b").await);
        let mut tokens = (stage.session(a.id).await, stage.session(b.id).await);
        let acts = [
            UserAct::SetRole(Role::Member),
            UserAct::Disable,
            UserAct::ResetFactors,
            UserAct::SetRole(Role::Admin),
            UserAct::Enable,
        ];
        let mut draws = Draws(0xAB1E);
        for round in 0..stage.rounds(300, 80) {
            let policy = Policy::from_required(draws.next(3) > 0);
            stage.set_policy(policy).await;
            let (one, two) = (acts[draws.next(5)], acts[draws.next(5)]);
            let admins = (stage.may(&tokens.0).await, stage.may(&tokens.1).await);
            // Upon the other, or upon oneself.
            let targets = match draws.next(3) {
                0 => (&a, &b),
                1 => (&b, &b),
                _ => (&b, &a),
            };
            against_each_other(&stage, round, (targets.1, targets.0), admins, (one, two)).await;
            for (person, token) in [(&a, &mut tokens.0), (&b, &mut tokens.1)] {
                stage.restore(person.id, Role::Admin).await;
                stage.ensure_factor(person).await;
                if !stage.opens(token).await {
                    *token = stage.session(person.id).await;
                }
            }
        }
    }

    /// The only Admin turns the switch on in one window and removes the last factor in another.
    async fn the_switch_goes_on_while_the_last_factor_is_removed(stage) {
        let a = stage.admin_with_app("a").await;
        let (mut required, mut removed) = (0, 0);
        let (mut one, mut two) = (stage.session(a.id).await, stage.session(a.id).await);
        let factor = stage.store.read().await.unwrap().factors(a.id).await.unwrap()[0].id;
        for round in 0..stage.rounds(ON_POSTGRES, ON_SQLITE) {
            let admin: Fresh<Admin> = stage.may(&one).await;
            let user: Fresh<SignedIn> = stage.may(&two).await;
            let (switch, factors) = (stage.vestibule.clone(), stage.vestibule.clone());
            let (set, gone) = duel(
                round,
                async move { switch.set_policy(&visitor(), &admin, Policy::Required).await },
                async move { factors.remove_factor(&visitor(), &user, factor).await },
            )
            .await;
            let (policy, able) = stage.able_admins().await;
            assert_eq!(able, 1, "round {round}: {set:?}");
            let is_gone = matches!(gone, FactorRemoval::Done(_));
            assert_ne!(set == PolicySet::Done, is_gone, "round {round}: one of the two");
            assert_eq!(policy.is_required(), set == PolicySet::Done);
            assert_eq!(stage.factors(a.id).await == 0, is_gone);
            if is_gone {
                removed += 1;
                stage.ensure_factor(&a).await;
                (one, two) = (stage.session(a.id).await, stage.session(a.id).await);
            } else {
                required += 1;
                stage.set_policy(Policy::Optional).await;
            }
        }
        println!("{required} times the switch was first, {removed} times the factor");
    }

    /// The same, the factor being reset by another Admin who has none.
    async fn the_switch_goes_on_while_another_admin_resets_the_last_factor(stage) {
        let (a, b) = (stage.admin_with_app("a").await, stage.add("b", Role::Admin, false).await);
        let (mut a_token, b_token) = (stage.session(a.id).await, stage.session(b.id).await);
        let other: Fresh<Admin> = stage.may(&b_token).await;
        let (mut required, mut reset) = (0, 0);
        for round in 0..stage.rounds(ON_POSTGRES, ON_SQLITE) {
            let (admin, other): (Fresh<Admin>, _) = (stage.may(&a_token).await, other.clone());
            let (switch, resets, target) = (stage.vestibule.clone(), stage.vestibule.clone(), a.id);
            let act = UserAct::ResetFactors;
            let (set, changed) = duel(
                round,
                async move { switch.set_policy(&visitor(), &admin, Policy::Required).await },
                async move { resets.change_user(&visitor(), &other, target, act).await },
            )
            .await;
            let (policy, able) = stage.able_admins().await;
            assert!(able >= 1, "round {round}: {set:?}, {changed:?}");
            assert_ne!(set == PolicySet::Done, changed == UserChanged::Done, "round {round}");
            assert_eq!(policy.is_required(), set == PolicySet::Done);
            if set == PolicySet::Done {
                required += 1;
                stage.set_policy(Policy::Optional).await;
            } else {
                reset += 1;
                stage.ensure_factor(&a).await;
                a_token = stage.session(a.id).await;
            }
        }
        println!("{required} times the switch was first, {reset} times the factor");
    }

    /// Two apps, two windows, each removes the other app: one is left while MFA is required.
    async fn two_factors_are_removed_at_once_while_required(stage) {
        let a = stage.admin_with_app("a").await;
        stage.set_policy(Policy::Required).await;
        for round in 0..stage.rounds(200, 40) {
            let kept = stage.store.read().await.unwrap().factors(a.id).await.unwrap();
            stage.another_factor(a.id).await;
            assert_eq!((kept.len(), stage.factors(a.id).await), (1, 2));
            let factors = stage.store.read().await.unwrap().factors(a.id).await.unwrap();
            let (one, two) = (stage.session(a.id).await, stage.session(a.id).await);
            let (one, two): (Fresh<SignedIn>, Fresh<SignedIn>) =
                (stage.may(&one).await, stage.may(&two).await);
            let (first, second) = (stage.vestibule.clone(), stage.vestibule.clone());
            let (f, g) = (factors[0].id, factors[1].id);
            let answers = duel(
                round,
                async move { first.remove_factor(&visitor(), &one, f).await },
                async move { second.remove_factor(&visitor(), &two, g).await },
            )
            .await;
            let done = |answer: &FactorRemoval| usize::from(matches!(answer, FactorRemoval::Done(_)));
            assert_eq!(done(&answers.0) + done(&answers.1), 1, "round {round}");
            assert_eq!(stage.factors(a.id).await, 1);
            stage.assert_an_able_admin("two factors").await;
        }
    }

    /// An authority that was read before is good for nothing once its epoch is over, in none of
    /// the acts of an Admin, though the role is the same.
    async fn an_admin_whose_epoch_is_over_does_nothing(stage) {
        let (a, b) = (stage.admin_with_app("a").await, stage.add("b", Role::Member, false).await);
        let thief = stage.session(a.id).await;
        let stolen: Fresh<Admin> = stage.may(&thief).await;
        let owner = stage.session(a.id).await;
        let owner: Fresh<SignedIn> = stage.may(&owner).await;
        let v = &stage.vestibule;
        let ended = v.end_other_sessions(&visitor(), &owner).await.unwrap();
        assert!(matches!(ended, Reissued::Done(_)));
        let from = visitor();
        for act in [
            UserAct::SetRole(Role::Admin),
            UserAct::Disable,
            UserAct::Enable,
            UserAct::Remove,
            UserAct::ResetFactors,
        ] {
            let changed = v.change_user(&from, &stolen, b.id, act).await.unwrap();
            assert_eq!(changed, UserChanged::NotAdmin);
        }
        for policy in [Policy::Required, Policy::Optional] {
            assert_eq!(v.set_policy(&from, &stolen, policy).await.unwrap(), PolicySet::NotAdmin);
        }
        assert!(v.make_password_link(&from, &stolen, b.id).await.unwrap().is_none());
        assert!(v.renew_invitation(&from, &stolen, b.id).await.unwrap().is_none());
        assert!(!v.cancel_invitation(&from, &stolen, b.id).await.unwrap());
        let address = format!("new@{}.example", stage.account);
        let invited = v.invite(&from, &stolen, &address, "New", Role::Admin).await.unwrap();
        assert!(matches!(invited, Invited::NotAdmin));
        let wanted = Application {
            name: Name::parse("Wiki").unwrap(),
            host: Host::parse("wiki.example", true).unwrap(),
            enter: Enter::Everyone,
            always_mfa: false,
            max_age: None,
        };
        let id = ApplicationId::new(v.now(), &randomness());
        for answer in [
            v.add_application(&from, &stolen, &wanted).await.unwrap(),
            v.change_application(&from, &stolen, id, &wanted).await.unwrap(),
            v.remove_application(&from, &stolen, id).await.unwrap(),
            v.name_user(&from, &stolen, id, &address).await.unwrap(),
            v.unname_user(&from, &stolen, id, b.id).await.unwrap(),
        ] {
            assert_eq!(answer, ApplicationAnswer::NotAdmin);
        }
        let standing = stage.standing(b.id).await.unwrap();
        assert_eq!((standing.role, standing.epoch.0), (Role::Member, 1));
    }

    async fn an_admin_without_a_factor_does_not_turn_the_switch_on(stage) {
        let (a, b) = (stage.add("a", Role::Admin, false).await, stage.admin_with_app("b").await);
        let (a_token, b_token) = (stage.session(a.id).await, stage.session(b.id).await);
        let (a_may, b_may): (Fresh<Admin>, Fresh<Admin>) =
            (stage.may(&a_token).await, stage.may(&b_token).await);
        let v = &stage.vestibule;
        let set = async |admin, policy| v.set_policy(&visitor(), admin, policy).await.unwrap();
        assert_eq!(set(&a_may, Policy::Required).await, PolicySet::NeedsFactor);
        assert_eq!(stage.able_admins().await.0, Policy::Optional);
        assert_eq!(set(&b_may, Policy::Required).await, PolicySet::Done);
        assert!(!stage.opens(&a_token).await, "at once, for sessions that are open too");
        assert!(stage.opens(&b_token).await);
    }

    /// Sixteen Admins, each of whom demotes the next: some are left.
    async fn sixteen_admins_demote_each_other_in_a_ring(stage) {
        let mut admins = Vec::new();
        for number in 0..16 {
            admins.push(stage.add(&format!("a{number}"), Role::Admin, false).await);
        }
        for _ in 0..stage.rounds(10, 5) {
            let mut acts = Vec::new();
            for (number, admin) in admins.iter().enumerate() {
                let token = stage.session(admin.id).await;
                let authority: Fresh<Admin> = stage.may(&token).await;
                let (vestibule, target) = (stage.vestibule.clone(), admins[(number + 1) % 16].id);
                acts.push(async move {
                    let act = UserAct::SetRole(Role::Member);
                    vestibule.change_user(&visitor(), &authority, target, act).await
                });
            }
            let changed = all_at_once(acts).await;
            stage.assert_an_able_admin(&format!("{changed:?}")).await;
            assert!(!changed.contains(&UserChanged::LastAdmin), "the actor is one: {changed:?}");
            for admin in &admins {
                stage.restore(admin.id, Role::Admin).await;
            }
        }
    }
}
