//! Links that are used at the same moment: many times, two of one user, while an Admin takes back.

use vestibule_domain::email::Email;
use vestibule_domain::link::Recovers;
use vestibule_domain::token::Token;
use vestibule_domain::user::{MembershipState, Role};
use vestibule_flows::authority::{Admin, Fresh};
use vestibule_flows::invitations::{Invited, MadeLink};
use vestibule_flows::recover::Recover;
use vestibule_flows::sign_in::SignIn;
use vestibule_flows::users::{UserAct, UserChanged};

use crate::stage::*;

const OTHER_PASSWORD: &str = "seven owls under a green lamp";

fn made(recover: Recover) -> MadeLink {
    match recover {
        Recover::Made(made) => made,
        Recover::Unknown | Recover::Disabled | Recover::NoPassword => panic!("no recover link"),
    }
}

async fn invited(stage: &Stage, admin: &Fresh<Admin>, address: &str) -> MadeLink {
    let (from, name) = (visitor(), "New");
    match stage.vestibule.invite(&from, admin, address, name, Role::Member).await.unwrap() {
        Invited::Done(made) => made,
        _ => panic!("{address} is not invited"),
    }
}

async fn enters(stage: &Stage, email: &str, password: &str) -> bool {
    let answer = stage.vestibule.sign_in(&visitor(), email, password, None).await.unwrap();
    matches!(answer, SignIn::Begun(_))
}

races! {
    async fn one_invitation_is_accepted_once(stage) {
        let ada = stage.add("ada", Role::Admin, false).await;
        let token = stage.session(ada.id).await;
        let admin: Fresh<Admin> = stage.may(&token).await;
        let address = format!("new@{}.example", stage.account);
        let made = invited(&stage, &admin, &address).await;
        let acts = (0..16)
            .map(|number| {
                let (vestibule, token) = (stage.vestibule.clone(), made.token.clone());
                async move {
                    let name = format!("New {number}");
                    vestibule.accept_invitation(&visitor(), &token, &name, NEW_PASSWORD).await
                }
            })
            .collect();
        let sessions: Vec<Token> =
            all_at_once(acts).await.into_iter().filter_map(Result::ok).collect();
        assert_eq!(sessions.len(), 1);
        assert!(stage.opens(&sessions[0]).await);
        let standing = stage.standing(made.user).await.unwrap();
        assert_eq!(standing.state, MembershipState::Active);
    }

    /// Accepted or taken back, and nothing between.
    async fn an_invitation_is_accepted_while_it_is_taken_back_or_renewed(stage) {
        let ada = stage.add("ada", Role::Admin, false).await;
        let ada_token = stage.session(ada.id).await;
        let (mut accepted_first, mut gone_first) = (0, 0);
        for round in 0..stage.rounds(80, 20) {
            let admin: Fresh<Admin> = stage.may(&ada_token).await;
            let address = format!("new{round}@{}.example", stage.account);
            let made = invited(&stage, &admin, &address).await;
            let (accept, back, target) = (stage.vestibule.clone(), stage.vestibule.clone(), made.user);
            let pause = std::time::Duration::from_millis(round as u64 / 2 % 8);
            let accepts = async move {
                accept.accept_invitation(&visitor(), &made.token, "New", NEW_PASSWORD).await
            };
            if round % 2 == 0 {
                let takes = async move {
                    tokio::time::sleep(pause).await;
                    back.cancel_invitation(&visitor(), &admin, target).await
                };
                let (accepted, cancelled) = duel(round, accepts, takes).await;
                assert_ne!(accepted.is_ok(), cancelled, "round {round}");
                assert_eq!(stage.standing(target).await.is_some(), accepted.is_ok());
                if cancelled { gone_first += 1 } else { accepted_first += 1 }
            } else {
                let renews = async move {
                    tokio::time::sleep(pause).await;
                    back.renew_invitation(&visitor(), &admin, target).await
                };
                let (accepted, renewed) = duel(round, accepts, renews).await;
                let state = stage.standing(target).await.unwrap().state;
                assert_eq!(state == MembershipState::Active, accepted.is_ok(), "round {round}");
                if let Some(renewed) = renewed {
                    // The new link is good, unless the old one was used meanwhile.
                    let purpose = vestibule_domain::link::LinkPurpose::Invitation;
                    let live = stage.vestibule.user_of_link(purpose, &renewed.token).await.unwrap();
                    assert_eq!(live.is_some(), accepted.is_err(), "round {round}");
                }
            }
        }
        println!("{accepted_first} times accepted, {gone_first} times taken back");
    }

    /// A password link from an Admin and a recover link from the host: one is used, the other is
    /// dead, and the password is that of the one.
    async fn a_password_link_and_a_recover_link_are_used_at_once(stage) {
        let ada = stage.add("ada", Role::Admin, false).await;
        let ben = stage.admin_with_app("ben").await;
        let ada_token = stage.session(ada.id).await;
        for round in 0..stage.rounds(60, 20) {
            let admin: Fresh<Admin> = stage.may(&ada_token).await;
            let password = stage.vestibule.make_password_link(&visitor(), &admin, ben.id).await;
            let password = password.unwrap().unwrap();
            let recover = made(stage.vestibule.make_recover_link(&ben.email, Recovers::Everything).await.unwrap());
            let open = stage.session(ben.id).await;
            let (one, two) = (stage.vestibule.clone(), stage.vestibule.clone());
            let (changed, recovered) = duel(
                round,
                async move { one.use_password_link(&visitor(), &password.token, NEW_PASSWORD).await },
                async move { two.use_recover_link(&visitor(), &recover.token, OTHER_PASSWORD).await },
            )
            .await;
            assert_ne!(changed.is_ok(), recovered.is_ok(), "round {round}");
            let email = ben.email.as_str();
            assert_eq!(enters(&stage, email, NEW_PASSWORD).await, changed.is_ok());
            assert_eq!(enters(&stage, email, OTHER_PASSWORD).await, recovered.is_ok());
            assert!(!stage.opens(&open).await, "every session has ended");
            assert_eq!(stage.factors(ben.id).await, 1, "no factor goes with a link");
        }
    }

    async fn one_link_is_used_once(stage) {
        let ben = stage.add("ben", Role::Admin, true).await;
        let recover = made(stage.vestibule.make_recover_link(&ben.email, Recovers::Everything).await.unwrap());
        let acts = (0..16)
            .map(|_| {
                let (vestibule, token) = (stage.vestibule.clone(), recover.token.clone());
                async move { vestibule.use_recover_link(&visitor(), &token, NEW_PASSWORD).await }
            })
            .collect();
        let used = all_at_once(acts).await.into_iter().flatten().count();
        assert_eq!(used, 1);
    }

    /// Of two Admins who invite the same person, one does.
    async fn one_address_is_invited_once(stage) {
        let mut acts = Vec::new();
        let address = format!("new@{}.example", stage.account);
        for number in 0..8 {
            let ada = stage.add(&format!("ada{number}"), Role::Admin, false).await;
            let token = stage.session(ada.id).await;
            let admin: Fresh<Admin> = stage.may(&token).await;
            let (vestibule, address) = (stage.vestibule.clone(), address.clone());
            acts.push(async move {
                vestibule.invite(&visitor(), &admin, &address, "New", Role::Member).await
            });
        }
        let answers = all_at_once(acts).await;
        let done = answers.iter().filter(|answer| matches!(answer, Invited::Done(_))).count();
        let taken = answers.iter().filter(|answer| matches!(answer, Invited::EmailTaken)).count();
        assert_eq!((done, taken), (1, 7));
    }

    /// The host makes a recover link for somebody whom an Admin removes.
    async fn a_recover_link_meets_the_removal_of_its_user(stage) {
        let ada = stage.add("ada", Role::Admin, false).await;
        let ada_token = stage.session(ada.id).await;
        for round in 0..stage.rounds(250, 40) {
            let ben = stage.add(&format!("ben{round}"), Role::Member, false).await;
            // An older link, which the new one voids.
            made(stage.vestibule.make_recover_link(&ben.email, Recovers::Everything).await.unwrap());
            let admin: Fresh<Admin> = stage.may(&ada_token).await;
            let (make, remove, target) = (stage.vestibule.clone(), stage.vestibule.clone(), ben.id);
            let email: Email = ben.email.clone();
            let (link, changed) = duel(
                round,
                async move { make.make_recover_link(&email, Recovers::Everything).await },
                async move {
                    remove.change_user(&visitor(), &admin, target, UserAct::Remove).await
                },
            )
            .await;
            assert_eq!(changed, UserChanged::Done);
            assert!(matches!(link, Recover::Made(_) | Recover::Unknown));
        }
    }
}
