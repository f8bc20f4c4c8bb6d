//! The wait between attempts at the second proof, and who is told of guessing.

use std::time::Duration;

use vestibule_testkit::app::{email, password};
use vestibule_testkit::{TestApp, stories};

const DAY: Duration = Duration::from_hours(24);

/// The notices of a user that stand.
pub(crate) async fn told(app: &TestApp, who: &str) -> Vec<(String, String)> {
    let user = app.id(who).await;
    let notices = app.store.read().await.unwrap().notices(user, 100).await.unwrap();
    let mut told: Vec<_> = notices
        .into_iter()
        .map(|notice| (notice.notice.as_str().to_owned(), notice.detail))
        .filter(|(notice, _)| notice.contains("guessed"))
        .collect();
    told.sort();
    told
}

stories! {
    /// Five slips cost nothing but attempts. Then the page says how long to wait, longer each time,
    /// and what is sent in too soon is neither compared nor counted.
    async fn the_wait_grows_and_the_page_says_how_long_it_still_is(app) {
        let cleo = app.give_password("cleo").await;
        for _ in 0..4 {
            assert_eq!(cleo.give_code(&app.wrong_code()).await.status, 401);
        }
        let fifth = cleo.give_code(&app.wrong_code()).await;
        fifth.must_show("This code is not right.");
        fifth.must_show("Wait 5 seconds, then try again.");
        for (wait, words) in [
            (5, "5 seconds"), (10, "10 seconds"), (20, "20 seconds"), (40, "40 seconds"),
            (80, "80 seconds"), (160, "3 minutes"), (320, "6 minutes"), (640, "11 minutes"),
            (900, "15 minutes"), (900, "15 minutes"),
        ] {
            let answer = cleo.give_code(&app.code("cleo")).await;
            assert_eq!(answer.status, 429, "the right one, too soon");
            assert_eq!(answer.retry_after(), Some(Duration::from_secs(wait)));
            answer.must_show(&format!("Too many attempts. Wait {words}, then try again."));
            assert_eq!(answer.field("code").unwrap(), "", "the field stays, and the code goes");
            cleo.get("/sign-in/code").await.must_show(&format!("Wait {words}"));
            app.clock.advance(Duration::from_secs(wait - 1));
            let answer = cleo.give_code(&app.code("cleo")).await;
            assert_eq!((answer.status.as_u16(), answer.retry_after()), (429, Some(Duration::from_secs(1))));
            answer.must_show("Wait 1 second, then");
            app.clock.advance(Duration::from_secs(1));
            assert_eq!(cleo.give_code(&app.wrong_code()).await.status, 401);
        }
        assert_eq!(app.audited("code.wrong").await, 15);
        assert_eq!(app.audited("code.too_soon").await, 20);
        assert!(!cleo.is_in().await);
    }

    /// A clock that was a day ahead and came back locks nobody out: a wait that began in the future
    /// has ended.
    async fn a_clock_that_was_a_day_ahead_and_came_back_locks_nobody_out(app) {
        app.clock.advance(DAY);
        let attacker = app.give_password("cleo").await;
        app.guess_codes(&attacker, 20).await;
        let stranger = app.browser();
        for who in ["ben", "ben", "ben", "ben", "ben", "ben", "ben", "cleo", "cleo"] {
            let guess = async || stranger.sign_in(&email(who), "a guess").await;
            app.after_the_wait(guess).await;
        }
        assert_eq!(stranger.sign_in(&email("ben"), &password("ben")).await.status, 429);
        app.vestibule.keep_house().await.unwrap();
        app.clock.set_back(DAY + Duration::from_hours(8));
        app.sign_in("ben").await;
        app.sign_in("cleo").await;
        app.vestibule.keep_house().await.unwrap();
        app.sign_in("cleo").await;
    }

    /// Recovery codes wait as well, by a wait of their own: they cannot be guessed, and each attempt
    /// costs a hash.
    async fn recovery_codes_have_a_wait_of_their_own(app) {
        app.sign_in_and_enrol("ben").await;
        let attacker = app.give_password("ben").await;
        let fields = [("code", "aaaa-aaaa-aaaa-aaaa"), ("with", "recovery-code")];
        for _ in 0..5 {
            assert_eq!(attacker.post("/sign-in/code", &fields).await.status, 401);
        }
        let answer = attacker.post("/sign-in/code", &fields).await;
        assert_eq!((answer.status.as_u16(), answer.retry_after()), (429, Some(Duration::from_secs(5))));
        answer.must_show("Enter a recovery code");
        answer.must_show("Wait 5 seconds, then try again.");
        assert_eq!(app.audited("recovery_code.wrong").await, 5);
        // Security codes are as good as ever, and their wait closes no recovery code.
        app.guess_codes(&attacker, 9).await;
        let ben = app.give_password("ben").await;
        assert_eq!(ben.give_code(&app.code("ben")).await.status, 429);
        assert_eq!(ben.give_code(&app.recovery_code("ben", 0)).await.status, 303);
        // That was a complete sign-in.
        let ben = app.give_password("ben").await;
        assert_eq!(ben.post("/sign-in/code", &fields).await.status, 401);
        app.clock.next_code();
        assert_eq!(ben.give_code(&app.code("ben")).await.leads_to(), "/");
    }

    /// Whoever holds the password, and tries again whenever the wait ends, keeps the owner from
    /// giving a recovery code neither in a browser that signed in before nor in another network.
    async fn attempts_elsewhere_hold_no_recovery_code_up(https app) {
        let known = app.sign_in_and_enrol("ben").await;
        known.post("/sign-out", &[]).await;
        let elsewhere = app.browser().coming_from("10.7.7.7");
        for (index, ben) in [known, elsewhere].iter().enumerate() {
            let attacker = app.give_password("ben").await;
            let fields = [("code", "aaaa-aaaa-aaaa-aaaa"), ("with", "recovery-code")];
            for _ in 0..5 {
                assert_eq!(attacker.post("/sign-in/code", &fields).await.status, 401);
            }
            assert_eq!(attacker.post("/sign-in/code", &fields).await.status, 429);
            assert_eq!(ben.sign_in(&email("ben"), &password("ben")).await.status, 303);
            assert_eq!(ben.give_code(&app.recovery_code("ben", index)).await.status, 303);
            assert!(ben.is_in().await);
        }
    }

    /// An attacker who holds the password guesses 20 times a day while the owner signs in daily.
    /// When the budget is spent, verified guesses have stopped at 100, the owner has been told,
    /// comes in with a recovery code, changes the password, and signs in with codes daily to the
    /// end of the 30 days.
    async fn thirty_days_with_an_attacker_who_holds_the_password(app) {
        let new = "an otter sings below the bridge";
        let ben = app.sign_in_and_enrol("ben").await;
        ben.post("/sign-out", &[]).await;
        let (mut known, attacker) = (password("ben"), app.browser());
        let (mut guesses, mut closed_on) = (0, None);
        for day in 1..=30 {
            // Evening at the attacker's.
            let enter = async || attacker.sign_in(&email("ben"), &password("ben")).await;
            if app.after_the_wait(enter).await.status == 303 {
                app.guess_codes(&attacker, 20).await;
                guesses += 20;
                attacker.post("/sign-out", &[]).await;
            }
            // Morning at the owner's: in the known browser, with whatever wait the attacker left.
            app.clock.advance(Duration::from_hours(8));
            if guesses <= 80 || closed_on.is_some() {
                let code = async || ben.give_code(&app.code("ben")).await;
                assert_eq!(ben.sign_in(&email("ben"), &known).await.status, 303, "day {day}");
                assert_eq!(app.after_the_wait(code).await.leads_to(), "/", "day {day}");
            } else {
                assert_eq!(ben.sign_in(&email("ben"), &known).await.status, 303);
                let closed = ben.get("/sign-in/code").await;
                assert_eq!(closed.status, 429, "day {day}");
                closed.must_show("Security codes are closed for you.");
                assert_eq!(told(&app, "ben").await.len(), 3, "told three times");
                let code = app.recovery_code("ben", 0);
                let offer = ben.give_code(&code).await;
                ben.get(&offer.location().unwrap()).await.must_show("Change your password now.");
                let path = "/settings/security/password";
                assert_eq!(ben.post(path, &[("password", new)]).await.status, 303);
                (known, closed_on) = (new.to_owned(), Some(day));
            }
            assert!(ben.is_in().await, "day {day}");
            app.vestibule.keep_house().await.unwrap();
            ben.post("/sign-out", &[]).await;
            app.clock.advance(Duration::from_hours(8));
        }
        assert_eq!(closed_on, Some(5));
        assert_eq!(app.audited("code.wrong").await, 100, "verified guesses");
        assert_eq!(app.audited("code.accepted").await, 29);
        assert!(!attacker.is_in().await);
    }
}
