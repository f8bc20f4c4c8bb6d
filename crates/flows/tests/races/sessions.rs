//! Signing in and out while something happens to the user.

use std::time::Duration;

use vestibule_domain::token::Token;
use vestibule_domain::user::Role;
use vestibule_flows::authority::{Admin, Fresh, SignedIn};
use vestibule_flows::own_settings::PasswordChange;
use vestibule_flows::security_code::Proven;
use vestibule_flows::sign_in::SignIn;
use vestibule_flows::users::{UserAct, UserChanged};

use crate::stage::*;

fn begun(answer: SignIn) -> Option<Token> {
    match answer {
        SignIn::Begun(token) => Some(token),
        SignIn::Refused => None,
        SignIn::Wait(left) => panic!("nobody failed here, and still: {left:?}"),
    }
}

races! {
    /// The password was right when it was read, and the user is gone before the session begins.
    async fn a_sign_in_meets_the_removal_of_its_user(stage) {
        let ada = stage.add("ada", Role::Admin, false).await;
        let ada_token = stage.session(ada.id).await;
        for round in 0..stage.rounds(250, 50) {
            let ben = stage.add(&format!("ben{round}"), Role::Member, false).await;
            let admin: Fresh<Admin> = stage.may(&ada_token).await;
            let (enter, remove, target) = (stage.vestibule.clone(), stage.vestibule.clone(), ben.id);
            let (answer, changed) = duel(
                round,
                async move { enter.sign_in(&visitor(), ben.email.as_str(), &ben.password, None).await },
                async move {
                    remove.change_user(&visitor(), &admin, target, UserAct::Remove).await
                },
            )
            .await;
            assert_eq!(changed, UserChanged::Done);
            if let Some(token) = begun(answer) {
                assert!(stage.vestibule.current(&token).await.unwrap().is_none(), "round {round}");
            }
        }
    }

    async fn a_sign_in_meets_a_change_of_password_and_a_disabling(stage) {
        let ada = stage.add("ada", Role::Admin, false).await;
        let ada_token = stage.session(ada.id).await;
        let ben = stage.add("ben", Role::Member, false).await;
        for round in 0..stage.rounds(60, 20) {
            let enter = stage.vestibule.clone();
            let (email, password) = (ben.email.as_str().to_owned(), ben.password.clone());
            let pause = Duration::from_millis(round as u64 / 2 % 8);
            let enters = async move {
                tokio::time::sleep(pause).await;
                enter.sign_in(&visitor(), &email, &password, None).await
            };
            let (other, target) = (stage.vestibule.clone(), ben.id);
            let answer = if round % 2 == 0 {
                let token = stage.session(ben.id).await;
                let user: Fresh<SignedIn> = stage.may(&token).await;
                let setting =
                    async move { other.change_password(&visitor(), &user, NEW_PASSWORD).await };
                let (answer, changed) = duel(round, enters, setting).await;
                assert!(matches!(changed, PasswordChange::Done(_)));
                answer
            } else {
                let admin: Fresh<Admin> = stage.may(&ada_token).await;
                let disables = async move {
                    other.change_user(&visitor(), &admin, target, UserAct::Disable).await
                };
                let (answer, changed) = duel(round, enters, disables).await;
                assert_eq!(changed, UserChanged::Done);
                answer
            };
            if let Some(token) = begun(answer) {
                assert!(!stage.opens(&token).await, "round {round}: the old password opened");
            }
            stage.restore(ben.id, Role::Member).await;
            stage.renew_password(&ben).await;
        }
    }

    /// A second sign-in ends the session that came with its request, which is giving a proof.
    async fn a_sign_in_replaces_a_session_that_is_giving_a_proof(stage) {
        let ben = stage.add("ben", Role::Member, false).await;
        for round in 0..stage.rounds(200, 40) {
            let token = stage.session(ben.id).await;
            let (current, proving) = (stage.current(&token).await, stage.proving(&token).await);
            let (enter, give) = (stage.vestibule.clone(), stage.vestibule.clone());
            let (one, two) = (ben.clone(), ben.clone());
            let (answer, given) = duel(
                round,
                async move {
                    let (email, password) = (one.email.as_str(), &one.password);
                    enter.sign_in(&visitor(), email, password, Some(&current)).await
                },
                async move { give.give_password(&visitor(), &proving, &two.password).await },
            )
            .await;
            assert!(stage.opens(&begun(answer).unwrap()).await, "round {round}");
            assert!(stage.vestibule.current(&token).await.unwrap().is_none());
            if let Proven::Accepted(new) = given {
                assert!(!stage.opens(&new).await, "round {round}: the replaced session lives");
            }
        }
    }

    /// Two browsers are handed over crosswise: each signs in as the other's user.
    async fn two_sign_ins_replace_each_others_sessions(stage) {
        let (ada, ben) =
            (stage.add("ada", Role::Member, false).await, stage.add("ben", Role::Member, false).await);
        for round in 0..stage.rounds(200, 40) {
            let (adas, bens) = (stage.session(ada.id).await, stage.session(ben.id).await);
            let (one, two) = (stage.current(&adas).await, stage.current(&bens).await);
            let (first, second) = (stage.vestibule.clone(), stage.vestibule.clone());
            let (a, b) = (ada.clone(), ben.clone());
            let answers = duel(
                round,
                async move {
                    first.sign_in(&visitor(), b.email.as_str(), &b.password, Some(&one)).await
                },
                async move {
                    second.sign_in(&visitor(), a.email.as_str(), &a.password, Some(&two)).await
                },
            )
            .await;
            assert!(stage.opens(&begun(answers.0).unwrap()).await, "round {round}");
            assert!(stage.opens(&begun(answers.1).unwrap()).await, "round {round}");
            assert!(!stage.opens(&adas).await && !stage.opens(&bens).await, "round {round}");
        }
    }

    /// An Admin disables somebody who is changing their name: two rows of one user, taken in one
    /// order.
    async fn a_disabling_meets_a_change_of_name(stage) {
        let ada = stage.add("ada", Role::Admin, false).await;
        let ada_token = stage.session(ada.id).await;
        let ben = stage.add("ben", Role::Member, false).await;
        for round in 0..stage.rounds(250, 40) {
            let token = stage.session(ben.id).await;
            let (admin, user): (Fresh<Admin>, SignedIn) =
                (stage.may(&ada_token).await, stage.may(&token).await);
            let (disable, rename, target) = (stage.vestibule.clone(), stage.vestibule.clone(), ben.id);
            let (changed, renamed) = duel(
                round,
                async move {
                    disable.change_user(&visitor(), &admin, target, UserAct::Disable).await
                },
                async move { rename.change_name(&visitor(), &user, &format!("Ben {round}")).await },
            )
            .await;
            assert_eq!((changed, renamed), (UserChanged::Done, Ok(())), "round {round}");
            stage.restore(ben.id, Role::Member).await;
        }
    }

    async fn a_session_is_signed_out_while_another_ends_it(stage) {
        let ben = stage.add("ben", Role::Member, false).await;
        for round in 0..stage.rounds(100, 20) {
            let (token, other) = (stage.session(ben.id).await, stage.session(ben.id).await);
            let current = stage.current(&token).await;
            let id = current.record().id;
            let user: Fresh<SignedIn> = stage.may(&other).await;
            let (out, end) = (stage.vestibule.clone(), stage.vestibule.clone());
            duel(
                round,
                async move { out.sign_out(&visitor(), &current).await },
                async move { end.end_session(&visitor(), &user, id).await },
            )
            .await;
            assert!(!stage.opens(&token).await && stage.opens(&other).await);
        }
    }
}
