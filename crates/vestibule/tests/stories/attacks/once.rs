//! Group A: what is good once is good once: again, a half minute later, or fifty times in the same
//! moment, through whichever form.

use vestibule_testkit::{Client, TestApp, race, stories};

use crate::recovery_codes::{ben_with_codes, give, opens};
use crate::security_code::{code_in, waiting};

/// How many of the browsers are in.
async fn count_in(browsers: &[Client]) -> usize {
    let mut count = 0;
    for browser in browsers {
        count += usize::from(browser.is_in().await);
    }
    count
}

/// Gives the same code at once in each of the browsers, by the form that it stands before.
async fn race_a_code(app: &TestApp, browsers: &[(Client, &'static str)], code: &str) -> usize {
    let before = app.audited("code.accepted").await + app.audited("proof.given").await;
    let answers = race(browsers.iter().cloned().map(|(browser, path)| {
        let code = code.to_owned();
        async move { browser.post(path, &[("code", &code)]).await }
    }))
    .await;
    let accepted = answers.iter().filter(|answer| answer.location().as_deref() == Some("/"));
    let accepted = accepted.count();
    assert!(answers.iter().all(|answer| {
        answer.location().as_deref() == Some("/") || answer.status.is_client_error()
    }));
    let after = app.audited("code.accepted").await + app.audited("proof.given").await;
    assert_eq!(usize::try_from(after - before).unwrap(), accepted, "each has its event");
    accepted
}

stories! {
    /// AT-01, AT-02: a code is taken once, neither again within its half minute nor in the half
    /// minute after it, in which it would still be near enough.
    async fn at_01_at_02_a_spent_code_is_not_taken_again(app) {
        let code = app.code("cleo");
        assert_eq!(app.give_password("cleo").await.give_code(&code).await.leads_to(), "/");
        let thief = app.give_password("cleo").await;
        let again = thief.give_code(&code).await;
        assert_eq!(again.status, 401);
        again.must_show("This code was used before. Each code works once.");
        app.clock.next_code();
        assert_eq!(thief.give_code(&code).await.status, 401);
        assert!(!thief.is_in().await);
        assert_eq!(app.audited("code.spent").await, 2);
        assert_eq!(app.audited("code.accepted").await, 1);
    }

    /// AT-03: fifty browsers, some of them at the second door and some inside it where they are asked
    /// for a fresh proof, send the same code at once: it is taken once.
    async fn at_03_a_code_raced_over_every_form_that_takes_one_is_taken_once(app) {
        let mut browsers = Vec::new();
        for _ in 0..8 {
            browsers.push((app.sign_in("cleo").await, "/proof"));
        }
        app.clock.next_code();
        browsers.extend(waiting(&app, 42).await.into_iter().map(|waits| (waits, "/sign-in/code")));
        let doors: Vec<Client> = browsers[8..].iter().map(|(browser, _)| browser.clone()).collect();
        let code = app.code("cleo");
        assert_eq!(race_a_code(&app, &browsers, &code).await, 1);
        assert!(count_in(&doors).await <= 1);
        assert!(app.audited("code.spent").await > 0);
        let mut outside = Vec::new();
        for door in doors {
            if !door.is_in().await {
                outside.push((door, "/sign-in/code"));
            }
        }
        assert_eq!(race_a_code(&app, &outside, &code).await, 0, "nor in a second wave");
    }

    /// AT-03: nor is a code that confirms an enrolment good for anything else in the same moment.
    async fn at_03_a_code_that_confirms_an_enrolment_is_taken_nowhere_else(app) {
        let ben = app.sign_in_and_enrol("ben").await;
        let tablet = ben.get("/enrolment").await;
        app.scan("ben's tablet", &tablet);
        app.clock.next_code();
        let code = app.code("ben's tablet");
        let tabs: Vec<_> = (0..50).map(|_| ben.stolen()).collect();
        let answers = race(tabs.into_iter().map(|tab| {
            let code = code.clone();
            async move { tab.post("/enrolment", &[("code", &code)]).await }
        }))
        .await;
        let added = |answer: &&vestibule_testkit::Answer| answer.leads_to() == "/settings/security";
        assert_eq!(answers.iter().filter(added).count(), 1);
        assert_eq!(app.audited("factor.added").await, 2, "the phone, and one tablet");
        let thief = app.give_password("ben").await;
        assert!(thief.give_code(&code).await.status.is_client_error());
        assert!(!thief.is_in().await);
        assert_eq!(app.audited("code.spent").await, 1);
    }

    /// AT-04: two codes that are both good, sent at once many times, are each taken once, and never
    /// again.
    async fn at_04_of_two_good_codes_that_race_each_is_taken_once(app) {
        let browsers = waiting(&app, 16).await;
        let codes = [code_in(&app, -30), code_in(&app, 0)];
        race(browsers.iter().cloned().enumerate().map(|(at, browser)| {
            let code = codes[at % 2].clone();
            async move { browser.give_code(&code).await }
        }))
        .await;
        let mut accepted = count_in(&browsers).await;
        assert!((1..=2).contains(&accepted), "{accepted}");
        // The other may have come too soon after many that were used up.
        let late = app.give_password("cleo").await;
        for code in &codes {
            let answer = app.after_the_wait(async || late.give_code(code).await).await;
            if answer.status == 303 {
                accepted += 1;
                break;
            }
        }
        assert_eq!(accepted, 2);
        let thief = app.give_password("cleo").await;
        for code in &codes {
            let answer = app.after_the_wait(async || thief.give_code(code).await).await;
            answer.must_show("This code was used before.");
        }
        assert_eq!(app.audited("code.accepted").await, 2);
    }

    /// AT-07: one session sends the same code thirty times at once: it is one sign-in, and the
    /// value that all of them shared is dead after it.
    async fn at_07_one_waiting_session_is_one_sign_in(app) {
        let cleo = app.give_password("cleo").await;
        let code = app.code("cleo");
        let copies: Vec<Client> = (0..30).map(|_| cleo.stolen()).collect();
        race(copies.iter().cloned().map(|copy| {
            let code = code.clone();
            async move { copy.give_code(&code).await }
        }))
        .await;
        assert_eq!(count_in(&copies).await, 1);
        assert_eq!(app.audited("code.accepted").await, 1);
        assert!(!cleo.is_in().await, "the value that they shared is dead");
    }

    /// AT-06: fifty sessions give the same recovery code at once: one gets in, and one code is gone.
    async fn at_06_a_raced_recovery_code_lets_one_in(app) {
        ben_with_codes(&app).await;
        let mut browsers = Vec::new();
        for _ in 0..50 {
            browsers.push(app.give_password("ben").await);
        }
        let code = app.recovery_code("ben", 3);
        race(browsers.iter().cloned().map(|browser| {
            let code = code.clone();
            async move { give(&browser, &code).await }
        }))
        .await;
        let mut winner = None;
        for browser in browsers {
            if browser.is_in().await {
                assert!(winner.replace(browser).is_none(), "one gets in");
            }
        }
        winner.unwrap().get("/settings/security").await.must_show("9 of 10 left");
        assert_eq!(app.audited("recovery_code.used").await, 1);
    }

    /// AT-06: the same at the second door and as a fresh proof at once.
    async fn at_06_a_recovery_code_raced_over_both_forms_is_taken_once(app) {
        let inside = ben_with_codes(&app).await;
        let mut doors = vec![(inside, "/proof")];
        for _ in 0..9 {
            doors.push((app.give_password("ben").await, "/sign-in/code"));
        }
        let code = app.recovery_code("ben", 3);
        race(doors.into_iter().map(|(browser, path)| {
            let code = code.clone();
            async move { browser.post(path, &[("code", &code)]).await }
        }))
        .await;
        assert_eq!(app.audited("recovery_code.used").await, 1);
    }

    /// AT-07: one waiting session sends one recovery code thirty times at once: it is one sign-in, and
    /// what the session was before is worth nothing after it, with this code or with another.
    async fn at_07_one_waiting_session_redeems_one_recovery_code(app) {
        ben_with_codes(&app).await;
        let waits = app.give_password("ben").await;
        let copies: Vec<Client> = (0..30).map(|_| waits.stolen()).collect();
        let code = app.recovery_code("ben", 0);
        race(copies.iter().cloned().map(|copy| {
            let code = code.clone();
            async move { give(&copy, &code).await }
        }))
        .await;
        assert_eq!(count_in(&copies).await, 1);
        assert_eq!(app.audited("recovery_code.used").await, 1);
        for index in 0..2 {
            let answer = give(&waits, &app.recovery_code("ben", index)).await;
            assert_eq!(answer.leads_to(), "/sign-in", "{index}");
        }
        let mut inside = None;
        for copy in copies {
            if copy.is_in().await {
                inside = Some(copy);
            }
        }
        inside.unwrap().get("/settings/security").await.must_show("9 of 10 left");
    }

    /// AT-08: each of the ten works once, in any order; then the page says what else there is.
    async fn at_08_all_ten_work_once_in_any_order(app) {
        ben_with_codes(&app).await;
        for index in [7, 2, 9, 0, 4, 1, 8, 3, 6, 5] {
            let code = app.recovery_code("ben", index);
            assert!(opens(&app, &code).await, "{index}");
            assert!(!opens(&app, &code).await, "{index} again");
        }
        assert_eq!(app.audited("recovery_code.used").await, 10);
        assert_eq!(app.audited("recovery_code.spent").await, 10);
        let ben = app.give_password("ben").await;
        let page = ben.get("/sign-in/code?with=recovery-code").await;
        page.must_show("You have no recovery codes");
        page.must_show("Ask an Admin of Acme Analytics to reset your factors.");
        app.clock.next_code();
        ben.give_code(&app.code("ben")).await;
        ben.get("/").await.must_show("You have no recovery codes.");
        ben.get("/settings/security").await.must_show("0 of 10 left");
    }
}
