//! Makes up a request: a route or something like one, whose browser sends it, what it says.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::http::header::{HeaderName, HeaderValue};
use axum::http::{Method, Uri};
use percent_encoding::{AsciiSet, CONTROLS, percent_encode};
use vestibule_testkit::TestApp;
use vestibule_testkit::client::{encode, escape};

use super::draws::Draws;
use super::routes::{ROUTES, Route};
use super::sent::Sent;
use super::values::{MARKUP, mutated, token, value_of, weird};
use super::world::{BROWSER, GATE, Jar, NONCE, SESSION, World};

/// What can stand in no request line at all, and never reaches us.
const IMPOSSIBLE: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'`')
    .add(b'{')
    .add(b'}')
    .add(b'\\')
    .add(b'^')
    .add(b'|')
    .add(b'#');
const FORM: &str = "application/x-www-form-urlencoded";
const ORIGIN: &str = "https://login.acme.example";
const KINDS: [&str; 7] = [
    "application/x-www-form-urlencoded; charset=utf-16",
    "application/json",
    "multipart/form-data; boundary=b",
    "text/plain",
    "",
    "APPLICATION/X-WWW-FORM-URLENCODED",
    "\u{e9}",
];

/// One chapter's maker of requests.
pub(super) struct Grammar<'a> {
    pub(super) app: &'a TestApp,
    pub(super) world: &'a World,
    pub(super) draws: &'a mut Draws,
    /// Whether this one is meant well.
    pub(super) earnest: bool,
}

impl Grammar<'_> {
    /// The next request.
    pub(super) fn request(&mut self) -> Sent {
        if self.draws.percent(15) {
            return self.question();
        }
        self.earnest = self.draws.percent(70);
        let jar = self.draws.percent(88).then(|| self.draws.below(self.world.jars.len()));
        // Most browsers take the step that they are led to, or nobody would come far.
        let step = jar.and_then(|jar| match &self.world.jars[jar] {
            Jar { session: None, .. } => Some("/sign-in"),
            Jar { next, .. } => *next,
        });
        let step = step.filter(|_| self.draws.percent(60));
        let (at, route) = step.map_or_else(|| self.route(), route_of);
        self.earnest |= step.is_some();
        let whole = self.earnest || self.draws.percent(60);
        let (method, body_kind) = match step {
            Some(_) => (Method::POST, Some(FORM)),
            None => self.method(route, whole),
        };
        let who = self.who(jar);
        let path = self.path(route, whole);
        let mut uri = path;
        if method != Method::POST && self.draws.percent(60) || self.draws.percent(5) {
            uri = format!("{uri}?{}", self.form(route, &who));
        }
        let mut headers = self.cookies(jar);
        headers.extend(self.surroundings(method == Method::POST));
        let body = match body_kind {
            Some(kind) => {
                headers.push(("content-type", kind.into()));
                self.body(route, &who)
            }
            None => vec![],
        };
        let route = whole.then_some(at);
        self.sent(false, method, uri.as_bytes(), headers, body, jar, route)
    }

    /// A route; those that end something come seldom, or little would be left to try.
    fn route(&mut self) -> (usize, &'static Route) {
        let ends =
            ["/remove", "/disable", "/end-others", "/end", "/sign-out", "/reset", "/role", "/mfa"];
        loop {
            let at = self.draws.below(ROUTES.len());
            let is_end = ends.iter().any(|end| ROUTES[at].path.ends_with(end));
            if !is_end || self.draws.percent(8) {
                return (at, &ROUTES[at]);
            }
        }
    }

    /// What a proxy asks the gate.
    fn question(&mut self) -> Sent {
        let dialects =
            ["proxy=nginx", "proxy=caddy", "proxy=traefik", "proxy=apache", "", "proxy=nginx&x"];
        let uri = format!("/gate?{}", self.draws.one(&dialects));
        let mut headers = vec![];
        let jar = Some(self.draws.below(self.world.jars.len()));
        self.earnest = self.draws.percent(50);
        for (name, good) in [
            ("x-forwarded-host", self.draws.one(&self.world.hosts).clone()),
            ("x-forwarded-uri", "/reports?of=today".to_owned()),
            (
                "x-forwarded-method",
                (*self.draws.one(&["GET", "HEAD", "POST", "get", "BREW"])).to_owned(),
            ),
        ] {
            let times = if self.earnest { 1 } else { *self.draws.one(&[1, 1, 1, 1, 1, 0, 2]) };
            for _ in 0..times {
                let value = if self.earnest || self.draws.percent(75) {
                    good.clone()
                } else {
                    weird(self.draws)
                };
                headers.push((name, value));
            }
        }
        let gate = self.draws.any(&self.world.gate).cloned().unwrap_or_default();
        let nonce = self.draws.any(&self.world.nonces).cloned().unwrap_or_default();
        let session = self.session(jar);
        let cookie = match if self.earnest { 99 } else { self.draws.below(10) } {
            0 => String::new(),
            1 => format!("{GATE}={session}"),
            2 => format!("{GATE}={gate}; {GATE}={gate}"),
            3 => format!("{SESSION}={gate}"),
            4 => weird(self.draws),
            5 => format!("{NONCE}={nonce}"),
            6 => format!("{GATE}={}; {NONCE}={nonce}", mutated(&gate, self.draws)),
            _ => format!("a=b; {GATE}={gate}"),
        };
        headers.push(("cookie", cookie));
        if self.draws.percent(60) {
            headers.push(("sec-fetch-mode", "navigate".into()));
            headers.push(("sec-fetch-dest", "document".into()));
        }
        let method = self.draws.one(&[Method::GET, Method::HEAD, Method::POST]).clone();
        self.sent(true, method, uri.as_bytes(), headers, vec![], None, None)
    }

    fn method(&mut self, route: &Route, whole: bool) -> (Method, Option<&'static str>) {
        let kind = if self.draws.percent(85) { FORM } else { *self.draws.one(&KINDS) };
        match self.draws.below(100) {
            _ if self.earnest && !route.takes.0 => (Method::POST, Some(FORM)),
            _ if self.earnest && !route.takes.1 => (Method::GET, None),
            0..=5 => {
                let others = ["HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "BREW", "post"];
                let method = Method::from_bytes(self.draws.one::<&str>(&others).as_bytes());
                (method.unwrap_or(Method::GET), self.draws.percent(50).then_some(kind))
            }
            6..=45 if whole && !route.path.starts_with("/static") => (Method::POST, Some(kind)),
            _ => (Method::GET, None),
        }
    }

    fn who(&mut self, jar: Option<usize>) -> String {
        match jar {
            Some(jar) if self.earnest || self.draws.percent(60) => self.world.jars[jar].who.clone(),
            _ => self.draws.one(&self.world.people).clone(),
        }
    }

    fn path(&mut self, route: &Route, whole: bool) -> String {
        if route.path == "/.vestibule/callback"
            && self.draws.percent(80)
            && let Some(to) = self.draws.any(&self.world.hand_overs)
            && let Some((_, path)) = to.split_once(".acme.example")
        {
            return path.to_owned();
        }
        if route.path.ends_with("{token}")
            && self.draws.percent(50)
            && let Some(link) = self.draws.any(&self.world.links)
        {
            return link.clone();
        }
        let id = if self.earnest || self.draws.percent(60) {
            self.draws.one(&self.world.ids).clone()
        } else {
            escape(&weird(self.draws))
        };
        let token = token(self.world, self.draws);
        let path = route.path.replace("{id}", &id).replace("{token}", &escape_some(&token));
        if whole {
            return path;
        }
        match self.draws.below(8) {
            0 => format!("{path}/"),
            1 => format!("/{path}"),
            2 => path.replace('/', "/./"),
            3 => path.replace('/', "%2f"),
            4 => path.to_uppercase(),
            5 => format!("{path}/{}", escape(&weird(self.draws))),
            6 => format!("/{}", weird(self.draws)),
            _ => mutated(&path, self.draws),
        }
    }

    /// The fields of a route as a form is written, well or badly.
    fn form(&mut self, route: &Route, who: &str) -> String {
        let mut pairs = vec![];
        for field in route.fields {
            if self.earnest || self.draws.percent(90) {
                let value = if self.earnest || self.draws.percent(50) {
                    value_of(field, who, self.world, self.app, self.draws)
                } else {
                    weird(self.draws)
                };
                pairs.push((*field, value));
            }
        }
        if !self.earnest && self.draws.percent(20) {
            let name = *self.draws.one(&["x", "return_to", "act", "", MARKUP]);
            pairs.push((name, weird(self.draws)));
        }
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(n, v)| (*n, v.as_str())).collect();
        encode(&pairs)
    }

    fn body(&mut self, route: &Route, who: &str) -> Vec<u8> {
        let good = self.form(route, who);
        match if self.earnest { 99 } else { self.draws.below(30) } {
            0 => format!("{good}&{good}").into_bytes(),
            1 => [good.as_bytes(), &self.draws.bytes(200)].concat(),
            2 => [good.as_bytes(), b"&x=%ff%fe"].concat(),
            3 => [good.as_bytes(), b"&x=%00"].concat(),
            4 => (0..self.draws.below(60))
                .map(|n| format!("f{n}=x&"))
                .collect::<String>()
                .into_bytes(),
            5 => format!("{good}&x={}", "a".repeat(66_000)).into_bytes(),
            6 => format!("{{\"email\":\"{}\"}}", weird(self.draws)).into_bytes(),
            7 => format!(
                "--b\r\nContent-Disposition: form-data; name=\"code\"\r\n\r\n{good}\r\n--b--"
            )
            .into_bytes(),
            8 => escape(&good).into_bytes(),
            9 => good[..self.draws.below(good.len() + 1)].as_bytes().to_vec(),
            10 => vec![],
            11 => self.draws.bytes(3_000),
            _ => good.into_bytes(),
        }
    }

    fn session(&mut self, jar: Option<usize>) -> String {
        let own = jar.and_then(|jar| self.world.jars[jar].session.clone());
        own.unwrap_or_default()
    }

    fn cookies(&mut self, jar: Option<usize>) -> Vec<(&'static str, String)> {
        let session = self.session(jar);
        let browser = jar.and_then(|jar| self.world.jars[jar].browser.clone());
        let gate = self.draws.any(&self.world.gate).cloned().unwrap_or_default();
        let stale = self.draws.any(&self.world.stale).cloned().unwrap_or_default();
        let line = match if self.earnest { 99 } else { self.draws.below(16) } {
            0 => format!("{SESSION}={stale}"),
            1 => format!("{SESSION}={}", mutated(&session, self.draws)),
            2 => format!("{SESSION}={session}; {SESSION}={session}"),
            3 => format!("vestibule={session}"),
            4 => format!("{SESSION}={gate}"),
            5 => format!("{BROWSER}={session}"),
            6 => weird(self.draws),
            7 => format!("{SESSION}={}", weird(self.draws)),
            _ if session.is_empty() => String::new(),
            _ => format!("a=b; {SESSION}={session}"),
        };
        let mut headers = vec![("cookie", line)];
        if let Some(browser) = browser.filter(|_| self.draws.percent(80)) {
            headers.push(("cookie", format!("{BROWSER}={browser}")));
        }
        if self.draws.percent(25) {
            let nonce = self.draws.any(&self.world.nonces).cloned().unwrap_or_default();
            headers.push(("cookie", format!("{NONCE}={nonce}")));
        }
        headers
    }

    /// What browsers and proxies say beside, and what others say in their place.
    fn surroundings(&mut self, changes: bool) -> Vec<(&'static str, String)> {
        let mut headers: Vec<(&'static str, String)> = vec![];
        if changes && (self.earnest || self.draws.percent(85)) {
            headers.push(("sec-fetch-site", "same-origin".into()));
            headers.push(("origin", ORIGIN.into()));
        }
        if self.draws.percent(20) {
            let referrer = format!(
                "{ORIGIN}{}",
                value_of("return_to", "ada", self.world, self.app, self.draws)
            );
            headers.push(("referer", referrer));
        }
        if self.draws.percent(50) {
            let network = self.draws.below(60);
            headers.push(("x-forwarded-for", format!("203.0.113.{network}, 198.51.{network}.7")));
        }
        if self.draws.percent(15) {
            headers.push(("x-forwarded-host", self.draws.one(&self.world.hosts).clone()));
        }
        for name in [
            "user-agent",
            "x-forwarded-for",
            "x-forwarded-host",
            "x-forwarded-proto",
            "host",
            "origin",
            "sec-fetch-site",
            "authorization",
            "accept-language",
            "range",
            "if-none-match",
            "x-http-method-override",
            "transfer-encoding",
            "expect",
        ] {
            if !self.earnest && self.draws.percent(6) {
                let value = match self.draws.below(4) {
                    0 => (*self.draws.one(&["Bearer x", "null", "none", "127.0.0.1:80", "[::1]"]))
                        .to_owned(),
                    1 => format!("Bearer {}", self.session(Some(0))),
                    _ => weird(self.draws),
                };
                headers.push((name, value));
            }
        }
        headers
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of a request, put together here alone"
    )]
    fn sent(
        &mut self,
        to_gate: bool,
        method: Method,
        uri: &[u8],
        headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
        jar: Option<usize>,
        route: Option<usize>,
    ) -> Sent {
        let possible = Uri::try_from(uri).ok().filter(|it| it.path().starts_with('/'));
        let written = percent_encode(uri, IMPOSSIBLE).to_string();
        let uri = possible.or_else(|| Uri::try_from(written).ok());
        let headers = headers.into_iter().filter_map(|(name, value)| {
            let value = HeaderValue::from_bytes(value.as_bytes()).ok()?;
            Some((HeaderName::from_static(name), value))
        });
        // Nine in ten come through the proxy, the others by themselves.
        let peer =
            if self.draws.percent(95) { Ipv4Addr::LOCALHOST } else { Ipv4Addr::new(192, 0, 2, 9) };
        Sent {
            to_gate,
            method,
            uri: uri.unwrap_or_else(|| Uri::from_static("/")),
            headers: headers.collect(),
            body,
            peer: SocketAddr::from((IpAddr::from(peer), 4711)),
            jar,
            route,
        }
    }
}

fn route_of(path: &str) -> (usize, &'static Route) {
    let at = ROUTES.iter().position(|route| route.path == path).unwrap_or_default();
    (at, &ROUTES[at])
}

/// A token as it stands in a path: what cannot is written out.
fn escape_some(token: &str) -> String {
    if token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) {
        token.to_owned()
    } else {
        escape(token)
    }
}
