//! The two doors.

use std::time::Duration;

use vestibule_domain::password::HashCost;
use vestibule_flows::Settings;
use vestibule_testkit::app::{email, password};
use vestibule_testkit::{Database, TestApp, stories};

stories! {
    /// Neither the switch nor the user's own MFA is on: the password opens the dashboard.
    async fn a_password_is_enough_while_nothing_asks_for_more(app) {
        let ben = app.give_password("ben").await;
        let dashboard = ben.get("/").await;
        assert_eq!(dashboard.status, 200);
        dashboard.must_show("Ben Okafor");
        dashboard.must_show("Security code not asked for");
    }

    /// Who has a factor is asked for its code, and then is where they wanted to go.
    async fn a_user_with_a_factor_gives_a_code(app) {
        let cleo = app.give_password("cleo").await;
        let answer = cleo.get("/settings/security").await;
        assert_eq!(answer.leads_to(), "/sign-in/code");
        let page = cleo.visit("/settings/security").await;
        page.must_show("Enter your security code");
        let code = app.code("cleo");
        let fields = [("code", code.as_str()), ("return_to", "/settings/security")];
        let answer = cleo.post("/sign-in/code", &fields).await;
        assert_eq!(answer.leads_to(), "/settings/security");
        cleo.visit("/settings/security").await.must_show("cleo@acme.example");
        cleo.get("/").await.must_show("Security code from Authenticator app");
        assert_eq!(app.audited("code.accepted").await, 1);
    }

    /// The switch is on and the user has no factor: enrolment, then the dashboard.
    async fn a_user_without_a_factor_enrols_once_the_switch_is_on(app) {
        let ada = app.admin("ada").await;
        assert_eq!(app.turn_switch(&ada, true).await.status, 303);
        let ben = app.give_password("ben").await;
        let page = ben.visit("/").await;
        page.must_show("Acme Analytics asks for a second proof");
        let answer = app.enrol("ben", &ben).await;
        assert_eq!(answer.leads_to(), "/");
        ben.visit("/").await.must_show("Ben Okafor");
    }

    /// What is no address at all is refused in the same words as an unknown one.
    async fn what_is_no_address_is_an_unknown_one(app) {
        let stranger = app.browser();
        let unknown = stranger.sign_in("zoe@acme.example", "some password or other").await;
        for typed in ["zoe", "zoe@", "zoe@acme example", "z\u{200b}oe@acme.example", "z@oe@acme"] {
            let answer = stranger.sign_in(typed, "some password or other").await;
            assert_eq!(answer.status, unknown.status);
            assert_eq!(answer.body.replace(typed, "zoe@acme.example"), unknown.body, "{typed}");
        }
    }

    /// An address is one address, however it is spelled.
    async fn every_spelling_of_an_address_signs_the_same_user_in(app) {
        for spelling in [
            "ben@acme.example",
            "BEN@ACME.EXAMPLE",
            "  Ben@Acme.Example\u{3000}",
            "\u{ff42}\u{ff45}\u{ff4e}@acme.example",
            "ben\u{ff20}acme\u{ff0e}example",
        ] {
            let browser = app.browser();
            let answer = browser.sign_in(spelling, &password("ben")).await;
            assert_eq!(answer.status, 303, "{spelling}: {}", answer.text());
            browser.get("/").await.must_show("Ben Okafor");
        }
    }

    /// A password is compared exactly.
    async fn almost_the_password_is_not_the_password(app) {
        let right = password("ben");
        for typed in [right.to_uppercase(), format!("{right} "), format!(" {right}"), right[1..].into()] {
            let answer = app.browser().sign_in(&email("ben"), &typed).await;
            assert_eq!(answer.status, 401, "{typed:?}");
        }
    }

    /// What was typed is still there, except the password.
    async fn an_incomplete_form_comes_back_with_the_address(app) {
        let browser = app.browser();
        let answer = browser.sign_in("Ben@acme.example", "").await;
        assert_eq!(answer.status, 422);
        answer.must_show("Type both your email and your password.");
        assert_eq!(answer.between("name=\"email\" type=\"text\" inputmode=\"email\" value=\"", "\""),
            "Ben@acme.example");
        assert_eq!(browser.sign_in("", "a password typed first").await.status, 422);
        let answer = browser.sign_in("Ben@acme.example", "a wrong password").await;
        assert!(answer.body.contains("Ben@acme.example") && !answer.body.contains("a wrong password"));
    }

    /// Who is signed in already goes on; who stands in the vestibule goes on there.
    async fn the_sign_in_page_leads_on_whoever_has_given_the_password(app) {
        let ben = app.sign_in("ben").await;
        assert_eq!(ben.get("/sign-in").await.leads_to(), "/");
        let answer = ben.get("/sign-in?return_to=%2Fsettings%2Fsecurity").await;
        assert_eq!(answer.location().unwrap(), "/settings/security");
        assert_eq!(ben.get("/sign-in/code").await.leads_to(), "/");
        assert_eq!(ben.get("/proof?return_to=%2Fsettings%2Fsecurity").await.status, 200);

        let cleo = app.give_password("cleo").await;
        let answer = cleo.get("/sign-in?return_to=%2Fsettings%2Fsecurity").await;
        assert_eq!(answer.location().unwrap(), "/sign-in/code?return_to=%2Fsettings%2Fsecurity");
    }

    /// A page of this site is kept through every step, with its query.
    async fn the_page_that_was_asked_for_is_kept_through_every_step(app) {
        let wanted = "/settings/security?done=name-changed&x=%2F%2Fevil";
        let cleo = app.browser();
        let page = cleo.visit(wanted).await;
        page.must_show("Sign in");
        let target = page.field("return_to").unwrap();
        assert_eq!(target, wanted);
        let fields = [("email", &*email("cleo")), ("password", &*password("cleo")), ("return_to", &*target)];
        let page = cleo.submit("/sign-in", &fields).await;
        page.must_show("Enter your security code");
        let target = page.field("return_to").unwrap();
        let wrong = app.wrong_code();
        let page = cleo.post("/sign-in/code", &[("code", &*wrong), ("return_to", &*target)]).await;
        let target = page.field("return_to").unwrap();
        let code = app.code("cleo");
        let answer = cleo.post("/sign-in/code", &[("code", &*code), ("return_to", &*target)]).await;
        assert_eq!(answer.location().unwrap(), wanted);
    }

    /// Signing out ends the session on the server: a copy of the cookie is worth nothing.
    async fn signing_out_ends_the_session_on_the_server(app) {
        let ben = app.sign_in("ben").await;
        let copy = ben.stolen();
        let answer = ben.post("/sign-out", &[]).await;
        assert_eq!(answer.leads_to(), "/sign-in");
        assert_eq!(ben.cookie(), None);
        ben.visit("/sign-in?notice=signed-out").await.must_show("You are signed out.");
        assert!(!copy.is_in().await);
        assert_eq!(app.audited("session.signed_out").await, 1);
        assert_eq!(copy.post("/sign-out", &[]).await.leads_to(), "/sign-in", "twice does no harm");
        assert_eq!(app.audited("session.signed_out").await, 1);
    }

    /// So it is in the vestibule: the code no longer opens what was signed out.
    async fn signing_out_in_the_vestibule_ends_the_sign_in(app) {
        let cleo = app.give_password("cleo").await;
        let copy = cleo.stolen();
        cleo.post("/sign-out", &[]).await;
        let code = app.code("cleo");
        assert_eq!(copy.give_code(&code).await.leads_to(), "/sign-in");
        assert!(!copy.is_in().await);
    }
}

/// How long a refused sign-in takes, in a browser that has been nowhere.
async fn refusal_takes(app: &TestApp, email: &str, password: &str) -> Duration {
    let browser = app.browser();
    #[expect(clippy::disallowed_methods, reason = "here it is the time itself that is tested")]
    let start = std::time::Instant::now();
    assert_eq!(browser.sign_in(email, password).await.status, 401);
    #[expect(clippy::disallowed_methods, reason = "here it is the time itself that is tested")]
    let took = start.elapsed();
    took
}

/// AT-83: whoever is refused has cost a hash. A hash is made so dear here that an answer without
/// one, or with three, would be far outside of what a busy machine does to the measure.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_refusal_costs_the_same_hash() {
    let hash_cost = HashCost { memory_kib: 32 * 1024, passes: 8 };
    let settings = Settings { hash_cost, ..Settings::default() };
    let app = TestApp::furnished_with(Database::Sqlite, settings).await;
    let ada = app.admin("ada").await;
    app.act(&ada, "dinesh", "/disable").await;
    let refused = [
        ("wrong", email("ben"), "not the password of ben".to_owned()),
        ("disabled", email("dinesh"), password("dinesh")),
        ("unknown", email("zoe"), password("zoe")),
        ("no address", "zoe".into(), password("zoe")),
    ];
    // Turn by turn, so that the machine is as busy for one as for the other.
    let mut quickest = [Duration::MAX; 4];
    for _ in 0..3 {
        for (at, (_, email, password)) in refused.iter().enumerate() {
            quickest[at] = quickest[at].min(refusal_takes(&app, email, password).await);
        }
    }
    let wrong = quickest[0];
    for ((what, ..), took) in refused.iter().zip(quickest) {
        assert!(took * 3 > wrong && took < wrong * 3, "{what}: {took:?} instead of {wrong:?}");
    }
}
