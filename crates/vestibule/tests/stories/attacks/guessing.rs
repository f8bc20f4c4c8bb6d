//! Group B: guessing. Whoever guesses at a password or a code is slowed down and, at codes, stopped
//! for good: in however many sessions, under however many spellings and addresses, through whichever
//! form. Whoever else is guessed at comes in meanwhile. `docs/limits.md` has the arithmetic.

use std::time::Duration;

use vestibule_domain::limits::wait;
use vestibule_testkit::app::{email, password};
use vestibule_testkit::{Answer, Client, Method, race, stories};

use crate::code_budget::{must_be_closed, sign_in_anew, spend_the_budget};
use crate::limits::fail_until_waiting;
use crate::limits_of_codes::told;

/// How many of the answers say that a guess was compared.
fn compared(answers: &[Answer]) -> i64 {
    let all = answers.iter().map(|answer| answer.status.as_u16());
    let all: Vec<u16> = all.collect();
    assert!(all.iter().all(|status| [401, 403, 429].contains(status)), "{all:?}");
    all.iter().filter(|status| **status != 429).count().try_into().unwrap()
}

/// Guesses at a password as fast as the answers come, under each of the names.
async fn guess_passwords(browser: &Client, names: &[String]) -> Vec<Answer> {
    let mut answers = Vec::new();
    for name in names {
        answers.push(browser.sign_in(name, "a guess at the password").await);
    }
    answers
}

/// Sixteen ways to write an address, and itself.
fn spellings(who: &str) -> Vec<String> {
    let address = email(who);
    let wide = |text: &str| -> String {
        let widened = |c: char| match c {
            '!'..='~' => char::from_u32(c as u32 + 0xfee0).unwrap(),
            c => c,
        };
        text.chars().map(widened).collect()
    };
    let (name, domain) = address.split_once('@').unwrap();
    let capital = |text: &str| format!("{}{}", text[..1].to_uppercase(), &text[1..]);
    vec![
        address.clone(),
        address.to_uppercase(),
        capital(&address),
        format!("{}@{domain}", name.to_uppercase()),
        format!("{name}@{}", domain.to_uppercase()),
        format!("{name}@{}", capital(domain)),
        format!(" {address}"),
        format!("{address} "),
        format!("\t{address}\u{a0}"),
        format!("\u{3000}{address}\u{2003}"),
        format!("{}@{domain}", wide(name)),
        format!("{name}\u{ff20}{domain}"),
        format!("{name}@{}", domain.replace('.', "\u{ff0e}")),
        format!("{}@{domain}", wide(&name.to_uppercase())),
        wide(&address),
        wide(&address.to_uppercase()),
        format!(" {} ", wide(&capital(&address))),
    ]
}

stories! {
    /// AT-11, AT-16: two hundred guesses as fast as the answers come: five are compared, by default and
    /// without anything to switch on; the others are told how long to wait. Then even the right code is
    /// not compared, and after the wait it is good.
    async fn at_11_at_16_two_hundred_guesses_meet_a_wait(app) {
        let attacker = app.give_password("cleo").await;
        let wrong = app.wrong_code();
        let mut answers = Vec::new();
        for _ in 0..200 {
            answers.push(attacker.give_code(&wrong).await);
        }
        assert_eq!(compared(&answers), wait::FREE);
        for refused in answers.iter().filter(|answer| answer.status == 429) {
            let left = refused.retry_after().unwrap();
            assert!(!left.is_zero() && left <= wait::LONGEST, "{left:?}");
            refused.must_show("Too many attempts.");
        }
        assert_eq!(app.audited("code.wrong").await, wait::FREE);
        assert_eq!(app.audited("code.too_soon").await, 200 - wait::FREE);
        let cleo = app.give_password("cleo").await;
        let code = app.code("cleo");
        assert_eq!(cleo.give_code(&code).await.status, 429);
        let answer = app.after_the_wait(async || cleo.give_code(&app.code("cleo")).await).await;
        assert_eq!(answer.leads_to(), "/", "{}", answer.text());
    }

    /// AT-11: the tenth, the fiftieth and the last attempt are told to the owner and to the Admins,
    /// once; and both see on their pages how many there were.
    async fn at_11_owner_and_admins_see_that_codes_are_guessed_at(app) {
        let (ada, cleo) = (app.admin("ada").await, app.sign_in("cleo").await);
        let attacker = app.give_password("cleo").await;
        app.use_up_codes("cleo", 8).await;
        app.guess_codes(&attacker, 1).await;
        assert_eq!(told(&app, "cleo").await, []);
        let page = app.user_path("cleo", "").await;
        ada.get(&page).await.must_show("9 of 100 attempts at security codes are used");
        assert!(!ada.get(&page).await.shows("guessed at"));
        assert!(!cleo.get("/settings/security").await.shows("guessed at"));

        app.guess_codes(&attacker, 2).await;
        let owner = |many: &str| ("codes.guessed".to_owned(), format!("{many} of 100"));
        let admin = [("user.codes_guessed".to_owned(), email("cleo"))];
        assert_eq!(told(&app, "cleo").await, [owner("10")]);
        assert_eq!(told(&app, "ada").await, admin);
        assert_eq!(told(&app, "ben").await, []);
        ada.get(&page).await.must_show("Security codes of Cleo Marín were guessed at.");
        ada.get(&page).await.must_show("11 of 100 attempts at security codes are used");
        cleo.get("/settings/security")
            .await
            .must_show("Your security codes were guessed at. 11 of 100");

        app.use_up_codes("cleo", 38).await;
        app.clock.outlive_waits();
        app.guess_codes(&attacker, 1).await;
        app.use_up_codes("cleo", 49).await;
        app.guess_codes(&attacker, 2).await;
        assert_eq!(told(&app, "cleo").await, [owner("10"), owner("100"), owner("50")]);
        assert_eq!(told(&app, "ada").await, admin, "once a day");
        assert_eq!(app.audited("code.budget_spent").await, 1);
    }

    /// AT-11, AT-12, AT-13: a fresh session brings no fresh budget. Then even the right code is
    /// refused, by a page that says why and what to do.
    async fn at_12_at_13_after_100_wrong_codes_over_many_sessions_even_the_right_one_is_refused(app) {
        for _ in 0..22 {
            let attacker = app.give_password("cleo").await;
            app.guess_codes(&attacker, 5).await;
        }
        assert_eq!(app.audited("code.wrong").await, 100, "compared");
        assert_eq!(app.audited("code.budget_spent").await, 10, "refused without comparing");
        let (cleo, answer) = sign_in_anew(&app, &password("cleo")).await;
        must_be_closed(&answer);
        assert!(!cleo.is_in().await);
        must_be_closed(&cleo.get("/sign-in/code").await);
        assert_eq!(app.audited("code.accepted").await, 0);
    }

    /// AT-12: two hundred sessions guess at once, again and again: each time they share the one guess
    /// that the wait allows.
    async fn at_12_two_hundred_sessions_share_one_wait(app) {
        let mut attackers = Vec::new();
        for _ in 0..200 {
            attackers.push(app.give_password("cleo").await);
        }
        let wrong = app.wrong_code();
        let mut expected = wait::FREE;
        for round in 0..4 {
            let answers = race(attackers.iter().cloned().map(|attacker| {
                let wrong = wrong.clone();
                async move { attacker.give_code(&wrong).await }
            }))
            .await;
            assert_eq!(compared(&answers), expected, "round {round}");
            expected = 1;
            app.clock.advance(wait::LONGEST);
        }
        assert_eq!(app.audited("code.wrong").await, wait::FREE + 3);
    }

    /// AT-13, AT-16: the wait is the user's, not the session's: a fresh sign-in brings no fresh wait,
    /// at whichever door the code is given.
    async fn at_13_at_16_a_fresh_session_brings_no_fresh_wait(app) {
        let signed_in = app.sign_in("cleo").await;
        let attacker = app.give_password("cleo").await;
        app.guess_codes(&attacker, 5).await;
        let again = app.give_password("cleo").await;
        assert_eq!(again.give_code(&app.wrong_code()).await.status, 429);
        let proof = signed_in.post("/proof", &[("code", &app.wrong_code())]).await;
        assert_eq!(proof.status, 429);
        proof.must_show("Wait 5 seconds, then try again.");
        assert!(signed_in.is_in().await, "the open session stays open");
        assert_eq!(app.audited("code.wrong").await, 5);
    }

    /// AT-12, AT-15: so it is when 64 sessions guess at once: no more are compared than are left.
    async fn at_15_guesses_race_are_counted_before_they_are_compared(app) {
        app.use_up_codes("cleo", 97).await;
        let mut attackers = Vec::new();
        for _ in 0..64 {
            attackers.push(app.give_password("cleo").await);
        }
        let wrong = app.wrong_code();
        let answers = race(attackers.into_iter().map(|attacker| {
            let wrong = wrong.clone();
            async move { [attacker.give_code(&wrong).await, attacker.give_code(&wrong).await] }
        }))
        .await;
        assert!(answers.iter().flatten().all(|answer| matches!(answer.status.as_u16(), 401 | 429)));
        assert_eq!(app.audited("code.wrong").await, 3);
        assert_eq!(app.audited("code.budget_spent").await, 125);
        let (_, answer) = sign_in_anew(&app, &password("cleo")).await;
        must_be_closed(&answer);
    }

    /// AT-17, AT-18: however the address is written, its attempts are counted together; and so are
    /// those at an address that nobody has.
    async fn at_17_at_18_all_spellings_of_an_address_are_one(app) {
        for who in ["ben", "zoe"] {
            let before = app.audited("password.refused").await;
            let answers = guess_passwords(&app.browser(), &spellings(who)).await;
            assert_eq!(compared(&answers), wait::FREE, "{who}");
            assert_eq!(app.audited("password.refused").await - before, wait::FREE, "{who}");
            // The last spelling waits for all the others.
            assert_eq!(answers.last().unwrap().status, 429, "{who}");
        }
        let other = guess_passwords(&app.browser(), &[email("dinesh")]).await;
        assert_eq!(compared(&other), 1, "and nobody else's");
    }

    /// AT-20: an address that a client claims for itself gives it no attempts.
    async fn at_20_no_claimed_address_brings_attempts(app) {
        let mut answers = Vec::new();
        for n in 0..60 {
            let browser = app.browser();
            let address = format!("198.51.{}.{n}", n * 3);
            let claims = [
                ("x-forwarded-for", address.as_str()),
                ("x-real-ip", &address),
                ("forwarded", &format!("for={address}")),
                ("cf-connecting-ip", &address),
                ("true-client-ip", &address),
                ("x-client-ip", &address),
            ];
            let headers = [&browser.own_page()[..], &claims].concat();
            let fields = [("email", &*email("ben")), ("password", "a guess at the password")];
            answers.push(browser.send(Method::POST, "/sign-in", Some(&fields), &headers).await);
        }
        assert_eq!(compared(&answers), wait::FREE);
        assert_eq!(app.audited("password.too_soon").await, 60 - wait::FREE);
    }

    /// AT-20: behind a trusted proxy the right-most address that is not a proxy's own counts, by its
    /// network: a /24, a /56, and IPv4 in IPv6's clothes is IPv4.
    async fn at_20_behind_a_trusted_proxy_networks_are_told_apart(https app) {
        let from = |address: &str| app.browser().coming_from(address);
        for address in [
            "198.51.100.7",
            "198.51.100.200",
            "::ffff:198.51.100.9",
            "203.0.113.1, 198.51.100.8",
            "203.0.113.2, 198.51.100.1, 127.0.0.9",
        ] {
            let answer = from(address).sign_in(&email("ben"), "a guess").await;
            assert_eq!(answer.status, 401, "{address}");
        }
        for address in ["198.51.100.7", "::ffff:198.51.100.99", "203.0.113.1, 198.51.100.250"] {
            let answer = from(address).sign_in(&email("ben"), &password("ben")).await;
            assert_eq!(answer.status, 429, "{address}");
        }
        for end in ["100::1", "100::2", "1ff::3", "1aa::4", "101:2:3:4:5"] {
            let address = format!("2001:db8:0:{end}");
            let answer = from(&address).sign_in(&email("cleo"), "a guess").await;
            assert_eq!(answer.status, 401, "{address}");
        }
        let answer = from("2001:db8:0:1ab::9").sign_in(&email("cleo"), &password("cleo")).await;
        assert_eq!(answer.status, 429, "the same /56");
        let answer = from("2001:db8:0:200::1").sign_in(&email("cleo"), &password("cleo")).await;
        assert_eq!(answer.status, 303, "another network");
        for address in ["198.51.101.7", "2001:db8:0:100::1"] {
            let answer = from(address).sign_in(&email("ben"), &password("ben")).await;
            assert_eq!(answer.status, 303, "{address} is another network");
        }
    }

    /// AT-22: a fresh proof is guessed from the same budget, in both directions.
    async fn at_22_codes_for_a_fresh_proof_share_the_budget(app) {
        let cleo = app.sign_in("cleo").await;
        app.use_up_codes("cleo", 90).await;
        let guess = async || cleo.post("/proof", &[("code", &app.wrong_code())]).await;
        for _ in 0..6 {
            assert_eq!(app.after_the_wait(guess).await.status, 403);
        }
        let attacker = app.give_password("cleo").await;
        app.guess_codes(&attacker, 5).await;
        assert_eq!(app.audited("code.wrong").await, 10);
        app.clock.next_code();
        must_be_closed(&cleo.post("/proof", &[("code", &app.code("cleo"))]).await);
        must_be_closed(&cleo.get("/proof").await);
        assert!(cleo.is_in().await, "the open session stays open");
    }

    /// AT-23: the password as a fresh proof is counted as the password at the door is, by one count.
    async fn at_23_the_proof_is_limited_as_the_door_is(app) {
        let ben = app.sign_in("ben").await;
        let thief = app.browser();
        thief.plant_cookie(&ben.cookie().unwrap());
        for _ in 0..3 {
            let answer = thief.post("/proof", &[("password", "a guess")]).await;
            assert_eq!(answer.status, 403);
            answer.must_show("This password is not right.");
        }
        for _ in 0..2 {
            assert_eq!(app.browser().sign_in(&email("ben"), "a guess").await.status, 401);
        }
        let answer = thief.post("/proof", &[("password", &password("ben"))]).await;
        assert_eq!(
            (answer.status.as_u16(), answer.retry_after()),
            (429, Some(Duration::from_secs(5)))
        );
        answer.must_show("Wait 5 seconds, then try again.");
        assert_eq!(app.browser().sign_in(&email("ben"), "a guess").await.status, 429);
        assert_eq!(app.audited("proof.refused").await, 3);
        // The owner's browser is known: it has a lane of its own.
        app.clock.outlive_proofs();
        fail_until_waiting(&app.browser(), &email("cleo")).await;
        assert_eq!(ben.post("/proof", &[("password", &password("ben"))]).await.status, 303);
    }

    /// AT-24: a node that starts anew knows the wait, and so does a second one.
    async fn at_24_a_restart_shortens_no_wait(app) {
        let cleo = app.give_password("cleo").await;
        app.guess_codes(&cleo, 8).await;
        let stranger = app.browser();
        for _ in 0..5 {
            stranger.sign_in(&email("ben"), "a guess").await;
        }
        let node = app.another_node().await;
        let (cleo, stranger) = (cleo.on(&node.url), stranger.on(&node.url));
        assert_eq!(
            cleo.give_code(&app.code("cleo")).await.retry_after(),
            Some(Duration::from_secs(40))
        );
        assert_eq!(stranger.sign_in(&email("ben"), &password("ben")).await.status, 429);
        assert_eq!(app.audited("password.too_soon").await, 1);
        app.clock.advance(Duration::from_secs(40));
        assert_eq!(cleo.give_code(&app.code("cleo")).await.leads_to(), "/");
    }

    /// AT-26: an Admin's link renews it together with the password. Sessions from before are dead;
    /// the second proof is still asked for.
    async fn at_26_a_password_link_renews_the_budget(app) {
        let ada = app.admin("ada").await;
        let attacker = spend_the_budget(&app).await;
        let link = app.password_link(&ada, "cleo").await;
        must_be_closed(&attacker.get("/sign-in/code").await);
        let new = "an otter sings below the bridge";
        let answer = app.browser().post(&link, &[("password", new)]).await;
        assert_eq!(answer.leads_to(), "/sign-in", "{}", answer.text());

        assert_eq!(attacker.get("/sign-in/code").await.leads_to(), "/sign-in", "dead");
        assert_eq!(attacker.sign_in(&email("cleo"), &password("cleo")).await.status, 401);
        let (cleo, answer) = sign_in_anew(&app, new).await;
        assert_eq!(answer.leads_to(), "/");
        assert!(cleo.is_in().await);
        let again = app.browser();
        again.sign_in(&email("cleo"), new).await;
        app.guess_codes(&again, 99).await;
        assert_eq!(app.audited("code.wrong").await, 1 + 99, "a whole new budget");
        assert_eq!(app.audited("password_link.used").await, 1);
    }

    /// AT-27: strangers, who do not know the password, cannot spend it.
    async fn at_27_strangers_cannot_spend_the_budget(app) {
        let stranger = app.browser();
        let guess = async || stranger.sign_in(&email("cleo"), "a guess at the password").await;
        for _ in 0..110 {
            assert_eq!(app.after_the_wait(guess).await.status, 401);
            assert_eq!(stranger.give_code("000000").await.leads_to(), "/sign-in");
        }
        app.clock.outlive_waits();
        app.sign_in("cleo").await;
        assert_eq!(app.audited("password.refused").await, 110);
        assert_eq!(app.audited("code.wrong").await, 0);
    }

    /// AT-27: nor do they make the owner wait for a code.
    async fn at_27_strangers_do_not_make_the_owner_wait_for_a_code(app) {
        let stranger = app.browser();
        for _ in 0..30 {
            let guess = async || stranger.sign_in(&email("cleo"), "a guess").await;
            app.after_the_wait(guess).await;
            stranger.give_code("000000").await;
        }
        app.clock.outlive_waits();
        let cleo = app.give_password("cleo").await;
        for _ in 0..4 {
            assert_eq!(cleo.give_code(&app.wrong_code()).await.status, 401);
        }
        assert_eq!(cleo.give_code(&app.code("cleo")).await.leads_to(), "/");
        assert_eq!(app.audited("code.wrong").await, 4, "her own");
    }

    /// AT-28: neither time nor a fresh sign-in renews it.
    async fn at_28_no_time_and_no_sign_in_renews_the_budget(app) {
        spend_the_budget(&app).await;
        for days in [1, 30, 400] {
            app.clock.advance(Duration::from_hours(24 * days));
            app.vestibule.keep_house().await.unwrap();
            let (cleo, answer) = sign_in_anew(&app, &password("cleo")).await;
            must_be_closed(&answer);
            assert!(!cleo.is_in().await, "after {days} days");
        }
        assert_eq!(app.audited("code.accepted").await, 0);
    }

    /// AT-28: nor is guessing free once the longest wait has passed: it is one guess, and the same wait.
    async fn at_28_a_wait_that_has_passed_leaves_one_guess(app) {
        let attacker = app.give_password("cleo").await;
        app.guess_codes(&attacker, 15).await;
        for _ in 0..3 {
            app.clock.advance(wait::LONGEST);
            let mut answers = Vec::new();
            for _ in 0..10 {
                answers.push(attacker.give_code(&app.wrong_code()).await);
            }
            assert_eq!(compared(&answers), 1);
            assert_eq!(answers.last().unwrap().retry_after(), Some(wait::LONGEST));
        }
        assert_eq!(app.audited("code.wrong").await, 15 + 3);
    }

    /// AT-30: a success forgives the slips of that sign-in …
    async fn at_30_a_success_refunds_the_attempts_of_its_own_session(app) {
        for _ in 0..26 {
            let cleo = app.give_password("cleo").await;
            app.guess_codes(&cleo, 4).await;
            app.clock.next_code();
            assert_eq!(cleo.give_code(&app.code("cleo")).await.leads_to(), "/");
        }
        let cleo = app.give_password("cleo").await;
        app.guess_codes(&cleo, 1).await;
        app.clock.next_code();
        assert_eq!(cleo.give_code(&app.code("cleo")).await.leads_to(), "/");
        assert_eq!(app.audited("code.wrong").await, 26 * 4 + 1, "more than the budget has");
        assert_eq!(app.audited("code.budget_spent").await, 0);
    }

    /// AT-30: a complete sign-in clears the wait; so does an accepted fresh proof, which is no less.
    async fn at_30_a_complete_sign_in_clears_the_wait(app) {
        let attacker = app.give_password("cleo").await;
        app.guess_codes(&attacker, 20).await;
        app.clock.outlive_waits();
        let cleo = app.sign_in("cleo").await;
        assert_eq!(app.guess_codes(&attacker, 1).await.status, 401);
        for _ in 0..3 {
            assert_eq!(cleo.post("/proof", &[("code", &app.wrong_code())]).await.status, 403);
        }
        app.prove("cleo", &cleo).await;
        for _ in 0..5 {
            assert_eq!(cleo.post("/proof", &[("code", &app.wrong_code())]).await.status, 403);
        }
        assert_eq!(cleo.post("/proof", &[("code", &app.wrong_code())]).await.status, 429);
    }
}
