//! Group D: other ways to a session than the two doors: a link for a new password, a user who is
//! disabled on the way, addresses that nobody should have left open.

use std::time::Duration;

use vestibule_testkit::app::{email, password};
use vestibule_testkit::{Method, TestApp, stories};

use crate::forgotten::mailed_link;

const NEW: &str = "an otter sings in the marble hall";

async fn signs_in_with(app: &TestApp, who: &str, password: &str) -> bool {
    app.browser().sign_in(&email(who), password).await.status == 303
}

stories! {
    /// AT-45: a link for a new password sets the password, ends every session, and signs nobody in;
    /// the factor is asked for as before.
    async fn at_45_a_new_password_signs_nobody_in_and_removes_no_factor(app) {
        let ada = app.admin("ada").await;
        let (inside, half) = (app.sign_in("cleo").await, app.give_password("cleo").await);
        let link = app.password_link(&ada, "cleo").await;
        assert_eq!(inside.get("/").await.status, 200, "making it ends nothing");
        assert!(signs_in_with(&app, "cleo", &password("cleo")).await, "nor the old password");
        let stranger = app.browser();
        let page = stranger.get(&link).await;
        assert_eq!(page.headers["referrer-policy"], "no-referrer");
        page.must_show("Choose a new password");
        let answer = app.use_link(&stranger, &link, NEW).await;
        assert_eq!(answer.location().as_deref(), Some("/sign-in?notice=password-changed"));
        assert_eq!(stranger.cookie(), None, "no session");
        assert_eq!(stranger.get("/").await.leads_to(), "/sign-in");
        for old in [&inside, &half] {
            assert_eq!(old.get("/").await.leads_to(), "/sign-in");
        }
        assert!(!signs_in_with(&app, "cleo", &password("cleo")).await);
        let fields = [("email", "cleo@acme.example"), ("password", NEW)];
        assert_eq!(stranger.post("/sign-in", &fields).await.leads_to(), "/sign-in/code");
        app.clock.next_code();
        let answer = stranger.post("/sign-in/code", &[("code", &app.code("cleo"))]).await;
        assert_eq!(answer.leads_to(), "/", "with the app that there was");
        assert_eq!(app.audited("password_link.made").await, 1);
        assert_eq!(app.audited("password_link.used").await, 1);
    }

    /// AT-46: two proofs of one kind are one: neither the password given twice, nor a password that came
    /// by mail beside it, nor two such mails, stands in for the code.
    async fn at_46_the_same_channel_twice_is_one_factor(mailing_https app) {
        let cleo = app.give_password("cleo").await;
        for new in [NEW, "another otter sings along"] {
            for path in ["/proof", "/sign-in/code"] {
                let fields = [("password", password("cleo")), ("code", password("cleo"))];
                let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
                let answer = cleo.post(path, &fields).await;
                assert!(answer.status.is_client_error() || answer.leads_to() == "/sign-in/code");
            }
            assert!(!cleo.is_in().await, "the password, twice");
            let link = mailed_link(&app, "cleo").await;
            assert_eq!(app.use_link(&cleo, &link, new).await.leads_to(), "/sign-in");
            assert_eq!(cleo.sign_in(&email("cleo"), new).await.leads_to(), "/sign-in/code");
            assert!(!cleo.is_in().await, "the password and a mail");
        }
        assert_eq!(app.audited("code.accepted").await + app.audited("proof.given").await, 0);

        // Who has no factor gets no further by it than the password alone leads.
        let host = "reports.acme.example";
        app.protect(host).await;
        let (ben, at) = (app.sign_in("ben").await, app.at(host));
        at.enter(&app, &ben).await;
        assert_eq!(ben.post("/proof", &[("password", &password("ben"))]).await.leads_to(), "/");
        assert_eq!(at.load("/").await.headers["remote-assurance"], "AAL1");
        assert_eq!(app.audited("proof.given").await, 1);
    }

    /// AT-48: codes and passwords are taken by the forms alone: there is no second transport that a
    /// limit could forget.
    async fn at_48_there_is_no_second_transport(app) {
        let cleo = app.give_password("cleo").await;
        let (code, mail, right) = (app.code("cleo"), email("cleo"), password("cleo"));
        let json = format!(r#"{{"email":"{mail}","password":"{right}","code":"{code}"}}"#);
        let query = format!("?email={mail}&password={right}&code={code}").replace(' ', "%20");
        for path in [
            "/graphql",
            "/api",
            "/api/v1/sign-in",
            "/api/v1/sign-in/code",
            "/rpc",
            "/trpc/signIn",
            "/token",
            "/oauth/token",
            "/login",
            "/auth/login",
            "/sign-in.json",
            "/sign-in/code.json",
            "/ws",
            "/socket",
        ] {
            for kind in ["application/json", "application/x-www-form-urlencoded"] {
                let headers = [&cleo.own_page()[..], &[("content-type", kind)]].concat();
                let body = Some(json.clone().into_bytes());
                let answer = cleo.send_bytes(Method::POST, path, body, &headers).await;
                assert_eq!(answer.status, 404, "{path}");
            }
        }
        for path in ["/sign-in", "/sign-in/code"] {
            for method in ["GET", "HEAD", "PUT", "PATCH", "DELETE", "QUERY"] {
                let method = Method::from_bytes(method.as_bytes()).unwrap();
                let headers = [&cleo.own_page()[..], &[("connection", "upgrade")]].concat();
                let headers = [&headers[..], &[("upgrade", "websocket")]].concat();
                let fields = [("email", &*mail), ("password", &*right), ("code", &*code)];
                let path = format!("{path}{query}");
                cleo.send(method, &path, Some(&fields), &headers).await;
                assert!(!cleo.is_in().await, "{path}");
            }
        }
        assert_eq!(app.audited("password.accepted").await, 1);
        for kind in ["code.accepted", "code.wrong", "password.refused"] {
            assert_eq!(app.audited(kind).await, 0, "{kind}");
        }
        assert_eq!(cleo.give_code(&code).await.leads_to(), "/", "it is still unused");
    }

    /// AT-49: who is disabled, or removed, between the two doors does not pass the second.
    async fn at_49_who_is_disabled_between_the_doors_does_not_pass_the_second(app) {
        let ada = app.admin("ada").await;
        for act in ["/disable", "/remove"] {
            let cleo = app.give_password("cleo").await;
            assert_eq!(app.act(&ada, "cleo", act).await.status, 303);
            app.clock.next_code();
            assert_eq!(cleo.give_code(&app.code("cleo")).await.leads_to(), "/sign-in");
            assert!(!cleo.is_in().await, "{act}");
            if act == "/disable" {
                app.act(&ada, "cleo", "/enable").await;
                assert!(!cleo.is_in().await, "enabled again, the old sign-in is dead");
                app.clock.next_code();
                assert_eq!(cleo.give_code(&app.code("cleo")).await.leads_to(), "/sign-in");
            }
        }
        assert_eq!(app.audited("code.accepted").await, 0);
    }

    /// AT-49: nor does who is disabled at any other step: before an enrolment, before a fresh proof,
    /// with a form that waits for it, with a link at hand.
    async fn at_49_who_is_disabled_at_any_step_goes_no_further(app) {
        let ada = app.admin("ada").await;
        // Before the enrolment that the switch asks for.
        let ben = app.give_password("ben").await;
        app.scan("ben", &ben.get("/enrolment").await);
        // Inside, before a fresh proof, and before the act that waits for it.
        app.set_role(&ada, "dinesh", "Admin").await;
        let dinesh = app.sign_in("dinesh").await;
        app.clock.advance(Duration::from_secs(301));
        let asked = app.act(&dinesh, "ben", "/disable").await;
        assert_eq!(asked.status, 403);
        // With a link at hand.
        app.prove("ada", &ada).await;
        let link = app.password_link(&ada, "cleo").await;
        let cleo = app.give_password("cleo").await;

        for who in ["ben", "dinesh", "cleo"] {
            assert_eq!(app.act(&ada, who, "/disable").await.status, 303, "{who}");
        }
        let answer = ben.post("/enrolment", &[("code", &app.code("ben"))]).await;
        assert_eq!(answer.leads_to(), "/sign-in");
        let answer = app.prove_as_asked("dinesh", &dinesh, &asked).await;
        answer.must_show("Sign in");
        assert_eq!(app.browser().get(&link).await.status, 410);
        app.clock.next_code();
        assert_eq!(cleo.give_code(&app.code("cleo")).await.leads_to(), "/sign-in");
        for (who, browser) in [("ben", &ben), ("dinesh", &dinesh), ("cleo", &cleo)] {
            assert!(!browser.is_in().await, "{who}");
            assert!(!signs_in_with(&app, who, &password(who)).await, "{who}");
        }
        assert_eq!(app.audited("user.disabled").await, 3, "Ben by Ada");
        assert_eq!(app.audited("factor.added").await, 1, "Ada's");
        // Enabled again they are who they were, and what they had begun is dead.
        app.clock.outlive_proofs();
        app.prove("ada", &ada).await;
        for who in ["ben", "dinesh", "cleo"] {
            assert_eq!(app.act(&ada, who, "/enable").await.status, 303, "{who}");
        }
        assert_eq!(app.browser().get(&link).await.status, 410);
        for browser in [&ben, &dinesh, &cleo] {
            assert!(!browser.is_in().await);
        }
        assert!(!signs_in_with(&app, "cleo", NEW).await);
        app.sign_in("cleo").await;
    }

    /// AT-54: nothing that helps who builds or runs the program is open to strangers: what two probes
    /// and the static files say is all, and it tells no version.
    async fn at_54_no_page_for_builders_is_open(app) {
        let stranger = app.browser();
        for path in [
            "/debug",
            "/debug/pprof/",
            "/metrics",
            "/status",
            "/health",
            "/healthz/",
            "/readyz/full",
            "/info",
            "/version",
            "/env",
            "/config",
            "/config.json",
            "/.env",
            "/.git/HEAD",
            "/.well-known/",
            "/admin",
            "/api",
            "/api/v1",
            "/api/v1/users",
            "/graphql",
            "/swagger.json",
            "/openapi.json",
            "/actuator/env",
            "/actuator/heapdump",
            "/console",
            "/phpinfo.php",
            "/server-status",
            "/vestibule.db",
            "/master.key",
            "/static/../vestibule.db",
            "/backup",
            "/audit",
            "/audit/export",
            "/settings/audit/export",
            "/test",
            "/tasks",
            "/flush",
            "/impersonate",
            "/login",
            "/register",
        ] {
            let answer = stranger.get(path).await;
            let is_closed =
                answer.status == 404 || answer.status == 303 && answer.leads_to() == "/sign-in";
            assert!(is_closed, "{path}: {}", answer.status);
            assert!(!answer.shows("Ada") && !answer.shows(env!("CARGO_PKG_VERSION")), "{path}");
        }
        for path in ["/healthz", "/readyz"] {
            let answer = stranger.get(path).await;
            assert!(!answer.body.contains(env!("CARGO_PKG_VERSION")), "{path}: {}", answer.body);
            assert!(answer.body.len() < 100, "{path}: {}", answer.body);
        }
    }
}
