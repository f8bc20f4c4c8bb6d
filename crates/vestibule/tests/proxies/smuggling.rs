//! AT-88: what a client says about itself in headers, in every spelling, never reaches the
//! application; what Vestibule says always does.

use vestibule_testkit::proxies::Kind;
use vestibule_testkit::upstream::{IDENTITY, Seen};

use crate::gated::{Gated, Visitor, through_proxies};

const FORGED: &str = "mallory";

/// Lines that an application, or something on the way to it, may take for our header.
fn spellings(name: &str) -> Vec<Vec<String>> {
    let (prefix, suffix) = name.split_once('-').unwrap();
    let (lower, upper) = (name.to_lowercase(), name.to_uppercase());
    let one = |name: String| vec![format!("{name}: {FORGED}")];
    let mut all: Vec<Vec<String>> = [
        name.to_owned(),
        lower.clone(),
        upper.clone(),
        format!("{prefix}_{suffix}"),
        upper.replace('-', "_"),
        lower.replace('-', "_"),
        format!("{prefix}.{suffix}"),
        format!("{prefix}--{suffix}"),
        format!("{prefix}-_{suffix}"),
        format!("{prefix}~{suffix}"),
        format!("{prefix}+{suffix}"),
        format!("{prefix}!{suffix}"),
        format!("_{name}"),
        format!("{name}_"),
        format!("_{prefix}_{suffix}_"),
        format!("-{name}"),
        format!("{name}-"),
        format!(".{name}"),
        format!("{name} "),
        format!(" {name}"),
        format!("\t{name}"),
        format!("{name}\0"),
        format!("{name}\u{a0}"),
        format!("X: y\r{name}"),
        format!("X: y\n{name}"),
        format!("HTTP_{}", upper.replace('-', "_")),
    ]
    .into_iter()
    .map(one)
    .collect();
    // Twice, in two spellings, and without a value.
    all.push(vec![format!("{name}: {FORGED}"), format!("{name}: {FORGED}2")]);
    all.push(vec![format!("{name}: {FORGED}"), format!("{prefix}_{suffix}: {FORGED}2")]);
    all.push(vec![format!("{name}: {FORGED}, {FORGED}")]);
    all.push(vec![format!("{name}:")]);
    all.push(vec![format!("{prefix}_{suffix}:")]);
    // Folded, as its own line and as a continuation.
    all.push(vec![format!("X-Folded: a\r\n {name}: {FORGED}")]);
    all.push(vec![format!("{name}: a\r\n\t{FORGED}")]);
    // Taken away on the way (RFC 9110, section 7.6.1).
    for connection in ["close, ", "close,,", ""] {
        all.push(vec![format!("Connection: {connection}{name}")]);
    }
    all.push(vec![format!("Connection: close, {lower}"), format!("{prefix}_{suffix}: {FORGED}")]);
    all.push(vec![format!("Connection: {upper}"), "Connection: close".to_owned()]);
    all.push(vec![format!("Keep-Alive: {name}"), format!("Trailer: {name}")]);
    all.push(vec![format!("Proxy-Connection: {name}"), format!("TE: {name}")]);
    all
}

/// The application saw our values alone, each once, whatever name it reads them by.
#[track_caller]
fn must_be_bens(gated: &Gated, seen: &Seen, id: &str, lines: &[String]) {
    let expected = ["ben@acme.example", id, "Ben Okafor", "Acme Analytics", "Member", "AAL1"];
    assert_eq!(seen.identity(), expected, "{lines:?}");
    for (name, value) in &seen.headers {
        let ours = IDENTITY.iter().any(|ours| ours == name);
        // A folded line is part of the header before it, which is nobody's.
        let folded = name == "X-Folded";
        // nginx takes away names one by one. Other hyphens make another name to every application.
        let other = name.contains("--") || name.starts_with('-') || name.ends_with('-');
        let other =
            other && (gated.proxy.kind == Kind::Nginx || !name.to_lowercase().contains("remote"));
        let forged = value.contains(FORGED) || (name.to_lowercase().contains("remote") && !ours);
        assert!(!forged || folded || other, "{lines:?} arrived as {name:?}: {seen:?}");
    }
}

/// Names under which applications believe other gates.
const OTHER_GATES: [&str; 6] = [
    "Remote-Groups",
    "Remote-Email",
    "X-Remote-User",
    "X-Auth-Request-User",
    "X-Webauth-User",
    "X-Forwarded-Preferred-Username",
];

async fn try_all(gated: &Gated, ben: &Visitor, nobody: &Visitor) -> usize {
    let id = gated.app.id("ben").await.to_string();
    let mut arrived = 0;
    for name in IDENTITY.into_iter().chain(OTHER_GATES) {
        for lines in spellings(name) {
            // A line that begins with a space belongs to the one before it.
            let before = ["X-Folded: x"].into_iter();
            let sent: Vec<&str> = before.chain(lines.iter().map(String::as_str)).collect();
            let answer = gated.raw(ben, "GET /smuggled HTTP/1.1", &sent).await;
            let seen = gated.upstream.new_ones();
            // A proxy may refuse what is no header; it may not let through what is not ours.
            assert_eq!(answer.status == 200, !seen.is_empty(), "{lines:?}: {answer:?}");
            assert!(answer.status == 200 || answer.status == 400, "{lines:?}: {answer:?}");
            for seen in &seen {
                must_be_bens(gated, seen, &id, &lines);
                arrived += 1;
            }

            let answer = gated.raw(nobody, "GET /smuggled HTTP/1.1", &sent).await;
            assert!(answer.status == 401 || answer.status == 400, "{lines:?}: {answer:?}");
            let seen = gated.upstream.new_ones();
            assert!(seen.is_empty(), "{lines:?} opened the gate: {seen:?}");
        }
    }
    arrived
}

through_proxies! {
    /// AT-88.
    async fn at_88_nothing_is_smuggled_in(gated) {
        let ben = gated.at_application("ben").await;
        let arrived = try_all(&gated, &ben, &gated.visitor()).await;
        assert!(arrived > 100, "so few requests arrived that this says nothing: {arrived}");
    }

    /// Trailers are no headers, and a second request in one connection is a request of its own.
    async fn at_88_nothing_follows_a_body(gated) {
        let ben = gated.at_application("ben").await;
        let id = gated.app.id("ben").await.to_string();
        let lines = ["Transfer-Encoding: chunked", "Trailer: Remote-User"];
        let mut bytes = gated.bytes(&ben, "POST /trailer HTTP/1.1", &lines);
        bytes.extend(b"1\r\na\r\n0\r\nRemote-User: mallory\r\n\r\n");
        assert_eq!(gated.proxy.send(&bytes).await.status, 200);
        must_be_bens(&gated, &gated.upstream.only_one(), &id, &lines.map(str::to_owned));

        // Two lengths: whichever is believed, the application must see no request but Ben's.
        let inner = "GET /inner HTTP/1.1\r\nHost: x\r\nRemote-User: mallory\r\n\r\n";
        for lines in [
            vec!["Transfer-Encoding: chunked".to_owned(), format!("Content-Length: {}", inner.len() + 5)],
            vec!["Content-Length: 0".to_owned(), format!("Content-Length: {}", inner.len())],
            vec![format!("Content-Length: +{}", inner.len())],
            vec!["Transfer-Encoding: xchunked".to_owned()],
            vec!["Transfer-Encoding: chunked".to_owned(), "Transfer-Encoding: identity".to_owned()],
            vec!["Transfer_Encoding: chunked".to_owned()],
            vec!["Transfer-Encoding:\x0bchunked".to_owned()],
        ] {
            let sent: Vec<&str> = lines.iter().map(String::as_str).collect();
            let mut bytes = gated.bytes(&ben, "POST /outer HTTP/1.1", &sent);
            bytes.extend(b"0\r\n\r\n");
            bytes.extend(inner.bytes());
            gated.proxy.send(&bytes).await;
            for seen in gated.upstream.new_ones() {
                assert_ne!(seen.target, "/inner", "{lines:?}");
                must_be_bens(&gated, &seen, &id, &lines);
            }
        }
    }
}
