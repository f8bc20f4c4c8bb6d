//! What holds for every answer.

use super::routes::ROUTES;
use super::sent::{Received, Sent};
use super::world::{GATE, SESSION, World};

/// The public address.
const HERE: &str = "https://login.acme.example";
/// More than any page of a chapter's few people needs.
const LARGEST: usize = 4 * 1024 * 1024;
const IDENTITY: [&str; 6] = [
    "remote-user",
    "remote-id",
    "remote-name",
    "remote-account",
    "remote-role",
    "remote-assurance",
];

/// What does not hold for this answer to this request.
pub(super) fn violations(sent: &Sent, received: &Received, world: &World) -> Vec<String> {
    let mut found = vec![];
    let mut must = |holds: bool, what: &str| {
        if !holds {
            found.push(what.to_owned());
        }
    };
    let status = received.status.as_u16();
    let waits = status == 503 && received.headers.contains_key("retry-after");
    must(status < 500 || waits, "a failure of the server's");
    must(received.text().len() < LARGEST, "an answer that is too long");
    leaks(received, &mut must);
    cookies(received, &mut must);
    if sent.to_gate {
        gate(sent, received, world, &mut must);
    } else {
        dressed(sent, received, &mut must);
        leads_home(received, world, &mut must);
        doors(sent, received, world, &mut must);
    }
    found
}

fn header<'a>(received: &'a Received, name: &str) -> &'a str {
    let mut all = received.headers.get_all(name).iter();
    match (all.next(), all.next()) {
        (Some(value), None) => value.to_str().unwrap_or_default(),
        _ => "",
    }
}

/// Nothing of the inside, nothing that was typed as markup, no password.
fn leaks(received: &Received, must: &mut impl FnMut(bool, &str)) {
    let text = received.text();
    if header(received, "content-type").starts_with("text/html") {
        must(!text.contains("<xss"), "markup of the visitor's in a page");
    }
    must(!text.contains("walks through a marble garden"), "a password in an answer");
    for leak in ["panicked at", "RUST_BACKTRACE", "sqlx::", "/src/"] {
        must(!text.contains(leak), "the inside in an answer");
    }
}

fn cookies(received: &Received, must: &mut impl FnMut(bool, &str)) {
    for line in received.headers.get_all("set-cookie") {
        let line = line.to_str().unwrap_or_default();
        must(line.starts_with("__Host-vestibule"), "a cookie of another name");
        for attribute in ["; Path=/;", "; HttpOnly", "; SameSite=Lax", "; Secure"] {
            must(line.contains(attribute), "a cookie that goes elsewhere");
        }
        must(!line.to_ascii_lowercase().contains("domain"), "a cookie for a domain");
    }
}

/// The headers of every page.
fn dressed(sent: &Sent, received: &Received, must: &mut impl FnMut(bool, &str)) {
    let policy = header(received, "content-security-policy");
    for directive in
        ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action"]
    {
        must(policy.contains(directive), "no strict Content-Security-Policy");
    }
    must(!policy.contains("unsafe") && !policy.contains('*'), "a lenient Content-Security-Policy");
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        must(header(received, name) == value, name);
    }
    let told = header(received, "referrer-policy");
    must(["same-origin", "no-referrer"].contains(&told), "referrer-policy");
    must(!header(received, "permissions-policy").is_empty(), "permissions-policy");
    must(!header(received, "x-request-id").is_empty(), "x-request-id");
    let kept = header(received, "cache-control");
    must(kept == "no-store" || kept.contains("immutable"), "cache-control");
    let is_ours = sent.uri.path() != "/.vestibule/callback";
    must(received.headers.contains_key("strict-transport-security") == is_ours, "HSTS");
}

/// It leads to a path of this origin, or hands over to an application of somebody's here.
fn leads_home(received: &Received, world: &World, must: &mut impl FnMut(bool, &str)) {
    if !received.headers.contains_key("location") {
        return;
    }
    let to = header(received, "location");
    let within = to.starts_with('/') && !to.starts_with("//") && !to.starts_with("/\\");
    let hands_over = to.split_once("/.vestibule/callback?code=").is_some_and(|(host, _)| {
        let host = host.strip_prefix("https://").unwrap_or_default();
        world.hosts.iter().any(|known| known == host) || host == "wiki.localhost"
    });
    must(within || to.starts_with(&format!("{HERE}/")) || hands_over, "it leads elsewhere");
}

/// Behind the doors come sessions that were handed out, and nobody else.
fn doors(sent: &Sent, received: &Received, world: &World, must: &mut impl FnMut(bool, &str)) {
    let Some(route) = sent.route.map(|at| &ROUTES[at]) else { return };
    if route.open || received.status != 200 {
        return;
    }
    let brought = sent.cookies(SESSION);
    let known = brought.len() == 1 && world.issued.contains(&brought[0]);
    must(known, "a page behind a door for nobody");
}

/// A yes has every header of identity, and is said to a cookie that was handed out alone.
fn gate(sent: &Sent, received: &Received, world: &World, must: &mut impl FnMut(bool, &str)) {
    must(header(received, "cache-control") == "no-store", "cache-control");
    must(!header(received, "x-request-id").is_empty(), "x-request-id");
    let is_yes = received.status == 200;
    for name in IDENTITY {
        must(
            received.headers.contains_key(name) == is_yes,
            "identity headers without a yes, or half of them",
        );
    }
    if is_yes {
        let brought = sent.cookies(GATE);
        must(
            brought.len() == 1 && world.gate.contains(&brought[0]),
            "a yes to a cookie of nobody's",
        );
        must(sent.peer.ip().is_loopback(), "a yes to a stranger's word");
    } else {
        must(header(received, "x-content-type-options") == "nosniff", "nosniff");
        let allowed = [302, 401, 403, 503].contains(&received.status.as_u16());
        must(allowed, "an answer that no proxy understands");
        let to = header(received, "location");
        must(
            to.is_empty() || to.starts_with(&format!("{HERE}/hand-over?")),
            "the gate leads elsewhere",
        );
    }
}
