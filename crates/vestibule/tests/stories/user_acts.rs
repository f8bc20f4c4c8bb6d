//! What an Admin does with a user: role, access, factors.

use vestibule_testkit::app::{email, password};
use vestibule_testkit::{Answer, Client, TestApp, stories};

/// What the sign-in page answers, less the address that was typed.
async fn try_to_sign_in(app: &TestApp, email: &str, password: &str) -> (u16, String) {
    let fields = [("email", email), ("password", password)];
    let answer = app.browser().post("/sign-in", &fields).await;
    assert!(answer.headers.get("set-cookie").is_none(), "{answer:?}");
    (answer.status.as_u16(), answer.body.replace(email, "(typed)"))
}

/// Nobody learns from the sign-in page that there is, or was, such a user.
async fn is_nobody(app: &TestApp, who: &str) {
    let unknown = try_to_sign_in(app, "nobody@acme.example", "a long walk through marble").await;
    assert_eq!(unknown.0, 401);
    let wrong = try_to_sign_in(app, &email("ada"), "a long walk through marble").await;
    assert_eq!(wrong, unknown);
    assert_eq!(try_to_sign_in(app, &email(who), &password(who)).await, unknown, "{who}");
}

async fn is_out(browser: &Client) {
    for path in ["/", "/settings/security", "/enrolment", "/proof", "/sign-in/code"] {
        assert_eq!(browser.get(path).await.leads_to(), "/sign-in", "{path}");
    }
}

/// A done act leads back to the user's page, which says what was done.
async fn done(admin: &Client, answer: Answer, words: &str) {
    assert_eq!(answer.status, 303, "{}", answer.text());
    admin.get(&answer.location().unwrap()).await.must_show(words);
}

stories! {
    /// A role is read at every request: a session that is open gains the pages, and loses them.
    async fn a_role_holds_from_the_next_request(app) {
        let ada = app.admin("ada").await;
        let ben = app.sign_in("ben").await;
        assert_eq!(ben.get("/settings/users").await.status, 403);
        done(&ada, app.set_role(&ada, "ben", "Admin").await, "The role is changed.").await;
        assert_eq!(app.set_role(&ada, "ben", "Admin").await.status, 303, "as it was, and no event");
        assert_eq!(ben.get("/settings/users").await.status, 200);
        done(&ada, app.set_role(&ada, "ben", "Member").await, "The role is changed.").await;
        assert_eq!(ben.get("/settings/users").await.status, 403);
        assert_eq!(ben.get("/").await.status, 200, "and stays signed in");
        assert_eq!(app.set_role(&ben, "ben", "Admin").await.status, 403);
        assert_eq!(app.audited("user.role_changed").await, 2);
    }

    /// An act that waits for its proof is decided when it is carried out, not when it was asked for.
    async fn an_admin_who_is_demoted_before_the_proof_does_nothing(app) {
        let ada = app.admin("ada").await;
        app.set_role(&ada, "ben", "Admin").await;
        let ben = app.sign_in("ben").await;
        app.clock.outlive_proofs();
        let asked = app.act(&ben, "cleo", "/disable").await;
        let ada = app.sign_in("ada").await;
        app.set_role(&ada, "ben", "Member").await;
        let refused = app.prove_as_asked("ben", &ben, &asked).await;
        assert_eq!(refused.status, 403);
        refused.must_show("This page is for Admins");
        assert_eq!(app.audited("user.disabled").await, 0);
    }

    /// Disabling ends every session at once; the sign-in page answers as to anybody unknown.
    async fn a_disabled_user_is_out_and_stays_out(app) {
        let ada = app.admin("ada").await;
        let (cleo, elsewhere) = (app.sign_in("cleo").await, app.give_password("cleo").await);
        let answer = app.act(&ada, "cleo", "/disable").await;
        done(&ada, answer, "The user is disabled and signed out everywhere.").await;
        is_out(&cleo).await;
        is_out(&elsewhere).await;
        app.clock.next_code();
        let late = elsewhere.post("/sign-in/code", &[("code", &app.code("cleo"))]).await;
        assert_eq!(late.leads_to(), "/sign-in", "at the second door (AT-49)");
        is_nobody(&app, "cleo").await;
        assert_eq!(app.audited("user.disabled").await, 1);
    }

    /// Enabling gives password and factors back, and no session.
    async fn an_enabled_user_signs_in_as_before(app) {
        let ada = app.admin("ada").await;
        let old = app.sign_in("cleo").await;
        app.act(&ada, "cleo", "/disable").await;
        assert_eq!(app.act(&ada, "cleo", "/disable").await.status, 404, "already");
        done(&ada, app.act(&ada, "cleo", "/enable").await, "The user may sign in again.").await;
        assert_eq!(app.act(&ada, "cleo", "/enable").await.status, 404, "already");
        is_out(&old).await;
        app.sign_in("cleo").await.get("/").await.must_show("Security code");
        assert_eq!(app.audited("user.enabled").await, 1);
    }

    /// Removing ends everything; the address is free again, and the trace of the act stays.
    async fn a_removed_user_is_gone(app) {
        let ada = app.admin("ada").await;
        let cleo = app.sign_in("cleo").await;
        let page = app.user_path("cleo", "").await;
        let answer = app.act(&ada, "cleo", "/remove").await;
        done(&ada, answer, "The user is removed.").await;
        is_out(&cleo).await;
        is_nobody(&app, "cleo").await;
        for act in ["", "/disable", "/enable", "/remove", "/factors/reset", "/password-link"] {
            let path = format!("{page}{act}");
            let answer =
                if act.is_empty() { ada.get(&path).await } else { ada.post(&path, &[]).await };
            assert_eq!(answer.status, 404, "{path}");
        }
        assert_eq!(app.audited("user.removed").await, 1);
        let link = app.invite(&ada, "cleo", "Member").await;
        assert_ne!(app.user_path("cleo", "").await, page, "another user");
        let cleo = app.browser();
        let answer = app.use_link(&cleo, &link, &password("cleo")).await;
        assert_eq!(answer.leads_to(), "/", "with none of the old factors");
    }

    /// Resetting removes the factors in the act itself and ends the sessions. It signs nobody in.
    async fn reset_factors_are_enrolled_anew_while_required(app) {
        let ada = app.admin("ada").await;
        app.turn_switch(&ada, true).await;
        let (cleo, elsewhere) = (app.sign_in("cleo").await, app.give_password("cleo").await);
        let answer = app.act(&ada, "cleo", "/factors/reset").await;
        assert!(answer.headers.get("set-cookie").is_none());
        done(&ada, answer, "The factors are removed and the user is signed out everywhere.").await;
        is_out(&cleo).await;
        is_out(&elsewhere).await;
        app.clock.next_code();
        let old = app.code("cleo");
        let back = app.give_password("cleo").await;
        assert_eq!(back.get("/").await.leads_to(), "/enrolment");
        let answer = back.post("/sign-in/code", &[("code", &old)]).await;
        assert_eq!(answer.leads_to(), "/enrolment", "the old app opens nothing");
        assert_eq!(back.get("/").await.leads_to(), "/enrolment");
        assert_eq!(app.enrol("cleo", &back).await.leads_to(), "/");
        assert_eq!(back.get("/").await.status, 200);
        assert_eq!(app.audited("factors.reset").await, 1);
    }

    /// While MFA is optional, the password alone signs in after a reset.
    async fn reset_factors_are_asked_for_no_more_while_optional(app) {
        let ada = app.admin("ada").await;
        app.act(&ada, "cleo", "/factors/reset").await;
        assert_eq!(app.give_password("cleo").await.get("/").await.status, 200);
        ada.get(&app.user_path("cleo", "").await).await.must_show("Not set up");
    }

    /// A key that was shown before a reset cannot be confirmed after it.
    async fn a_reset_ends_the_enrolment_under_way(app) {
        let ada = app.admin("ada").await;
        app.turn_switch(&ada, true).await;
        let ben = app.give_password("ben").await;
        let page = ben.visit("/enrolment").await;
        app.scan("ben", &page);
        assert_eq!(app.act(&ada, "ben", "/factors/reset").await.status, 303);
        app.clock.next_code();
        let late = ben.post("/enrolment", &[("code", &app.code("ben"))]).await;
        assert_eq!(late.leads_to(), "/sign-in");
        assert_eq!(app.give_password("ben").await.get("/").await.leads_to(), "/enrolment");
    }

    /// It would let whoever sits at an Admin's browser replace the Admin's app.
    async fn nobody_resets_their_own_factors(app) {
        let ada = app.admin("ada").await;
        app.set_role(&ada, "cleo", "Admin").await;
        let refused = app.act(&ada, "ada", "/factors/reset").await;
        assert_eq!(refused.status, 409);
        refused.must_show("Nobody resets their own factors");
        let page = app.user_path("ada", "").await;
        assert_eq!(refused.link("Back to this user"), Some(page));
        assert_eq!(app.audited("factors.reset").await, 0);
        assert_eq!(app.audited("refused.own_reset").await, 1);
        assert_eq!(app.give_password("ada").await.get("/").await.leads_to(), "/sign-in/code");
        let cleo = app.sign_in("cleo").await;
        assert_eq!(app.act(&cleo, "ada", "/factors/reset").await.status, 303, "another Admin may");
    }

    /// An invited user has nothing yet that could be reset, disabled or enabled, and keeps the link.
    async fn an_invited_user_is_no_user_yet(app) {
        let ada = app.admin("ada").await;
        let link = app.invite(&ada, "eve", "Member").await;
        for act in ["/factors/reset", "/disable", "/enable", "/password-link"] {
            assert_eq!(app.act(&ada, "eve", act).await.status, 404, "{act}");
        }
        assert_eq!(app.browser().get(&link).await.status, 200);
    }
}
