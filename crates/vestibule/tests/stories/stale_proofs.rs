//! An Admin's acts whose proof is too old: the page that asks for one, and then the act.

use vestibule_domain::user::Role;
use vestibule_testkit::{Answer, Client, Method, TestApp, stories};

/// An act, upon whom, with which fields; what the page that asks says of it, and what is seen once
/// it is done.
type Act = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static str,
    &'static str,
);

const ACTS: [Act; 8] = [
    (
        "ben",
        "/role",
        &[("role", "Admin")],
        "You are about to make a user an Admin.",
        "The role is changed.",
    ),
    ("ben", "/disable", &[], "You are about to disable a user.", "The user is disabled"),
    ("ben", "/enable", &[], "You are about to enable a user again.", "The user may sign in again."),
    (
        "ben",
        "/password-link",
        &[],
        "You are about to make a link for a new password.",
        "The new-password link is ready",
    ),
    (
        "cleo",
        "/factors/reset",
        &[],
        "You are about to reset a user’s factors.",
        "The factors are removed",
    ),
    ("dinesh", "/remove", &[], "You are about to remove a user.", "The user is removed."),
    (
        "eve",
        "/invitation",
        &[],
        "You are about to make a new invitation link.",
        "The invitation link is ready",
    ),
    (
        "eve",
        "/invitation/cancel",
        &[],
        "You are about to take an invitation back.",
        "The invitation is taken back.",
    ),
];

/// The page that asks instead of the act: nothing was done, and "Cancel" leads back.
async fn asks_first(app: &TestApp, admin: &Client, act: &Act) -> Answer {
    let (who, path, fields, about, _) = *act;
    app.clock.outlive_proofs();
    let before = app.picture(admin).await;
    let asked = admin.post(&app.user_path(who, path).await, fields).await;
    assert_eq!(asked.status, 403, "{path}");
    asked.must_show(about);
    assert!(asked.link("Cancel").is_some(), "{path}");
    assert_eq!(app.picture(admin).await, before, "{path}: nothing was done");
    asked
}

async fn every_act_asks_first(app: &TestApp, admin: &Client, who: &str) {
    app.invite(admin, "eve", "Member").await;
    for act in &ACTS {
        let asked = asks_first(app, admin, act).await;
        let done = app.prove_as_asked(who, admin, &asked).await;
        assert_eq!(done.status, 200, "{}: {}", act.1, done.text());
        done.must_show(act.4);
    }
}

const EMAIL: &str = "Zoë.Söhne@acme.example";
const NAME: &str = "Zoë \"Q\" <O'Brien> & Söhne + 100 %";
const NEW: [(&str, &str); 3] = [("email", EMAIL), ("name", NAME), ("role", "Admin")];

stories! {
    /// Who has a factor is asked for its code.
    async fn every_act_upon_a_user_takes_a_fresh_code(app) {
        let ada = app.admin("ada").await;
        every_act_asks_first(&app, &ada, "ada").await;
    }

    /// Who has none is asked for the password.
    async fn every_act_upon_a_user_takes_a_fresh_password(app) {
        app.add("hal", "Hal", Role::Admin, false).await;
        let hal = app.sign_in("hal").await;
        every_act_asks_first(&app, &hal, "hal").await;
    }

    /// What was typed into the form of a new user arrives as it was typed, after the proof.
    async fn nothing_typed_is_lost(app) {
        let ada = app.admin("ada").await;
        app.clock.outlive_proofs();
        let before = app.picture(&ada).await;
        let asked = ada.post("/settings/users", &NEW).await;
        assert_eq!(asked.status, 403);
        asked.must_show(&format!("You are about to add {EMAIL} as a user."));
        assert_eq!(app.picture(&ada).await, before);
        let done = app.prove_as_asked("ada", &ada, &asked).await;
        done.must_show("The invitation link is ready");
        done.must_show(NAME);
        let row = ada.get("/settings/users?search=zo%C3%AB").await.row(NAME).unwrap();
        assert!(row.contains("zoë.söhne@acme.example Admin Invited"), "{row}");
    }

    /// Neither by a wrong proof nor by none.
    async fn nothing_typed_is_lost_by_a_wrong_proof(app) {
        let ada = app.admin("ada").await;
        app.clock.outlive_proofs();
        let mut asked = ada.post("/settings/users", &NEW).await;
        for (code, words) in [
            (app.wrong_code(), "This code is not right."),
            (String::new(), "A security code has six digits."),
            ("nonsense".into(), "A security code has six digits."),
        ] {
            let carried = asked.carried_fields();
            let mut fields: Vec<_> =
                carried.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            fields.push(("code", &code));
            asked = ada.post("/proof", &fields).await;
            assert_eq!(asked.status, 403, "{code}");
            asked.must_show(words);
            assert_eq!(asked.carried_fields(), carried);
        }
        assert_eq!(app.audited("invitation.made").await, 0);
        app.prove_as_asked("ada", &ada, &asked).await.must_show("The invitation link is ready");
    }

    /// What is wrong in the form is said after the proof, on its own page.
    async fn mistakes_are_told_after_the_proof(app) {
        let ada = app.admin("ada").await;
        app.clock.outlive_proofs();
        let fields = [("email", "ben@acme.example"), ("name", "Ben II"), ("role", "Admin")];
        let asked = ada.post("/settings/users", &fields).await;
        let page = app.prove_as_asked("ada", &ada, &asked).await;
        assert_eq!(page.status, 422);
        assert_eq!(page.field("name").as_deref(), Some("Ben II"));
        assert_eq!(page.field("email").as_deref(), Some("ben@acme.example"));
    }

    /// The proof of a form that was sent from a page leads back to that page when it is given up.
    async fn cancel_leads_back_to_the_form(app) {
        let ada = app.admin("ada").await;
        app.clock.outlive_proofs();
        let page = app.user_path("ben", "").await;
        let referrer = format!("{}{page}", app.url);
        let headers = [&ada.own_page()[..], &[("referer", referrer.as_str())]].concat();
        let path = format!("{page}/disable");
        let asked = ada.send(Method::POST, &path, Some(&[]), &headers).await;
        assert_eq!(asked.link("Cancel"), Some(page));
    }

    /// What is carried is an act of the settings, and one that the session may do.
    async fn the_carried_act_is_asked_for_its_own_authority(app) {
        let ada = app.admin("ada").await;
        app.clock.outlive_proofs();
        for act in [
            "https://evil.example/",
            "//evil.example",
            "/sign-out",
            "/proof",
            "/settings/../sign-out",
        ] {
            app.clock.next_code();
            let code = app.code("ada");
            let answer = ada.post("/proof", &[("act", act), ("code", &code)]).await;
            assert_eq!((answer.status.as_u16(), answer.leads_to()), (303, "/".into()), "{act}");
        }
        let ben = app.sign_in("ben").await;
        app.clock.outlive_proofs();
        let act = app.user_path("cleo", "/disable").await;
        let password = vestibule_testkit::app::password("ben");
        let refused = ben.submit("/proof", &[("act", &act), ("password", &password)]).await;
        assert_eq!(refused.status, 403);
        refused.must_show("This page is for Admins");
        assert_eq!(app.audited("user.disabled").await, 0);
    }

    /// A proof from a session is of no use in another of the same user.
    async fn a_proof_counts_in_its_own_session(app) {
        let ada = app.admin("ada").await;
        let other = app.sign_in("ada").await;
        app.clock.outlive_proofs();
        app.clock.next_code();
        assert_eq!(ada.post("/proof", &[("code", &app.code("ada"))]).await.status, 303);
        assert_eq!(app.act(&other, "ben", "/disable").await.status, 403);
        assert_eq!(app.act(&ada, "ben", "/disable").await.status, 303);
    }
}
