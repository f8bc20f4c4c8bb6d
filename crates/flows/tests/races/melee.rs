//! Everybody does anything to anybody at the same moment, for a while. No act may fail, no row be
//! waited for in a circle, and after each round what has to be true is true.

use std::pin::Pin;

use vestibule_domain::policy::Policy;
use vestibule_domain::user::Role;
use vestibule_flows::authority::{Admin, Decision, Fresh, SignedIn};
use vestibule_flows::enrolment::AfterEnrolment;
use vestibule_flows::invitations::Invited;
use vestibule_flows::recover::Recover;
use vestibule_flows::users::UserAct;
use vestibule_flows::{FlowError, MemberFilter, PageKey, Vestibule};
use vestibule_testkit::Database;

use crate::stage::*;

type Act = Pin<Box<dyn Future<Output = Result<(), FlowError>> + Send>>;

fn act(future: impl Future<Output = Result<(), FlowError>> + Send + 'static) -> Act {
    Box::pin(future)
}

/// One act of `who`, perhaps upon `whom`. What a request begins with is done before the race.
async fn draw(stage: &Stage, draws: &mut Draws, who: &Person, whom: &Person) -> (usize, Act) {
    let v: Vestibule = stage.vestibule.clone();
    let (who, target, from) = (who.clone(), whom.id, visitor());
    let kind = draws.next(23);
    // What only an Admin does is done by whoever is one.
    let token = stage.session(who.id).await;
    let current = stage.current(&token).await;
    let admin = match v.authorise::<Fresh<Admin>>(&current) {
        Decision::Granted(admin) => Some(admin),
        Decision::Needs(_) | Decision::Refused(_) => None,
    };
    let user = match v.authorise::<Fresh<SignedIn>>(&current) {
        Decision::Granted(user) => Some(user),
        Decision::Needs(_) | Decision::Refused(_) => None,
    };
    let plain = match v.authorise::<SignedIn>(&current) {
        Decision::Granted(user) => Some(user),
        Decision::Needs(_) | Decision::Refused(_) => None,
    };
    let number = draws.next(1_000_000);
    let chosen =
        match (kind, admin, user, plain) {
            (0, Some(admin), ..) => {
                let acts = [
                    UserAct::SetRole(Role::Member),
                    UserAct::SetRole(Role::Admin),
                    UserAct::Disable,
                    UserAct::Enable,
                    UserAct::ResetFactors,
                ];
                let chosen = acts[number % acts.len()];
                act(async move { v.change_user(&from, &admin, target, chosen).await.map(drop) })
            }
            (1 | 2, Some(admin), ..) => act(async move {
                v.change_user(&from, &admin, target, UserAct::Disable).await.map(drop)
            }),
            (3, Some(admin), ..) => act(async move {
                v.change_user(&from, &admin, target, UserAct::ResetFactors).await.map(drop)
            }),
            (4, Some(admin), ..) => {
                let policy = Policy::from_required(number % 2 == 0);
                act(async move { v.set_policy(&from, &admin, policy).await.map(drop) })
            }
            (5, Some(admin), ..) => {
                let password = whom.password.clone();
                act(async move {
                    if let Some(made) = v.make_password_link(&from, &admin, target).await? {
                        v.use_password_link(&from, &made.token, &password).await.map(drop)?;
                    }
                    Ok(())
                })
            }
            (6, Some(admin), ..) => {
                let address = format!("new{}@{}.example", number % 3, stage.account);
                act(async move {
                    let invited = v.invite(&from, &admin, &address, "New", Role::Member).await?;
                    match (invited, number % 2) {
                        (Invited::Done(made), 0) => {
                            v.cancel_invitation(&from, &admin, made.user).await.map(drop)
                        }
                        (Invited::Done(made), _) => {
                            let token = made.token;
                            v.accept_invitation(&from, &token, "New", NEW_PASSWORD).await.map(drop)
                        }
                        _ => Ok(()),
                    }
                })
            }
            (7, _, Some(user), _) => {
                let factors = stage.store.read().await.unwrap().factors(who.id).await.unwrap();
                let Some(factor) = factors.first().map(|own| own.id) else {
                    return (kind, act(async { Ok(()) }));
                };
                act(async move {
                    if number % 3 == 0 {
                        v.rename_factor(&from, &user, factor, "Phone").await.map(drop)
                    } else {
                        v.remove_factor(&from, &user, factor).await.map(drop)
                    }
                })
            }
            (8, _, _, Some(user)) => act(async move {
                v.change_name(&from, &user, &format!("Name {number}")).await.map(drop)
            }),
            (9, _, _, Some(user)) => {
                act(async move { v.end_other_sessions(&from, &user).await.map(drop) })
            }
            (10, _, _, Some(user)) => {
                let other = stage.session(who.id).await;
                let id = stage.current(&other).await.record().id;
                act(async move { v.end_session(&from, &user, id).await.map(drop) })
            }
            (11 | 12, ..) => match v.authorise_enrolment(&current) {
                Decision::Granted(enrolling) => act(async move {
                    let Some(shown) = passing(v.show_enrolment(&from, &enrolling).await)? else {
                        return Ok(());
                    };
                    let code = Stage::scan(&shown).code_at(v.now()).to_string();
                    let then = AfterEnrolment::TurnSwitchOn;
                    v.confirm_enrolment(&from, &enrolling, &code, then).await.map(drop)
                }),
                Decision::Needs(_) | Decision::Refused(_) => act(async { Ok(()) }),
            },
            (13 | 14, ..) => {
                match v.authorise_proof(&current) {
                    Decision::Granted(proving) if who.app.is_some() => {
                        let code = stage.code(&who);
                        act(async move { v.give_code(&from, &proving, &code).await.map(drop) })
                    }
                    Decision::Granted(proving) => act(async move {
                        v.give_password(&from, &proving, &who.password).await.map(drop)
                    }),
                    Decision::Needs(_) | Decision::Refused(_) => act(async { Ok(()) }),
                }
            }
            (15 | 16, ..) => {
                // With somebody else's session in the browser, or one of their own.
                let other = stage.session(if number % 2 == 0 { target } else { who.id }).await;
                let replaced = stage.current(&other).await;
                act(async move {
                    let (email, password) = (who.email.as_str(), &who.password);
                    v.sign_in(&from, email, password, Some(&replaced)).await.map(drop)
                })
            }
            (17 | 18, ..) => act(async move { v.sign_out(&from, &current).await }),
            (19, ..) => act(async move {
                if let Recover::Made(made) = v.make_recover_link(&who.email).await? {
                    let password = &who.password;
                    v.use_recover_link(&from, &made.token, password).await.map(drop)?;
                }
                Ok(())
            }),
            (20, _, Some(user), _) => {
                let password = format!("{NEW_PASSWORD} {number}");
                act(async move { v.change_password(&from, &user, &password).await.map(drop) })
            }
            (21, Some(admin), ..) => {
                let signed_in = stage.may::<Admin>(&token).await;
                act(async move {
                    let (filter, first) = (MemberFilter::default(), PageKey::default());
                    v.users(&signed_in, &filter, &first).await?;
                    v.switch_preview(&signed_in).await?;
                    v.user(&signed_in, target).await?;
                    v.renew_invitation(&from, &admin, target).await.map(drop)
                })
            }
            _ => act(async move { v.keep_house().await }),
        };
    (kind, chosen)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn anybody_does_anything_to_anybody_on_sqlite() {
    anybody_does_anything_to_anybody(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn anybody_does_anything_to_anybody_on_postgres() {
    anybody_does_anything_to_anybody(Database::Postgres).await;
}

async fn anybody_does_anything_to_anybody(database: Database) {
    // Alone: the clock runs, and housekeeping would sweep the sessions of other tests.
    let stage = Stage::alone_on(database).await;
    let people = [
        stage.admin_with_app("ada").await,
        stage.admin_with_app("bob").await,
        stage.add("ben", Role::Member, false).await,
        stage.add("cleo", Role::Member, true).await,
    ];
    let mut draws = Draws(0x00DE_C0DE);
    let (mut acts_in_all, rounds) = (0, stage.rounds(150, 25));
    for round in 0..rounds {
        stage.clock.next_code();
        let (mut kinds, mut acts) = (Vec::new(), Vec::new());
        for _ in 0..8 {
            let (who, whom) = (&people[draws.next(4)], &people[draws.next(4)]);
            let (kind, act) = draw(&stage, &mut draws, who, whom).await;
            kinds.push(kind);
            acts.push(act);
        }
        acts_in_all += acts.len();
        let failed: Vec<_> = all_results(acts)
            .await
            .into_iter()
            .enumerate()
            .filter_map(|(number, answer)| Some((kinds[number], answer.err()?)))
            .collect();
        assert!(failed.is_empty(), "round {round} of {kinds:?}: {failed:?}");
        stage.assert_an_able_admin(&format!("round {round} of {kinds:?}")).await;
        for (person, role) in
            people.iter().zip([Role::Admin, Role::Admin, Role::Member, Role::Member])
        {
            stage.restore(person.id, role).await;
            stage.renew_password(person).await;
            if person.app.is_some() {
                stage.remove_factors(person.id).await;
                stage.ensure_factor(person).await;
            } else if round % 3 == 0 {
                stage.remove_factors(person.id).await;
            }
        }
    }
    println!("{acts_in_all} acts in {rounds} rounds");
}
