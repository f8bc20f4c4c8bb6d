//! Every route there is, and who gets in by it.

mod matrix;

use std::path::Path;

use vestibule_testkit::{Answer, Client, Method, stories};
use vestibule_web::Route as Known;

use crate::house::House;

/// Who may come in by a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// Anybody.
    Open,
    /// Who holds a link.
    Link,
    /// Who stands in the vestibule, or wants a fresh proof.
    Vestibule,
    /// Who is behind the second door.
    SignedIn,
    /// The same, an Admin.
    Admin,
}

/// A form that a route takes; `{code}` stands for a code that is right now.
type Form = &'static [(&'static str, &'static str)];

/// A route.
pub(crate) struct Route {
    pub(crate) path: &'static str,
    pub(crate) door: Door,
    /// Whether it has a page.
    pub(crate) page: bool,
    /// The form that it takes.
    pub(crate) form: Option<Form>,
}

const fn page(door: Door, path: &'static str) -> Route {
    Route { path, door, page: true, form: None }
}

const fn page_with_form(door: Door, path: &'static str, form: Form) -> Route {
    Route { path, door, page: true, form: Some(form) }
}

const fn act(door: Door, path: &'static str, form: Form) -> Route {
    Route { path, door, page: false, form: Some(form) }
}

const PASSWORD: &str = "an otter sings in the marble hall";
const CODE: Form = &[("code", "{code}")];
const APPLICATION: Form = &[("name", "Wiki"), ("host", "wiki.localhost"), ("enter", "everyone")];
const NEW_PASSWORD: Form = &[("password", PASSWORD)];

use Door::{Admin, Link, Open, SignedIn, Vestibule};

pub(crate) const ROUTES: &[Route] = &[
    page(SignedIn, "/"),
    // On a protected host, where the proxy says so; nobody else finds it.
    page(Open, "/.vestibule/callback"),
    page(Link, "/address/{token}"),
    page_with_form(Vestibule, "/enrolment", CODE),
    page_with_form(Link, "/forgotten/{token}", NEW_PASSWORD),
    page(SignedIn, "/hand-over"),
    page(Open, "/healthz"),
    page_with_form(Link, "/invitation/{token}", &[("name", "Eve"), ("password", PASSWORD)]),
    act(SignedIn, "/notices/{id}/dismiss", &[]),
    page_with_form(Link, "/password/{token}", NEW_PASSWORD),
    page_with_form(Vestibule, "/proof", CODE),
    page(Open, "/readyz"),
    page_with_form(Link, "/recover/{token}", NEW_PASSWORD),
    page(Admin, "/settings/account"),
    act(Admin, "/settings/account/mfa", &[("required", "true")]),
    page_with_form(Admin, "/settings/applications", APPLICATION),
    page(Admin, "/settings/applications/new"),
    page_with_form(Admin, "/settings/applications/{id}", APPLICATION),
    act(Admin, "/settings/applications/{id}/named", &[("email", "ben@acme.example")]),
    act(
        Admin,
        "/settings/applications/{id}/named/remove",
        &[("user", "01234567-89ab-7def-8123-456789abcdef")],
    ),
    act(Admin, "/settings/applications/{id}/remove", &[]),
    page(Admin, "/settings/audit"),
    page_with_form(Admin, "/settings/audit/export", &[("format", "jsonl")]),
    page(SignedIn, "/settings/security"),
    page_with_form(SignedIn, "/settings/security/email", &[("email", "new@acme.example")]),
    act(SignedIn, "/settings/security/email/confirm", &[("token", "x")]),
    act(SignedIn, "/settings/security/factors/{id}/name", &[("name", "Phone")]),
    act(SignedIn, "/settings/security/factors/{id}/remove", &[]),
    act(SignedIn, "/settings/security/name", &[("name", "Ada L.")]),
    page_with_form(SignedIn, "/settings/security/password", NEW_PASSWORD),
    page_with_form(SignedIn, "/settings/security/recovery-codes", &[]),
    page(SignedIn, "/settings/security/recovery-codes/download"),
    act(SignedIn, "/settings/security/recovery-codes/kept", &[("set", "{id}")]),
    page(SignedIn, "/settings/security/recovery-codes/used"),
    act(SignedIn, "/settings/security/sessions/end-others", &[]),
    act(SignedIn, "/settings/security/sessions/{id}/end", &[]),
    page_with_form(
        Admin,
        "/settings/users",
        &[("email", "new@acme.example"), ("name", "New"), ("role", "Member")],
    ),
    page(Admin, "/settings/users/new"),
    page(Admin, "/settings/users/{id}"),
    act(Admin, "/settings/users/{id}/disable", &[]),
    act(Admin, "/settings/users/{id}/enable", &[]),
    act(Admin, "/settings/users/{id}/factors/reset", &[]),
    act(Admin, "/settings/users/{id}/invitation", &[]),
    act(Admin, "/settings/users/{id}/invitation/cancel", &[]),
    act(Admin, "/settings/users/{id}/password-link", &[]),
    act(Admin, "/settings/users/{id}/remove", &[]),
    act(Admin, "/settings/users/{id}/role", &[("role", "Admin")]),
    page_with_form(
        Link,
        "/setup/{token}",
        &[
            ("account", "Acme"),
            ("name", "Ada"),
            ("email", "ada@acme.example"),
            ("password", PASSWORD),
        ],
    ),
    page_with_form(Open, "/sign-in", &[("email", "ben@acme.example"), ("password", PASSWORD)]),
    page_with_form(Vestibule, "/sign-in/code", CODE),
    page_with_form(Open, "/sign-in/forgotten", &[("email", "ben@acme.example")]),
    act(Open, "/sign-out", &[]),
    page(Open, "/static/app.js"),
    page(Open, "/static/icon.svg"),
    page(Open, "/static/style.css"),
];

/// The route of the gate, which is asked by proxies and answers none of these callers: `matrix.rs`.
const GATE: Known = Known { path: "/gate", method: "*" };

#[test]
fn every_route_stands_in_the_table() {
    let mut table: Vec<Known> = vec![GATE];
    for route in ROUTES {
        let has = |method, has: bool| has.then_some(Known { path: route.path, method });
        table.extend(has("GET", route.page).into_iter().chain(has("POST", route.form.is_some())));
    }
    table.sort_unstable();
    assert_eq!(table, vestibule_web::routes());
}

/// No page takes requests but by `Router` of `crates/web/src/routes.rs`, which lists them.
#[test]
fn every_route_is_registered_where_it_is_listed() {
    let mut folders =
        vec![Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../web/src")).to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            // The page that Prometheus reads is served on a listener of its own: `metrics.rs`.
            if path.ends_with("web/src/routes.rs") || path.ends_with("web/src/metrics.rs") {
                continue;
            }
            let source = std::fs::read_to_string(&path).unwrap();
            for other in ["axum::routing", ".nest(", "_service(", "axum::Router::"] {
                assert!(!source.contains(other), "{other} in {}", path.display());
            }
        }
    }
}

/// Loads the page of a route, and sends its form in.
pub(crate) async fn knock(
    caller: &Client,
    path: &str,
    route: &Route,
    headers: &[(&str, &str)],
) -> Vec<Answer> {
    let mut answers = Vec::new();
    if route.page {
        answers.push(caller.send(Method::GET, path, None, headers).await);
        answers.push(caller.send(Method::HEAD, path, None, headers).await);
    }
    if let Some(form) = route.form {
        let headers = [&caller.own_page()[..], headers].concat();
        answers.push(caller.send(Method::POST, path, Some(form), &headers).await);
    }
    answers
}

pub(crate) fn behind_the_second_door() -> impl Iterator<Item = &'static Route> {
    ROUTES.iter().filter(|route| matches!(route.door, SignedIn | Admin))
}

stories! {
    /// A Member is told so on every route of Admins, and nothing changes.
    async fn a_member_opens_no_route_of_admins(app) {
        let house = House::of(&app).await;
        let hal = app.sign_in("hal").await;
        for stale in [false, true] {
            if stale {
                app.clock.outlive_proofs();
            }
            let before = app.picture(&house.ada).await;
            for route in ROUTES.iter().filter(|route| route.door == Admin) {
                let path = house.path(route);
                for answer in knock(&hal, &path, route, &[]).await {
                    assert_eq!(answer.status, 403, "{path}");
                    assert!(answer.body.is_empty() || answer.shows("This page is for Admins"));
                }
            }
            assert_eq!(app.picture(&house.ada).await, before);
        }
    }
}
