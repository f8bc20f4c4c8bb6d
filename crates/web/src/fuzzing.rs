//! For the fuzzer alone (`crates/proof/src/fuzz_targets`): what this crate parses, as functions of
//! plain values. The feature `fuzzing` opens it; no build that is shipped has it.

use std::net::IpAddr;

use axum::http::HeaderMap;
use ipnet::IpNet;
use url::Url;
use vestibule_domain::token::Token;

use crate::gate::asked::{Asked, Dialect};
use crate::pages::settings::audit;
use crate::request::fields::Fields;
use crate::request::return_to::ReturnTo;
use crate::request::{cookies, same_origin, visitor};

/// The fields of a form: names and values.
pub fn form(headers: &HeaderMap, body: &[u8]) -> Option<Vec<(String, String)>> {
    Fields::of_body(headers, body).ok().map(|fields| fields.all())
}

/// The fields that a page carries along in its source.
pub fn carried(headers: &HeaderMap, body: &[u8]) -> Option<Vec<(String, String)>> {
    Fields::of_body(headers, body).ok().map(|fields| fields.carried())
}

/// Where a target leads.
pub fn return_to(text: &str, public_url: &Url) -> String {
    ReturnTo::parse(text, public_url).to_string()
}

/// Where a `Referer` leads.
pub fn referrer(text: &str, public_url: &Url) -> String {
    ReturnTo::of_referrer(text, public_url).to_string()
}

/// The token of the cookie of this name.
pub fn cookie(name: &'static str, headers: &HeaderMap) -> Option<Token> {
    cookies::one_token(name, headers)
}

/// The address of a visitor.
pub fn visitor_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    visitor::address(peer, headers, trusted)
}

/// What a proxy asks the gate about: dialect, host, path, and whether a page is loaded.
pub fn gate_question(
    query: Option<&str>,
    headers: &HeaderMap,
) -> Option<(&'static str, String, String, bool)> {
    let dialect = match Dialect::of_query(query)? {
        Dialect::Nginx => "nginx",
        Dialect::Caddy => "caddy",
        Dialect::Traefik => "traefik",
    };
    let asked = Asked::read(headers)?.into_owned();
    Some((dialect, asked.host, asked.uri, asked.is_page_load))
}

/// Whether a change is taken.
pub fn takes_change(headers: &HeaderMap, public_url: &Url) -> bool {
    same_origin::is_ours(headers, public_url)
}

/// Whether a page is given.
pub fn gives_page(headers: &HeaderMap) -> bool {
    same_origin::is_visit(headers)
}

/// A search of the audit log: where its page begins, and its days, each in Unix milliseconds.
pub fn audit_search(query: &str) -> Option<AuditSearched> {
    let fields = Fields::of_query(Some(query)).ok()?;
    let search = audit::search_of(&fields)?;
    Some(AuditSearched {
        after: audit::page_key(&fields).map(|key| (key.at.millis(), key.id)),
        from: search.from.map(vestibule_domain::time::Timestamp::millis),
        until: search.until.map(vestibule_domain::time::Timestamp::millis),
    })
}

/// What was looked for.
pub struct AuditSearched {
    /// Where the page begins.
    pub after: Option<(i64, String)>,
    /// The first moment.
    pub from: Option<i64>,
    /// The moment after the last.
    pub until: Option<i64>,
}

/// The challenge of a hand-over.
pub fn challenge(text: &str) -> Option<[u8; 32]> {
    crate::pages::hand_over::challenge(text)
}
