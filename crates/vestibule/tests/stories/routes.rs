//! Every route there is, and who gets in by it.

use std::collections::BTreeSet;
use std::path::Path;

use vestibule_domain::user::Role;
use vestibule_testkit::{Answer, Client, Method, stories};

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
const NEW_PASSWORD: Form = &[("password", PASSWORD)];

use Door::{Admin, Link, Open, SignedIn, Vestibule};

pub(crate) const ROUTES: &[Route] = &[
    page(SignedIn, "/"),
    page(Link, "/address/{token}"),
    page_with_form(Vestibule, "/enrolment", CODE),
    page_with_form(Link, "/forgotten/{token}", NEW_PASSWORD),
    page(Open, "/healthz"),
    page_with_form(Link, "/invitation/{token}", &[("name", "Eve"), ("password", PASSWORD)]),
    act(SignedIn, "/notices/{id}/dismiss", &[]),
    page_with_form(Link, "/password/{token}", NEW_PASSWORD),
    page_with_form(Vestibule, "/proof", CODE),
    page(Open, "/readyz"),
    page_with_form(Link, "/recover/{token}", NEW_PASSWORD),
    page(Admin, "/settings/account"),
    act(Admin, "/settings/account/mfa", &[("required", "true")]),
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

/// The `.route("…", …)` calls in the sources of the pages, as path and methods.
fn routes_of(folder: &Path, found: &mut BTreeSet<(String, bool, bool)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            routes_of(&path, found);
            continue;
        }
        let source = std::fs::read_to_string(&path).unwrap();
        for call in source.split(".route(").skip(1) {
            let call = call.trim_start().strip_prefix('"');
            let call =
                call.unwrap_or_else(|| panic!("a route without its path in {}", path.display()));
            let (path, rest) = call.split_once('"').unwrap();
            let methods =
                rest.lines().take_while(|line| !line.contains('}') || line.contains("||"));
            let methods: String = methods.chain(rest.lines().take(1)).collect();
            let calls = |method: &str| {
                methods
                    .match_indices(method)
                    .any(|(at, _)| !methods[..at].ends_with(char::is_alphanumeric))
            };
            found.insert((path.to_owned(), calls("get("), calls("post(")));
        }
        for other in
            [".nest(", ".route_service(", ".fallback_service(", "any(", "put(", "delete(", "patch("]
        {
            let used = source.match_indices(other).any(|(at, _)| {
                !source[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '.')
                    || other.starts_with('.')
            });
            assert!(!used, "{} in {}: say so in the table as well", other, path.display());
        }
    }
}

#[test]
fn every_route_stands_in_the_table() {
    let mut found = BTreeSet::new();
    routes_of(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../web/src")), &mut found);
    let table: BTreeSet<_> = ROUTES
        .iter()
        .map(|route| (route.path.to_owned(), route.page, route.form.is_some()))
        .collect();
    assert_eq!(table, found);
}

/// Loads the page of a route, and sends its form in.
async fn knock(
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

fn behind_the_second_door() -> impl Iterator<Item = &'static Route> {
    ROUTES.iter().filter(|route| matches!(route.door, SignedIn | Admin))
}

stories! {
    /// Before the second door, no route behind it opens, and each leads to what is missing
    /// (AT-32, AT-35, AT-36, AT-54).
    async fn nothing_opens_before_the_second_door(app) {
        let house = House::of(&app).await;
        let disabled = app.sign_in("ben").await;
        let signed_out = app.sign_in("ben").await.stolen();
        signed_out.stolen().post("/sign-out", &[]).await;
        app.act(&house.ada, "ben", "/disable").await;
        app.add("ida", "Ida", Role::Admin, false).await;
        app.turn_switch(&house.ada, true).await;
        let before = app.picture(&house.ada).await;
        for (caller, way, name) in [
            (app.browser(), "/sign-in", "anonymous"),
            (app.give_password("cleo").await, "/sign-in/code", "with a factor"),
            (app.give_password("ida").await, "/enrolment", "without a factor, while required"),
            (disabled, "/sign-in", "disabled meanwhile"),
            (signed_out, "/sign-in", "signed out"),
        ] {
            for route in behind_the_second_door() {
                let path = house.path(route);
                for answer in knock(&caller, &path, route, &[]).await {
                    assert_eq!(answer.status, 303, "{name} at {path}");
                    assert_eq!(answer.leads_to(), way, "{name} at {path}");
                    assert!(!answer.shows("Acme"), "{name} at {path}");
                }
            }
            // What stands in the vestibule is open to the one who has to go through it.
            for other in ["/sign-in/code", "/enrolment", "/proof"] {
                let answer = caller.get(other).await;
                assert!(answer.status == 303 || way == other, "{name} at {other}");
            }
        }
        assert_eq!(app.picture(&house.ada).await.len(), before.len());
        assert_eq!(without_sessions(app.picture(&house.ada).await), without_sessions(before));
    }

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

    /// What belongs to another account, or to another user, is not there (AT-59).
    async fn what_belongs_to_others_is_not_there(app) {
        let house = House::of(&app).await;
        let globex = app.add_account("Globex").await;
        app.add_to(globex, "zoe", "Zoe Zimmer", Role::Admin, true).await;
        let (zoe, hal) = (app.sign_in("zoe").await, app.sign_in("hal").await);
        let before = app.picture(&house.ada).await;
        for route in behind_the_second_door().filter(|route| route.path.contains("{id}")) {
            let path = house.path(route);
            for answer in knock(&zoe, &path, route, &[]).await {
                assert_eq!(answer.status, 404, "{path}");
                assert!(answer.body.is_empty() || answer.shows("There is no page here"), "{path}");
            }
            if route.door == SignedIn {
                for answer in knock(&hal, &path, route, &[]).await {
                    assert_eq!(answer.status, 404, "{path}");
                }
            }
        }
        assert_eq!(app.picture(&house.ada).await, before);
    }

    /// A session's token opens nothing but as that one cookie (AT-32, AT-47).
    async fn a_token_is_a_cookie_and_nothing_else(app) {
        let house = House::of(&app).await;
        let token = house.ada.cookie().unwrap();
        let before = app.picture(&house.ada).await;
        let basic = base64_of(&format!("ada@acme.example:{token}"));
        let cookies =
            ["Vestibule", "__Host-vestibule", "session", "vestibule2", "xvestibule", "token"];
        let mut tries: Vec<(&str, String)> = vec![
            ("authorization", format!("Bearer {token}")),
            ("authorization", format!("Basic {basic}")),
            ("authorization", token.clone()),
            ("x-auth-token", token.clone()),
            ("x-vestibule", token.clone()),
            ("cookie", format!("vestibule=\"{token}\"")),
            ("cookie", format!("vestibule={token}=")),
            ("cookie", format!("vestibule={}", token.to_uppercase())),
            ("cookie", format!("vestibule={token}; vestibule={token}")),
            ("cookie", format!("vestibule=; vestibule={token}")),
        ];
        tries.extend(cookies.iter().map(|name| ("cookie", format!("{name}={token}"))));
        for route in behind_the_second_door() {
            let path = house.path(route);
            for (name, value) in &tries {
                for answer in knock(&app.browser(), &path, route, &[(name, value)]).await {
                    assert_eq!(answer.leads_to(), "/sign-in", "{path} with {name}: {value}");
                }
            }
            for name in ["token", "access_token", "vestibule", "session"] {
                let path = format!("{path}?{name}={token}");
                for answer in knock(&app.browser(), &path, route, &[]).await {
                    assert_eq!(answer.leads_to(), "/sign-in", "{path}");
                }
            }
        }
        assert_eq!(app.picture(&house.ada).await, before);
    }

    /// No spelling of a path comes past the door of its page.
    async fn no_spelling_of_a_path_opens_it(app) {
        let cleo = app.give_password("cleo").await;
        for caller in [app.browser(), cleo] {
            for path in [
                "/settings/users/",
                "//settings/users",
                "/settings//users",
                "/SETTINGS/users",
                "/settings/%75sers",
                "/settings%2fusers",
                "/%2e/settings/users",
                "/settings/users;x",
                "/settings/users%00",
                "/settings/users.html",
                "/static/../settings/users",
                "/static/..%2fsettings/users",
                "/healthz/../settings/users",
                "/settings/users?",
                "/settings/users#",
                "/.",
                "/index.html",
                "/?",
                "/api/v1/users",
                "/gate",
                "/metrics",
                "/debug",
                "/.git/config",
                "/static/",
                "/static/..%2f..%2fCargo.toml",
            ] {
                let answer = caller.get(path).await;
                assert!(
                    answer.status != 200 && !answer.status.is_server_error(),
                    "{path}: {answer:?}"
                );
                assert!(!answer.shows("Ada"), "{path}");
            }
        }
    }
}

/// Pages tell how many sessions are open; who knocks may have opened one.
fn without_sessions(picture: Vec<String>) -> Vec<String> {
    let less = |page: String| {
        page.split(' ')
            .filter(|word| !word.chars().all(|c| c.is_ascii_digit()))
            .collect::<Vec<_>>()
            .join(" ")
    };
    picture.into_iter().map(less).collect()
}

fn base64_of(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}
