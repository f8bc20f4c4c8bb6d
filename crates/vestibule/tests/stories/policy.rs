//! The switch: one rule for everyone in the account, at the next request.

use std::time::Duration;

use vestibule_domain::name::Name;
use vestibule_domain::user::Role;
use vestibule_testkit::app::{email, password};
use vestibule_testkit::{Client, TestApp, stories};

const SWITCH: &str = "/settings/account/mfa";
const ON: [(&str, &str); 1] = [("required", "true")];
const OFF: [(&str, &str); 1] = [("required", "false")];

/// Whether the switch is on, as the Admin's page says.
pub(crate) async fn is_on(admin: &Client) -> bool {
    let page = admin.get("/settings/account").await;
    assert_eq!(page.status, 200, "{}", page.text());
    page.between("aria-checked=\"", "\"") == "true"
}

/// An Admin without a factor is led to this page when she turns the switch on.
pub(crate) async fn led_to_enrolment_by_the_switch(app: &TestApp, ada: &Client) {
    let page = ada.submit(SWITCH, &ON).await;
    page.must_show("Set up your own app first");
    assert!(page.carried_fields().contains(&("for".into(), "everyone".into())));
    app.scan("ada", &page);
    assert!(!is_on(ada).await, "not yet");
}

stories! {
    /// Members neither see nor reach the switch, however fresh their proofs are.
    async fn the_switch_is_for_admins_alone(app) {
        let cleo = app.sign_in("cleo").await;
        for page in ["/", "/settings/security"] {
            let page = cleo.get(page).await;
            assert!(!page.body.contains("/settings/account") && !page.body.contains("/settings/users"));
        }
        let answer = cleo.get("/settings/account").await;
        assert_eq!(answer.status, 403);
        answer.must_show("This page is for Admins");
        for age in [0, 10] {
            app.clock.advance(Duration::from_mins(age));
            for required in [&ON, &OFF] {
                let answer = cleo.post(SWITCH, required).await;
                assert_eq!(answer.status, 403);
                answer.must_show("This page is for Admins");
            }
        }
        assert!(!is_on(&app.admin("ada").await).await);
    }

    /// The page says what the switch will do before it is turned, and what it did.
    async fn the_page_says_what_the_switch_does(app) {
        let ada = app.admin("ada").await;
        let _open = app.sign_in("ben").await;
        let page = ada.get("/settings/account").await;
        page.must_show("2 users have a factor and notice nothing");
        page.must_show("2 are led through the set-up at their next click");
        page.must_show("2 open sessions follow the rule at once");
        page.must_show("You have a factor yourself, so you cannot lock yourself out.");
        let page = ada.submit(SWITCH, &ON).await;
        page.must_show("Two-factor sign-in is on for everyone.");
        page.must_show("2 users have a factor and sign in with it");
        let page = ada.submit(SWITCH, &OFF).await;
        page.must_show("Two-factor sign-in is off. Nobody’s factor was removed.");
        assert_eq!(app.audited("policy.required").await, 1);
        assert_eq!(app.audited("policy.optional").await, 1);
    }

    /// Turning it twice is turning it once.
    async fn turning_it_on_again_changes_nothing(app) {
        let ada = app.admin("ada").await;
        for _ in 0..2 {
            assert_eq!(app.turn_switch(&ada, true).await.leads_to(), "/settings/account");
            assert!(is_on(&ada).await);
        }
        assert_eq!(app.audited("policy.required").await, 1);
    }

    /// On holds at the very next request of sessions that were open before. Who is proven stays.
    async fn on_holds_for_open_sessions_at_the_next_request(app) {
        let cleo = app.sign_in("cleo").await;
        let at_the_door = app.give_password("cleo").await;
        let ada = app.admin("ada").await;
        let ben = app.sign_in("ben").await;
        app.turn_switch(&ada, true).await;

        assert_eq!(cleo.get("/settings/security").await.status, 200, "enrolled and proven stays in");
        assert_eq!(ada.get("/settings/users").await.status, 200);
        assert_eq!(at_the_door.get("/").await.leads_to(), "/sign-in/code", "enrolled, not proven");
        for page in ["/", "/settings/security", "/settings/security/password", "/sign-in", "/proof"] {
            assert_eq!(ben.get(page).await.leads_to(), "/enrolment", "{page}");
        }
        let form = [("name", "Benjamin")];
        let answer = ben.post_from("/settings/security", "/settings/security/name", &form).await;
        let to = answer.location().unwrap();
        assert_eq!(to, "/enrolment?return_to=%2Fsettings%2Fsecurity", "not enrolled");

        let page = ben.visit(&to).await;
        app.scan("ben", &page);
        let return_to = page.field("return_to").unwrap();
        let code = app.code("ben");
        let fields = [("code", &*code), ("return_to", &*return_to)];
        let page = ben.submit("/enrolment", &fields).await;
        let page = app.keep_shown(&ben, &page).await;
        page.must_show("Your own factors, name, password and sessions.");
        page.must_show("Ben Okafor");
    }

    /// Off is as immediate, and takes nobody's factor away: who has one is still asked for it.
    async fn off_is_immediate_and_removes_no_factor(app) {
        let ada = app.admin("ada").await;
        app.turn_switch(&ada, true).await;
        let ben = app.give_password("ben").await;
        app.enrol("ben", &ben).await;
        let dinesh = app.give_password("dinesh").await;
        app.scan("dinesh", &dinesh.visit("/").await);
        assert!(!dinesh.is_in().await);
        app.turn_switch(&ada, false).await;

        assert!(dinesh.is_in().await, "who stood before the enrolment is in");
        dinesh.get("/enrolment").await.must_show("Turn MFA on for yourself");
        assert_eq!(app.factor_ids(&ben).await.len(), 1);
        for who in ["ben", "cleo"] {
            let anew = app.give_password(who).await;
            assert_eq!(anew.get("/").await.leads_to(), "/sign-in/code", "{who}");
        }
        let answer = dinesh.post("/enrolment", &[("code", &app.code("dinesh"))]).await;
        assert_eq!(answer.leads_to(), "/settings/security", "and may go on with it");
    }

    /// The errand gives no Member the switch …
    async fn no_member_turns_it_on_by_enrolling(app) {
        let ben = app.sign_in("ben").await;
        app.scan("ben", &ben.get("/enrolment?for=everyone").await);
        let code = app.code("ben");
        let page = ben.submit("/enrolment", &[("code", &code), ("for", "everyone")]).await;
        assert_eq!(page.status, 403);
        assert!(!is_on(&app.admin("ada").await).await);
    }

    /// … nor an Admin who has become a Member on the way.
    async fn an_admin_demoted_on_the_way_turns_nothing_on(app) {
        app.add("eve", "Eve Online", Role::Admin, true).await;
        let (ada, eve) = (app.sign_in("ada").await, app.sign_in("eve").await);
        led_to_enrolment_by_the_switch(&app, &ada).await;
        let path = format!("/settings/users/{}/role", app.id("ada").await);
        assert_eq!(eve.post(&path, &[("role", "Member")]).await.status, 303);
        let code = app.code("ada");
        let page = ada.submit("/enrolment", &[("code", &code), ("for", "everyone")]).await;
        assert_eq!(page.status, 403);
        assert!(!is_on(&eve).await);
        assert_eq!(app.audited("policy.required").await, 0);
    }

    /// A proof older than 5 minutes is asked for again, in either direction, and the same form then
    /// goes through with nothing lost.
    async fn a_stale_proof_is_asked_for_and_the_form_goes_through_after_it(app) {
        let ada = app.admin("ada").await;
        for (form, words, done) in [
            (ON, "turn two-factor sign-in on for everyone at Acme Analytics", "is on for everyone"),
            (OFF, "turn two-factor sign-in off at Acme Analytics", "is off."),
        ] {
            let before = is_on(&ada).await;
            app.clock.outlive_proofs();
            let page = ada.post(SWITCH, &form).await;
            assert_eq!(page.status, 403);
            page.must_show(&format!("You are about to {words}. Type the six digits"));
            assert_eq!(is_on(&ada).await, before, "nothing has changed");

            let mut fields = page.carried_fields();
            assert_eq!(fields, [("act".to_owned(), SWITCH.to_owned()), (form[0].0.into(), form[0].1.into())]);
            fields.push(("code".into(), app.code("ada")));
            let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (&**n, &**v)).collect();
            let again = ada.post("/proof", &fields).await;
            assert_eq!((again.status.as_u16(), &*again.location().unwrap()), (307, SWITCH));
            let page = ada.submit(SWITCH, &fields).await;
            page.must_show(done);
            assert_eq!(is_on(&ada).await, !before);
        }
    }

    /// An Admin without a factor gives the password again, then enrols, then it is on.
    async fn a_stale_admin_without_a_factor_is_led_all_the_way(app) {
        let ada = app.sign_in("ada").await;
        app.clock.outlive_proofs();
        let page = ada.post(SWITCH, &ON).await;
        assert_eq!(page.status, 403);
        page.must_show("Type your password once more.");
        let fields = [("act", SWITCH), ("required", "true"), ("password", &*password("ada"))];
        let page = ada.submit("/proof", &fields).await;
        page.must_show("Set up your own app first");
        app.scan("ada", &page);
        let code = app.code("ada");
        let page = ada.submit("/enrolment", &[("code", &code), ("for", "everyone")]).await;
        let page = app.keep_shown(&ada, &page).await;
        page.must_show("Two-factor sign-in is on for everyone.");
    }

    /// What is neither on nor off is refused, and changes nothing.
    async fn only_true_and_false_turn_the_switch(app) {
        let ada = app.admin("ada").await;
        for on in [false, true] {
            app.turn_switch(&ada, on).await;
            for value in ["", "yes", "on", "1", "0", "TRUE", "False", " true", "true ", "null"] {
                let answer = ada.post(SWITCH, &[("required", value)]).await;
                assert_eq!(answer.status, 400, "{value:?}");
            }
            assert_eq!(ada.post(SWITCH, &[]).await.status, 400);
            assert_eq!(ada.post(SWITCH, &[("Required", "true")]).await.status, 400);
            assert_eq!(ada.post(SWITCH, &[ON[0], OFF[0]]).await.status, 400, "doubled");
            assert_eq!(ada.get(SWITCH).await.status, 405);
            assert_eq!(ada.post("/settings/account/mfa?required=false", &[]).await.status, 400);
            assert_eq!(is_on(&ada).await, on);
        }
    }

    /// With the switch off a user who turned MFA on for themselves is asked for the code.
    async fn with_the_switch_off_ones_own_factor_is_asked_for(app) {
        let ben = app.sign_in_and_enrol("ben").await;
        ben.post("/sign-out", &[]).await;
        let answer = ben.sign_in(&email("ben"), &password("ben")).await;
        assert_eq!(answer.leads_to(), "/sign-in/code");
        assert!(!ben.is_in().await);
    }

    /// Another account's users follow their own switch.
    async fn the_switch_is_of_one_account_alone(app) {
        let other = app.vestibule.furnish_account(&Name::parse("Umbra").unwrap()).await.unwrap();
        app.add_to(other, "una", "Una Holt", Role::Admin, false).await;
        let una = app.sign_in("una").await;
        let ada = app.admin("ada").await;
        app.turn_switch(&ada, true).await;
        assert!(una.is_in().await);
        assert!(!is_on(&una).await);
        assert!(is_on(&ada).await);
    }
}
