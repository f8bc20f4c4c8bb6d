//! The cookies: `__Host-`, Secure, `HttpOnly`, never a Domain; plain names on `http://localhost`,
//! where browsers take no `__Host-` cookie. On our own host one holds the session's token, another
//! says which browser it is; on a protected host one opens the gate there, another holds the nonce
//! that the hand-over to it is bound to.

use axum::http::{HeaderMap, HeaderValue, header};
use vestibule_domain::token::Token;

use crate::state::App;

/// How long browsers keep what they are known by: the longest that they allow.
const BROWSER_KEPT: &str = "; Max-Age=34560000";

/// How long a nonce waits: as long as signing in, with an enrolment, may take.
const NONCE_KEPT: &str = "; Max-Age=3600";

/// A cookie's name over https. Without, it has no beginning.
#[derive(Clone, Copy)]
pub(crate) struct CookieName(&'static str);

const SESSION: CookieName = CookieName("__Host-vestibule");
const BROWSER: CookieName = CookieName("__Host-vestibule-browser");
/// Opens the gate of the protected host that it belongs to, and nothing else.
pub(crate) const GATE: CookieName = CookieName("__Host-vestibule-gate");
/// The nonce of a hand-over to the protected host that it belongs to.
pub(crate) const NONCE: CookieName = CookieName("__Host-vestibule-nonce");

impl CookieName {
    fn at(self, app: &App) -> &'static str {
        if app.is_https() { self.0 } else { self.0.trim_start_matches("__Host-") }
    }
}

/// What a request's cookies say of a session.
pub(crate) enum SessionCookie {
    /// A token.
    Token(Token),
    /// Something stands there that is none, or two of them do: it opens nothing.
    Unreadable,
    /// None.
    Absent,
}

/// Reads the session cookie.
pub(crate) fn read(app: &App, headers: &HeaderMap) -> SessionCookie {
    let mut values = values(SESSION.at(app), headers);
    match (values.next(), values.next()) {
        (None, _) => SessionCookie::Absent,
        (Some(value), None) => token(value).map_or(SessionCookie::Unreadable, SessionCookie::Token),
        (Some(_), Some(_)) => SessionCookie::Unreadable,
    }
}

/// Reads what the browser is known by; `None` unless exactly one token stands there.
pub(crate) fn read_browser(app: &App, headers: &HeaderMap) -> Option<Token> {
    read_one(app, BROWSER, headers)
}

/// Reads the token of a cookie; `None` unless exactly one stands there.
pub(crate) fn read_one(app: &App, name: CookieName, headers: &HeaderMap) -> Option<Token> {
    one_token(name.at(app), headers)
}

/// The same, by the name as it stands there.
pub(crate) fn one_token(name: &'static str, headers: &HeaderMap) -> Option<Token> {
    let mut values = values(name, headers);
    let value = values.next()?;
    if values.next().is_some() { None } else { token(value) }
}

/// The values of all cookies of a name.
fn values<'a>(name: &'static str, headers: &'a HeaderMap) -> impl Iterator<Item = &'a [u8]> {
    let lines = headers.get_all(header::COOKIE).into_iter();
    let pairs = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
    pairs.filter_map(|pair| pair.trim_ascii().strip_prefix(name.as_bytes())?.strip_prefix(b"="))
}

fn token(value: &[u8]) -> Option<Token> {
    std::str::from_utf8(value).ok().and_then(Token::parse)
}

/// The header that hands a token to the browser.
pub(crate) fn set(app: &App, token: &Token) -> HeaderValue {
    cookie(app, SESSION, &token.expose(), "")
}

/// The header that takes the token from the browser.
pub(crate) fn clear(app: &App) -> HeaderValue {
    cookie(app, SESSION, "", "; Max-Age=0")
}

/// The header that says by what the browser is known from now on.
pub(crate) fn set_browser(app: &App, token: &Token) -> HeaderValue {
    cookie(app, BROWSER, &token.expose(), BROWSER_KEPT)
}

/// The header that hands a gate cookie to the browser, on a protected host.
pub(crate) fn set_gate(app: &App, token: &Token) -> HeaderValue {
    cookie(app, GATE, &token.expose(), "")
}

/// The header that keeps the nonce in the browser, on a protected host.
pub(crate) fn set_nonce(app: &App, nonce: &Token) -> HeaderValue {
    cookie(app, NONCE, &nonce.expose(), NONCE_KEPT)
}

/// Whether an answer hands out a session's token.
pub(crate) fn hands_out_session(app: &App, headers: &HeaderMap) -> bool {
    headers.get_all(header::SET_COOKIE).iter().any(|line| {
        let value = line.as_bytes().strip_prefix(SESSION.at(app).as_bytes());
        value.and_then(|rest| rest.strip_prefix(b"=")).is_some_and(|rest| !rest.starts_with(b";"))
    })
}

fn cookie(app: &App, name: CookieName, value: &str, age: &str) -> HeaderValue {
    let name = name.at(app);
    let secure = if app.is_https() { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{age}");
    let mut header = HeaderValue::try_from(text)
        .unwrap_or_else(|_| unreachable!("a token's text has no control characters"));
    header.set_sensitive(true);
    header
}
