//! Enrolment: whose key it is, how long it lives, and that it is confirmed once.

use std::time::Duration;

use vestibule_domain::time::Timestamp;
use vestibule_testkit::app::password;
use vestibule_testkit::client::escape;
use vestibule_testkit::{Answer, Client, TestApp, race, stories};

/// The key on an enrolment page.
#[track_caller]
fn key(page: &Answer) -> String {
    assert!(page.body.contains("?secret="), "{} {}", page.status, page.text());
    page.between("?secret=", "&")
}

/// Turns the switch on, so that who has no factor is led to enrolment.
async fn require_mfa(app: &TestApp) {
    let ada = app.admin("ada").await;
    assert_eq!(app.turn_switch(&ada, true).await.status, 303);
}

/// Somebody signed in, without a factor, in two browsers.
async fn two_browsers(app: &TestApp, who: &str) -> [Client; 2] {
    [app.give_password(who).await, app.give_password(who).await]
}

stories! {
    /// The page names whose key it is, for whom, and offers it in every way that an app can take.
    async fn the_page_offers_the_key_in_every_way(app) {
        let ben = app.sign_in("ben").await;
        let page = ben.get("/enrolment").await;
        assert_eq!(page.status, 200);
        page.must_show("Turn MFA on for yourself");
        page.must_show("For ben@acme.example");
        let key = key(&page);
        assert_eq!(key.len(), 32, "160 bits");
        let groups: Vec<&str> = (0..8).map(|at| &key[at * 4..at * 4 + 4]).collect();
        page.must_show(&groups.join(" "));
        let uri = "href=\"otpauth://totp/Acme%20Analytics:ben%40acme.example?secret=";
        assert!(page.body.contains(uri) && page.body.contains("<svg"));
        assert_eq!(app.audited("enrolment.started").await, 1);
    }

    /// The key stays the same across a reload, a wrong code and a second tab.
    async fn the_key_stays_the_same_until_it_is_confirmed(app) {
        let ben = app.sign_in("ben").await;
        let shown = key(&ben.get("/enrolment").await);
        assert_eq!(key(&ben.get("/enrolment").await), shown, "a reload");
        assert_eq!(key(&ben.stolen().get("/enrolment").await), shown, "a second tab");
        for typed in ["000000", "", "12 34"] {
            let page = ben.post("/enrolment", &[("code", typed)]).await;
            assert_eq!(page.status, 422);
            assert_eq!(key(&page), shown, "after {typed:?}");
        }
        app.clock.advance(Duration::from_mins(14));
        assert_eq!(key(&ben.get("/enrolment").await), shown, "without another proof");
        assert_eq!(app.enrol("ben", &ben).await.leads_to(), "/settings/security");
    }

    /// So it does in the vestibule, where the password grows older than 5 minutes meanwhile: nobody
    /// who fetches their phone is asked for it again before the key expires.
    async fn the_key_stays_the_same_in_the_vestibule_without_another_password(app) {
        require_mfa(&app).await;
        let ben = app.give_password("ben").await;
        let page = ben.visit("/settings/security").await;
        app.scan("ben", &page);
        app.clock.advance(Duration::from_secs(14 * 60 + 30));
        assert_eq!(key(&ben.visit("/settings/security").await), key(&page));
        assert_eq!(key(&ben.post("/enrolment", &[("code", "000000")]).await), key(&page));
        let code = app.code("ben");
        let fields = [("code", code.as_str()), ("return_to", "/settings/security")];
        assert_eq!(ben.post("/enrolment", &fields).await.leads_to(), "/settings/security");
        assert!(ben.is_in().await);
    }

    /// Many tabs that open the page at once show one key.
    async fn tabs_that_open_race_show_one_key(app) {
        let ben = app.sign_in("ben").await;
        let tabs: Vec<Client> = (0..16).map(|_| ben.stolen()).collect();
        let pages = race(tabs.into_iter().map(|tab| async move { tab.get("/enrolment").await }));
        let keys: Vec<String> = pages.await.iter().map(key).collect();
        assert!(keys.iter().all(|other| *other == keys[0]), "{keys:?}");
        assert_eq!(app.audited("enrolment.started").await, 1);
    }

    /// Two sessions that hold the same password never see the same key, and neither can confirm
    /// the other's: who merely knows the password cannot read the key that the owner confirms.
    async fn two_sessions_never_see_the_same_key(app) {
        require_mfa(&app).await;
        let [ben, attacker] = two_browsers(&app, "ben").await;
        let mine = ben.visit("/").await;
        let theirs = attacker.visit("/").await;
        assert_ne!(key(&mine), key(&theirs));
        app.scan("ben", &mine);
        let code = app.code("ben");
        let answer = attacker.post("/enrolment", &[("code", &code)]).await;
        answer.must_show("This code is not right.");
        assert_eq!(key(&answer), key(&theirs));
        assert!(!attacker.is_in().await);
        assert_eq!(app.audited("enrolment.code_refused").await, 1);

        assert_eq!(ben.post("/enrolment", &[("code", &code)]).await.leads_to(), "/");
        assert!(ben.is_in().await);
        app.keep_codes("ben", &ben).await;
        // The attacker's key is as dead as the session that saw it.
        app.scan("attacker", &theirs);
        let late = attacker.post("/enrolment", &[("code", &app.code("attacker"))]).await;
        assert_eq!(late.leads_to(), "/sign-in");
        assert_eq!(app.factor_ids(&ben).await.len(), 1);
    }

    /// Confirming ends every other session, and with it every other pending key.
    async fn confirming_ends_other_sessions_and_their_pending_keys(app) {
        let [ben, other] = two_browsers(&app, "ben").await;
        let pending = other.get("/enrolment").await;
        app.scan("other", &pending);
        assert_eq!(app.enrol("ben", &ben).await.leads_to(), "/settings/security");
        assert!(ben.is_in().await);
        assert!(!other.is_in().await);
        let answer = other.post("/enrolment", &[("code", &app.code("other"))]).await;
        assert_eq!(answer.leads_to(), "/sign-in");
        other.visit("/").await.must_show("Your session has ended.");

        let again = app.give_password("ben").await;
        app.clock.next_code();
        assert_eq!(again.give_code(&app.code("other")).await.status, 401, "no factor of ben's");
        assert_eq!(again.give_code(&app.code("ben")).await.leads_to(), "/");
        assert_eq!(app.audited("factor.added").await, 1);
    }

    /// 64 tabs confirm the same enrolment at once: one wins, and there is one factor.
    async fn of_64_confirmations_race_one_wins(app) {
        let ben = app.sign_in("ben").await;
        app.scan("ben", &ben.get("/enrolment").await);
        let code = app.code("ben");
        let tabs: Vec<Client> = (0..64).map(|_| ben.stolen()).collect();
        let answers = race(tabs.iter().cloned().map(|tab| {
            let code = code.clone();
            async move { tab.post("/enrolment", &[("code", &code)]).await }
        }))
        .await;
        let added = |answer: &&Answer| answer.leads_to() == "/settings/security";
        assert!(answers.iter().all(|answer| answer.status == 303));
        assert_eq!(answers.iter().filter(added).count(), 1);
        let mut winner = None;
        for tab in &tabs {
            if tab.is_in().await {
                assert!(winner.replace(tab).is_none(), "one session goes on");
            }
        }
        let winner = winner.unwrap();
        app.keep_codes("ben", winner).await;
        assert_eq!(app.factor_ids(winner).await.len(), 1);
        assert_eq!(app.audited("factor.added").await, 1);
    }

    /// Many sessions confirm their own keys at once, from the vestibule: one wins.
    async fn of_many_first_enrolments_race_one_wins(app) {
        require_mfa(&app).await;
        let (mut browsers, mut waiting) = (Vec::new(), Vec::new());
        for at in 0..16 {
            let ben = app.give_password("ben").await;
            let name = format!("ben's app {at}");
            app.scan(&name, &ben.visit("/").await);
            let code = app.code(&name);
            browsers.push(ben.clone());
            waiting.push(async move { ben.post("/enrolment", &[("code", &code)]).await.status });
        }
        race(waiting).await;
        let mut winner = None;
        for browser in browsers {
            if browser.is_in().await {
                assert!(winner.replace(browser).is_none(), "one session goes on");
            }
        }
        let winner = winner.unwrap();
        app.keep_codes("ben", &winner).await;
        assert_eq!(app.factor_ids(&winner).await.len(), 1);
        assert_eq!(app.audited("factor.added").await, 2, "Ada's and one of Ben's");
    }

    /// A session that began its enrolment before the user had a factor cannot finish it after.
    async fn an_enrolment_begun_before_a_factor_existed_cannot_be_finished_after(app) {
        require_mfa(&app).await;
        let [ben, attacker] = two_browsers(&app, "ben").await;
        app.scan("attacker", &attacker.visit("/").await);
        app.enrol("ben", &ben).await;
        for _ in 0..2 {
            let code = app.code("attacker");
            let answer = attacker.post("/enrolment", &[("code", &code)]).await;
            assert_eq!(answer.leads_to(), "/sign-in");
            app.clock.next_code();
        }
        assert_eq!(app.factor_ids(&ben).await.len(), 1);
    }

    /// After 15 minutes a key is dead. There is a new one, and the page says what to do with the
    /// old; whoever was asked for the password again in between is told so too.
    async fn an_expired_key_is_replaced_and_the_page_says_so(app) {
        require_mfa(&app).await;
        let ben = app.give_password("ben").await;
        let old = ben.visit("/").await;
        app.scan("ben", &old);
        app.clock.advance(Duration::from_mins(15));
        let code = app.code("ben");
        let page = ben.submit("/enrolment", &[("code", &code)]).await;
        page.must_show("Type your password once more.");
        let return_to = page.field("return_to").unwrap();
        let fields = [("password", &*password("ben")), ("return_to", &*return_to)];
        let page = ben.submit("/proof", &fields).await;
        page.must_show("The key shown before has expired.");
        page.must_show("Delete its entry in your app and add the new key below.");
        assert_ne!(key(&page), key(&old));
        let reloaded = ben.get("/enrolment").await;
        assert!(!reloaded.shows("expired"), "said once");
        assert_eq!(key(&reloaded), key(&page));
        assert_eq!(app.enrol("ben", &ben).await.leads_to(), "/");
    }

    /// The same where the proof is fresh: the page that refuses the code holds the new key.
    async fn an_expired_key_is_replaced_behind_the_second_door(app) {
        let cleo = app.sign_in("cleo").await;
        let old = cleo.get("/enrolment").await;
        app.scan("cleo's tablet", &old);
        app.clock.advance(Duration::from_mins(14));
        app.prove("cleo", &cleo).await;
        app.clock.advance(Duration::from_mins(1));
        let page = cleo.post("/enrolment", &[("code", &app.code("cleo's tablet"))]).await;
        assert_eq!(page.status, 422);
        page.must_show("The key shown before has expired.");
        assert_ne!(key(&page), key(&old));
        assert_eq!(app.enrol("cleo's tablet", &cleo).await.leads_to(), "/settings/security");
    }

    /// A phone whose clock is off is told so while it enrols; the code that was diagnosed is spent.
    async fn a_clock_that_is_off_is_told_while_enrolling(app) {
        let ben = app.sign_in("ben").await;
        app.scan("ben", &ben.get("/enrolment").await);
        let ahead = Timestamp::from_millis(app.clock.now().millis() + 300_000);
        let code = app.code_of("ben", ahead);
        let page = ben.post("/enrolment", &[("code", &code)]).await;
        page.must_show("This code is for about 5 minutes from now.");
        page.must_show("Your phone’s clock seems to be fast");
        app.clock.advance(Duration::from_mins(5));
        let page = ben.post("/enrolment", &[("code", &code)]).await;
        page.must_show("This code was used before.");
        assert_eq!(app.audited("factor.added").await, 0);
        assert_eq!(app.enrol("ben", &ben).await.leads_to(), "/settings/security");
    }

    /// Enrolling for oneself needs a proof that is fresh when the key is first shown.
    async fn a_key_is_first_shown_behind_a_fresh_proof(app) {
        let (ben, cleo) = (app.sign_in("ben").await, app.sign_in("cleo").await);
        app.clock.outlive_proofs();
        let page = ben.visit("/enrolment").await;
        page.must_show("You are about to set up an authenticator app. Type your password once more.");
        let page = cleo.visit("/enrolment").await;
        page.must_show("You are about to set up an authenticator app. Type the six digits");
        for browser in [&ben, &cleo] {
            let answer = browser.post("/enrolment", &[("code", "000000")]).await;
            assert_eq!(answer.leads_to(), "/proof");
        }
        assert_eq!(app.audited("enrolment.started").await, 0);
        let fields = [("password", &*password("ben")), ("return_to", "/enrolment")];
        ben.submit("/proof", &fields).await.must_show("Turn MFA on for yourself");
    }

    /// An open session whose password is older than 5 minutes when the switch turns on: the
    /// password again, then enrolment, then the page that they were on.
    async fn an_old_password_is_asked_for_again_before_a_required_enrolment(app) {
        let ben = app.sign_in("ben").await;
        app.clock.advance(Duration::from_mins(10));
        require_mfa(&app).await;
        let page = ben.visit("/settings/security?done=name-changed").await;
        page.must_show("You are about to set up an authenticator app, which Acme Analytics asks of everyone");
        page.must_show("Type your password once more.");
        let return_to = page.field("return_to").unwrap();
        let wrong = [("password", "not the password"), ("return_to", &*return_to)];
        let page = ben.submit("/proof", &wrong).await;
        page.must_show("This password is not right.");
        assert_eq!(page.field("return_to").unwrap(), return_to);
        assert!(!ben.is_in().await);

        let right = [("password", &*password("ben")), ("return_to", &*return_to)];
        let page = ben.submit("/proof", &right).await;
        page.must_show("Acme Analytics asks for a second proof");
        app.scan("ben", &page);
        let return_to = page.field("return_to").unwrap();
        let code = app.code("ben");
        let fields = [("code", &*code), ("return_to", &*return_to)];
        let answer = ben.post("/enrolment", &fields).await;
        assert_eq!(answer.location().unwrap(), "/settings/security?done=name-changed");
    }

    /// Whoever was sent to enrol from behind the second door, as an application does that always
    /// asks for a code, gets back to where they wanted to go: through an old password, a wrong
    /// code, and the recovery codes that come first.
    async fn an_enrolment_from_behind_the_second_door_leads_back(app) {
        let target = "/settings/security?done=a%2Fb&x=%26";
        let to = format!("/enrolment?return_to={}", escape(target));
        for (who, stale) in [("ben", false), ("dinesh", true)] {
            let browser = app.sign_in(who).await;
            if stale {
                app.clock.outlive_proofs();
            }
            let mut page = browser.visit(&to).await;
            if stale {
                page = app.prove_as_asked(who, &browser, &page).await;
            }
            app.scan(who, &page);
            let back = page.field("return_to").unwrap();
            let page = browser.post("/enrolment", &[("code", "000000"), ("return_to", &back)]).await;
            assert_eq!(page.field("return_to").unwrap(), target, "{who}");
            let code = app.code(who);
            let answer = browser.post("/enrolment", &[("code", &code), ("return_to", target)]).await;
            assert_eq!(answer.location().as_deref(), Some(target), "{who}");
            let codes = browser.visit(target).await;
            let answer = app.keep_shown(&browser, &codes).await;
            assert_eq!(answer.status, 200, "{who}");
            answer.must_show("Your own factors, name, password and sessions.");
            assert_eq!(codes.field("return_to").as_deref(), Some(target), "{who}");
        }
        // Nobody is led out of here.
        let ada = app.sign_in("ada").await;
        app.scan("ada", &ada.get("/enrolment?return_to=https%3A%2F%2Fevil.example%2F").await);
        let code = app.code("ada");
        let fields = [("code", &*code), ("return_to", "//evil.example/")];
        assert_eq!(ada.post("/enrolment", &fields).await.leads_to(), "/settings/security");
    }

    /// Nobody reads the key of a factor that is confirmed.
    async fn a_confirmed_key_is_never_shown_again(app) {
        let ben = app.sign_in("ben").await;
        let shown = key(&ben.get("/enrolment").await);
        app.enrol("ben", &ben).await;
        assert_ne!(key(&ben.get("/enrolment").await), shown);
        for page in ["/", "/settings/security"] {
            assert!(!ben.get(page).await.body.contains(&shown[..8]), "{page}");
        }
    }
}
