//! Group I: the edge of forward-auth. AT-87 and AT-88 through real proxies stand in
//! `tests/proxies/`.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU64, Ordering};

use http::Request;
use vestibule_testkit::{Database, TestApp, stories};

const HOST: &str = "reports.acme.example";
const WIKI: &str = "wiki.acme.example";
const PROXY: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Numbers that are drawn anew at each run and told when something fails (xorshift64*).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let drawn = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(drawn).unwrap() % sides
    }

    fn one_of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.roll(all.len())]
    }
}

/// A request as bytes, header by header, before a parser of ours has seen it.
#[derive(Clone, Debug)]
struct Raw {
    query: String,
    headers: Vec<(&'static str, Vec<u8>)>,
}

impl Raw {
    /// What a proxy sends for who is signed in.
    fn good(token: &str) -> Self {
        let cookie = format!("__Host-vestibule-gate={token}");
        Self {
            query: "?proxy=caddy".into(),
            headers: vec![
                ("x-forwarded-host", HOST.into()),
                ("x-forwarded-uri", b"/reports?of=today".to_vec()),
                ("x-forwarded-method", b"GET".to_vec()),
                ("cookie", cookie.into()),
            ],
        }
    }

    /// Changes something, in one of the ways in which cookies and headers arrive broken.
    fn break_once(&mut self, dice: &mut Dice, token: &str, foreign: &str) {
        const BYTES: &[u8] = b"\t !\"%,;=@AZaz09-_./\\{}~\x80\xc3\xff";
        let at = dice.roll(self.headers.len());
        let (name, value) = &mut self.headers[at];
        match dice.roll(12) {
            0 => value.truncate(dice.roll(value.len() + 1)),
            1 => drop(value.drain(..dice.roll(value.len() + 1))),
            2 | 3 if !value.is_empty() => {
                let at = dice.roll(value.len());
                value[at] = BYTES[dice.roll(BYTES.len())];
            }
            4 => value.insert(dice.roll(value.len() + 1), BYTES[dice.roll(BYTES.len())]),
            5 => {
                let (name, value) = (*name, value.clone());
                self.headers.push((name, value));
            }
            6 => drop(self.headers.remove(at)),
            7 => value.extend_from_within(..),
            8 => {
                let names = [
                    "__Host-vestibule-gate",
                    "__host-vestibule-gate",
                    "vestibule-gate",
                    "__Host-vestibule",
                    "vestibule",
                    "__Host-vestibule-gate ",
                ];
                let name = dice.one_of(&names);
                let value = dice.one_of(&[token, foreign, "", "x", "\"\""]);
                let before = dice.one_of(&["", "a=b; ", ";;", "; ", "a; "]);
                let mut cookie = String::new();
                write!(cookie, "{before}{name}={value}").unwrap();
                if dice.roll(2) == 0 {
                    write!(
                        cookie,
                        "; __Host-vestibule-gate={}",
                        dice.one_of(&[token, foreign, "y"])
                    )
                    .unwrap();
                }
                *self
                    .headers
                    .iter_mut()
                    .find(|(name, _)| *name == "cookie")
                    .map_or(&mut Vec::new(), |(_, value)| value) = cookie.into();
            }
            9 => {
                let values = [
                    "evil.example",
                    "wiki.acme.example",
                    "login.acme.example",
                    "reports.acme.example.",
                    "reports.acme.example:8443",
                    "/",
                    "//",
                    "*",
                    "GET",
                    "",
                    "http://reports.acme.example/",
                    "\u{fffd}",
                ];
                *value = dice.one_of(&values).as_bytes().to_vec();
            }
            10 => {
                let random: Vec<u8> =
                    (0..dice.roll(80)).map(|_| BYTES[dice.roll(BYTES.len())]).collect();
                *value = random;
            }
            _ => {
                let queries = [
                    "",
                    "?",
                    "?proxy=",
                    "?proxy=nginx&proxy=caddy",
                    "?proxy=Caddy",
                    "?x=1",
                    "?proxy=caddy#",
                    "?proxy=caddy%00",
                    "?proxy=nginx",
                    "?proxy=traefik",
                ];
                self.query = dice.one_of(&queries).into();
            }
        }
    }

    /// Whether it is, after all, what a proxy sends for who is signed in: written without any
    /// function of the program.
    fn is_good(&self, token: &str, foreign: &str) -> bool {
        let one = |name: &str| {
            let mut values = self.headers.iter().filter(|(known, _)| *known == name);
            let value = values.next().map(|(_, value)| value.trim_ascii());
            value.filter(|_| values.next().is_none())
        };
        let is_path = |path: &[u8]| {
            path.first() == Some(&b'/') && path.iter().all(|byte| (0x21..0x7f).contains(byte))
        };
        let is_token = |method: &[u8]| {
            !method.is_empty()
                && method
                    .iter()
                    .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b))
        };
        let is_at = |host: &str, name: &str| host == name || host == format!("{name}:443");
        let cookies = self.headers.iter().filter(|(name, _)| *name == "cookie");
        let cookies = cookies.flat_map(|(_, line)| line.split(|byte| *byte == b';'));
        let gate: Vec<&[u8]> = cookies
            .filter_map(|pair| pair.trim_ascii().strip_prefix(b"__Host-vestibule-gate="))
            .collect();
        let known = ["?proxy=nginx", "?proxy=caddy", "?proxy=traefik"];
        known.contains(&self.query.trim_end_matches('#'))
            && one("x-forwarded-uri").is_some_and(is_path)
            && one("x-forwarded-method").is_some_and(is_token)
            && one("x-forwarded-host").is_some_and(|host| {
                let host = String::from_utf8_lossy(host).to_ascii_lowercase();
                // Each cookie is good at its own host, and at no other.
                (is_at(&host, HOST) && gate == [token.as_bytes()])
                    || (is_at(&host, WIKI) && gate == [foreign.as_bytes()])
            })
    }

    fn request(&self) -> Option<Request<()>> {
        let mut request = Request::get(format!("/gate{}", self.query));
        for (name, value) in &self.headers {
            request =
                request.header(*name, http::HeaderValue::from_bytes(value.trim_ascii()).ok()?);
        }
        request.body(()).ok()
    }
}

/// Sends so many broken requests past the socket, and counts those that were good after all.
async fn at_86_broken(app: &TestApp, requests: usize) {
    app.protect(HOST).await;
    app.protect(WIKI).await;
    let (at, elsewhere) = (app.at(HOST), app.at(WIKI));
    at.enter(app, &app.sign_in("cleo").await).await;
    elsewhere.enter(app, &app.sign_in("ben").await).await;
    let cookie = |at: &vestibule_testkit::protected::Protected| {
        at.client.cookie_named("__Host-vestibule-gate").unwrap()
    };
    let (token, foreign) = (cookie(&at), cookie(&elsewhere));
    let good = Raw::good(&token).request().unwrap();
    assert_eq!(app.site.ask_gate(&good, PROXY).await.status(), 200);

    let seed = u64::from_be_bytes(app.vestibule.random_bytes()) | 1;
    let (sent, passed) = (AtomicU64::new(0), AtomicU64::new(0));
    let run = async |part: u64| {
        let mut dice = Dice(seed.wrapping_add(part.wrapping_mul(0x9E37_79B9_7F4A_7C15)) | 1);
        for _ in 0..requests / 2 {
            let mut raw = Raw::good(&token);
            for _ in 0..=dice.roll(3) {
                if !raw.headers.is_empty() {
                    raw.break_once(&mut dice, &token, &foreign);
                }
            }
            let Some(request) = raw.request() else { continue };
            let answer = app.site.ask_gate(&request, PROXY).await;
            sent.fetch_add(1, Ordering::Relaxed);
            let yes = answer.status() == 200;
            assert_eq!(yes, raw.is_good(&token, &foreign), "seed {seed}: {raw:?}");
            assert_eq!(yes, answer.headers().contains_key("remote-user"), "seed {seed}: {raw:?}");
            passed.fetch_add(u64::from(yes), Ordering::Relaxed);
        }
    };
    tokio::join!(run(1), run(2));
    let (sent, passed) = (sent.into_inner(), passed.into_inner());
    println!("{sent} requests, {passed} of them were good after all; seed {seed}");
    assert!(passed * 5 < sent, "most must be broken");
    assert!(sent * 10 > requests as u64 * 6, "most must be sent");
}

/// AT-86: a million malformed, forged, truncated, doubled and foreign cookies and headers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_86_a_million_broken_cookies_and_headers_are_never_let_in() {
    let app = TestApp::https(Database::Sqlite).await;
    at_86_broken(&app, 1_000_000).await;
}

stories! {
    /// AT-86: a few of them, on both databases.
    async fn at_86_a_broken_cookie_is_never_let_in(https app) {
        at_86_broken(&app, 4_000).await;
    }

    /// AT-86: while the database is away, every one of them is refused as well.
    async fn at_86_nothing_is_let_in_while_the_gate_cannot_know(https app) {
        app.protect(HOST).await;
        let at = app.at(HOST);
        at.enter(&app, &app.sign_in("cleo").await).await;
        let token = at.client.cookie_named("__Host-vestibule-gate").unwrap();
        app.stop_hearing();
        app.store.close().await;
        let mut dice = Dice(7);
        for _ in 0..2_000 {
            let mut raw = Raw::good(&token);
            if dice.roll(2) == 0 {
                raw.break_once(&mut dice, &token, "x");
            }
            let Some(request) = raw.request() else { continue };
            let answer = app.site.ask_gate(&request, PROXY).await;
            assert!(matches!(answer.status().as_u16(), 403 | 503), "{raw:?}");
        }
    }

    /// Whoever is no proxy cannot speak for one.
    async fn at_88_a_stranger_speaks_for_no_proxy(https app) {
        app.protect(HOST).await;
        let at = app.at(HOST);
        at.enter(&app, &app.sign_in("cleo").await).await;
        let token = at.client.cookie_named("__Host-vestibule-gate").unwrap();
        let request = Raw::good(&token).request().unwrap();
        for peer in ["192.0.2.1", "10.0.0.1", "::ffff:192.0.2.1", "2001:db8::1"] {
            let answer = app.site.ask_gate(&request, peer.parse().unwrap()).await;
            assert_eq!(answer.status(), 403, "{peer}");
        }
        let mapped = "::ffff:127.0.0.1".parse().unwrap();
        assert_eq!(app.site.ask_gate(&request, mapped).await.status(), 200);
    }
}
