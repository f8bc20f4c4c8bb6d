//! The gate: what a proxy is told about a request to a protected host.

use std::time::Duration;

use vestibule_domain::application::{Enter, Rules};
use vestibule_domain::user::Role;
use vestibule_testkit::{Answer, TestApp, stories};

const HOST: &str = "reports.acme.example";

fn header(answer: &Answer, name: &str) -> String {
    let mut all = answer.headers.get_all(name).iter();
    let value = all.next().unwrap_or_else(|| panic!("no {name}: {answer:?}"));
    assert!(all.next().is_none(), "{name} twice");
    value.to_str().unwrap().to_owned()
}

stories! {
    async fn who_is_signed_in_passes_with_every_identity_header(https app) {
        app.protect(HOST).await;
        let cleo = app.sign_in("cleo").await;
        let at = app.at(HOST);
        let page = at.enter(&app, &cleo).await;
        assert_eq!(header(&page, "remote-user"), "cleo@acme.example");
        assert_eq!(header(&page, "remote-id"), app.id("cleo").await.to_string());
        assert_eq!(header(&page, "remote-name"), "Cleo Mar%C3%ADn");
        assert_eq!(header(&page, "remote-account"), "Acme Analytics");
        assert_eq!(header(&page, "remote-role"), "Member");
        assert_eq!(header(&page, "remote-assurance"), "AAL2");
        assert_eq!(header(&page, "cache-control"), "no-store");
        assert_eq!(header(&page, "x-request-id").len(), 16);
        assert!(page.body.is_empty());

        // Scripts, other methods and other proxies too.
        assert_eq!(at.fetch("/api").await.status, 200);
        for dialect in ["nginx", "traefik"] {
            for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "PROPFIND"] {
                assert_eq!(at.through(dialect).ask(method, "/x", &[]).await.status, 200);
            }
        }
        assert!(app.site.gate_remembers() == 1);
    }

    async fn without_a_factor_while_the_switch_is_off_the_assurance_is_aal1(https app) {
        app.protect(HOST).await;
        let ben = app.sign_in("ben").await;
        let page = app.at(HOST).enter(&app, &ben).await;
        assert_eq!(header(&page, "remote-assurance"), "AAL1");
        assert_eq!(header(&page, "remote-role"), "Member");
    }

    async fn a_page_is_led_to_the_sign_in_and_a_script_is_told_so(https app) {
        app.protect(HOST).await;
        let at = app.at(HOST);
        assert!(at.led_to(&app, "/").await.starts_with("/hand-over?host=reports.acme.example&"));
        let script = at.fetch("/api").await;
        assert_eq!(script.status, 401);
        assert!(script.location().is_none() && script.headers.get("set-cookie").is_none());
        script.must_show("Sign in first");

        // Where a browser says nothing about it, what it accepts tells.
        assert_eq!(at.ask("GET", "/", &[("accept", "text/html,*/*;q=0.8")]).await.status, 302);
        assert_eq!(at.ask("GET", "/", &[("accept", "*/*")]).await.status, 401);
        assert_eq!(at.ask("GET", "/", &[]).await.status, 401);
        // A form cannot be led to a page and back, nor can a frame.
        let form = [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
        assert_eq!(at.ask("POST", "/", &form).await.status, 401);
        let frame = [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")];
        assert_eq!(at.ask("GET", "/", &frame).await.status, 401);
    }

    async fn nginx_is_told_in_the_three_answers_that_it_knows(https app) {
        let rules = app.protect(HOST).await;
        let named = Rules { enter: Enter::Named, ..rules };
        app.protect_with("wages.acme.example", named).await;
        let at = app.at(HOST).through("nginx");
        let page = at.load("/a?b=c").await;
        assert_eq!(page.status, 401);
        assert_eq!(header(&page, "x-vestibule-status"), "302");
        let to = header(&page, "x-vestibule-location");
        assert!(to.starts_with("https://login.acme.example/hand-over?"), "{to}");
        assert!(to.ends_with("&return_to=%2Fa%3Fb%3Dc"), "{to}");
        assert!(header(&page, "set-cookie").starts_with("__Host-vestibule-nonce="));
        let script = at.fetch("/").await;
        assert_eq!((script.status.as_u16(), header(&script, "x-vestibule-status")), (401, "401".into()));
        assert!(script.headers.get("x-vestibule-location").is_none());

        let stranger = app.at("unknown.acme.example").through("nginx").load("/").await;
        assert_eq!((stranger.status.as_u16(), header(&stranger, "x-vestibule-status")), (403, "403".into()));
        app.store.close().await;
        let away = at.load("/").await;
        assert_eq!((away.status.as_u16(), header(&away, "x-vestibule-status")), (403, "503".into()));
    }

    async fn while_the_database_is_away_nobody_passes_who_is_not_known(https app) {
        app.protect(HOST).await;
        let cleo = app.sign_in("cleo").await;
        let at = app.at(HOST);
        at.enter(&app, &cleo).await;
        app.store.close().await;
        // What was heard a second ago is not known any more.
        app.clock.advance(Duration::from_secs(1));
        for answer in [at.load("/").await, at.fetch("/").await, app.at(HOST).load("/").await] {
            assert_eq!(answer.status, 503, "{answer:?}");
            assert_eq!(header(&answer, "retry-after"), "5");
            assert!(answer.headers.get("remote-user").is_none());
        }
    }

    async fn an_application_is_for_its_account_its_roles_and_those_it_names(https app) {
        let rules = app.protect(HOST).await;
        let admins = Rules { enter: Enter::Admins, ..rules };
        app.protect_with("ops.acme.example", admins).await;
        app.protect_with("wages.acme.example", Rules { enter: Enter::Named, ..rules }).await;
        let other = app.add_account("Umbrella").await;
        app.add_to(other, "una", "Una Other", Role::Admin, false).await;
        app.enable_mfa_for("ada").await;

        let enters = async |who: &str, host: &str| {
            let browser = app.sign_in(who).await;
            let at = app.at(host);
            let handed = browser.get(&at.led_to(&app, "/").await).await;
            if handed.status == 403 {
                assert!(!at.is_open().await);
                return false;
            }
            at.arrive(&handed).await;
            at.is_open().await
        };
        for (who, host, allowed) in [
            ("ben", HOST, true),
            ("ada", HOST, true),
            ("una", HOST, false),
            ("ben", "ops.acme.example", false),
            ("ada", "ops.acme.example", true),
            ("una", "ops.acme.example", false),
            ("ada", "wages.acme.example", false),
            ("ben", "wages.acme.example", false),
        ] {
            assert_eq!(enters(who, host).await, allowed, "{who} at {host}");
        }
        let mut tx = app.store.write().await.unwrap();
        let wages = tx.application_of_host("wages.acme.example").await.unwrap().unwrap().id;
        let ops = tx.application_of_host("ops.acme.example").await.unwrap().unwrap().id;
        assert!(tx.name_user(wages, app.id("ben").await).await.unwrap());
        assert!(tx.name_user(ops, app.id("ben").await).await.unwrap());
        assert!(!tx.name_user(ops, app.id("una").await).await.unwrap(), "of another account");
        tx.commit().await.unwrap();
        assert!(enters("ben", "wages.acme.example").await);
        assert!(enters("ben", "ops.acme.example").await);
    }

    async fn who_loses_the_way_in_gets_403_at_the_next_request(https app) {
        let rules = app.protect(HOST).await;
        app.protect_with("ops.acme.example", Rules { enter: Enter::Named, ..rules }).await;
        let mut tx = app.store.write().await.unwrap();
        let ops = tx.application_of_host("ops.acme.example").await.unwrap().unwrap().id;
        let ben = app.id("ben").await;
        tx.name_user(ops, ben).await.unwrap();
        tx.commit().await.unwrap();
        let at = app.at("ops.acme.example");
        at.enter(&app, &app.sign_in("ben").await).await;
        let mut tx = app.store.write().await.unwrap();
        tx.unname_user(ops, ben).await.unwrap();
        tx.commit().await.unwrap();
        let page = at.load("/").await;
        assert_eq!(page.status, 403);
        page.must_show("This application is not open to you");
        let policy = header(&page, "content-security-policy");
        assert!(policy.contains("style-src 'sha256-"), "{policy}");
        assert_eq!(at.fetch("/").await.status, 403);
    }

    async fn an_application_that_always_asks_for_a_code_leads_through_enrolment(https app) {
        let rules = app.protect(HOST).await;
        app.protect_with("vault.acme.example", Rules { always_mfa: true, ..rules }).await;
        let ben = app.sign_in("ben").await;
        app.at(HOST).enter(&app, &ben).await;
        let at = app.at("vault.acme.example");
        let to = at.led_to(&app, "/safe").await;
        let step = ben.get(&to).await;
        assert_eq!(step.leads_to(), "/enrolment", "{step:?}");
        app.enrol("ben", &ben).await;
        let handed = ben.get(&to).await;
        assert_eq!(at.arrive(&handed).await.location().as_deref(), Some("/safe"));
        assert_eq!(header(&at.load("/safe").await, "remote-assurance"), "AAL2");
    }

    /// AT-53: what an application asks of a proof's age is asked for at every request, and not once.
    async fn at_53_an_application_can_ask_for_a_fresh_proof(https app) {
        let rules = app.protect(HOST).await;
        let fresh = Rules { max_age: Some(Duration::from_mins(10)), ..rules };
        app.protect_with("payroll.acme.example", fresh).await;
        let cleo = app.sign_in("cleo").await;
        let at = app.at("payroll.acme.example");
        at.enter(&app, &cleo).await;
        app.clock.advance(Duration::from_mins(10));
        assert!(at.is_open().await, "ten minutes are not over");
        app.clock.advance(Duration::from_millis(1));
        assert_eq!(at.fetch("/").await.status, 401);
        let to = at.led_to(&app, "/").await;
        assert_eq!(cleo.get(&to).await.leads_to(), "/proof");
        app.clock.next_code();
        let code = app.code("cleo");
        let fields = [("code", code.as_str()), ("return_to", &to)];
        assert_eq!(cleo.post("/proof", &fields).await.location().as_deref(), Some(to.as_str()));
        // The proof stands in the session, which the cookie leads to: no hand-over is needed.
        assert!(at.is_open().await);
    }

    async fn sessions_end_at_the_gate_as_they_do_elsewhere(https app) {
        app.protect(HOST).await;
        let cleo = app.sign_in("cleo").await;
        let at = app.at(HOST);
        at.enter(&app, &cleo).await;
        // Requests at the gate keep a session awake, and what keeps it is written in batches.
        for _ in 0..4 {
            app.clock.advance(Duration::from_mins(40));
            assert!(at.is_open().await);
            app.vestibule.write_seen().await.unwrap();
        }
        assert_eq!(cleo.get("/").await.status, 200, "the session was seen at the gate");
        app.clock.advance(Duration::from_hours(1));
        assert!(!at.is_open().await, "an hour without a request");

        let cleo = app.sign_in("cleo").await;
        at.enter(&app, &cleo).await;
        for _ in 0..24 {
            app.clock.advance(Duration::from_mins(50));
            assert!(at.is_open().await);
            app.vestibule.write_seen().await.unwrap();
        }
        app.clock.advance(Duration::from_mins(50) * 5);
        assert!(!at.is_open().await, "24 hours in all");
    }

    /// The session that acts goes on; what was handed out of it has to be asked for anew.
    async fn an_act_that_ends_all_else_ends_the_gate_cookies_of_its_own_session(https app) {
        app.protect(HOST).await;
        let cleo = app.sign_in("cleo").await;
        let at = app.at(HOST);
        at.enter(&app, &cleo).await;
        assert!(at.is_open().await);
        let new = [("password", "seven quiet marmots dig")];
        assert_eq!(cleo.post("/settings/security/password", &new).await.status, 303);
        assert!(cleo.is_in().await);
        assert!(!at.is_open().await);
        at.enter(&app, &cleo).await;
        assert!(at.is_open().await);
    }

    async fn a_proxy_that_is_not_trusted_is_told_so(furnished app) {
        let at = app.at("reports.localhost:8081");
        let page = at.load("/").await;
        assert_eq!(page.status, 403);
        page.must_show("trusted_proxies");
    }

    async fn what_a_proxy_must_say_is_said_once_and_well(https app) {
        app.protect(HOST).await;
        let cleo = app.sign_in("cleo").await;
        let at = app.at(HOST);
        at.enter(&app, &cleo).await;
        let ask = async |path: &str, headers: &[(&str, &str)]| {
            let answer = at.client.send(vestibule_testkit::Method::GET, path, None, headers).await;
            answer.status.as_u16()
        };
        let host = ("x-forwarded-host", HOST);
        let (uri, method) = (("x-forwarded-uri", "/"), ("x-forwarded-method", "GET"));
        assert_eq!(ask("/gate?proxy=caddy", &[host, uri, method]).await, 200);
        for path in [
            "/gate",
            "/gate?",
            "/gate?proxy=",
            "/gate?proxy=apache",
            "/gate?proxy=caddy&proxy=nginx",
            "/gate?proxy=caddy&x=1",
            "/gate?x=1&proxy=caddy",
            "/gate?proxy=CADDY",
        ] {
            assert_eq!(ask(path, &[host, uri, method]).await, 403, "{path}");
        }
        for path in ["/gate/", "/gate/x", "/Gate?proxy=caddy", "//gate?proxy=caddy"] {
            assert_ne!(ask(path, &[host, uri, method]).await, 200, "{path}");
        }
        let other = ("x-forwarded-host", "other.acme.example");
        for headers in [
            &[uri, method][..],
            &[host, method],
            &[host, uri],
            &[host, host, uri, method],
            &[host, other, uri, method],
            &[host, uri, uri, method],
            &[host, uri, method, method],
            &[("x-forwarded-host", "reports.acme.example, x"), uri, method],
            &[("x-forwarded-host", ""), uri, method],
            &[host, ("x-forwarded-uri", ""), method],
            &[host, ("x-forwarded-uri", "x"), method],
            &[host, ("x-forwarded-uri", "*"), method],
            &[host, ("x-forwarded-uri", "http://reports.acme.example/"), method],
            &[host, ("x-forwarded-uri", "/a b"), method],
            &[host, ("x-forwarded-uri", "/\u{e9}"), method],
            &[host, uri, ("x-forwarded-method", "")],
            &[host, uri, ("x-forwarded-method", "GET POST")],
        ] {
            assert_eq!(ask("/gate?proxy=caddy", headers).await, 403, "{headers:?}");
        }
        // Another spelling of the same host is the same host.
        let shouted = ("x-forwarded-host", "REPORTS.acme.example:443");
        assert_eq!(ask("/gate?proxy=caddy", &[shouted, uri, method]).await, 200);
        assert_eq!(ask("/gate?proxy=caddy", &[other, uri, method]).await, 403);
    }

    async fn vestibules_own_host_is_never_a_protected_one(https app) {
        app.protect("login.acme.example:8443").await;
        for host in ["login.acme.example", "login.acme.example:8443", "LOGIN.acme.example"] {
            assert_eq!(app.at(host).load("/").await.status, 403, "{host}");
        }
    }
}

trait EnableMfa {
    async fn enable_mfa_for(&self, who: &str);
}

impl EnableMfa for TestApp {
    /// Turns MFA on for a user, who signs in with a code from now on.
    async fn enable_mfa_for(&self, who: &str) {
        let browser = self.sign_in(who).await;
        self.enrol(who, &browser).await;
    }
}
