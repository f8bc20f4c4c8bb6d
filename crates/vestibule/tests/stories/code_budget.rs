//! The budget: who holds the password has 100 guesses at the second proof, for as long as that
//! password lives. Each guess counts that was compared, wherever it was made.

use vestibule_testkit::app::{email, password};
use vestibule_testkit::{Answer, Client, TestApp, stories};

const CLOSED: &str = "Security codes are closed for you.";

/// An attacker who holds the password has guessed until codes were closed.
pub(crate) async fn spend_the_budget(app: &TestApp) -> Client {
    app.use_up_codes("cleo", 99).await;
    let attacker = app.give_password("cleo").await;
    assert_eq!(app.guess_codes(&attacker, 1).await.status, 429);
    must_be_closed(&attacker.get("/sign-in/code").await);
    attacker
}

#[track_caller]
pub(crate) fn must_be_closed(answer: &Answer) {
    assert_eq!(answer.status, 429, "{}", answer.text());
    answer.must_show(CLOSED);
    answer.must_show("Ask an Admin of Acme Analytics for a new-password link.");
    assert!(!answer.body.contains("name=\"code\""), "no field to type a code into");
}

/// The right code, given with the password in a browser that has been nowhere.
pub(crate) async fn sign_in_anew(app: &TestApp, password: &str) -> (Client, Answer) {
    let browser = app.browser();
    assert_eq!(browser.sign_in(&email("cleo"), password).await.status, 303);
    app.clock.next_code();
    let answer = browser.give_code(&app.code("cleo")).await;
    (browser, answer)
}

stories! {
    /// … and nobody else's: what an attacker has spent stays spent.
    async fn a_success_refunds_no_attempt_of_another_session(app) {
        let attacker = app.give_password("cleo").await;
        app.guess_codes(&attacker, 60).await;
        let cleo = app.give_password("cleo").await;
        app.guess_codes(&cleo, 2).await;
        app.clock.outlive_waits();
        assert_eq!(cleo.give_code(&app.code("cleo")).await.leads_to(), "/");
        app.guess_codes(&attacker, 41).await;
        assert_eq!(app.audited("code.wrong").await, 60 + 2 + 40);
        assert_eq!(app.audited("code.budget_spent").await, 1);
        must_be_closed(&attacker.get("/sign-in/code").await);
    }

    /// A success at a fresh proof refunds what that session spent on it.
    async fn a_fresh_proof_refunds_its_own_attempts(app) {
        let cleo = app.sign_in("cleo").await;
        let guess = async || cleo.post("/proof", &[("code", &app.wrong_code())]).await;
        for _ in 0..6 {
            for _ in 0..20 {
                assert_eq!(app.after_the_wait(guess).await.status, 403);
            }
            app.clock.outlive_waits();
            app.prove("cleo", &cleo).await;
        }
    }

    /// Two apps are two chances to hit, and cost two.
    async fn with_two_apps_a_guess_costs_two(app) {
        let cleo = app.sign_in("cleo").await;
        app.enrol("cleo's tablet", &cleo).await;
        let attacker = app.give_password("cleo").await;
        app.guess_codes(&attacker, 51).await;
        assert_eq!(app.audited("code.wrong").await, 50);
        must_be_closed(&attacker.get("/sign-in/code").await);
        app.clock.next_code();
        must_be_closed(&app.give_password("cleo").await.give_code(&app.code("cleo's tablet")).await);
    }

    /// What is not six digits is compared with nothing, and costs nothing.
    async fn what_is_no_code_costs_no_attempt(app) {
        let cleo = app.give_password("cleo").await;
        for _ in 0..110 {
            assert_eq!(cleo.give_code("12345").await.status, 422);
        }
        assert_eq!(cleo.give_code(&app.code("cleo")).await.leads_to(), "/");
    }

    /// Codes that are spent, or right for another time, were compared and cost an attempt.
    async fn a_spent_code_costs_an_attempt(app) {
        let code = app.code("cleo");
        app.give_password("cleo").await.give_code(&code).await;
        app.use_up_codes("cleo", 98).await;
        let attacker = app.give_password("cleo").await;
        for _ in 0..3 {
            attacker.give_code(&code).await;
        }
        assert_eq!(app.audited("code.spent").await, 2);
        must_be_closed(&attacker.get("/sign-in/code").await);
    }

    /// So does the owner's own change of password, behind a second proof that is still fresh.
    async fn a_change_of_password_behind_a_second_proof_renews_the_budget(app) {
        let cleo = app.sign_in("cleo").await;
        let attacker = spend_the_budget(&app).await;
        let new = "an otter sings below the bridge";
        let answer = cleo.post("/settings/security/password", &[("password", new)]).await;
        assert_eq!(answer.leads_to(), "/settings/security", "{}", answer.text());
        assert_eq!(attacker.get("/sign-in/code").await.leads_to(), "/sign-in");
        let (_, answer) = sign_in_anew(&app, new).await;
        assert_eq!(answer.leads_to(), "/");
    }

    /// The same password over again is no new one, and renews nothing.
    async fn the_same_password_over_again_renews_nothing(app) {
        let ada = app.admin("ada").await;
        let cleo = app.sign_in("cleo").await;
        spend_the_budget(&app).await;
        let same = [("password", &*password("cleo"))];
        assert_eq!(cleo.post("/settings/security/password", &same).await.status, 422);
        let link = app.password_link(&ada, "cleo").await;
        assert_eq!(app.browser().post(&link, &same).await.status, 422);
        let (_, answer) = sign_in_anew(&app, &password("cleo")).await;
        must_be_closed(&answer);
    }

    /// With a proof that is no longer fresh there is no such way: the page says what there is.
    async fn a_stale_session_cannot_renew_the_budget(app) {
        let cleo = app.sign_in("cleo").await;
        spend_the_budget(&app).await;
        app.clock.outlive_proofs();
        let new = [("password", "an otter sings below the bridge")];
        must_be_closed(&cleo.post("/settings/security/password", &new).await);
        must_be_closed(&cleo.visit("/settings/security/password").await);
        assert!(cleo.is_in().await);
        assert_eq!(app.audited("password.changed").await, 0);
    }

    /// Nothing else that a user may do with a fresh proof renews it.
    async fn nothing_but_a_new_password_renews_the_budget(app) {
        let ada = app.admin("ada").await;
        let cleo = app.sign_in("cleo").await;
        spend_the_budget(&app).await;
        assert_eq!(app.enrol("cleo's tablet", &cleo).await.leads_to(), "/settings/security");
        assert_eq!(cleo.post("/settings/security/sessions/end-others", &[]).await.status, 303);
        assert_eq!(cleo.post("/settings/security/name", &[("name", "Cleo")]).await.status, 303);
        let first = app.factor_ids(&cleo).await.remove(0);
        let path = format!("/settings/security/factors/{first}/remove");
        assert_eq!(cleo.post(&path, &[]).await.status, 303);
        assert_eq!(app.turn_switch(&ada, true).await.status, 303);
        assert_eq!(app.act(&ada, "cleo", "/disable").await.status, 303);
        assert_eq!(app.act(&ada, "cleo", "/enable").await.status, 303);

        let anew = app.give_password("cleo").await;
        app.clock.next_code();
        must_be_closed(&anew.give_code(&app.code("cleo's tablet")).await);
    }
}
