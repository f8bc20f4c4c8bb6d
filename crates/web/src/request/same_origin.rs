//! Changes are taken from our own pages alone, and pages are given to nobody's frame or script: one
//! layer, no tokens in forms.
//!
//! `Sec-Fetch-Site` is written by the browser and cannot be forged by a page; where it is missing,
//! `Origin` is compared with the configured public address. `same-site` is refused: a neighbour
//! under the same parent domain is not us. (Go 1.25 `CrossOriginProtection` uses the same scheme
//! but lets a request with neither header pass; here it needs a bearer token and no cookie.)

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use url::Url;
use vestibule_guards::guard;

use crate::error::PageError;
use crate::state::App;

pub(crate) async fn refuse_others(
    State(app): State<App>,
    request: Request,
    next: Next,
) -> Response {
    let headers = request.headers();
    let allowed = if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        guard!("visits-alone-from-elsewhere", is_visit(headers))
    } else {
        guard!("changes-from-our-pages", is_ours(headers, &app.public_url))
    };
    if allowed { next.run(request).await } else { PageError::from_elsewhere().into_response() }
}

/// Another site may lead people here; it may not load what is here into itself. Cookies would go
/// along from a neighbour under the same parent domain, and loading a page has effects: it keeps
/// a session awake and makes the key of an enrolment.
pub(crate) fn is_visit(headers: &HeaderMap) -> bool {
    match one(headers, "sec-fetch-site") {
        Ok(None | Some("same-origin" | "none")) => true,
        Ok(Some(_)) => {
            one(headers, "sec-fetch-mode") == Ok(Some("navigate"))
                && one(headers, "sec-fetch-dest") == Ok(Some("document"))
        }
        Err(()) => false,
    }
}

pub(crate) fn is_ours(headers: &HeaderMap, public_url: &Url) -> bool {
    let Ok(site) = one(headers, "sec-fetch-site") else { return false };
    let Ok(origin) = one(headers, "origin") else { return false };
    let same = |origin: &str| {
        Url::parse(origin).is_ok_and(|origin| origin.origin() == public_url.origin())
    };
    match (site, origin) {
        // `none` is the user's own doing, as when a form is sent once more after a reload. `null`
        // is what browsers send from pages that say `no-referrer`, as those of links do; the first
        // header still says whose page it was, and no page can write it.
        (Some("same-origin" | "none"), None) | (Some("same-origin"), Some("null")) => true,
        // The address may be another that leads here: then the page was not loaded from ours.
        (Some("same-origin" | "none") | None, Some(origin)) => same(origin),
        (Some(_), _) => false,
        (None, None) => {
            !headers.contains_key(header::COOKIE)
                && headers
                    .get(header::AUTHORIZATION)
                    .is_some_and(|value| value.as_bytes().starts_with(b"Bearer "))
        }
    }
}

/// A header that may stand once.
fn one<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, ()> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| ()),
        (Some(_), Some(_)) => Err(()),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderName, HeaderValue};
    use url::Url;

    use super::{is_ours, is_visit};

    #[test]
    fn other_sites_may_lead_here_and_load_nothing() {
        let visit = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
            is_visit(&headers)
        };
        let (site, mode, dest) = ("sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest");
        assert!(visit(&[]));
        assert!(visit(&[(site, "none"), (mode, "navigate"), (dest, "document")]));
        assert!(visit(&[(site, "same-origin"), (mode, "no-cors"), (dest, "style")]));
        assert!(visit(&[(site, "cross-site"), (mode, "navigate"), (dest, "document")]));
        assert!(!visit(&[(site, "same-site"), (mode, "no-cors"), (dest, "image")]));
        assert!(!visit(&[(site, "cross-site"), (mode, "navigate"), (dest, "iframe")]));
        assert!(!visit(&[(site, "same-site"), (mode, "cors"), (dest, "empty")]));
        assert!(!visit(&[(site, "same-site")]));
    }

    #[test]
    fn who_may_change_something() {
        let here = Url::parse("http://localhost:8080").unwrap();
        let ask = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
            is_ours(&headers, &here)
        };
        assert!(ask(&[("sec-fetch-site", "same-origin"), ("origin", "http://localhost:8080")]));
        assert!(ask(&[("sec-fetch-site", "same-origin")]));
        assert!(ask(&[("sec-fetch-site", "same-origin"), ("origin", "null")]));
        assert!(ask(&[("origin", "http://localhost:8080")]));
        assert!(ask(&[("authorization", "Bearer x")]));

        assert!(!ask(&[]));
        assert!(!ask(&[("authorization", "Bearer x"), ("cookie", "vestibule=x")]));
        assert!(!ask(&[("authorization", "Basic x")]));
        assert!(!ask(&[("sec-fetch-site", "same-site"), ("origin", "http://localhost:8080")]));
        assert!(!ask(&[("sec-fetch-site", "cross-site")]));
        assert!(!ask(&[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "same-origin")]));
        assert!(!ask(&[("sec-fetch-site", "same-origin"), ("origin", "https://evil.example")]));
        for origin in
            ["null", "http://localhost", "https://localhost:8080", "http://127.0.0.1:8080"]
        {
            assert!(!ask(&[("origin", origin)]), "{origin}");
        }
    }
}
