//! The session cookie: `__Host-`, Secure, `HttpOnly`, never a Domain; a plain name on
//! `http://localhost`, where browsers take no `__Host-` cookie.

use axum::http::{HeaderMap, HeaderValue, header};
use vestibule_domain::token::Token;

use crate::state::App;

fn name(app: &App) -> &'static str {
    if app.is_https() { "__Host-vestibule" } else { "vestibule" }
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
    let name = name(app);
    let mut found = SessionCookie::Absent;
    for header in headers.get_all(header::COOKIE) {
        for pair in header.as_bytes().split(|byte| *byte == b';') {
            let Some(value) = pair.trim_ascii().strip_prefix(name.as_bytes()) else { continue };
            let Some(value) = value.strip_prefix(b"=") else { continue };
            if !matches!(found, SessionCookie::Absent) {
                return SessionCookie::Unreadable;
            }
            let token = std::str::from_utf8(value).ok().and_then(Token::parse);
            found = token.map_or(SessionCookie::Unreadable, SessionCookie::Token);
        }
    }
    found
}

/// The header that hands a token to the browser.
pub(crate) fn set(app: &App, token: &Token) -> HeaderValue {
    cookie(app, &token.expose(), "")
}

/// The header that takes the token from the browser.
pub(crate) fn clear(app: &App) -> HeaderValue {
    cookie(app, "", "; Max-Age=0")
}

fn cookie(app: &App, value: &str, age: &str) -> HeaderValue {
    let secure = if app.is_https() { "; Secure" } else { "" };
    let text = format!("{}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{age}", name(app));
    let mut header = HeaderValue::try_from(text)
        .unwrap_or_else(|_| unreachable!("a token's text has no control characters"));
    header.set_sensitive(true);
    header
}
