//! Everybody does anything to anybody at the same moment, for a while. No act may fail, no row be
//! waited for in a circle, and after each round what has to be true is true.

use std::pin::Pin;

use vestibule_domain::link::Recovers;
use vestibule_domain::policy::Policy;
use vestibule_domain::user::Role;
use vestibule_flows::authority::{Admin, Authority, Current, Decision, Fresh, SignedIn};
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

/// One person about to act, perhaps upon another. What a request begins with is done before the
/// race.
struct Actor<'a> {
    stage: &'a Stage,
    vestibule: Vestibule,
    who: Person,
    whom: Person,
    current: Current,
    /// Drawn at random, for choices within an act.
    number: usize,
}

impl<'a> Actor<'a> {
    async fn of(stage: &'a Stage, draws: &mut Draws, people: &[Person]) -> Self {
        let (who, whom) = (draws.of(people).clone(), draws.of(people).clone());
        let token = stage.session(who.id).await;
        let current = stage.current(&token).await;
        let (vestibule, number) = (stage.vestibule.clone(), draws.next(1_000_000));
        Self { stage, vestibule, who, whom, current, number }
    }

    fn may<A: Authority>(&self) -> Option<A> {
        match self.vestibule.authorise(&self.current) {
            Decision::Granted(authority) => Some(authority),
            Decision::Needs(_) | Decision::Refused(_) => None,
        }
    }

    fn is(&self, one_in: usize) -> bool {
        self.number.is_multiple_of(one_in)
    }

    /// What Admins do.
    fn as_admin(&self, kind: usize) -> Option<Act> {
        let (admin, from): (Fresh<Admin>, _) = (self.may()?, visitor());
        let (v, target, number) = (self.vestibule.clone(), self.whom.id, self.number);
        let change = |chosen: UserAct| {
            let (v, admin, from) = (v.clone(), admin.clone(), from.clone());
            act(async move { v.change_user(&from, &admin, target, chosen).await.map(drop) })
        };
        Some(match kind {
            0 => change(UserAct::SetRole(if self.is(2) { Role::Admin } else { Role::Member })),
            1 => change(UserAct::Disable),
            2 => change(UserAct::Enable),
            3 => change(UserAct::ResetFactors),
            4 => {
                let policy = Policy::from_required(self.is(2));
                act(async move { v.set_policy(&from, &admin, policy).await.map(drop) })
            }
            5 => {
                let password = format!("{NEW_PASSWORD} {number}");
                act(async move {
                    if let Some(made) = v.make_password_link(&from, &admin, target).await? {
                        v.use_password_link(&from, &made.token, &password).await.map(drop)?;
                    }
                    Ok(())
                })
            }
            6 => {
                let address = format!("new{}@{}.example", number % 3, self.stage.account);
                act(async move {
                    match v.invite(&from, &admin, &address, "New", Role::Member).await? {
                        Invited::Done(made) if number.is_multiple_of(2) => {
                            v.cancel_invitation(&from, &admin, made.user).await.map(drop)
                        }
                        Invited::Done(made) => {
                            let (token, password) = (made.token, NEW_PASSWORD);
                            v.accept_invitation(&from, &token, "New", password).await.map(drop)
                        }
                        _ => Ok(()),
                    }
                })
            }
            _ => {
                let looks: Admin = self.may()?;
                act(async move {
                    v.users(&looks, &MemberFilter::default(), &PageKey::default()).await?;
                    v.switch_preview(&looks).await?;
                    v.user(&looks, target).await?;
                    v.renew_invitation(&from, &admin, target).await.map(drop)
                })
            }
        })
    }

    /// What users do to their own login.
    async fn as_user(&self, kind: usize) -> Option<Act> {
        let (user, from): (Fresh<SignedIn>, _) = (self.may()?, visitor());
        let (v, number) = (self.vestibule.clone(), self.number);
        Some(match kind {
            0 | 1 => {
                let mut db = self.stage.store.read().await.unwrap();
                let factor = db.factors(self.who.id).await.unwrap().first()?.id;
                if kind == 0 {
                    act(async move { v.rename_factor(&from, &user, factor, "App").await.map(drop) })
                } else {
                    act(async move { v.remove_factor(&from, &user, factor).await.map(drop) })
                }
            }
            2 => act(async move { v.end_other_sessions(&from, &user).await.map(drop) }),
            3 => {
                let other = self.stage.session(self.who.id).await;
                let id = self.stage.current(&other).await.record().id;
                act(async move { v.end_session(&from, &user, id).await.map(drop) })
            }
            4 => {
                let password = format!("{NEW_PASSWORD} {number}");
                act(async move { v.change_password(&from, &user, &password).await.map(drop) })
            }
            _ => {
                let signed_in: SignedIn = self.may()?;
                let name = format!("Name {number}");
                act(async move { v.change_name(&from, &signed_in, &name).await.map(drop) })
            }
        })
    }

    /// What anybody does, wherever the session stands.
    async fn as_anybody(&self, kind: usize) -> Option<Act> {
        let (v, from, who) = (self.vestibule.clone(), visitor(), self.who.clone());
        let current = self.current.clone();
        Some(match kind {
            0 | 1 => {
                let Decision::Granted(enrolling) = v.authorise_enrolment(&current) else {
                    return None;
                };
                act(async move {
                    let shown = passing(v.show_enrolment(&from, &enrolling).await)?;
                    let Some(shown) = shown else { return Ok(()) };
                    let code = Stage::scan(&shown).code_at(v.now()).to_string();
                    let then = AfterEnrolment::TurnSwitchOn;
                    v.confirm_enrolment(&from, &enrolling, &code, then).await.map(drop)
                })
            }
            2 => {
                let Decision::Granted(proving) = v.authorise_proof(&current) else { return None };
                match who.app {
                    Some(app) => act(async move {
                        let code = app.code_at(v.now()).to_string();
                        v.give_code(&from, &proving, &code).await.map(drop)
                    }),
                    None => act(async move {
                        v.give_password(&from, &proving, &who.password).await.map(drop)
                    }),
                }
            }
            3 | 4 => {
                // With somebody else's session in the browser, or one of their own.
                let of = if self.is(2) { self.whom.id } else { who.id };
                let token = self.stage.session(of).await;
                let replaced = self.stage.current(&token).await;
                act(async move {
                    let (email, password) = (who.email.as_str(), &who.password);
                    v.sign_in(&from, email, password, Some(&replaced)).await.map(drop)
                })
            }
            5 => act(async move { v.sign_out(&from, &current).await }),
            6 => {
                let password = format!("{NEW_PASSWORD} {}", self.number);
                act(async move {
                    if let Recover::Made(made) =
                        v.make_recover_link(&who.email, Recovers::Everything).await?
                    {
                        v.use_recover_link(&from, &made.token, &password).await.map(drop)?;
                    }
                    Ok(())
                })
            }
            _ => act(async move { v.keep_house().await }),
        })
    }

    /// What is drawn, with a word for it, where this person may do it.
    async fn draw(&self, draws: &mut Draws) -> Option<(String, Act)> {
        let (level, kind) = (draws.next(3), draws.next(8));
        let act = match level {
            0 => self.as_admin(kind),
            1 => self.as_user(kind % 6).await,
            _ => self.as_anybody(kind).await,
        };
        let level = ["admin", "user", "anybody"][level];
        act.map(|act| (format!("{level} {kind} by {}", self.who.email.local_part()), act))
    }
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
    let mut draws = Draws(seed());
    let (mut acts_in_all, rounds) = (0, stage.rounds(120, 25));
    for round in 0..rounds {
        stage.clock.next_code();
        let (mut words, mut acts) = (Vec::new(), Vec::new());
        for _ in 0..10 {
            let actor = Actor::of(&stage, &mut draws, &people).await;
            if let Some((word, act)) = actor.draw(&mut draws).await {
                words.push(word);
                acts.push(act);
            }
        }
        acts_in_all += acts.len();
        let answers = all_results(acts).await;
        let failed: Vec<_> = words
            .iter()
            .zip(answers)
            .filter_map(|(word, answer)| Some((word, answer.err()?)))
            .collect();
        assert!(failed.is_empty(), "round {round} of {words:?}: {failed:?}");
        stage.assert_an_able_admin(&format!("round {round} of {words:?}")).await;
        put_back(&stage, &people, round).await;
    }
    println!("{acts_in_all} acts in {rounds} rounds");
}

async fn put_back(stage: &Stage, people: &[Person; 4], round: usize) {
    for (person, role) in people.iter().zip([Role::Admin, Role::Admin, Role::Member, Role::Member])
    {
        stage.restore(person.id, role).await;
        stage.renew_password(person).await;
        if person.app.is_some() {
            stage.remove_factors(person.id).await;
            stage.ensure_factor(person).await;
        } else if round.is_multiple_of(3) {
            stage.remove_factors(person.id).await;
        }
    }
}

/// The same at each run; `MELEE_SEED` draws another.
fn seed() -> u64 {
    std::env::var("MELEE_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(0x00DE_C0DE)
        .max(1)
}
