//! Forms, queries, cookies, and where a request comes from and leads to.

use axum::http::{HeaderMap, HeaderValue, header};
use url::Url;
use vestibule_testkit::client::encode;
use vestibule_web::fuzzing;

use super::{headers, text};

/// What a form must be called.
const FORM: &str = "application/x-www-form-urlencoded";
const DAY: i64 = 24 * 60 * 60 * 1000;

fn form_headers() -> HeaderMap {
    HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(FORM))])
}

/// A form is text, and has each field once.
pub fn fields(bytes: &[u8]) {
    let headers = form_headers();
    let Some(fields) = fuzzing::form(&headers, bytes) else { return };
    assert!(fields.len() <= 32);
    for (at, (name, value)) in fields.iter().enumerate() {
        assert!(!name.contains('\0') && !value.contains('\0'));
        assert!(fields[..at].iter().all(|(other, _)| other != name), "{name} twice");
    }
    let pairs: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let again = fuzzing::form(&headers, encode(&pairs).as_bytes());
    // A field without a name is written as `=`, and still one.
    assert_eq!(again.as_ref(), Some(&fields));
    // What is carried through a page is no secret, and nothing that nobody sent.
    for field in fuzzing::carried(&headers, bytes).unwrap_or_default() {
        assert!(!["password", "code", "act", "return_to"].contains(&field.0.as_str()));
        assert!(fields.contains(&field));
    }
    // Of another kind it is no form at all.
    let other =
        HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"))]);
    assert!(bytes.is_empty() || fuzzing::form(&other, bytes).is_none());
}

/// A target leads to a path of this same origin, for whoever reads it.
pub fn return_to(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    for here in ["https://login.acme.example", "http://localhost:8080"] {
        let here = Url::parse(here).unwrap();
        for target in [fuzzing::return_to(text, &here), fuzzing::referrer(text, &here)] {
            assert!(target.starts_with('/') && !target.starts_with("//"), "{target}");
            assert!(!target.starts_with("/\\"), "{target}");
            assert_eq!(here.join(&target).unwrap().origin(), here.origin(), "{target}");
            assert!(target.bytes().all(|byte| byte.is_ascii_graphic()), "{target}");
            assert!(HeaderValue::from_str(&target).is_ok(), "{target}");
            // What is too long after it was written out leads to the dashboard.
            let again = fuzzing::return_to(&target, &here);
            assert!(
                again == target || (again == "/" && target.len() > 2048) || target.contains('\\')
            );
        }
    }
}

/// A cookie counts where one of its name stands, and is a token.
pub fn cookies(bytes: &[u8]) {
    for name in ["vestibule", "__Host-vestibule", "__Host-vestibule-gate", "vestibule-nonce"] {
        let mut headers = headers(bytes);
        // Inputs without any are cookies themselves.
        if let (true, Ok(line)) = (headers.is_empty(), HeaderValue::from_bytes(bytes)) {
            headers.append(header::COOKIE, line);
        }
        let lines: Vec<&[u8]> =
            headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
        let all = lines.join(&b';');
        let pairs = all.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let beginning = format!("{name}=");
        let values: Vec<&[u8]> =
            pairs.filter_map(|pair| pair.strip_prefix(beginning.as_bytes())).collect();
        if let Some(token) = fuzzing::cookie(name, &headers) {
            assert_eq!(values, [token.expose().as_bytes()]);
        }
    }
}

/// Changes are taken from our own pages alone, pages given to who visits them.
pub fn same_origin(bytes: &[u8]) {
    let here = Url::parse("https://login.acme.example").unwrap();
    let headers = headers(bytes);
    let all = |name: &str| -> Vec<&[u8]> {
        headers.get_all(name).iter().map(HeaderValue::as_bytes).collect()
    };
    let (site, origin) = (all("sec-fetch-site"), all("origin"));
    if fuzzing::takes_change(&headers, &here) {
        assert!(site.len() <= 1 && origin.len() <= 1);
        assert!(site.iter().all(|site| [&b"same-origin"[..], b"none"].contains(site)));
        let ours = |origin: &[u8]| {
            let origin = std::str::from_utf8(origin).ok().and_then(|it| Url::parse(it).ok());
            origin.is_some_and(|origin| origin.origin() == here.origin())
        };
        match origin.first() {
            Some(&b"null") => assert_eq!(site, [b"same-origin"]),
            Some(origin) => assert!(ours(origin)),
            None if site.is_empty() => {
                assert!(all("cookie").is_empty());
                assert!(all("authorization")[0].starts_with(b"Bearer "));
            }
            None => {}
        }
    }
    if fuzzing::gives_page(&headers) {
        let welcome = site.iter().all(|site| [&b"same-origin"[..], b"none"].contains(site));
        let visits =
            all("sec-fetch-mode") == [b"navigate"] && all("sec-fetch-dest") == [b"document"];
        assert!(site.len() <= 1 && (welcome || visits));
    }
}

/// A search of the audit log names whole days, and where a page begins.
pub fn audit_search(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let Some(search) = fuzzing::audit_search(text) else { return };
    assert!(search.from.is_none_or(|day| day % DAY == 0));
    assert!(search.until.is_none_or(|day| day % DAY == 0));
    if let Some((at, id)) = search.after {
        assert!(!id.contains('\0'));
        let again = fuzzing::audit_search(&encode(&[("after", &format!("{at}.{id}"))]));
        assert_eq!(again.unwrap().after, Some((at, id)));
    }
}
