//! Security codes: which are taken, how often, and what is said of those that are not.

use std::time::Duration;

use vestibule_domain::time::Timestamp;
use vestibule_testkit::{Client, TestApp, race, stories};

/// The code that Cleo's app shows so many seconds from now.
pub(crate) fn code_in(app: &TestApp, seconds: i64) -> String {
    app.code_of("cleo", Timestamp::from_millis(app.clock.now().millis() + seconds * 1000))
}

/// Many browsers that gave Cleo's password and wait for the code.
pub(crate) async fn waiting(app: &TestApp, many: usize) -> Vec<Client> {
    let mut all = Vec::new();
    for _ in 0..many {
        all.push(app.give_password("cleo").await);
    }
    all
}

stories! {
    /// A wrong code is called wrong, and the sign-in goes on.
    async fn a_wrong_code_is_refused_and_the_next_is_good(app) {
        let cleo = app.give_password("cleo").await;
        let answer = cleo.give_code(&app.wrong_code()).await;
        assert_eq!(answer.status, 401);
        answer.must_show("This code is not right. Type the six digits that your app shows now.");
        assert!(!cleo.is_in().await);
        assert_eq!(app.audited("code.wrong").await, 1);
        assert_eq!(cleo.give_code(&app.code("cleo")).await.leads_to(), "/");
    }

    /// Apps show codes in groups, and people type them so.
    async fn a_code_is_taken_with_spaces(app) {
        for spaces in [[" ", "", ""], ["", " ", ""], ["", "\u{a0}", "\t"], [" \r\n", "   ", " "]] {
            app.clock.next_code();
            let code = app.code("cleo");
            let typed = format!("{}{}{}{}{}", spaces[0], &code[..3], spaces[1], &code[3..], spaces[2]);
            let cleo = app.give_password("cleo").await;
            assert_eq!(cleo.give_code(&typed).await.leads_to(), "/", "{typed:?}");
        }
    }

    /// What is not six digits is no code.
    async fn what_is_not_six_digits_is_no_code(app) {
        let cleo = app.give_password("cleo").await;
        let code = app.code("cleo");
        let wide: String = code.chars().map(|c| char::from_u32(c as u32 + 0xfee0).unwrap()).collect();
        for typed in [&code[1..], &format!("0{code}"), &format!("{code}0"), &wide, "-12345", "1e5", "0x1234"] {
            let answer = cleo.give_code(typed).await;
            assert_eq!(answer.status, 422, "{typed}");
            answer.must_show("A security code has six digits.");
        }
        assert_eq!(cleo.give_code(&code).await.leads_to(), "/");
    }

    /// A code that was not used is still good in the half minute after it, and the next one is good
    /// already; each of them once.
    async fn the_codes_on_either_side_are_good_once(app) {
        for seconds in [-30, 30] {
            let code = code_in(&app, seconds);
            let [cleo, thief] = [app.give_password("cleo").await, app.give_password("cleo").await];
            assert_eq!(cleo.give_code(&code).await.leads_to(), "/", "{seconds}");
            assert_eq!(thief.give_code(&code).await.status, 401, "{seconds}");
        }
    }

    /// A code at the door and a code for a fresh proof are the same codes.
    async fn a_code_given_at_the_door_is_spent_for_a_fresh_proof_too(app) {
        let cleo = app.give_password("cleo").await;
        let code = app.code("cleo");
        cleo.give_code(&code).await;
        let answer = cleo.post("/proof", &[("code", &code)]).await;
        assert_eq!(answer.status, 403);
        answer.must_show("This code was used before.");
        app.prove("cleo", &cleo).await;
        let proven = app.code("cleo");
        let answer = app.give_password("cleo").await.give_code(&proven).await;
        answer.must_show("This code was used before.");
    }

    /// The code that confirmed the enrolment is spent as well.
    async fn the_code_that_confirmed_the_enrolment_is_spent(app) {
        let ben = app.sign_in_and_enrol("ben").await;
        let code = app.code("ben");
        ben.post("/sign-out", &[]).await;
        let ben = app.give_password("ben").await;
        ben.give_code(&code).await.must_show("This code was used before.");
        assert!(!ben.is_in().await);
        app.clock.next_code();
        assert_eq!(ben.give_code(&app.code("ben")).await.leads_to(), "/");
    }

    /// Another user's code is a wrong code.
    async fn another_users_code_is_a_wrong_code(app) {
        app.sign_in_and_enrol("ben").await;
        app.clock.next_code();
        let cleo = app.give_password("cleo").await;
        assert_eq!(cleo.give_code(&app.code("ben")).await.status, 401);
        assert_eq!(app.audited("code.wrong").await, 1);
    }

    /// A phone whose clock is off is told so, which way and by how much, up to ten minutes.
    async fn a_phone_whose_clock_is_off_is_told_so(app) {
        let cleo = app.give_password("cleo").await;
        for (seconds, words) in [
            (-60, "This code is from about 1 minute ago."),
            (-300, "This code is from about 5 minutes ago."),
            (-600, "This code is from about 10 minutes ago."),
            (60, "This code is for about 1 minute from now."),
            (210, "This code is for about 4 minutes from now."),
            (600, "This code is for about 10 minutes from now."),
        ] {
            let answer =
                app.after_the_wait(async || cleo.give_code(&code_in(&app, seconds)).await).await;
            assert_eq!(answer.status, 401);
            answer.must_show(words);
            let clock = if seconds < 0 { "slow" } else { "fast" };
            answer.must_show(&format!("Your phone’s clock seems to be {clock}"));
        }
        let later = async || cleo.give_code(&code_in(&app, 630)).await;
        app.after_the_wait(later).await.must_show("This code is not right.");
        assert_eq!(app.audited("code.off").await, 6);
        assert!(!cleo.is_in().await);
        let now = async || cleo.give_code(&app.code("cleo")).await;
        assert_eq!(app.after_the_wait(now).await.leads_to(), "/", "the next code is good");
    }

    /// The answer told whoever typed it that the code will be right; so it is spent.
    async fn a_code_diagnosed_as_five_minutes_ahead_is_refused_five_minutes_later(app) {
        let code = code_in(&app, 300);
        let thief = app.give_password("cleo").await;
        thief.give_code(&code).await.must_show("about 5 minutes from now");
        app.clock.advance(Duration::from_mins(5));
        assert_eq!(code, app.code("cleo"), "it is what the app shows now");
        let answer = thief.give_code(&code).await;
        assert_eq!(answer.status, 401);
        answer.must_show("This code was used before.");
        assert!(!thief.is_in().await);
    }

    /// Asking about the same future code twice tells no more than once.
    async fn a_code_is_diagnosed_once(app) {
        let code = code_in(&app, 300);
        let cleo = app.give_password("cleo").await;
        cleo.give_code(&code).await.must_show("about 5 minutes from now");
        cleo.give_code(&code).await.must_show("This code was used before.");
        let browsers = waiting(&app, 16).await;
        app.clock.outlive_waits();
        let ahead = code_in(&app, 420);
        let answers = race(browsers.into_iter().map(|browser| {
            let code = ahead.clone();
            async move { browser.give_code(&code).await }
        }))
        .await;
        assert_eq!(answers.iter().filter(|answer| answer.shows("minutes from now")).count(), 1);
        assert!(answers.iter().all(|answer| matches!(answer.status.as_u16(), 401 | 429)));
    }

    /// A clock that jumps back by a day replays no code and shuts nobody out, then or when the
    /// old time comes round again.
    async fn a_clock_that_jumps_back_a_day_neither_replays_nor_locks_out(app) {
        let day = Duration::from_hours(24);
        let seen = app.code("cleo");
        let first = app.give_password("cleo").await;
        assert_eq!(first.give_code(&seen).await.leads_to(), "/");

        app.clock.set_back(day);
        app.vestibule.keep_house().await.unwrap();
        let cleo = app.give_password("cleo").await;
        assert_eq!(cleo.give_code(&app.code("cleo")).await.leads_to(), "/", "nobody is shut out");
        assert!(cleo.is_in().await);

        app.clock.advance(day);
        app.vestibule.keep_house().await.unwrap();
        let thief = app.give_password("cleo").await;
        assert_eq!(seen, app.code("cleo"), "the same time once more");
        thief.give_code(&seen).await.must_show("This code was used before.");
        app.clock.next_code();
        assert_eq!(thief.give_code(&seen).await.status, 401);
        assert!(!thief.is_in().await);
    }

    /// A code that is typed is nowhere on the page that refuses it.
    async fn a_code_is_not_shown_again(app) {
        let cleo = app.give_password("cleo").await;
        let code = app.wrong_code();
        assert!(!cleo.give_code(&code).await.body.contains(&code));
    }
}
