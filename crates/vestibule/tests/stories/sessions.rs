//! Sessions: when they end, and who may end which.

use std::time::Duration;

use vestibule_testkit::app::{email, password};
use vestibule_testkit::stories;

const PHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 \
                     (KHTML, like Gecko) Version/19.0 Mobile/15E148 Safari/604.1";

stories! {
    /// An hour without a request ends a session; a request within the hour extends it.
    async fn an_hour_without_use_ends_a_session(app) {
        let ben = app.sign_in("ben").await;
        for _ in 0..4 {
            app.clock.advance(Duration::from_mins(59));
            assert!(ben.is_in().await);
        }
        app.clock.advance(Duration::from_hours(1));
        let answer = ben.get("/settings/security").await;
        assert_eq!(answer.leads_to(), "/sign-in");
        let page = ben.visit("/settings/security").await;
        page.must_show("Your session has ended. Sign in again to go on where you were.");
        assert_eq!(page.field("return_to").unwrap(), "/settings/security");
    }

    /// Asking after its end does not bring it back.
    async fn a_session_that_is_over_does_not_live_on_by_asking(app) {
        let ben = app.sign_in("ben").await;
        let copy = ben.stolen();
        app.clock.advance(Duration::from_mins(61));
        for _ in 0..3 {
            assert!(!copy.is_in().await);
            let answer = copy.post("/proof", &[("password", &password("ben"))]).await;
            assert_eq!(answer.leads_to(), "/sign-in");
            let answer = copy.post("/settings/security/name", &[("name", "Mallory")]).await;
            assert_eq!(answer.leads_to(), "/sign-in");
        }
        app.clock.set_back(Duration::from_mins(2));
        assert!(copy.is_in().await, "the clock was wrong, not the session");
    }

    /// 24 hours end it however it is used; neither requests nor fresh proofs extend that.
    async fn a_day_ends_a_session_however_it_is_used(app) {
        let (ben, cleo) = (app.sign_in("ben").await, app.sign_in("cleo").await);
        for hour in 0..47 {
            app.clock.advance(Duration::from_mins(30));
            assert!(ben.is_in().await, "after {hour} half hours");
            app.prove("cleo", &cleo).await;
            app.clock.set_back(Duration::from_secs(30));
            assert_eq!(ben.post("/proof", &[("password", &password("ben"))]).await.status, 303);
        }
        app.clock.advance(Duration::from_mins(31));
        assert!(!ben.is_in().await);
        assert!(!cleo.is_in().await);
        cleo.visit("/").await.must_show("Your session has ended.");
    }

    /// Standing in the vestibule ends as well: a code an hour later opens nothing.
    async fn an_hour_in_the_vestibule_ends_the_sign_in(app) {
        let cleo = app.give_password("cleo").await;
        app.clock.advance(Duration::from_hours(1));
        assert_eq!(cleo.give_code(&app.code("cleo")).await.leads_to(), "/sign-in");
        assert!(!cleo.is_in().await);
        let anew = app.give_password("cleo").await;
        assert_eq!(anew.give_code(&app.code("cleo")).await.leads_to(), "/", "still unspent");
    }

    /// A clock that was set back a day makes sessions that come from the future: they are over,
    /// and signing in again simply works.
    async fn a_session_from_the_future_is_over_and_signing_in_again_works(app) {
        let cleo = app.sign_in("cleo").await;
        let copy = cleo.stolen();
        app.clock.set_back(Duration::from_hours(24));
        assert!(!cleo.is_in().await);
        cleo.visit("/").await.must_show("Your session has ended.");
        assert_eq!(copy.get("/settings/security").await.leads_to(), "/sign-in");
        let again = app.sign_in("cleo").await;
        app.clock.advance(Duration::from_mins(30));
        assert!(again.is_in().await);
        assert!(!copy.is_in().await);
    }

    /// Nodes whose clocks differ by seconds take each other's sessions.
    async fn a_clock_that_is_some_seconds_behind_ends_nothing(app) {
        let ben = app.sign_in("ben").await;
        app.clock.set_back(Duration::from_secs(50));
        assert!(ben.is_in().await);
    }

    /// The list shows browser, address and time of each session, and which one is this.
    async fn the_list_shows_each_session_and_marks_this_one(app) {
        let phone = app.browser().calling_itself(PHONE);
        phone.sign_in(&email("ben"), &password("ben")).await;
        let curious = app.browser().calling_itself("<script>alert(1)</script>");
        curious.sign_in(&email("ben"), &password("ben")).await;
        app.clock.advance(Duration::from_mins(3));
        let ben = app.sign_in("ben").await;
        let page = ben.get("/settings/security").await;
        page.must_show("Firefox on Linux This one");
        page.must_show("Safari on iPhone 127.0.0.1 · signed in 15 Jan 2027, 08:00 UTC");
        page.must_show("An unknown browser 127.0.0.1");
        assert_eq!(page.text().matches("This one").count(), 1);
        assert!(!page.body.contains("<script>alert"));
        assert_eq!(app.other_session_ids(&ben).await.len(), 2);

        app.clock.advance(Duration::from_mins(58));
        assert!(ben.is_in().await);
        assert_eq!(app.other_session_ids(&ben).await.len(), 0, "those that are over are not listed");
    }

    /// Nobody sees another user's sessions.
    async fn the_list_is_ones_own(app) {
        app.sign_in("dinesh").await;
        let ben = app.sign_in("ben").await;
        assert!(app.other_session_ids(&ben).await.is_empty());
        ben.get("/settings/security").await.must_show("There are no others.");
    }

    /// One session is ended, the others go on.
    async fn one_session_can_be_ended(app) {
        let lost = app.browser().calling_itself(PHONE);
        lost.sign_in(&email("ben"), &password("ben")).await;
        let ben = app.sign_in("ben").await;
        let id = app.other_session_ids(&ben).await.remove(0);
        let third = app.sign_in("ben").await;
        let page = ben.submit(&format!("/settings/security/sessions/{id}/end"), &[]).await;
        page.must_show("The session has ended.");
        assert!(!lost.is_in().await);
        assert!(ben.is_in().await && third.is_in().await);
        assert_eq!(app.audited("session.ended").await, 1);
        let again = ben.post(&format!("/settings/security/sessions/{id}/end"), &[]).await;
        assert_eq!(again.status, 404);
    }

    /// Ending this one is signing out.
    async fn ending_this_session_signs_out(app) {
        let [ben, other] = [app.sign_in("ben").await, app.sign_in("ben").await];
        let id = app.other_session_ids(&other).await.remove(0);
        let answer = ben.post(&format!("/settings/security/sessions/{id}/end"), &[]).await;
        assert_eq!(answer.leads_to(), "/sign-in");
        assert_eq!(ben.cookie(), None);
        assert!(other.is_in().await);
    }

    /// All others are ended at once, those in the vestibule included; this one goes on.
    async fn all_other_sessions_can_be_ended(app) {
        let full = [app.sign_in("cleo").await, app.sign_in("cleo").await];
        let at_the_door = app.give_password("cleo").await;
        let cleo = app.sign_in("cleo").await;
        let page = cleo.submit("/settings/security/sessions/end-others", &[]).await;
        page.must_show("Your other sessions have ended.");
        for other in &full {
            assert!(!other.is_in().await);
        }
        app.clock.next_code();
        assert_eq!(at_the_door.give_code(&app.code("cleo")).await.leads_to(), "/sign-in");
        assert!(cleo.is_in().await);
        assert!(app.other_session_ids(&cleo).await.is_empty());
        assert_eq!(app.audited("session.others_ended").await, 1);
    }

    /// Ending them takes a fresh proof: a copy of an old session cannot throw the owner out. The
    /// page says what is about to happen, and the form goes through after it.
    async fn ending_sessions_takes_a_fresh_proof(app) {
        let (ben, cleo) = (app.sign_in("ben").await, app.sign_in("cleo").await);
        let others = [app.sign_in("ben").await, app.sign_in("cleo").await];
        app.clock.outlive_proofs();
        let id = app.other_session_ids(&ben).await.remove(0);
        let end = format!("/settings/security/sessions/{id}/end");
        let all = "/settings/security/sessions/end-others";
        for (browser, path, words) in [
            (&ben, end.as_str(), "You are about to end a session. Type your password once more."),
            (&cleo, all, "You are about to end your other sessions. Type the six digits"),
        ] {
            let page = browser.post(path, &[]).await;
            assert_eq!(page.status, 403, "{path}");
            page.must_show(words);
        }
        for other in &others {
            assert!(other.is_in().await, "nothing has ended");
        }
        let fields = [("act", end.as_str()), ("password", &*password("ben"))];
        ben.submit("/proof", &fields).await.must_show("The session has ended.");
        let code = app.code("cleo");
        let page = cleo.submit("/proof", &[("act", all), ("code", &code)]).await;
        page.must_show("Your other sessions have ended.");
        for other in &others {
            assert!(!other.is_in().await);
        }
        assert!(ben.is_in().await && cleo.is_in().await);
    }
}
