//! Enrolments that meet: many confirmations, two windows, an Admin's reset, a sign-out.

use vestibule_domain::link::Recovers;
use vestibule_domain::policy::Policy;
use vestibule_domain::token::Token;
use vestibule_domain::user::Role;
use vestibule_flows::authority::{Admin, Enrolling, Fresh};
use vestibule_flows::enrolment::{AfterEnrolment, Confirmed};
use vestibule_flows::users::UserAct;

use crate::stage::*;

const GO_ON: AfterEnrolment = AfterEnrolment::GoOn;

fn token_of(confirmed: Confirmed) -> Option<Token> {
    match confirmed {
        Confirmed::Done { token, .. } => Some(token),
        Confirmed::Refused(_) | Confirmed::Over => None,
    }
}

/// Shows the key to a session in the vestibule and answers the code that its app shows now.
async fn shown(stage: &Stage, enrolling: &Enrolling) -> String {
    let shown = stage.vestibule.show_enrolment(&visitor(), enrolling).await.unwrap();
    Stage::scan(&shown).code_at(stage.clock.now()).to_string()
}

races! {
    async fn many_confirmations_of_one_enrolment_make_one_factor(stage) {
        let ben = stage.add("ben", Role::Member, false).await;
        stage.set_policy(Policy::Required).await;
        let token = stage.sign_in(&ben).await;
        let enrolling = stage.enrolling(&token).await;
        let code = shown(&stage, &enrolling).await;
        let acts = (0..RACERS)
            .map(|_| {
                let (vestibule, who, code) = (stage.vestibule.clone(), enrolling.clone(), code.clone());
                async move { vestibule.confirm_enrolment(&visitor(), &who, &code, GO_ON).await }
            })
            .collect();
        let tokens: Vec<Token> =
            all_at_once(acts).await.into_iter().filter_map(token_of).collect();
        assert_eq!((tokens.len(), stage.factors(ben.id).await), (1, 1));
        assert!(stage.opens(&tokens[0]).await);
        assert!(stage.vestibule.current(&token).await.unwrap().is_none(), "the old token");
    }

    async fn many_sessions_in_the_vestibule_make_one_factor(stage) {
        let ben = stage.add("ben", Role::Member, false).await;
        stage.set_policy(Policy::Required).await;
        let mut acts = Vec::new();
        for _ in 0..RACERS {
            let token = stage.session(ben.id).await;
            let enrolling = stage.enrolling(&token).await;
            let (vestibule, code) = (stage.vestibule.clone(), shown(&stage, &enrolling).await);
            acts.push(async move {
                vestibule.confirm_enrolment(&visitor(), &enrolling, &code, GO_ON).await
            });
        }
        let tokens: Vec<Token> =
            all_at_once(acts).await.into_iter().filter_map(token_of).collect();
        assert_eq!((tokens.len(), stage.factors(ben.id).await), (1, 1));
    }

    /// Sessions that hold the same password never see the same key; tabs of one always do.
    async fn many_tabs_and_sessions_see_their_own_key(stage) {
        let ben = stage.add("ben", Role::Member, false).await;
        stage.set_policy(Policy::Required).await;
        let mut acts = Vec::new();
        for _ in 0..8 {
            let token = stage.session(ben.id).await;
            for _tab in 0..8 {
                let (vestibule, who) = (stage.vestibule.clone(), stage.enrolling(&token).await);
                acts.push(async move { vestibule.show_enrolment(&visitor(), &who).await });
            }
        }
        let keys: Vec<String> =
            all_at_once(acts).await.into_iter().map(|shown| shown.key.to_string()).collect();
        for tabs in keys.chunks(8) {
            assert!(tabs.iter().all(|key| *key == tabs[0]));
        }
        let mut different: Vec<&String> = keys.iter().step_by(8).collect();
        different.sort_unstable();
        different.dedup();
        assert_eq!(different.len(), 8);
    }

    /// A thief in the vestibule and the owner confirm at the same moment: one key wins, and the
    /// other session is out.
    async fn two_keys_are_confirmed_at_once(stage) {
        let ben = stage.add("ben", Role::Member, false).await;
        stage.set_policy(Policy::Required).await;
        for round in 0..stage.rounds(200, 40) {
            let (one, two) = (stage.session(ben.id).await, stage.session(ben.id).await);
            let (one, two) = (stage.enrolling(&one).await, stage.enrolling(&two).await);
            let codes = (shown(&stage, &one).await, shown(&stage, &two).await);
            let (first, second) = (stage.vestibule.clone(), stage.vestibule.clone());
            let (first, second) = duel(
                round,
                async move { first.confirm_enrolment(&visitor(), &one, &codes.0, GO_ON).await },
                async move { second.confirm_enrolment(&visitor(), &two, &codes.1, GO_ON).await },
            )
            .await;
            let tokens: Vec<Token> = [first, second].into_iter().filter_map(token_of).collect();
            assert_eq!((tokens.len(), stage.factors(ben.id).await), (1, 1), "round {round}");
            stage.remove_factors(ben.id).await;
        }
    }

    /// Closing the window while the code is under way: either, and nothing breaks.
    async fn a_sign_out_meets_a_confirmation(stage) {
        let ben = stage.add("ben", Role::Member, false).await;
        stage.set_policy(Policy::Required).await;
        let mut confirmed = 0;
        for round in 0..stage.rounds(250, 40) {
            let token = stage.session(ben.id).await;
            let (current, who) = (stage.current(&token).await, stage.enrolling(&token).await);
            let code = shown(&stage, &who).await;
            let (out, enrol) = (stage.vestibule.clone(), stage.vestibule.clone());
            let ((), answer) = duel(
                round,
                async move { out.sign_out(&visitor(), &current).await },
                async move { enrol.confirm_enrolment(&visitor(), &who, &code, GO_ON).await },
            )
            .await;
            let done = token_of(answer);
            assert_eq!(stage.factors(ben.id).await, i64::from(done.is_some()), "round {round}");
            if let Some(token) = done {
                confirmed += 1;
                assert!(!stage.opens(&token).await, "round {round}: signed out is out");
            }
            stage.remove_factors(ben.id).await;
        }
        println!("confirmed {confirmed} times before the sign-out");
    }

    async fn a_sign_out_meets_the_showing_of_a_key(stage) {
        let ben = stage.add("ben", Role::Member, false).await;
        stage.set_policy(Policy::Required).await;
        for round in 0..stage.rounds(250, 40) {
            let token = stage.session(ben.id).await;
            let (current, who) = (stage.current(&token).await, stage.enrolling(&token).await);
            let (out, show) = (stage.vestibule.clone(), stage.vestibule.clone());
            duel(
                round,
                async move { out.sign_out(&visitor(), &current).await },
                async move { passing(show.show_enrolment(&visitor(), &who).await) },
            )
            .await;
            assert!(stage.vestibule.current(&token).await.unwrap().is_none());
        }
    }

    /// The user adds a second app while an Admin resets them all: no factor is left over, or only
    /// one that came after the reset.
    async fn a_reset_meets_a_confirmation(stage) {
        let ada = stage.admin_with_app("ada").await;
        let ben = stage.add("ben", Role::Member, true).await;
        let ada_token = stage.session(ada.id).await;
        for round in 0..stage.rounds(200, 40) {
            stage.ensure_factor(&ben).await;
            let admin: Fresh<Admin> = stage.may(&ada_token).await;
            let token = stage.session(ben.id).await;
            let who = stage.enrolling(&token).await;
            let code = shown(&stage, &who).await;
            let (reset, enrol, target) = (stage.vestibule.clone(), stage.vestibule.clone(), ben.id);
            let (changed, answer) = duel(
                round,
                async move {
                    let act = UserAct::ResetFactors;
                    reset.change_user(&visitor(), &admin, target, act).await
                },
                async move { enrol.confirm_enrolment(&visitor(), &who, &code, GO_ON).await },
            )
            .await;
            // Whatever the user does at that moment, the Admin's act is done.
            assert_eq!(changed, vestibule_flows::users::UserChanged::Done, "round {round}");
            assert_eq!(stage.factors(ben.id).await, 0, "round {round}");
            if let Some(token) = token_of(answer) {
                assert!(!stage.opens(&token).await, "round {round}: a reset ends all sessions");
            }
        }
    }

    /// A recover link's session replaces the factors while their owner removes one elsewhere.
    async fn a_recovery_meets_the_removal_of_a_factor(stage) {
        use vestibule_flows::authority::SignedIn;
        let ada = stage.admin_with_app("ada").await;
        for round in 0..stage.rounds(60, 20) {
            let token = recover(&stage, &ada).await;
            let who = stage.enrolling(&token).await;
            assert!(who.in_vestibule);
            let code = shown(&stage, &who).await;
            let other = stage.session(ada.id).await;
            let user: Fresh<SignedIn> = stage.may(&other).await;
            let factor = stage.store.read().await.unwrap().factors(ada.id).await.unwrap()[0].id;
            stage.set_policy(Policy::Optional).await;
            let (enrol, remove) = (stage.vestibule.clone(), stage.vestibule.clone());
            let (answer, removal) = duel(
                round,
                async move { enrol.confirm_enrolment(&visitor(), &who, &code, GO_ON).await },
                async move { remove.remove_factor(&visitor(), &user, factor).await },
            )
            .await;
            let removed = matches!(removal, vestibule_flows::own_settings::FactorRemoval::Done(_));
            assert_ne!(token_of(answer).is_some(), removed, "round {round}: one of the two");
            assert_eq!(stage.factors(ada.id).await, i64::from(!removed));
            stage.ensure_factor(&ada).await;
            stage.renew_password(&ada).await;
        }
    }
}

async fn recover(stage: &Stage, person: &Person) -> Token {
    use vestibule_flows::recover::{Recover, Recovered};
    let made = stage.vestibule.make_recover_link(&person.email, Recovers::Everything).await;
    let Recover::Made(made) = made.unwrap() else { panic!("no link") };
    let used = stage.vestibule.use_recover_link(&visitor(), &made.token, NEW_PASSWORD).await;
    match used.unwrap() {
        Ok(Recovered::Begun(token)) => token,
        Ok(Recovered::PasswordSet) => panic!("it begins a session"),
        Err(why) => panic!("{why:?}"),
    }
}
