//! The fresh proof before a sensitive act: which one, how long it lasts, and what it leads to.

use std::time::Duration;

use vestibule_testkit::app::password;
use vestibule_testkit::{Client, TestApp, stories};

/// Signed in, and the proof no longer fresh.
async fn stale(app: &TestApp, who: &str) -> Client {
    let browser = app.sign_in(who).await;
    app.clock.outlive_proofs();
    browser
}

/// Whether an act that asks for a fresh proof goes through at once.
async fn is_fresh(browser: &Client) -> bool {
    match browser.get("/settings/security/password").await {
        answer if answer.status == 200 => true,
        answer => {
            assert_eq!(answer.leads_to(), "/proof");
            false
        }
    }
}

stories! {
    /// Who has no factor gives the password once more.
    async fn without_a_factor_the_password_is_the_proof(app) {
        let ben = stale(&app, "ben").await;
        assert!(!is_fresh(&ben).await);
        let page = ben.visit("/settings/security/password").await;
        page.must_show("You are about to change your password. Type your password once more.");
        assert!(!page.body.contains("name=\"code\""));
        let answer = ben.post("/proof", &[("password", "not the password")]).await;
        assert_eq!(answer.status, 403);
        answer.must_show("This password is not right.");
        assert!(!is_fresh(&ben).await);
        assert_eq!(app.audited("proof.refused").await, 1);

        let fields = [("password", &*password("ben")), ("return_to", "/settings/security/password")];
        let answer = ben.post("/proof", &fields).await;
        assert_eq!(answer.location().unwrap(), "/settings/security/password");
        assert!(is_fresh(&ben).await);
        assert_eq!(app.audited("proof.given").await, 1);
    }

    /// Who has one gives a code, and the password is no substitute.
    async fn with_a_factor_the_code_is_the_proof(app) {
        let cleo = stale(&app, "cleo").await;
        let page = cleo.visit("/settings/security/password").await;
        page.must_show("Type the six digits that your authenticator app shows for Acme Analytics.");
        assert!(!page.body.contains("name=\"password\""));
        let answer = cleo.post("/proof", &[("password", &password("cleo"))]).await;
        assert_eq!(answer.status, 403);
        answer.must_show("A security code has six digits.");
        let answer = cleo.post("/proof", &[("code", &app.wrong_code())]).await;
        assert_eq!(answer.status, 403);
        answer.must_show("This code is not right.");
        assert!(!is_fresh(&cleo).await);
        app.prove("cleo", &cleo).await;
        assert!(is_fresh(&cleo).await);
    }

    /// It lasts for 5 minutes, and so does the sign-in.
    async fn a_proof_is_fresh_for_five_minutes(app) {
        for who in ["ben", "cleo"] {
            let browser = app.sign_in(who).await;
            app.clock.advance(Duration::from_mins(5));
            assert!(is_fresh(&browser).await, "{who}");
            app.clock.advance(Duration::from_millis(1));
            assert!(!is_fresh(&browser).await, "{who}");
        }
    }

    /// Proofs of a clock that has been set back since are of no known age.
    async fn a_proof_from_the_future_is_not_fresh(app) {
        let (ben, cleo) = (app.sign_in("ben").await, app.sign_in("cleo").await);
        app.clock.set_back(Duration::from_secs(40));
        assert!(ben.is_in().await && cleo.is_in().await);
        assert!(!is_fresh(&ben).await);
        assert!(!is_fresh(&cleo).await);
    }

    /// Nobody gives it before they are signed in.
    async fn the_page_is_for_who_is_signed_in(app) {
        let nobody = app.browser();
        assert_eq!(nobody.get("/proof").await.leads_to(), "/sign-in");
        let fields = [("password", &*password("ben")), ("act", "/settings/account/mfa")];
        assert_eq!(nobody.post("/proof", &fields).await.leads_to(), "/sign-in");
        let cleo = app.give_password("cleo").await;
        assert_eq!(cleo.get("/proof").await.leads_to(), "/sign-in/code");
        let answer = cleo.post("/proof", &[("code", &app.code("cleo"))]).await;
        assert_eq!(answer.leads_to(), "/sign-in/code");
        assert!(!cleo.is_in().await);
    }

    /// Only forms of the settings are sent again after it: no other address of this site, and none
    /// of another.
    async fn no_act_outside_of_the_settings_follows_a_proof(app) {
        let ben = app.sign_in("ben").await;
        for act in [
            "/sign-out", "/sign-in", "/enrolment", "/settings", "/settingsx/", "settings/account/mfa",
            "/settings/../sign-out", "/settings/./../sign-out", "/settings/%2e%2e/sign-out",
            "/settings/.%2E/sign-out", "/settings/x/../../sign-out", "/settings\\..\\sign-out",
            "//evil.example/settings/", "https://evil.example/settings/", "\\settings\\account",
            "/\\evil.example/settings/", "/SETTINGS/account/mfa", "/settings/\r\nlocation: //evil",
            "javascript:alert(1)", "",
        ] {
            let fields = [("password", &*password("ben")), ("act", act)];
            let answer = ben.post("/proof", &fields).await;
            assert_eq!((answer.status.as_u16(), &*answer.location().unwrap()), (303, "/"), "{act:?}");
            assert!(ben.is_in().await, "{act:?}");
        }
    }

    /// The act that follows asks for its own authority.
    async fn a_proof_gives_nobody_another_role(app) {
        let ben = stale(&app, "ben").await;
        let fields = [("password", &*password("ben")), ("act", "/settings/account/mfa"), ("required", "true")];
        let page = ben.submit("/proof", &fields).await;
        assert_eq!(page.status, 403);
        page.must_show("This page is for Admins");
        assert_eq!(app.audited("policy.required").await, 0);
    }

    /// A wrong proof loses nothing of the form that waits behind it, whatever was typed into it.
    async fn a_wrong_proof_keeps_what_was_typed(app) {
        app.admin("ada").await;
        let ada = stale(&app, "ada").await;
        let name = "Zoë \"Q\" O'Hara <b>&amp;</b>";
        let typed = [("email", "zoe@acme.example"), ("name", name), ("role", "Admin")];
        let page = ada.post("/settings/users", &typed).await;
        assert_eq!(page.status, 403);
        page.must_show("You are about to add zoe@acme.example as a user.");
        let kept = page.carried_fields();
        for wrong in [app.wrong_code(), "12".into(), String::new()] {
            let mut fields: Vec<(&str, &str)> = kept.iter().map(|(n, v)| (&**n, &**v)).collect();
            fields.push(("code", &wrong));
            let page = ada.post("/proof", &fields).await;
            assert_eq!(page.status, 403);
            assert_eq!(page.carried_fields(), kept, "after {wrong:?}");
        }
        app.clock.next_code();
        let code = app.code("ada");
        let mut fields: Vec<(&str, &str)> = kept.iter().map(|(n, v)| (&**n, &**v)).collect();
        fields.push(("code", &code));
        let page = ada.submit("/proof", &fields).await;
        page.must_show("The invitation link is ready");
        page.must_show(name);
    }

    /// A form with a password in it is not carried: what was typed stands in no page.
    async fn a_password_is_carried_through_no_page(app) {
        let cleo = stale(&app, "cleo").await;
        let new = "an otter sings below the bridge";
        let page = cleo.post("/settings/security/password", &[("password", new)]).await;
        assert_eq!(page.status, 403);
        page.must_show("You are about to change your password.");
        assert!(!page.body.contains("otter"));
        let to = [("return_to".to_owned(), "/settings/security/password".to_owned())];
        assert_eq!(page.carried_fields(), to);
        app.clock.next_code();
        let code = app.code("cleo");
        let fields = [("code", &*code), ("return_to", "/settings/security/password")];
        cleo.submit("/proof", &fields).await.must_show("New password");
    }

    /// A proof that is given while the session was ended elsewhere is given to nobody.
    async fn a_proof_in_a_session_that_was_ended_leads_to_the_sign_in(app) {
        let [first, second] = [app.sign_in("ben").await, app.sign_in("ben").await];
        second.post("/settings/security/sessions/end-others", &[]).await;
        let answer = first.post("/proof", &[("password", &password("ben"))]).await;
        assert_eq!(answer.leads_to(), "/sign-in");
        assert!(!first.is_in().await);
    }

    /// A disabled user's open session gives no proof either.
    async fn a_disabled_user_proves_nothing(app) {
        let ada = app.admin("ada").await;
        let ben = app.sign_in("ben").await;
        app.act(&ada, "ben", "/disable").await;
        let answer = ben.post("/proof", &[("password", &password("ben"))]).await;
        assert_eq!(answer.leads_to(), "/sign-in");
        assert_eq!(app.audited("proof.given").await, 0);
    }
}
