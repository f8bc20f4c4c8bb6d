//! Group C, the steps themselves: none is passed without its proof, whatever is sent in its place, and
//! nobody's proof is another's.

use vestibule_testkit::app::{email, password};
use vestibule_testkit::client::encode;
use vestibule_testkit::{Client, Method, stories};

const NEW: &str = "an otter sings in the marble hall";

/// Bodies that hold no proof, or hold it where nobody should look.
fn empty_handed(fields: &[(&str, &str)]) -> Vec<(Option<&'static str>, Vec<u8>)> {
    let form = encode(fields);
    let (name, value) = fields[0];
    let json = fields.iter().map(|(name, value)| format!("\"{name}\":\"{value}\""));
    let json = format!("{{{}}}", json.collect::<Vec<_>>().join(","));
    let multipart = format!(
        "--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n--b--\r\n"
    );
    let kinds = [
        None,
        Some("application/json"),
        Some("text/plain"),
        Some("application/xml"),
        Some("application/octet-stream"),
        Some("multipart/form-data; boundary=b"),
        Some(""),
    ];
    let bodies = ["", "{}", "null", "[]", "[null]", "true", "0", "\"\"", "=", "&", "<x/>"];
    let mut all = Vec::new();
    for kind in kinds {
        all.extend(bodies.iter().map(|body| (kind, body.as_bytes().to_vec())));
        for (shape, value) in [
            ("", ""),
            ("", "null"),
            ("", "true"),
            ("", "undefined"),
            ("[]", value),
            ("[$ne]", "x"),
            ("[0]", value),
            (".", value),
            ("%20", value),
        ] {
            let others = fields[1..].iter().map(|(name, value)| encode(&[(name, value)]));
            let first = format!("{name}{shape}={}", &encode(&[("", value)])[1..]);
            let body = [first].into_iter().chain(others).collect::<Vec<_>>().join("&");
            all.push((kind, body.into_bytes()));
        }
        if kind.is_some() {
            all.extend(
                [form.clone(), json.clone(), multipart.clone()].map(|body| (kind, body.into())),
            );
        }
    }
    all.push((None, json.into_bytes()));
    all.push((None, [form.as_bytes(), b"&", form.as_bytes()].concat()));
    all
}

/// Sends all of that to a step; nothing of it is taken, and no new session comes of it.
async fn sends_no_proof(caller: &Client, path: &str, fields: &[(&str, &str)]) {
    let cookie = caller.cookie();
    for (kind, body) in empty_handed(fields) {
        let what = format!("{path} as {kind:?}: {}", String::from_utf8_lossy(&body));
        let mut headers = caller.own_page().to_vec();
        headers.extend(kind.map(|kind| ("content-type", kind)));
        let answer = caller.send_bytes(Method::POST, path, Some(body), &headers).await;
        assert!(answer.status.is_client_error(), "{what}: {}", answer.status);
        assert!(answer.headers.get("set-cookie").is_none(), "{what}");
    }
    assert_eq!(caller.cookie(), cookie);
}

stories! {
    /// AT-38: no step is passed by a body that is empty, or of another kind, or that holds the proof
    /// in another shape; not even by one that would be right.
    async fn at_38_no_step_is_passed_empty_handed(app) {
        let ada = app.admin("ada").await;
        let stranger = app.browser();
        let right = [("password", &*password("dinesh")), ("email", &*email("dinesh"))];
        sends_no_proof(&stranger, "/sign-in", &right).await;
        assert_eq!(stranger.cookie(), None);
        assert_eq!(app.audited("password.accepted").await, 1, "Ada's");

        let invitation = app.invite(&ada, "eve", "Member").await;
        for link in
            [invitation, app.password_link(&ada, "dinesh").await, app.recover_path("cleo").await]
        {
            sends_no_proof(&stranger, &link, &[("password", NEW), ("name", "Eve")]).await;
            assert_eq!(stranger.get(&link).await.status, 200, "it is not taken either");
        }

        let cleo = app.give_password("cleo").await;
        sends_no_proof(&cleo, "/sign-in/code", &[("code", &app.code("cleo"))]).await;
        assert!(!cleo.is_in().await);

        app.sign_in_and_enrol("dinesh").await;
        let (dinesh, code) = (app.give_password("dinesh").await, app.recovery_code("dinesh", 0));
        let fields = [("code", code.as_str()), ("with", "recovery-code")];
        sends_no_proof(&dinesh, "/sign-in/code", &fields).await;
        assert!(!dinesh.is_in().await);

        let ben = app.sign_in("ben").await;
        app.turn_switch(&ada, true).await;
        app.scan("ben", &ben.visit("/").await);
        sends_no_proof(&ben, "/enrolment", &[("code", &app.code("ben"))]).await;
        assert!(!ben.is_in().await);

        app.clock.outlive_proofs();
        sends_no_proof(&ada, "/proof", &[("code", &app.code("ada"))]).await;
        assert_eq!(app.turn_switch(&ada, false).await.status, 403, "still without a fresh proof");
        for kind in [
            "code.accepted",
            "proof.given",
            "policy.optional",
            "invitation.accepted",
            "recovery_code.used",
        ] {
            assert_eq!(app.audited(kind).await, 0, "{kind}");
        }
        assert_eq!(app.audited("factor.added").await, 2, "Ada's and Dinesh's");
        assert_eq!(cleo.give_code(&app.code("cleo")).await.leads_to(), "/", "the owner is in");
    }

    /// AT-39: a step is not passed by sending in the one after it, nor without having begun.
    async fn at_39_no_step_is_passed_by_another(app) {
        let cleo = app.give_password("cleo").await;
        let code = app.code("cleo");
        for path in ["/proof", "/enrolment"] {
            assert_eq!(cleo.post(path, &[("code", &code)]).await.leads_to(), "/sign-in/code");
        }
        assert!(!cleo.is_in().await);
        let nobody = app.browser();
        for path in ["/sign-in/code", "/proof", "/enrolment"] {
            assert_eq!(
                nobody.post(path, &[("code", &code)]).await.leads_to(),
                "/sign-in",
                "{path}"
            );
        }
        assert_eq!(nobody.cookie(), None);
        // An enrolment that nobody has begun cannot be finished.
        let ben = app.sign_in("ben").await;
        for code in [code.as_str(), "000000", "755224"] {
            let answer = ben.post("/enrolment", &[("code", code)]).await;
            assert_eq!(answer.status, 422, "{}", answer.text());
        }
        assert_eq!(app.audited("factor.added").await, 0);
        assert_eq!(cleo.give_code(&code).await.leads_to(), "/", "the code is still unused");
    }

    /// AT-40: whatever nonsense stands in the headers, behind a proxy that is trusted: each step still
    /// asks for its proof, and who has it gets through.
    async fn at_40_no_garbage_in_a_header_skips_a_step(https app) {
        let long = "x".repeat(4_000);
        let names = [
            "x-forwarded-for",
            "x-forwarded-proto",
            "x-forwarded-host",
            "forwarded",
            "x-real-ip",
            "x-forwarded-user",
            "remote-user",
            "accept",
            "accept-language",
            "user-agent",
            "referer",
            "authorization",
            "x-request-id",
            "if-none-match",
            "range",
            "x-http-method-override",
            "x-original-url",
            "x-rewrite-url",
            "traceparent",
        ];
        let values = [
            "",
            "null",
            "\u{fffd}\u{202e}",
            "127.0.0.1",
            "::1, ,,;=",
            "%00%0a",
            "{{7*7}}",
            "/settings/users",
            "GET",
            long.as_str(),
        ];
        let cleo = app.give_password("cleo").await;
        for name in names {
            for value in values {
                let what = format!("{name}: {}", value.get(..20).unwrap_or(value));
                let garbage = [(name, value)];
                let answer =
                    app.browser().send(Method::GET, "/settings/users", None, &garbage).await;
                assert_eq!(answer.leads_to(), "/sign-in", "{what}");
                let answer = cleo.send(Method::GET, "/settings/security", None, &garbage).await;
                assert_eq!(answer.leads_to(), "/sign-in/code", "{what}");
                let headers = [&cleo.own_page()[..], &garbage].concat();
                let answer = cleo.send(Method::POST, "/sign-in/code", Some(&[]), &headers).await;
                assert_eq!(answer.status, 422, "{what}");
                let answer = cleo.send(Method::POST, "/proof", Some(&[]), &headers).await;
                assert_eq!(answer.leads_to(), "/sign-in/code", "{what}");
            }
            let browser = app.browser();
            let right = [("email", &*email("cleo")), ("password", &*password("cleo"))];
            let headers = [&browser.own_page()[..], &[(name, values[2])]].concat();
            let answer = browser.send(Method::POST, "/sign-in", Some(&right), &headers).await;
            assert_eq!(answer.leads_to(), "/sign-in/code", "{name}: the password, and no more");
        }
        assert!(!cleo.is_in().await);
        assert_eq!(app.audited("code.accepted").await, 0);
        assert_eq!(cleo.give_code(&app.code("cleo")).await.leads_to(), "/");
    }

    /// AT-41: a session that waits for one user's code takes no code of another user.
    async fn at_41_a_session_takes_the_codes_of_its_own_user_alone(app) {
        let dinesh = app.sign_in_and_enrol("dinesh").await;
        dinesh.post("/sign-out", &[]).await;
        let attacker = app.give_password("dinesh").await;
        let cleo = app.give_password("cleo").await;
        cleo.plant_cookie(&attacker.cookie().unwrap());
        let answer = cleo.give_code(&app.code("cleo")).await;
        assert_eq!(answer.status, 401);
        assert!(!cleo.is_in().await && !attacker.is_in().await);
        assert_eq!(app.audited("code.wrong").await, 1, "compared with the app of Dinesh");
    }

    /// AT-41: whose sign-in it is stands in the session, and in nothing that comes with the form.
    async fn at_41_the_user_of_a_sign_in_cannot_be_swapped(app) {
        app.sign_in_and_enrol("dinesh").await.post("/sign-out", &[]).await;
        let (cleo_id, victim) = (app.id("cleo").await.to_string(), email("cleo"));
        let attacker = app.give_password("dinesh").await;
        app.clock.next_code();
        let code = app.code("dinesh");
        let fields = [
            ("code", code.as_str()),
            ("email", &victim),
            ("user", &victim),
            ("user_id", &cleo_id),
            ("id", &cleo_id),
            ("login", "cleo"),
            ("factor_id", "1"),
        ];
        let path = format!("/sign-in/code?user_id={cleo_id}&email=cleo%40acme.example");
        assert_eq!(attacker.post(&path, &fields).await.leads_to(), "/");
        attacker.get("/").await.must_show("Dinesh Rao");
        // A value that is no session's, or none, goes with no code.
        for token in ["", "null", &"A".repeat(43), &"=".repeat(43), &cleo_id] {
            let browser = app.browser();
            browser.plant_cookie(token);
            let answer = browser.give_code(&app.code("cleo")).await;
            assert_eq!(answer.leads_to(), "/sign-in", "{token}");
        }
        assert_eq!(app.audited("code.accepted").await, 1);
        app.sign_in("cleo").await;
    }
}
