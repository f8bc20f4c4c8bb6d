//! What can be wrong with a request: a page that says so, nothing lost that was typed, nothing
//! changed.

use vestibule_testkit::client::encode;
use vestibule_testkit::{Answer, Client, Method, TestApp, stories};

use crate::house::{House, must_be_dressed, must_be_told};
use crate::routes::{ROUTES, Route};

type Fields<'a> = &'a [(&'a str, &'a str)];

const FORM: &str = "application/x-www-form-urlencoded";

async fn send_body(caller: &Client, path: &str, body: Vec<u8>, kind: &str) -> Answer {
    let headers = [&caller.own_page()[..], &[("content-type", kind)]].concat();
    caller.send_bytes(Method::POST, path, Some(body), &headers).await
}

/// Bodies that cannot be read, each beside a form that would be good.
fn unreadable(form: Fields<'_>) -> Vec<(&'static str, &'static str, Vec<u8>, u16)> {
    let good = encode(form);
    let and = |more: &[u8]| [good.as_bytes(), b"&", more].concat();
    let (name, value) = form.first().copied().unwrap_or(("x", "1"));
    let first = encode(&[(name, value)]);
    let many = (0..1_000).map(|n| format!("x{n}=&")).collect::<Vec<_>>().concat();
    let json = format!("{{\"{name}\":\"{value}\"}}").into_bytes();
    let multipart =
        format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n--b--");
    vec![
        ("not UTF-8, escaped", FORM, and(b"x=%ff"), 400),
        ("not UTF-8", FORM, and(b"x=\xff\xfe"), 400),
        ("half a character", FORM, and(b"x=%c3"), 400),
        ("a surrogate", FORM, and(b"x=%ed%a0%80"), 400),
        ("a name that is not UTF-8", FORM, and(b"%ff=x"), 400),
        ("NUL", FORM, and(b"x=%00"), 400),
        ("NUL, unescaped", FORM, and(b"x=a\0b"), 400),
        ("a name with NUL", FORM, and(b"%00=x"), 400),
        ("twice the same", FORM, and(format!("{first}&{first}").as_bytes()), 400),
        ("twice, the other empty", FORM, and(format!("{first}&{name}=").as_bytes()), 400),
        (
            "twice, one escaped",
            FORM,
            and(format!("{first}&%{:02x}{}=1", name.as_bytes()[0], &name[1..]).as_bytes()),
            400,
        ),
        ("more fields than any form has", FORM, and(many.as_bytes()), 400),
        ("JSON", "application/json", json.clone(), 400),
        ("JSON, said to be text", "text/plain", json, 400),
        ("a form, said to be text", "text/plain", and(b"x=1"), 400),
        ("of no kind", "", and(b"x=1"), 400),
        ("of a kind like it", "application/x-www-form-urlencoded2", and(b"x=1"), 400),
        ("multipart", "multipart/form-data; boundary=b", multipart.into_bytes(), 400),
        ("too long", FORM, and(&[&b"x="[..], &vec![b'a'; 64 * 1024]].concat()), 413),
    ]
}

async fn refuses_what_can_not_be_read(caller: &Client, route: &Route, path: &str) {
    for (what, kind, body, status) in unreadable(route.form.unwrap()) {
        let answer = send_body(caller, path, body, kind).await;
        let what = format!("{path}: {what}");
        assert_eq!(answer.status, status, "{what}");
        must_be_told(&answer, &what);
    }
}

/// Each field left out, empty, blank, and far too long, beside others that are good.
async fn refuses_each_field(caller: &Client, route: &Route, path: &str) {
    let form = route.form.unwrap();
    let long = "x".repeat(60_000);
    for (name, _) in form {
        for (what, value) in [
            ("missing", None),
            ("empty", Some("")),
            ("blank", Some(" \t ")),
            ("too long", Some(long.as_str())),
        ] {
            let mut fields: Vec<_> =
                form.iter().copied().filter(|(known, _)| known != name).collect();
            fields.extend(value.map(|value| (*name, value)));
            let answer = caller.post(path, &fields).await;
            let what = format!("{path}: {name} {what}");
            must_be_told(&answer, &what);
            for (other, typed) in
                fields.iter().filter(|(known, _)| !["password", "code", "role"].contains(known))
            {
                if let Some(kept) = answer.field_for(path, other) {
                    assert_eq!(kept, *typed, "{what}: {other} is kept");
                }
            }
            for secret in ["password", "code"] {
                assert!(
                    answer.field(secret).is_none_or(|kept| kept.is_empty()),
                    "{what}: {secret}"
                );
            }
        }
    }
}

/// A route of changes alone is no page, and no route takes another method than its own.
async fn takes_its_own_methods(caller: &Client, route: &Route, path: &str) {
    let mut others: Vec<&str> =
        vec!["PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "OPTIONS", "post"];
    others.extend(if route.page { &[][..] } else { &["GET", "HEAD"] });
    others.extend(if route.form.is_some() { &[][..] } else { &["POST"] });
    for method in others {
        let form = route.form.filter(|_| !["GET", "HEAD", "TRACE"].contains(&method));
        let name = Method::from_bytes(method.as_bytes()).unwrap();
        let answer = caller.send(name, path, form, &caller.own_page()).await;
        assert_eq!(answer.status, 405, "{method} {path}");
        let allow = answer.headers.get("allow").map(|allow| allow.to_str().unwrap().to_owned());
        let allow = allow.unwrap_or_else(|| panic!("{method} {path} does not say what it takes"));
        assert_eq!(allow.contains("GET"), route.page, "{path}: {allow}");
        assert_eq!(allow.contains("POST"), route.form.is_some(), "{path}: {allow}");
        if method == "HEAD" {
            must_be_dressed(&answer, path);
        } else {
            must_be_told(&answer, &format!("{method} {path}"));
        }
    }
}

fn forms() -> impl Iterator<Item = &'static Route> {
    ROUTES.iter().filter(|route| route.form.is_some())
}

async fn set_up(app: &TestApp) -> (&'static Route, String) {
    let route = ROUTES.iter().find(|route| route.path == "/setup/{token}").unwrap();
    (route, app.setup_path().await)
}

stories! {
    /// Not UTF-8, NUL, a field twice, another kind of body, more than 64 KiB.
    async fn a_form_that_can_not_be_read_is_refused(app) {
        let house = House::of(&app).await;
        let before = house.picture(&app).await;
        for route in forms() {
            refuses_what_can_not_be_read(&house.caller(&app, route), route, &house.path(route))
                .await;
        }
        assert_eq!(house.picture(&app).await, before);
    }

    /// The same of the set-up page.
    async fn a_set_up_that_can_not_be_read_is_refused(empty app) {
        let (route, path) = set_up(&app).await;
        refuses_what_can_not_be_read(&app.browser(), route, &path).await;
        assert_eq!(app.browser().get(&path).await.status, 200);
    }

    /// Whatever is missing is asked for, and what was typed beside it is still there.
    async fn a_form_with_a_field_missing_is_refused(app) {
        let house = House::of(&app).await;
        let before = house.picture(&app).await;
        for route in forms().filter(|route| !route.path.starts_with("/setup")) {
            refuses_each_field(&house.caller(&app, route), route, &house.path(route)).await;
        }
        assert_eq!(house.picture(&app).await, before);
    }

    /// The same of the set-up page.
    async fn a_set_up_with_a_field_missing_is_refused(empty app) {
        let (route, path) = set_up(&app).await;
        refuses_each_field(&app.browser(), route, &path).await;
        assert_eq!(app.browser().get(&path).await.status, 200);
    }

    /// GET changes nothing, and each route says which methods it takes.
    async fn another_method_is_refused(app) {
        let house = House::of(&app).await;
        let before = house.picture(&app).await;
        for route in ROUTES {
            takes_its_own_methods(&house.caller(&app, route), route, &house.path(route)).await;
        }
        assert_eq!(house.picture(&app).await, before);
    }

    /// Identifiers and tokens that name nothing, or are none.
    async fn what_does_not_exist_is_told(app) {
        let house = House::of(&app).await;
        let before = house.picture(&app).await;
        let user = app.id("ben").await.to_string();
        let (upper, bare, braced) =
            (user.to_uppercase(), user.replace('-', ""), format!("%7B{user}%7D"));
        let long = "a".repeat(4_000);
        let ids = [
            "0",
            "1",
            "-1",
            "null",
            "ben@acme.example",
            "01234567-89ab-7def-8123-456789abcdef",
            "00000000-0000-0000-0000-000000000000",
            &upper,
            &bare,
            &braced,
            &long,
            "%00",
            "%ff",
            "%c3",
            "%",
            "..%2f..",
            "*",
            "'%20OR%201=1--",
            "%F0%9F%94%91",
            "1/2",
            "%0d%0aX:%20y",
        ];
        for route in ROUTES.iter().filter(|route| route.path.contains('{')) {
            let caller = house.caller(&app, route);
            for id in ids {
                let path = route.path.replace("{id}", id).replace("{token}", id);
                let mut answers = Vec::new();
                if route.page {
                    answers.push(caller.get(&path).await);
                }
                if let Some(form) = route.form {
                    answers.push(caller.post(&path, form).await);
                }
                for answer in answers {
                    must_be_told(&answer, &path);
                    assert!(
                        [404, 405, 410].contains(&answer.status.as_u16()),
                        "{path}: {}",
                        answer.status
                    );
                }
            }
        }
        assert_eq!(house.picture(&app).await, before);
    }

    /// Queries that cannot be read.
    async fn an_address_that_can_not_be_read_is_told(app) {
        let house = House::of(&app).await;
        let before = house.picture(&app).await;
        let long = format!(
            "search={}&return_to={}&after={}",
            "x".repeat(9_000),
            "/y".repeat(9_000),
            "z".repeat(9_000)
        );
        for route in ROUTES.iter().filter(|route| route.page) {
            let (caller, path) = (house.caller(&app, route), house.path(route));
            for query in [
                "x=%ff",
                "x=%00",
                "%00",
                "x=1&x=2",
                "search=a&search=b",
                "return_to=/&return_to=/",
                "x=%c3",
                "&&&",
                "=",
                "=&=",
                "%",
                "x=%zz",
                "done=%3Cscript%3E",
                "notice=x",
                "after=%ff.%ff",
                &long,
            ] {
                let answer = caller.get(&format!("{path}?{query}")).await;
                let what = format!("{path}?{}", &query[..query.len().min(40)]);
                assert!(!answer.status.is_server_error(), "{what}: {}", answer.status);
                assert!(!answer.body.contains("<script>"), "{what}");
                if answer.status.is_client_error() {
                    must_be_told(&answer, &what);
                }
                must_be_dressed(&answer, &what);
            }
        }
        assert_eq!(house.picture(&app).await, before);
    }

    /// Headers of all kinds of nonsense.
    async fn headers_that_can_not_be_read_are_no_failure(app) {
        let house = House::of(&app).await;
        let long = "x".repeat(8_000);
        // Each time somebody else: nobody has to wait.
        let mut somebody = 0;
        for (name, value) in [
            ("cookie", "vestibule"),
            ("cookie", "=;=;;vestibule=;"),
            ("cookie", "vestibule=\u{e9}"),
            ("cookie", &long),
            ("user-agent", &long),
            ("user-agent", "\u{e9}\u{202e}"),
            ("user-agent", ""),
            ("referer", "\u{e9}"),
            ("referer", "javascript:alert(1)"),
            ("referer", &long),
            ("accept", "\u{e9}"),
            ("accept-encoding", "\u{e9}"),
            ("range", "bytes=0-1"),
            ("if-none-match", "*"),
            ("expect", "100-continue"),
            ("x-forwarded-for", &long),
            ("x-forwarded-for", "\u{e9}, ,,"),
            ("x-request-id", "a b"),
            ("forwarded", "for=\"[::1\""),
        ] {
            for path in ["/", "/sign-in", "/settings/users", "/static/style.css", "/nowhere"] {
                let answer = app.browser().send(Method::GET, path, None, &[(name, value)]).await;
                assert!(!answer.status.is_server_error(), "{path} with {name}: {value}");
                must_be_dressed(&answer, path);
                let headers = [&house.ada.own_page()[..], &[(name, value)]].concat();
                somebody += 1;
                let email = format!("nobody{somebody}@acme.example");
                let fields = [("email", email.as_str()), ("password", "x")];
                let answer =
                    app.browser().send(Method::POST, "/sign-in", Some(&fields), &headers).await;
                assert_eq!(answer.status, 401, "{name}: {value}");
            }
        }
    }

    /// Where a page is shown again, the texts are text.
    async fn what_was_typed_comes_back_as_text(app) {
        let ada = app.admin("ada").await;
        let hostile = "\"><script>alert(1)</script><b x='&amp;";
        for (path, fields) in [
            ("/sign-in", &[("email", hostile), ("password", "x"), ("return_to", hostile)][..]),
            ("/settings/users", &[("email", hostile), ("name", hostile), ("role", "Admin")]),
            ("/settings/security/name", &[("name", &format!("{hostile}{}", "x".repeat(100)))]),
        ] {
            let answer = ada.post(path, fields).await;
            if path == "/sign-in" {
                assert_eq!(answer.field("return_to").as_deref(), Some("/"));
            }
            assert!(answer.status.is_client_error(), "{path}: {}", answer.status);
            assert!(!answer.body.contains("<script>"), "{path}");
            let (name, typed) = fields[0];
            assert_eq!(answer.field_for(path, name).as_deref(), Some(typed), "{path}");
        }
    }
}
