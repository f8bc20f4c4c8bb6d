//! Changes are taken from our own pages alone (AT-57).

use vestibule_testkit::{Client, Method, TestApp, stories};

use crate::house::{House, must_be_told};
use crate::routes::ROUTES;

/// What browsers send with a form of another site, and what whoever forges one would.
fn from_elsewhere(app: &TestApp) -> Vec<Vec<(&'static str, String)>> {
    let own = app.public_url.clone();
    let (_, port) = own.rsplit_once(':').unwrap();
    let site = |value: &str| ("sec-fetch-site", value.to_owned());
    let origin = |value: &str| ("origin", value.to_owned());
    let mut all = vec![
        vec![],
        vec![site("cross-site"), origin("https://evil.example")],
        vec![site("cross-site"), origin("null")],
        vec![site("cross-site")],
        vec![site("cross-site"), origin(&own)],
        vec![site("same-site"), origin(&format!("http://neighbour.localhost:{port}"))],
        vec![site("same-site"), origin(&own)],
        vec![site("same-site")],
        vec![site("same-origin"), origin("https://evil.example")],
        vec![site("none"), origin("https://evil.example")],
        vec![site("none"), origin("null")],
        vec![site("Same-Origin")],
        vec![site("")],
        vec![site("same-origin, cross-site")],
        vec![site("same-origin"), site("same-origin")],
        vec![site("cross-site"), site("same-origin")],
        vec![origin(&own), origin("https://evil.example")],
        vec![("referer", format!("{own}/settings/users"))],
        vec![("x-requested-with", "XMLHttpRequest".into())],
        vec![("authorization", "Bearer x".into()), ("cookie", "vestibule=x".into())],
        vec![("authorization", "Basic eDp4".into())],
    ];
    for other in [
        "null",
        "http://localhost",
        "https://localhost",
        &own.replace("http:", "https:"),
        &format!("http://127.0.0.1:{port}"),
        &format!("http://localhost.evil.example:{port}"),
        &format!("http://evil.example:{port}"),
        &format!("{own}.evil.example"),
        &format!("{own}1"),
        &format!("http://localhost:{port}@evil.example"),
        "localhost",
        "",
        "*",
    ] {
        all.push(vec![origin(other)]);
    }
    all
}

async fn send(
    caller: &Client,
    method: Method,
    path: &str,
    form: &[(&str, &str)],
    headers: &[(&'static str, String)],
) -> vestibule_testkit::Answer {
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    caller.send(method, path, Some(form), &headers).await
}

stories! {
    /// From another site, from a neighbour under the same domain, from nowhere: 403 on every route,
    /// and nothing changes.
    async fn at_57_a_form_from_elsewhere_is_refused_everywhere(app) {
        let house = House::of(&app).await;
        let before = house.picture(&app).await;
        for headers in from_elsewhere(&app) {
            for route in ROUTES.iter().filter(|route| route.form.is_some()) {
                let (caller, path) = (house.caller(&app, route), house.path(route));
                // Some of them bring a cookie or a token of their own; then it is not a browser's.
                let anonymous = headers.iter().any(|(name, _)| *name == "authorization");
                let caller = if anonymous { app.browser() } else { caller };
                let answer =
                    send(&caller, Method::POST, &path, route.form.unwrap(), &headers).await;
                let what = format!("{path} with {headers:?}");
                assert_eq!(answer.status, 403, "{what}: {}", answer.text());
                answer.must_show("This request came from another site");
                assert!(answer.headers.get("set-cookie").is_none(), "{what}");
                must_be_told(&answer, &what);
            }
        }
        assert_eq!(house.picture(&app).await, before);
    }

    /// Whatever the method, and also where there is nothing.
    async fn at_57_it_is_refused_by_every_method(app) {
        let house = House::of(&app).await;
        for method in ["POST", "PUT", "PATCH", "DELETE", "PROPFIND", "post"] {
            for path in ["/settings/users", "/sign-in", "/nowhere", "/static/style.css", "/healthz"]
            {
                let method = Method::from_bytes(method.as_bytes()).unwrap();
                let headers = [("sec-fetch-site", "cross-site".to_owned())];
                let answer = send(&house.ada, method, path, &[], &headers).await;
                assert_eq!(answer.status, 403, "{path}");
            }
        }
    }

    /// What browsers send with our own forms is taken: either header is enough.
    async fn our_own_forms_are_taken(app) {
        let own = app.public_url.clone();
        for headers in [
            vec![("sec-fetch-site", "same-origin".to_owned())],
            vec![("sec-fetch-site", "same-origin".to_owned()), ("origin", own.clone())],
            vec![("sec-fetch-site", "same-origin".to_owned()), ("origin", "null".to_owned())],
            vec![("sec-fetch-site", "none".to_owned())],
            vec![("origin", own)],
        ] {
            let ben = app.sign_in("ben").await;
            let answer = send(&ben, Method::POST, "/sign-out", &[], &headers).await;
            assert_eq!(answer.leads_to(), "/sign-in", "{headers:?}");
            assert_eq!(ben.get("/").await.leads_to(), "/sign-in");
        }
    }

    /// A link from elsewhere leads here, as does an address that is typed.
    async fn a_link_from_elsewhere_leads_here(app) {
        let ben = app.sign_in("ben").await;
        for site in ["cross-site", "same-site", "same-origin", "none"] {
            let headers = [
                ("sec-fetch-site", site),
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-dest", "document"),
            ];
            assert_eq!(ben.send(Method::GET, "/", None, &headers).await.status, 200, "{site}");
        }
        assert_eq!(ben.get("/").await.status, 200, "an old browser");
    }

    /// Nothing is loaded into a page of another site: neither as a frame nor as a picture, and no
    /// key is made by it.
    async fn at_57_nothing_is_loaded_into_another_site(app) {
        let house = House::of(&app).await;
        let before = house.picture(&app).await;
        let started = app.audited("enrolment.started").await;
        let loads = [
            ("navigate", "iframe"),
            ("navigate", "embed"),
            ("navigate", "object"),
            ("no-cors", "image"),
            ("no-cors", "script"),
            ("no-cors", "style"),
            ("cors", "empty"),
            ("nested-navigate", "document"),
            ("websocket", "websocket"),
            ("", ""),
        ];
        for route in ROUTES.iter().filter(|route| route.page) {
            let (caller, path) = (house.caller(&app, route), house.path(route));
            for site in ["cross-site", "same-site", "Same-Origin", ""] {
                for (mode, dest) in loads {
                    let headers = [
                        ("sec-fetch-site", site),
                        ("sec-fetch-mode", mode),
                        ("sec-fetch-dest", dest),
                    ];
                    let answer = caller.send(Method::GET, &path, None, &headers).await;
                    let what = format!("{path} into {site} as {mode}/{dest}");
                    assert_eq!(answer.status, 403, "{what}");
                    must_be_told(&answer, &what);
                }
            }
        }
        assert_eq!(app.audited("enrolment.started").await, started);
        assert_eq!(house.picture(&app).await, before);
    }

    /// Nobody else's page may read ours.
    async fn nothing_is_shared_with_other_origins(app) {
        let ben = app.sign_in("ben").await;
        for method in [Method::GET, Method::OPTIONS] {
            let headers = [
                ("origin", "https://evil.example"),
                ("access-control-request-method", "POST"),
                ("access-control-request-headers", "content-type"),
            ];
            let answer = ben.send(method, "/settings/security", None, &headers).await;
            let shared =
                answer.headers.keys().filter(|name| name.as_str().starts_with("access-control"));
            assert_eq!(shared.count(), 0);
        }
    }
}
