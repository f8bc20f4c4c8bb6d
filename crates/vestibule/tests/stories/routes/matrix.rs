//! Every route × every kind of caller × every place where a credential can stand, in process.
//!
//! `matrix.txt` says what each caller is answered to an empty form, or to a page: a line a route, a column a
//! caller. A number is a status; `>…` leads there; `ask` is 403 with the page that asks for a fresh proof in
//! place of the act, `admins` is 403 because the page is for Admins. Wherever else than in its own cookie a
//! token stands, the answer is that to the stranger.
//!
//! | caller | who it is |
//! |---|---|
//! | nobody | without a session |
//! | code, enrol | gave the password alone: a factor is there, or is required and is not |
//! | pw, pw-old | a Member without a factor, signed in just now, or too long ago for sensitive acts |
//! | new, old | the same with a factor; identifiers in paths are of others |
//! | admin, ad-old | Admins; identifiers in paths are of nobody, since they could act upon others |
//! | other | an Admin of another account, whose identifiers they are not |
//! | off | was signed in, and disabled |

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use vestibule_domain::user::Role;
use vestibule_testkit::{Client, TestApp, stories};

use super::{ROUTES, Route};
use crate::house::House;

const TABLE: &str = include_str!("matrix.txt");
/// A machine on which a proxy runs.
const PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 4711);
/// An identifier that nothing has.
const NOBODYS: &str = "01234567-89ab-7def-8123-456789abcdef";
/// Acts that need nothing but to be sent in, and change something of who does: they come last.
const LAST: [&str; 3] =
    ["/settings/security/sessions/end-others", "/settings/security/recovery-codes", "/sign-out"];

/// Somebody at some door, with the cookies of their browser.
struct Caller {
    name: &'static str,
    cookies: BTreeMap<String, String>,
    /// Whether they may act upon what the identifiers of the paths name, and so get others.
    may_act: bool,
}

impl Caller {
    fn of(name: &'static str, browser: &Client) -> Self {
        let header = browser.cookie_header().unwrap_or_default();
        let pairs = header.split("; ").filter_map(|pair| pair.split_once('='));
        let cookies = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self { name, cookies, may_act: false }
    }

    fn token(&self) -> Option<&str> {
        self.cookies.get("vestibule").map(String::as_str)
    }

    fn cookie_header(&self) -> String {
        let pairs: Vec<_> = self.cookies.iter().map(|(n, value)| format!("{n}={value}")).collect();
        pairs.join("; ")
    }

    /// Keeps what an answer sets, as a browser does.
    fn keep(&mut self, headers: &header::HeaderMap) {
        for line in headers.get_all(header::SET_COOKIE) {
            let (name, rest) = line.to_str().unwrap().split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        self.cookies.retain(|_, value| !value.is_empty());
    }
}

/// All of them, in the order of the columns. The first half is older than a proof stays fresh.
async fn callers(app: &TestApp) -> Vec<Caller> {
    for (who, role, factor) in [
        ("pia", Role::Member, false),
        ("sam", Role::Member, true),
        ("tim", Role::Member, true),
        ("tom", Role::Member, true),
        ("uma", Role::Member, true),
        ("ida", Role::Admin, true),
        ("joe", Role::Admin, true),
    ] {
        app.add(who, who, role, factor).await;
    }
    let strict = app.add_account("Strict").await;
    app.add_to(strict, "vic", "Vic", Role::Admin, true).await;
    app.add_to(strict, "wes", "Wes", Role::Member, false).await;
    let switched = app.turn_switch(&app.sign_in("vic").await, true).await;
    assert_eq!(switched.status, 303);
    let globex = app.add_account("Globex").await;
    app.add_to(globex, "zoe", "Zoe", Role::Admin, true).await;

    let password_old = Caller::of("pw-old", &app.sign_in("pia").await);
    let old = Caller::of("old", &app.sign_in("sam").await);
    let admin_old = Caller::of("ad-old", &app.sign_in("ida").await);
    app.clock.outlive_proofs();
    let off = Caller::of("off", &app.sign_in("uma").await);
    let admin = app.sign_in("joe").await;
    assert_eq!(app.act(&admin, "uma", "/disable").await.status, 303);
    vec![
        Caller::of("nobody", &app.browser()),
        Caller::of("code", &app.give_password("tim").await),
        Caller::of("enrol", &app.give_password("wes").await),
        Caller::of("pw", &app.sign_in("ben").await),
        password_old,
        Caller::of("new", &app.sign_in("tom").await),
        old,
        Caller { may_act: true, ..Caller::of("admin", &admin) },
        Caller { may_act: true, ..admin_old },
        Caller::of("other", &app.sign_in("zoe").await),
        off,
    ]
}

/// One request, and the answer in a word.
async fn answer(
    app: &TestApp,
    method: &str,
    path: &str,
    headers: &[(&str, String)],
) -> (String, header::HeaderMap) {
    let mut request = Request::builder().method(method).uri(path).header("host", "localhost");
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    if method == "POST" {
        request = request
            .header("sec-fetch-site", "same-origin")
            .header("content-type", "application/x-www-form-urlencoded");
    }
    let request = request.body(Body::empty()).unwrap_or_else(|error| panic!("{path}: {error}"));
    let answer = app.site.ask_page(request, PEER).await;
    let (status, headers) = (answer.status(), answer.headers().clone());
    if let Some(to) = headers.get(header::LOCATION) {
        let to = to.to_str().unwrap().split('?').next().unwrap();
        let short = match to {
            "/sign-in" => "in",
            "/sign-in/code" => "code",
            "/enrolment" => "enrol",
            "/proof" => "proof",
            "/settings/security" => "own",
            "/settings/security/recovery-codes" => "codes",
            other => other,
        };
        return (format!(">{short}"), headers);
    }
    if status != StatusCode::FORBIDDEN {
        return (status.as_u16().to_string(), headers);
    }
    let page = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    let page = String::from_utf8_lossy(&page);
    let word = match () {
        () if page.contains("This page is for Admins") => "admins",
        () if page.contains("Confirm that it is you") => "ask",
        () => "403",
    };
    (word.to_owned(), headers)
}

/// Where else a token could stand, so that somebody might take it for a session's.
fn elsewhere(token: &str) -> (Vec<(&'static str, String)>, String) {
    let basic = |pair: String| ("authorization", format!("Basic {}", STANDARD.encode(pair)));
    let headers = vec![
        ("cookie", format!("vestibule-gate={token}")),
        ("authorization", format!("Bearer {token}")),
        basic(format!("ada@acme.example:{token}")),
    ];
    (headers, format!("?vestibule={token}&token={token}"))
}

/// The routes as method and path, those that change something last.
fn requests() -> Vec<(&'static str, &'static Route)> {
    let of = |route: &'static Route| {
        let page = route.page.then_some(("GET", route));
        page.into_iter().chain(route.form.map(|_| ("POST", route)))
    };
    let mut all: Vec<_> = ROUTES.iter().flat_map(of).collect();
    all.sort_by_key(|(method, route)| {
        (LAST.iter().position(|last| *method == "POST" && *last == route.path), route.path)
    });
    all
}

/// What the gate says of a page of the protected host.
async fn ask_gate(app: &TestApp, host: &str, query: &str, header: &(&str, String)) -> u16 {
    let request = Request::get(format!("/gate?proxy=caddy{query}"))
        .header("x-forwarded-host", host)
        .header("x-forwarded-uri", "/")
        .header("x-forwarded-method", "GET")
        .header("sec-fetch-mode", "navigate")
        .header("sec-fetch-dest", "document")
        .header(header.0, &header.1);
    app.site.ask_gate(&request.body(()).unwrap(), PEER.ip()).await.status().as_u16()
}

fn line(method: &str, path: &str, cells: &[String]) -> String {
    let mut line = format!("{method:4} {path:50}");
    for cell in cells {
        write!(line, " {cell:7}").unwrap();
    }
    line.trim_end().to_owned()
}

stories! {
    /// AT-32, AT-35, AT-47, AT-54: what each caller is answered at each route is what the table says;
    /// and by a token in any other place nobody is more than a stranger.
    async fn at_32_at_35_at_54_every_caller_at_every_route_is_answered_as_the_table_says(
        behind_proxies app
    ) {
        let house = House::of(&app).await;
        let mut callers = callers(&app).await;
        let host = "reports.localhost";
        app.protect(host).await;
        let at = app.at(host);
        at.enter(&app, &app.sign_in("cleo").await).await;
        let at_the_gate = at.client.cookie_named("vestibule-gate").unwrap();
        let watcher = app.sign_in("ada").await;
        let before = app.picture(&watcher).await;

        for caller in &callers {
            let Some(token) = caller.token() else { continue };
            let (mut headers, query) = elsewhere(token);
            headers.push(("cookie", format!("vestibule={token}")));
            for header in headers {
                assert_eq!(ask_gate(&app, host, "", &header).await, 302, "{}: {header:?}", caller.name);
            }
            let query = query.replacen('?', "&", 1);
            let asked = ask_gate(&app, host, &query, &("accept", String::new())).await;
            assert_eq!(asked, 403, "no proxy of ours asks so");
        }
        let own = ("cookie", format!("vestibule-gate={at_the_gate}"));
        assert_eq!(ask_gate(&app, host, "", &own).await, 200, "and so it would be noticed");

        let names: Vec<String> = callers.iter().map(|caller| caller.name.to_owned()).collect();
        let mut table = vec![line("", "", &names)];
        for (method, route) in requests() {
            if (method, route.path) == ("POST", LAST[0]) {
                assert_eq!(app.picture(&watcher).await, before, "nothing has changed");
            }
            let strangers = answer(&app, method, &House::path_for_nobody(route, NOBODYS), &[]).await.0;
            let mut cells = Vec::new();
            for caller in &mut callers {
                let real = house.path(route);
                let path = if caller.may_act || route.path.contains("{token}") {
                    House::path_for_nobody(route, NOBODYS)
                } else {
                    real
                };
                if let Some(token) = caller.token() {
                    let (headers, query) = elsewhere(token);
                    for header in headers {
                        let got = answer(&app, method, &path, std::slice::from_ref(&header)).await.0;
                        assert_eq!(got, strangers, "{method} {path} with {header:?} of {}", caller.name);
                    }
                    let got = answer(&app, method, &format!("{path}{query}"), &[]).await.0;
                    assert_eq!(got, strangers, "{method} {path} with the query of {}", caller.name);
                }
                let cookies = [("cookie", caller.cookie_header())];
                let cookies = if caller.cookies.is_empty() { &[][..] } else { &cookies[..] };
                let (got, headers) = answer(&app, method, &path, cookies).await;
                caller.keep(&headers);
                cells.push(got);
            }
            let path = House::path_for_nobody(route, NOBODYS);
            let (mut headers, query) = elsewhere(&at_the_gate);
            headers.push(("cookie", format!("vestibule={at_the_gate}")));
            for header in headers {
                let got = answer(&app, method, &path, std::slice::from_ref(&header)).await.0;
                assert_eq!(got, strangers, "{method} {path} with the gate's token as {header:?}");
            }
            let got = answer(&app, method, &format!("{path}{query}"), &[]).await.0;
            assert_eq!(got, strangers, "{method} {path} with the gate's token in the query");
            table.push(line(method, route.path, &cells));
        }
        let (table, expected) = (table.join("\n"), TABLE.trim_end());
        assert!(table == expected, "it is:\n{table}\n");
    }
}
