//! Codes that are given many times at once, and proofs that meet the end of their epoch.

use std::time::Duration;

use vestibule_domain::limits::CODE_BUDGET;
use vestibule_domain::token::Token;
use vestibule_domain::totp::Step;
use vestibule_domain::user::{Epoch, Role};
use vestibule_flows::authority::{Admin, Fresh, SignedIn};
use vestibule_flows::own_settings::{PasswordChange, Reissued};
use vestibule_flows::security_code::{CodeRefused, Proven};
use vestibule_flows::sign_in::SignIn;
use vestibule_flows::users::{UserAct, UserChanged};
use vestibule_testkit::Database;

use crate::stage::*;

async fn attempts(stage: &Stage, person: &Person) -> i64 {
    stage.store.read().await.unwrap().code_attempts(person.id).await.unwrap()
}

/// Gives one code from each of these sessions at the same moment.
async fn give_at_once(stage: &Stage, tokens: &[Token], codes: &[String]) -> Vec<Proven> {
    let mut acts = Vec::new();
    for (number, token) in tokens.iter().enumerate() {
        let (vestibule, proving) = (stage.vestibule.clone(), stage.proving(token).await);
        let code = codes[number % codes.len()].clone();
        acts.push(async move { vestibule.give_code(&visitor(), &proving, &code).await });
    }
    all_at_once(acts).await
}

fn accepted(answers: Vec<Proven>) -> (Vec<Token>, Vec<CodeRefused>) {
    let (mut tokens, mut refused) = (Vec::new(), Vec::new());
    for answer in answers {
        match answer {
            Proven::Accepted(token) | Proven::AcceptedRecoveryCode(token) => tokens.push(token),
            Proven::Refused(why) => refused.push(why),
        }
    }
    (tokens, refused)
}

races! {
    /// AT-03: fifty pending sign-ins, one code.
    async fn one_code_over_many_sessions_opens_one(stage) {
        let cleo = stage.add("cleo", Role::Member, true).await;
        let mut tokens = Vec::new();
        for _ in 0..RACERS {
            tokens.push(stage.sign_in(&cleo).await);
        }
        stage.clock.next_code();
        let answers = give_at_once(&stage, &tokens, &[stage.code(&cleo)]).await;
        let (opened, refused) = accepted(answers);
        assert_eq!((opened.len(), refused.len()), (1, RACERS - 1));
        let compared = refused.iter().filter(|why| **why == CodeRefused::Spent).count();
        assert!(refused.iter().all(|why| matches!(why, CodeRefused::Spent | CodeRefused::Wait(_))));
        assert!(compared > 0, "{refused:?}");
        assert!(stage.opens(&opened[0]).await);
        for token in &tokens {
            assert!(!stage.opens(token).await);
        }
        // All that were compared were counted, and the one that was accepted was given back.
        assert_eq!(attempts(&stage, &cleo).await, i64::try_from(compared).unwrap());
    }

    /// AT-07: one pending sign-in, thirty requests.
    async fn one_session_takes_one_code_once(stage) {
        let cleo = stage.add("cleo", Role::Member, true).await;
        let token = stage.sign_in(&cleo).await;
        stage.clock.next_code();
        let tokens = vec![token.clone(); RACERS];
        let (opened, _) = accepted(give_at_once(&stage, &tokens, &[stage.code(&cleo)]).await);
        assert_eq!(opened.len(), 1);
        assert!(stage.vestibule.current(&token).await.unwrap().is_none());
    }

    /// AT-04: the codes of two steps are good at the same moment, each once and never again.
    async fn two_codes_are_accepted_once_each(stage) {
        let cleo = stage.add("cleo", Role::Member, true).await;
        for _ in 0..stage.rounds(6, 3) {
            let mut tokens = Vec::new();
            // As many as may be compared at once.
            for _ in 0..5 {
                tokens.push(stage.sign_in(&cleo).await);
            }
            stage.clock.next_code();
            let earlier = stage.code(&cleo);
            stage.clock.next_code();
            let codes = [earlier, stage.code(&cleo)];
            let (opened, refused) = accepted(give_at_once(&stage, &tokens, &codes).await);
            assert_eq!(opened.len(), 2, "{refused:?}");
            let late = [stage.sign_in(&cleo).await, stage.sign_in(&cleo).await];
            let (opened, refused) = accepted(give_at_once(&stage, &late, &codes).await);
            assert!(opened.is_empty() && refused == [CodeRefused::Spent; 2], "{refused:?}");
            stage.clock.next_code();
            stage.renew_password(&cleo).await;
        }
    }

    /// AT-12, AT-15: the budget is the user's over all sessions, and is taken before the code is
    /// compared.
    async fn parallel_guesses_are_no_more_than_the_budget(stage) {
        let cleo = stage.add("cleo", Role::Member, true).await;
        write!(stage, tx => assert!(tx.reserve_code_attempts(cleo.id, 97).await.unwrap()));
        let wrong = wrong_code(&stage, &cleo);
        let mut tokens = Vec::new();
        for _ in 0..RACERS {
            tokens.push(stage.session_of_password(cleo.id).await);
        }
        let (opened, refused) = accepted(give_at_once(&stage, &tokens, &[wrong]).await);
        assert!(opened.is_empty());
        let compared = refused.iter().filter(|why| **why == CodeRefused::Wrong).count();
        let closed = refused.iter().filter(|why| **why == CodeRefused::BudgetSpent).count();
        assert_eq!((compared, closed), (3, RACERS - 3));
        assert_eq!(attempts(&stage, &cleo).await, CODE_BUDGET);
        // And the right one is refused as well.
        let token = stage.session_of_password(cleo.id).await;
        let (_, refused) = accepted(give_at_once(&stage, &[token], &[stage.code(&cleo)]).await);
        assert_eq!(refused, [CodeRefused::BudgetSpent]);
    }

    /// Of guesses at the same moment, over however many sessions, as many are compared as come
    /// without a wait.
    async fn parallel_guesses_are_no_more_than_the_wait_allows(stage) {
        let cleo = stage.add("cleo", Role::Member, true).await;
        let wrong = wrong_code(&stage, &cleo);
        for round in 0..3 {
            let mut tokens = Vec::new();
            for _ in 0..RACERS {
                tokens.push(stage.session_of_password(cleo.id).await);
            }
            let (_, refused) = accepted(give_at_once(&stage, &tokens, std::slice::from_ref(&wrong)).await);
            let compared = refused.iter().filter(|why| **why == CodeRefused::Wrong).count();
            let waiting = refused.iter().filter(|why| matches!(why, CodeRefused::Wait(_))).count();
            assert_eq!((compared, waiting), ([5, 1, 1][round], RACERS - [5, 1, 1][round]));
            stage.clock.advance(Duration::from_mins(1));
        }
        assert_eq!(attempts(&stage, &cleo).await, 7);
    }

    /// And so it is with passwords, at a user's address and at nobody's.
    async fn parallel_passwords_are_no_more_than_the_wait_allows(stage) {
        let ben = stage.add("ben", Role::Member, false).await;
        let other_node = open(&stage.store, &stage.clock).await;
        for email in [ben.email.to_string(), format!("nobody-{}", ben.email)] {
            let (mut acts, from) = (Vec::new(), visitor());
            for number in 0..RACERS {
                let node = if number % 2 == 0 { &stage.vestibule } else { &other_node };
                let (vestibule, email, from) = (node.clone(), email.clone(), from.clone());
                acts.push(async move {
                    vestibule.sign_in(&from, &email, "a guess", None).await
                });
            }
            let answers = all_at_once(acts).await;
            let compared =
                answers.iter().filter(|answer| matches!(answer, SignIn::Refused)).count();
            let waiting =
                answers.iter().filter(|answer| matches!(answer, SignIn::Wait(_))).count();
            assert_eq!((compared, waiting), (5, RACERS - 5), "{email}");
        }
    }

    /// A proof that was checked under an epoch dies with it, whichever of the two is written first.
    async fn an_accepted_code_does_not_survive_the_end_of_its_epoch(stage) {
        let cleo = stage.add("cleo", Role::Member, true).await;
        let (mut before, mut after) = (0, 0);
        for round in 0..stage.rounds(200, 40) {
            let (token, other) =
                (stage.session_of_password(cleo.id).await, stage.session(cleo.id).await);
            let (proving, user): (_, Fresh<SignedIn>) = (stage.proving(&token).await, stage.may(&other).await);
            stage.clock.next_code();
            let code = stage.code(&cleo);
            let (give, bump) = (stage.vestibule.clone(), stage.vestibule.clone());
            let pause = Duration::from_millis(round as u64 % 6);
            let (given, ended) = duel(
                round,
                async move { give.give_code(&visitor(), &proving, &code).await },
                async move {
                    // Before the attempt is counted, between that and the proof, or after.
                    tokio::time::sleep(pause).await;
                    bump.end_other_sessions(&visitor(), &user).await
                },
            )
            .await;
            let Reissued::Done(kept) = ended else { panic!("round {round}: not ended") };
            assert!(stage.opens(&kept).await, "round {round}");
            assert!(!stage.opens(&token).await, "round {round}");
            match given {
                Proven::Accepted(new) | Proven::AcceptedRecoveryCode(new) => {
                    before += 1;
                    assert!(!stage.opens(&new).await, "round {round}: the proof survived");
                }
                Proven::Refused(CodeRefused::SessionOver) => after += 1,
                Proven::Refused(why) => panic!("round {round}: {why:?}"),
            }
            stage.renew_password(&cleo).await;
        }
        println!("{before} codes were accepted before the end, {after} came after");
    }

    async fn an_accepted_code_does_not_survive_a_change_of_password(stage) {
        let cleo = stage.add("cleo", Role::Member, true).await;
        for round in 0..stage.rounds(40, 15) {
            let (token, other) =
                (stage.session_of_password(cleo.id).await, stage.session(cleo.id).await);
            let (proving, user): (_, Fresh<SignedIn>) =
                (stage.proving(&token).await, stage.may(&other).await);
            stage.clock.next_code();
            let code = stage.code(&cleo);
            let (give, change) = (stage.vestibule.clone(), stage.vestibule.clone());
            let pause = Duration::from_millis(round as u64 % 8);
            let (given, changed) = duel(
                round,
                async move {
                    // The new password is hashed first; the code comes somewhere meanwhile.
                    tokio::time::sleep(pause).await;
                    give.give_code(&visitor(), &proving, &code).await
                },
                async move { change.change_password(&visitor(), &user, NEW_PASSWORD).await },
            )
            .await;
            let PasswordChange::Done(kept) = changed else { panic!("round {round}: not changed") };
            assert!(stage.opens(&kept).await, "round {round}");
            if let Proven::Accepted(new) = given {
                assert!(!stage.opens(&new).await, "round {round}: the proof survived");
            }
            stage.renew_password(&cleo).await;
        }
    }

    /// In one session: the code that replaces the token meets the act that replaces it too.
    async fn a_fresh_proof_meets_an_act_of_the_same_session(stage) {
        let cleo = stage.add("cleo", Role::Member, true).await;
        for round in 0..stage.rounds(200, 40) {
            let token = stage.session(cleo.id).await;
            let (proving, user): (_, Fresh<SignedIn>) = (stage.proving(&token).await, stage.may(&token).await);
            stage.clock.next_code();
            let code = stage.code(&cleo);
            let (give, bump) = (stage.vestibule.clone(), stage.vestibule.clone());
            let (given, ended) = duel(
                round,
                async move { give.give_code(&visitor(), &proving, &code).await },
                async move { bump.end_other_sessions(&visitor(), &user).await },
            )
            .await;
            let alive = match (given, ended) {
                (Proven::Accepted(new), Reissued::SessionOver)
                | (Proven::Refused(CodeRefused::SessionOver), Reissued::Done(new)) => new,
                (given, ended) => panic!(
                    "round {round}: accepted {}, ended {}",
                    matches!(given, Proven::Accepted(_)),
                    matches!(ended, Reissued::Done(_)),
                ),
            };
            assert!(stage.opens(&alive).await, "round {round}: the session is lost");
            assert!(stage.vestibule.current(&token).await.unwrap().is_none());
            stage.renew_password(&cleo).await;
        }
    }

    /// An Admin shuts somebody out who is just giving the code, or ends all their sessions to stay
    /// in: the act is done, and nothing of theirs opens anything.
    async fn who_is_shut_out_stays_out(stage) {
        let ada = stage.admin_with_app("ada").await;
        let cleo = stage.add("cleo", Role::Member, true).await;
        let ada_token = stage.session(ada.id).await;
        let (mut given_first, mut ended_first) = (0, 0);
        for round in 0..stage.rounds(240, 40) {
            let admin: Fresh<Admin> = stage.may(&ada_token).await;
            let (act, target) = ([UserAct::Disable, UserAct::ResetFactors][round % 2], cleo.id);
            let shut = stage.vestibule.clone();
            let shut = async move { shut.change_user(&visitor(), &admin, target, act).await };
            let theirs = stage.vestibule.clone();
            let new = if round % 4 < 2 {
                let token = stage.session(cleo.id).await;
                let user: Fresh<SignedIn> = stage.may(&token).await;
                let stays = async move { theirs.end_other_sessions(&visitor(), &user).await };
                let (changed, ended) = duel(round, shut, stays).await;
                assert_eq!(changed, UserChanged::Done, "round {round}: {act:?} was warded off");
                match ended {
                    Reissued::Done(new) => Some(new),
                    Reissued::SessionOver => None,
                }
            } else {
                let token = stage.session_of_password(cleo.id).await;
                let proving = stage.proving(&token).await;
                let gives = async move { theirs.give_code(&visitor(), &proving, "123456").await };
                let (changed, _) = duel(round, shut, gives).await;
                assert_eq!(changed, UserChanged::Done, "round {round}: {act:?} was warded off");
                None
            };
            if let Some(new) = new {
                ended_first += 1;
                assert!(!stage.opens(&new).await, "round {round}");
            } else {
                given_first += 1;
            }
            stage.restore(cleo.id, Role::Member).await;
            stage.ensure_factor(&cleo).await;
            stage.renew_password(&cleo).await;
        }
        println!("{ended_first} acts came before the Admin's, {given_first} after");
    }
}

/// From the spending of a code to the storing of its proof the user is held: who ends the epoch
/// comes before or after. (On SQLite every transaction is alone anyway.)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_epoch_stands_while_a_code_is_concluded_on_postgres() {
    let stage = Stage::on(Database::Postgres).await;
    let cleo = stage.add("cleo", Role::Member, true).await;
    let token = stage.sign_in(&cleo).await;
    stage.clock.next_code();
    let (proving, code) = (stage.proving(&token).await, stage.code(&cleo));
    let factor = stage.store.read().await.unwrap().factors(cleo.id).await.unwrap()[0].id;
    let step = Step(stage.clock.now().millis() / 30_000);
    // Somebody else is about to spend the same code, and will not.
    let mut other = stage.store.write().await.unwrap();
    assert!(other.spend_code(factor, step, stage.clock.now()).await.unwrap());
    let give = stage.vestibule.clone();
    let giving = tokio::spawn(async move { give.give_code(&visitor(), &proving, &code).await });
    while attempts(&stage, &cleo).await == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let store = stage.store.clone();
    let mut bumping = tokio::spawn(async move {
        let mut tx = store.write().await.unwrap();
        let bumped = tx.bump_epoch(cleo.id, Epoch(1)).await.unwrap();
        tx.commit().await.unwrap();
        bumped
    });
    let early = tokio::time::timeout(Duration::from_millis(300), &mut bumping).await;
    assert!(early.is_err(), "the epoch ended under a proof");
    drop(other);
    assert!(matches!(giving.await.unwrap().unwrap(), Proven::Accepted(_)));
    assert!(bumping.await.unwrap());
}

fn wrong_code(stage: &Stage, person: &Person) -> String {
    let app = person.app.as_ref().unwrap();
    let near = |code: &String| {
        (-25..=25_i64).any(|away| {
            let at = stage.clock.now().millis() + away * 30_000;
            *code == *app.code_at(vestibule_domain::time::Timestamp::from_millis(at))
        })
    };
    (0..1000).map(|number| format!("{number:06}")).find(|code| !near(code)).unwrap()
}
