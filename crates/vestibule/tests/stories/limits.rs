//! The lanes of attempts at passwords: what strangers do does not shut the owner out.

use std::time::Duration;

use sqlx::ConnectOptions as _;
use vestibule_testkit::app::{email, password};
use vestibule_testkit::{Answer, Client, TestApp, race, stories};

/// A stranger in a network of their own, behind the proxy.
fn stranger_in(app: &TestApp, network: usize) -> Client {
    app.browser().coming_from(&format!("10.{}.{}.7", network / 250, network % 250))
}

/// Fails so often that the next attempt has to wait.
pub(crate) async fn fail_until_waiting(browser: &Client, email: &str) -> Answer {
    for _ in 0..5 {
        assert_eq!(browser.sign_in(email, "a guess at the password").await.status, 401);
    }
    let answer = browser.sign_in(email, "a guess at the password").await;
    assert_eq!(answer.status, 429, "{}", answer.text());
    answer
}

/// How many lanes are stored.
async fn lanes(app: &TestApp) -> i64 {
    let count = "SELECT COUNT(*) FROM lanes";
    if let Some(path) = app.database_url().strip_prefix("sqlite:") {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
        let mut database = options.connect().await.unwrap();
        sqlx::query_scalar(count).fetch_one(&mut database).await.unwrap()
    } else {
        let options: sqlx::postgres::PgConnectOptions = app.database_url().parse().unwrap();
        let mut database = options.connect().await.unwrap();
        sqlx::query_scalar(count).fetch_one(&mut database).await.unwrap()
    }
}

/// Everything in an answer by which it could be told from another, but the length of what was typed.
fn all_of(answer: &Answer) -> String {
    let mut headers = answer.headers.clone();
    headers.remove("date");
    headers.remove("x-request-id");
    headers.remove("content-length");
    format!("{} {headers:?} {}", answer.status, answer.body)
}

stories! {
    /// Five slips, then the page says how long to wait; what was typed stays, except the password,
    /// and even the right one is not compared before.
    async fn after_five_slips_the_page_says_how_long_to_wait(app) {
        let ben = app.browser();
        let answer = fail_until_waiting(&ben, &email("ben")).await;
        answer.must_show("Too many attempts. Wait 5 seconds, then try again.");
        assert_eq!(answer.retry_after(), Some(Duration::from_secs(5)));
        assert_eq!(answer.field("email").unwrap(), email("ben"));
        assert_eq!(answer.field("password").unwrap(), "");
        assert_eq!(ben.sign_in(&email("ben"), &password("ben")).await.status, 429);
        assert_eq!(app.audited("password.refused").await, 5);
        assert_eq!(app.audited("password.too_soon").await, 2);
        app.clock.advance(Duration::from_secs(5));
        assert_eq!(ben.sign_in(&email("ben"), &password("ben")).await.leads_to(), "/");
    }

    /// It grows to a quarter of an hour and no further.
    async fn the_wait_for_a_password_grows_to_a_quarter_of_an_hour(app) {
        let stranger = app.browser();
        let guess = async || stranger.sign_in(&email("ben"), "a guess").await;
        for _ in 0..40 {
            assert_eq!(app.after_the_wait(guess).await.status, 401);
        }
        assert_eq!(guess().await.retry_after(), Some(Duration::from_mins(15)));
        guess().await.must_show("Wait 15 minutes, then try again.");
    }

    /// AT-83: an address that nobody has, and what is no address, wait as a user's does; byte for
    /// byte, at every attempt.
    async fn nobody_learns_from_the_waits_whose_address_is_a_users(app) {
        let addresses = [&*email("ben"), "zoe@acme.example", "zoe", "\u{feff}", "zoe@", "' OR 1=1 --"];
        let browsers: Vec<Client> = addresses.iter().map(|_| app.browser()).collect();
        for _ in 0..12 {
            let mut answers = Vec::new();
            for (browser, typed) in browsers.iter().zip(addresses) {
                let answer = browser.sign_in(typed, "a guess").await;
                let shown = answer.between("inputmode=\"email\" value=\"", "\"");
                answers.push(all_of(&answer).replace(&format!("value=\"{shown}\""), ""));
            }
            assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
            app.clock.advance(Duration::from_secs(7));
        }
    }

    /// A browser that signed in before is not slowed down by strangers, even in its own network; nor
    /// can a stranger use its lane with another's address.
    async fn a_known_browser_is_not_slowed_down_by_strangers(app) {
        let ben = app.sign_in("ben").await;
        ben.post("/sign-out", &[]).await;
        fail_until_waiting(&app.browser(), &email("ben")).await;
        assert_eq!(app.browser().sign_in(&email("ben"), &password("ben")).await.status, 429);
        assert_eq!(ben.sign_in(&email("ben"), &password("ben")).await.leads_to(), "/");
        // Its own lane waits too.
        ben.post("/sign-out", &[]).await;
        fail_until_waiting(&ben, &email("ben")).await;
        app.clock.advance(Duration::from_secs(5));
        assert_eq!(ben.sign_in(&email("ben"), &password("ben")).await.leads_to(), "/");
        // Ben knows Ben's browser, Dinesh does not.
        fail_until_waiting(&app.browser(), &email("dinesh")).await;
        let stranger = ben.stolen();
        assert_eq!(stranger.sign_in(&email("dinesh"), &password("dinesh")).await.status, 429);
    }

    /// A browser becomes known by a complete sign-in, not by the password alone. It opens nothing.
    async fn a_browser_is_known_after_a_complete_sign_in(app) {
        let half = app.give_password("cleo").await;
        let whole = app.sign_in("cleo").await;
        for browser in [&half, &whole] {
            browser.post("/sign-out", &[]).await;
            assert!(!browser.is_in().await);
        }
        fail_until_waiting(&app.browser(), &email("cleo")).await;
        assert_eq!(half.sign_in(&email("cleo"), &password("cleo")).await.status, 429);
        let entered = whole.sign_in(&email("cleo"), &password("cleo")).await;
        assert_eq!(entered.leads_to(), "/sign-in/code", "the code is asked for as ever");
    }

    /// A new browser is told to the owner; the first of all, and a known one, are not.
    async fn a_sign_in_from_a_new_browser_is_told(app) {
        let told = async || {
            let user = app.id("ben").await;
            let notices = app.store.read().await.unwrap().notices(user, 20).await.unwrap();
            notices.iter().filter(|notice| notice.notice.as_str() == "browser.new").count()
        };
        let first = app.sign_in("ben").await;
        assert_eq!(told().await, 0);
        first.post("/sign-out", &[]).await;
        first.sign_in(&email("ben"), &password("ben")).await;
        assert_eq!(told().await, 0);
        app.sign_in("ben").await;
        assert_eq!(told().await, 1);
    }

    /// While others press an address, a network that failed waits a little sooner, and never more
    /// than ten seconds for it; one that has not is not refused.
    async fn under_attack_others_delay_by_ten_seconds_at_most(https app) {
        for network in 0..25 {
            stranger_in(&app, network).sign_in(&email("ben"), "a guess").await;
        }
        let ben = stranger_in(&app, 700);
        assert_eq!(ben.sign_in(&email("ben"), "a slip").await.status, 401);
        assert_eq!(ben.sign_in(&email("ben"), "another").await.status, 401);
        let answer = ben.sign_in(&email("ben"), &password("ben")).await;
        assert_eq!((answer.status.as_u16(), answer.retry_after()), (429, Some(Duration::from_secs(10))));
        app.clock.advance(Duration::from_secs(10));
        assert_eq!(ben.sign_in(&email("ben"), &password("ben")).await.leads_to(), "/");
    }

    /// 500 networks guess the password for ten minutes: the owner signs in from a new network and a
    /// new browser within 15 seconds, at any moment of it.
    async fn five_hundred_networks_guess_and_the_owner_signs_in(https app) {
        let guess_all = async || {
            for some in (0..500).collect::<Vec<_>>().chunks(50) {
                race(some.iter().map(|network| {
                    let stranger = stranger_in(&app, *network);
                    async move { stranger.sign_in(&email("ben"), "a guess").await.status.as_u16() }
                }))
                .await;
            }
        };
        for (minute, network) in [(0, 600), (5, 601), (10, 602)] {
            guess_all().await;
            let start = app.clock.now();
            let ben = stranger_in(&app, network);
            let enter = async || ben.sign_in(&email("ben"), &password("ben")).await;
            let answer = app.after_the_wait(enter).await;
            assert_eq!(answer.leads_to(), "/", "minute {minute}: {}", answer.text());
            let took = start.age_at(app.clock.now()).unwrap();
            assert!(took <= Duration::from_secs(15), "minute {minute}: {took:?}");
            assert!(ben.is_in().await);
            app.clock.advance(Duration::from_mins(5));
        }
        assert_eq!(app.audited("password.accepted").await, 3);
    }

    /// Whoever guesses at everybody from one network shares one lane for all but the first
    /// addresses, whether users have them or not; and that is all the room that they take.
    async fn whoever_sprays_from_one_network_has_to_wait(app) {
        let stranger = app.browser();
        for number in 0..256 {
            let answer = stranger.sign_in(&format!("user{number}@acme.example"), "a guess").await;
            assert_eq!(answer.status, 401, "{number}");
        }
        for number in 256..261 {
            let answer = stranger.sign_in(&format!("user{number}@acme.example"), "a guess").await;
            assert_eq!(answer.status, 401, "{number}");
        }
        for typed in ["user261@acme.example", &email("ben"), "nothing"] {
            assert_eq!(stranger.sign_in(typed, "a guess").await.status, 429, "{typed}");
        }
        // Nor do refused attempts fill the table, however many addresses are thought of.
        let before = lanes(&app).await;
        for number in 300..320 {
            let answer = stranger.sign_in(&format!("user{number}@acme.example"), "a guess").await;
            assert_eq!(answer.status, 429, "{number}");
        }
        assert_eq!(lanes(&app).await, before);
        assert_eq!(stranger.sign_in("user1@acme.example", "a guess").await.status, 401, "its own lane");
        // A day later it is forgotten.
        app.clock.advance(Duration::from_hours(25));
        stranger.sign_in("user1@acme.example", "a guess").await;
        app.vestibule.keep_house().await.unwrap();
        assert_eq!(stranger.sign_in(&email("ben"), &password("ben")).await.leads_to(), "/");
    }

    /// A right password gives its own attempt back and no more: whoever shares the network does not
    /// learn from the waits that somebody signed in.
    async fn a_sign_in_clears_no_strangers_attempts(app) {
        for _ in 0..4 {
            app.browser().sign_in(&email("ben"), "a guess").await;
        }
        app.sign_in("ben").await;
        assert_eq!(app.browser().sign_in(&email("ben"), "a guess").await.status, 401);
        assert_eq!(app.browser().sign_in(&email("ben"), "a guess").await.status, 429);
    }
}
