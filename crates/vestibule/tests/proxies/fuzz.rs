//! AT-87: request lines and the headers of other gates, malformed in every way that comes to mind,
//! through the proxies and straight to Vestibule: none is ever answered with a yes.

use std::collections::BTreeMap;

use tokio::task::JoinSet;
use vestibule_testkit::{raw, stories};

use crate::gated::through_proxies;

/// Requests of each kind. They are the same at every run, so that what fails fails again.
const TRIES: usize = 1_500;

/// A generator that needs no seed from outside (`SplitMix64`).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.roll() % most as u64).unwrap()
    }

    fn one_of<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len())]
    }
}

/// What URIs are made of, and what breaks them.
const PIECES: [&[u8]; 44] = [
    b"/",
    b"//",
    b"\\",
    b"..",
    b"/../",
    b"/./",
    b"%2e%2e",
    b"%2f",
    b"%5c",
    b"%00",
    b"%0d%0a",
    b"%",
    b"%zz",
    b"%u002e",
    b"%c0%ae",
    b";",
    b";x=y",
    b"?",
    b"??",
    b"#",
    b"&",
    b"=",
    b"*",
    b"@",
    b":",
    b":80",
    b"[::1]",
    b"http://",
    b"https://",
    b"http:///",
    b"//evil.example",
    b"app.localhost",
    b".vestibule/callback",
    b".vestibule/gate",
    b"gate",
    b"gate?proxy=nginx",
    b"gate?proxy=caddy",
    b"code=A",
    b"return_to=//x",
    b"\xff\xfe",
    b"\xc3\xbc",
    b"\t",
    b"\x0b",
    b"~^{}|`<>\"'",
];

const METHODS: [&str; 9] =
    ["GET", "HEAD", "POST", "OPTIONS", "CONNECT", "TRACE", "get", "G\u{e9}T", ""];
const VERSIONS: [&str; 7] =
    ["HTTP/1.1", "HTTP/1.0", "HTTP/0.9", "HTTP/2.0", "HTTP/1.1 x", "http/1.1", ""];
const NAMES: [&str; 14] = [
    "X-Original-URL",
    "X-Original-URI",
    "X-Original-Method",
    "X-Original-Host",
    "X-Rewrite-URL",
    "X-Forwarded-Uri",
    "X-Forwarded-URI",
    "X-Forwarded-Method",
    "X-Forwarded-Host",
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "Forwarded",
    "Host",
    "Cookie",
];

fn uri(dice: &mut Dice) -> Vec<u8> {
    let mut uri = if dice.below(8) == 0 { vec![] } else { b"/".to_vec() };
    for _ in 0..dice.below(5) {
        uri.extend(dice.one_of(&PIECES));
    }
    if dice.below(40) == 0 {
        uri.extend(vec![b'a'; 20_000]);
    }
    uri
}

/// What is as it should be, or once in eight times what is not. With more of that, hardly anything
/// would come as far as the gate.
fn now_and_then<'a>(dice: &mut Dice, good: &'a [u8], bad: &[&'a [u8]]) -> &'a [u8] {
    if dice.below(8) == 0 { dice.one_of(bad) } else { good }
}

fn lines(dice: &mut Dice, most: usize) -> Vec<u8> {
    let mut lines = vec![];
    for _ in 0..dice.below(most + 1) {
        lines.extend(dice.one_of(&NAMES).bytes());
        lines.extend(now_and_then(dice, b": ", &[b":", b" : ", b":\t", b"\r\n : "]));
        lines.extend(uri(dice));
        lines.extend(now_and_then(dice, b"\r\n", &[b"\n", b"\r", b"\r\n x\r\n"]));
    }
    lines
}

fn request(dice: &mut Dice, host: &str, target: Option<&str>) -> Vec<u8> {
    let method = if dice.below(4) == 0 { dice.one_of(&METHODS) } else { "GET" };
    let version = if dice.below(12) == 0 { dice.one_of(&VERSIONS) } else { "HTTP/1.1" };
    let mut bytes = format!("{method} ").into_bytes();
    bytes.extend(target.map_or_else(|| uri(dice), |target| target.as_bytes().to_vec()));
    bytes.extend(format!(" {version}\r\nHost: {host}\r\nConnection: close\r\n").bytes());
    if target.is_some() && dice.below(4) > 0 {
        let asked =
            "X-Forwarded-Host: open.localhost\r\nX-Forwarded-Uri: /\r\nX-Forwarded-Method: GET\r\n";
        bytes.extend(asked.bytes());
    }
    bytes.extend(lines(dice, 2));
    bytes.extend(b"\r\n");
    bytes
}

/// Sends them a few at a time. None may be answered with a yes; answers how often each status came.
async fn send_all(port: u16, requests: Vec<Vec<u8>>) -> BTreeMap<u16, usize> {
    let (mut sending, mut statuses) = (JoinSet::new(), BTreeMap::new());
    for request in requests {
        if sending.len() >= 16 {
            *statuses.entry(sending.join_next().await.unwrap().unwrap()).or_default() += 1;
        }
        sending.spawn(async move {
            let answer = raw::send_and_leave(port, &request).await;
            let shown = String::from_utf8_lossy(&request);
            // 0 where nothing was answered.
            assert!(answer.status == 0 || answer.status >= 300, "{shown}\n{answer:?}");
            assert!(answer.values("Remote-User").is_empty(), "{shown}\n{answer:?}");
            answer.status
        });
    }
    while let Some(sent) = sending.join_next().await {
        *statuses.entry(sent.unwrap()).or_default() += 1;
    }
    statuses
}

/// Enough of them came as far as the gate to say something.
#[track_caller]
fn must_have_asked(statuses: &BTreeMap<u16, usize>, no: &[u16]) {
    let asked: usize = no.iter().filter_map(|status| statuses.get(status)).sum();
    assert!(asked > TRIES / 4, "{statuses:?}");
}

through_proxies! {
    /// AT-87, through the proxy: nobody is let in, and nothing reaches the application.
    async fn at_87_no_malformed_request_is_a_yes(gated) {
        gated.app.protect("open.localhost").await;
        let mut dice = Dice(87);
        let host = gated.proxy.host();
        let requests = (0..TRIES).map(|_| request(&mut dice, &host, None)).collect();
        must_have_asked(&send_all(gated.proxy.port, requests).await, &[302, 401]);
        let seen = gated.upstream.new_ones();
        assert!(seen.is_empty(), "{seen:?}");
        // The proxy and Vestibule are as they were.
        let ben = gated.at_application("ben").await;
        assert_eq!(ben.fetch("/").await.status, 200);
    }
}

stories! {
    /// AT-87, straight to the gate, as a proxy asks that passes on what it should not.
    async fn at_87_no_malformed_question_is_a_yes(behind_proxies app) {
        app.protect("open.localhost").await;
        let mut dice = Dice(88);
        let requests = (0..TRIES).map(|_| {
            let target = dice.one_of(&[
                "/gate?proxy=nginx", "/gate?proxy=caddy", "/gate?proxy=traefik", "/gate", "/gate?proxy=",
                "/gate?proxy=nginx&proxy=caddy", "/gate?proxy=%6eginx", "//gate?proxy=nginx",
                "/.vestibule/callback", "/.vestibule/callback?code=AAAA&return_to=/",
            ]);
            request(&mut dice, "open.localhost", Some(target))
        });
        let statuses = send_all(app.port(), requests.collect()).await;
        must_have_asked(&statuses, &[302, 401, 403]);
        let ben = app.sign_in("ben").await;
        app.at("open.localhost").enter(&app, &ben).await;
    }
}
