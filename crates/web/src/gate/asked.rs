//! What a proxy asks about: which host, path and method, and whether a browser waits for a page.
//!
//! Only headers that the proxy sets itself are read, each exactly once. What is doubled, missing or
//! not written as it should be is no question that could be answered with yes.

use axum::http::header::{self, HeaderName};
use axum::http::{HeaderMap, Method};
use vestibule_guards::guard;

const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_URI: HeaderName = HeaderName::from_static("x-forwarded-uri");
const FORWARDED_METHOD: HeaderName = HeaderName::from_static("x-forwarded-method");
const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// How a proxy wants to be told no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// `auth_request` knows 2xx, 401 and 403; everything else is an error to it.
    Nginx,
    /// `forward_auth` hands every answer that is no 2xx to the browser.
    Caddy,
    /// So does `forwardAuth`.
    Traefik,
}

/// One request to a protected host, as it stands in the headers.
pub(crate) struct Asked<'a> {
    headers: &'a HeaderMap,
    /// The host as the browser named it; not necessarily one.
    pub(crate) host: &'a str,
    uri: &'a str,
    method: Method,
}

/// The same for later.
pub(crate) struct AskedOwned {
    /// The host as the browser named it; not necessarily one.
    pub(crate) host: String,
    /// Path and query as the browser named them.
    pub(crate) uri: String,
    /// Whether a browser waits for a page, so that it can be led elsewhere.
    pub(crate) is_page_load: bool,
}

impl Dialect {
    /// The query is exactly one of three.
    pub(crate) fn of_query(query: Option<&str>) -> Option<Self> {
        match query? {
            "proxy=nginx" => Some(Self::Nginx),
            "proxy=caddy" => Some(Self::Caddy),
            "proxy=traefik" => Some(Self::Traefik),
            _ => None,
        }
    }
}

impl<'a> Asked<'a> {
    pub(crate) fn read(headers: &'a HeaderMap) -> Option<Self> {
        let host = forwarded_host(headers)?;
        let uri = one(headers, &FORWARDED_URI)?;
        let method = Method::from_bytes(one(headers, &FORWARDED_METHOD)?.as_bytes()).ok()?;
        // RFC 9112 §3.2.1: the origin form. A browser encodes all but visible ASCII.
        if !uri.starts_with('/') || !uri.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        Some(Self { headers, host, uri, method })
    }

    pub(crate) fn into_owned(self) -> AskedOwned {
        AskedOwned {
            host: self.host.to_owned(),
            uri: self.uri.to_owned(),
            is_page_load: is_page_load(&self.method, self.headers),
        }
    }
}

pub(crate) fn forwarded_host(headers: &HeaderMap) -> Option<&str> {
    one(headers, &FORWARDED_HOST)
}

/// A header that stands there exactly once.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    let is_only_one = values.next().is_none();
    if guard!("headers-once", is_only_one) { value.to_str().ok() } else { None }
}

/// Fetch Metadata where the browser sends it (<https://www.w3.org/TR/fetch-metadata/>), else what it
/// accepts. Nothing but the kind of a no depends on it.
fn is_page_load(method: &Method, headers: &HeaderMap) -> bool {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return false;
    }
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    match text(FETCH_MODE) {
        Some(mode) => mode == "navigate" && text(FETCH_DEST).is_none_or(|dest| dest == "document"),
        None => text(header::ACCEPT).is_some_and(|accept| accept.contains("text/html")),
    }
}
