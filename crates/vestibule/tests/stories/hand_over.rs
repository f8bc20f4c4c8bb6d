//! The hand-over: how a session of Vestibule's own host opens a protected host, and for whom it
//! does not.

use std::time::Duration;

use vestibule_testkit::client::escape;
use vestibule_testkit::{Answer, Client, Method, TestApp, stories};

const HOST: &str = "reports.acme.example";
const OTHER: &str = "wiki.other.example";

/// The code of a hand-over, on its way.
fn code_of(handed: &Answer) -> String {
    let to = handed.location().unwrap_or_else(|| handed.link("Go on").unwrap());
    to.split_once("?code=").unwrap().1.split('&').next().unwrap().to_owned()
}

async fn callback(client: &Client, host: &str, code: &str) -> Answer {
    let path = format!("/.vestibule/callback?code={code}&return_to=%2F");
    client.send(Method::GET, &path, None, &[("x-forwarded-host", host)]).await
}

async fn gate_cookies(app: &TestApp) -> i64 {
    app.audited("application.entered").await
}

stories! {
    async fn signing_in_leads_back_to_the_page_that_was_asked_for(https app) {
        app.protect(HOST).await;
        let at = app.at(HOST);
        let to = at.led_to(&app, "/reports?of=today&as=a%2Fb").await;
        let cleo = app.browser();
        let sign_in = cleo.get(&to).await;
        assert_eq!(sign_in.leads_to(), "/sign-in");
        let back = cleo.get(&sign_in.location().unwrap()).await.field("return_to").unwrap();
        assert_eq!(back, to);
        let fields = [
            ("email", "cleo@acme.example"),
            ("password", &vestibule_testkit::app::password("cleo")),
            ("return_to", &back),
        ];
        let code = cleo.post("/sign-in", &fields).await;
        assert_eq!(code.leads_to(), "/sign-in/code");
        app.clock.next_code();
        let six = app.code("cleo");
        let given = cleo.post("/sign-in/code", &[("code", &six), ("return_to", &back)]).await;
        assert_eq!(given.location().as_deref(), Some(to.as_str()));
        let handed = cleo.get(&to).await;
        let arrived = at.arrive(&handed).await;
        assert_eq!(arrived.status, 303);
        assert_eq!(arrived.location().as_deref(), Some("/reports?of=today&as=a%2Fb"));
        assert_eq!(arrived.headers["referrer-policy"], "no-referrer");
        let cookie = arrived.headers["set-cookie"].to_str().unwrap();
        assert!(cookie.starts_with("__Host-vestibule-gate="), "{cookie}");
        assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax; Secure"), "{cookie}");
        assert!(!cookie.contains("Domain"));
        assert!(arrived.headers.get("strict-transport-security").is_none());
        assert!(at.is_open().await);
    }

    async fn after_a_form_a_page_leads_on_since_a_redirect_may_not(https app) {
        app.protect(HOST).await;
        let cleo = app.sign_in("cleo").await;
        let to = app.at(HOST).led_to(&app, "/").await;
        let get = async |site: &str| {
            cleo.send(Method::GET, &to, None, &[
                ("sec-fetch-site", site),
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-dest", "document"),
            ]).await
        };
        let page = get("same-origin").await;
        assert_eq!(page.status, 200);
        let on = page.link("Go on").unwrap();
        assert!(on.starts_with("https://reports.acme.example/.vestibule/callback?code="), "{on}");
        assert!(page.body.contains("http-equiv=\"refresh\" content=\"0;url=https://reports.acme"));
        assert_eq!(page.headers["referrer-policy"], "no-referrer");
        for site in ["none", "cross-site", "same-site"] {
            let answer = get(site).await;
            assert_eq!(answer.status, 303, "{site}");
            assert_eq!(answer.headers["referrer-policy"], "no-referrer");
        }
    }

    async fn a_code_is_taken_once(https app) {
        app.protect(HOST).await;
        let cleo = app.sign_in("cleo").await;
        let at = app.at(HOST);
        let code = code_of(&cleo.get(&at.led_to(&app, "/").await).await);
        assert_eq!(callback(&at.client, HOST, &code).await.status, 303);
        let again = callback(&at.client, HOST, &code).await;
        assert_eq!(again.status, 400);
        again.must_show("This way in has expired");
        assert_eq!(again.link("Go on").as_deref(), Some("/"));
        assert!(again.headers.get("set-cookie").is_none());
        assert_eq!(gate_cookies(&app).await, 1);
        assert!(at.is_open().await, "the cookie of the first time is as good as before");
    }

    async fn a_code_lives_for_thirty_seconds(https app) {
        app.protect(HOST).await;
        let cleo = app.sign_in("cleo").await;
        let at = app.at(HOST);
        let code = code_of(&cleo.get(&at.led_to(&app, "/").await).await);
        app.clock.advance(Duration::from_millis(29_999));
        let in_time = code_of(&cleo.get(&at.led_to(&app, "/").await).await);
        app.clock.advance(Duration::from_millis(1));
        assert_eq!(callback(&at.client, HOST, &code).await.status, 400);
        assert_eq!(callback(&at.client, HOST, &in_time).await.status, 303);
    }

    async fn a_code_is_of_no_use_in_another_browser_and_of_none_after_it(https app) {
        app.protect(HOST).await;
        let cleo = app.sign_in("cleo").await;
        let at = app.at(HOST);
        // Once without any nonce, once with one of their own.
        for has_own in [false, true] {
            let attacker = app.at(HOST);
            if has_own {
                attacker.led_to(&app, "/").await;
            }
            let code = code_of(&cleo.get(&at.led_to(&app, "/").await).await);
            assert_eq!(callback(&attacker.client, HOST, &code).await.status, 400);
            assert!(!attacker.is_open().await);
            // Whoever learns it from the address of that page has nothing, whose ever nonce they have.
            assert_eq!(callback(&at.client, HOST, &code).await.status, 400);
        }
        assert_eq!(app.audited("refused.hand_over").await, 2);
        at.enter(&app, &cleo).await;
    }

    async fn nobody_has_anothers_browser_signed_in_as_themselves(https app) {
        app.protect(HOST).await;
        let mallory = app.sign_in("dinesh").await;
        let (theirs, at) = (app.at(HOST), app.at(HOST));
        let code = code_of(&mallory.get(&theirs.led_to(&app, "/").await).await);
        // Cleo's browser is about to sign in, and is led to Mallory's code instead.
        at.led_to(&app, "/").await;
        assert_eq!(callback(&at.client, HOST, &code).await.status, 400);
        assert!(!at.is_open().await);
    }

    async fn a_code_is_of_no_use_at_another_host(https app) {
        app.protect(HOST).await;
        app.protect(OTHER).await;
        let cleo = app.sign_in("cleo").await;
        let at = app.at(HOST);
        let code = code_of(&cleo.get(&at.led_to(&app, "/").await).await);
        let elsewhere = at.elsewhere(OTHER);
        assert_eq!(callback(&elsewhere.client, OTHER, &code).await.status, 400);
        assert_eq!(callback(&at.client, HOST, &code).await.status, 303);
    }

    async fn a_code_dies_with_the_session_and_with_the_epoch(https app) {
        app.protect(HOST).await;
        let at = app.at(HOST);
        let cleo = app.sign_in("cleo").await;
        let code = code_of(&cleo.get(&at.led_to(&app, "/").await).await);
        cleo.post("/sign-out", &[]).await;
        assert_eq!(callback(&at.client, HOST, &code).await.status, 400);

        let cleo = app.sign_in("cleo").await;
        let code = code_of(&cleo.get(&at.led_to(&app, "/").await).await);
        app.bump("cleo").await;
        assert_eq!(callback(&at.client, HOST, &code).await.status, 400);
    }

    async fn a_gate_cookie_is_of_no_use_at_another_host_or_on_any_page(https app) {
        app.protect(HOST).await;
        app.protect(OTHER).await;
        let cleo = app.sign_in("cleo").await;
        let at = app.at(HOST);
        at.enter(&app, &cleo).await;
        let elsewhere = at.elsewhere(OTHER);
        assert_eq!(elsewhere.load("/").await.status, 302);
        at.until_remembered(&app).await;
        assert_eq!(elsewhere.load("/").await.status, 302, "nor from what is remembered");
        assert_eq!(elsewhere.fetch("/").await.status, 401);

        // Under its own name and under the session's, on Vestibule's own host.
        let token = at.client.cookie_named("__Host-vestibule-gate").unwrap();
        for name in ["__Host-vestibule-gate", "__Host-vestibule", "vestibule"] {
            let thief = app.browser();
            thief.plant(name, &token);
            for page in ["/", "/settings/security", "/settings/account", "/hand-over"] {
                let answer = thief.get(page).await;
                assert_ne!(answer.status, 200, "{name} at {page}");
            }
        }
        // And the session's cookie opens no gate, under any name.
        let session = cleo.cookie().unwrap();
        for name in ["__Host-vestibule-gate", "__Host-vestibule"] {
            let thief = app.at(HOST);
            thief.client.plant(name, &session);
            assert!(!thief.is_open().await, "{name}");
        }
    }

    async fn the_sessions_cookie_never_leaves_the_own_host(https app) {
        app.protect(HOST).await;
        let cleo = app.sign_in("cleo").await;
        let session = cleo.cookie().unwrap();
        let at = app.at(HOST);
        let led = at.load("/").await;
        let handed = cleo.get(&led.location().unwrap().replace(&app.public_url, "")).await;
        let arrived = at.arrive(&handed).await;
        let gate = at.client.cookie_named("__Host-vestibule-gate").unwrap();
        assert_ne!(gate, session);
        for answer in [&led, &handed, &arrived, &at.load("/").await] {
            assert!(!format!("{answer:?}").contains(&session));
        }
    }

    async fn signing_out_ends_every_gate_cookie(https app) {
        app.protect(HOST).await;
        app.protect(OTHER).await;
        let cleo = app.sign_in("cleo").await;
        let places = [app.at(HOST), app.at(OTHER)];
        for at in &places {
            at.enter(&app, &cleo).await;
            assert!(at.is_open().await);
        }
        cleo.post("/sign-out", &[]).await;
        for at in &places {
            assert_eq!(at.fetch("/").await.status, 401);
            assert!(!at.is_open().await);
        }
    }

    async fn who_may_not_enter_is_told_on_our_own_page(https app) {
        let rules = app.protect(HOST).await;
        let admins = vestibule_domain::application::Rules {
            enter: vestibule_domain::application::Enter::Admins,
            ..rules
        };
        app.protect_with("ops.acme.example", admins).await;
        let ben = app.sign_in("ben").await;
        let page = ben.get(&app.at("ops.acme.example").led_to(&app, "/").await).await;
        assert_eq!(page.status, 403);
        page.must_show("Application at ops.acme.example is not open to you");
        assert_eq!(app.audited("refused.application").await, 1);

        let other = app.add_account("Umbrella").await;
        app.add_to(other, "una", "Una", vestibule_domain::user::Role::Member, false).await;
        let una = app.sign_in("una").await;
        let page = una.get(&app.at(HOST).led_to(&app, "/").await).await;
        assert_eq!(page.status, 403);
        assert!(!page.shows("Application at"), "not even its name: {}", page.text());
    }

    async fn a_hand_over_leads_to_applications_alone(https app) {
        app.protect(HOST).await;
        let cleo = app.sign_in("cleo").await;
        let to = app.at(HOST).led_to(&app, "/").await;
        for host in [
            "evil.example",
            "reports.acme.example.evil.example",
            "reports.acme.example:8443",
            "reports.acme.example@evil.example",
            "reports.acme.example/..",
            "login.acme.example",
            "",
        ] {
            let to = to.replace("host=reports.acme.example", &format!("host={}", escape(host)));
            let answer = cleo.get(&to).await;
            assert!(matches!(answer.status.as_u16(), 400 | 403), "{host}: {answer:?}");
        }
        for broken in ["", "x", "AAAA", &"A".repeat(42), &"A".repeat(44), &"!".repeat(43)] {
            let (before, _) = to.split_once("challenge=").unwrap();
            let to = format!("{before}challenge={broken}&return_to=%2F");
            assert_eq!(cleo.get(&to).await.status, 400, "{broken}");
        }
    }

    async fn arriving_leads_to_the_same_host_alone(https app) {
        app.protect(HOST).await;
        let cleo = app.sign_in("cleo").await;
        for hostile in ["//evil.example", "https://evil.example/", "/\\evil.example", "/%09/evil"] {
            let at = app.at(HOST);
            let code = code_of(&cleo.get(&at.led_to(&app, "/").await).await);
            let path = format!("/.vestibule/callback?code={code}&return_to={}", escape(hostile));
            let headers = [("x-forwarded-host", HOST)];
            let answer = at.client.send(Method::GET, &path, None, &headers).await;
            let to = answer.location().unwrap();
            assert!(to.starts_with('/') && !to.starts_with("//") && !to.contains('\\'), "{to}");
        }
    }

    async fn the_callback_is_for_protected_hosts_that_a_proxy_names(https app) {
        app.protect(HOST).await;
        let at = app.at(HOST);
        let path = "/.vestibule/callback?code=x&return_to=/";
        assert_eq!(at.client.get(path).await.status, 404, "no proxy says which host");
        assert_eq!(callback(&at.client, "login.acme.example", "x").await.status, 404);
        assert_eq!(callback(&at.client, HOST, "x").await.status, 400);
        assert_eq!(callback(&at.client, "unknown.example", "x").await.status, 400);
    }

    async fn tabs_that_race_do_not_take_each_others_way(https app) {
        app.protect(HOST).await;
        let cleo = app.sign_in("cleo").await;
        let at = app.at(HOST);
        let first = at.led_to(&app, "/one").await;
        let second = at.led_to(&app, "/two").await;
        let handed = [cleo.get(&first).await, cleo.get(&second).await];
        assert_eq!(at.arrive(&handed[1]).await.location().as_deref(), Some("/two"));
        assert_eq!(at.arrive(&handed[0]).await.location().as_deref(), Some("/one"));
        assert!(at.is_open().await);
    }

    async fn a_session_keeps_a_few_gate_cookies_a_host_and_no_more(https app) {
        app.protect(HOST).await;
        let cleo = app.sign_in("cleo").await;
        let browsers: Vec<_> = (0..6).map(|_| app.at(HOST)).collect();
        for at in &browsers {
            app.clock.advance(Duration::from_millis(1));
            at.enter(&app, &cleo).await;
        }
        let mut open = vec![];
        for at in &browsers {
            open.push(at.is_open().await);
        }
        assert_eq!(open, [false, false, true, true, true, true]);
    }

    async fn codes_that_are_still_to_be_kept_come_first(https app) {
        let rules = app.protect(HOST).await;
        let vault = vestibule_domain::application::Rules { always_mfa: true, ..rules };
        app.protect_with("vault.acme.example", vault).await;
        let ben = app.sign_in("ben").await;
        app.enrol_without_keeping("ben", &ben).await;
        let to = app.at("vault.acme.example").led_to(&app, "/").await;
        let held = ben.get(&to).await;
        assert_eq!(held.leads_to(), vestibule_testkit::RECOVERY_CODES);
    }
}
