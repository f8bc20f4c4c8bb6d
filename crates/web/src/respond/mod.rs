//! Answers: pages, redirects, and the headers on all of them.

pub(crate) mod headers;

use askama::Template;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use vestibule_domain::token::Token;

use crate::request::cookies;
use crate::state::App;

/// A page.
pub(crate) fn page(status: StatusCode, view: &impl Template) -> Response {
    match view.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// A page that a link opened: its address is a secret, which no other page may learn.
pub(crate) fn link_page(status: StatusCode, view: &impl Template) -> Response {
    let mut response = page(status, view);
    let no_referrer = axum::http::HeaderValue::from_static("no-referrer");
    response.headers_mut().insert(header::REFERRER_POLICY, no_referrer);
    response
}

/// Says when trying again makes sense.
pub(crate) fn retry_after(mut response: Response, seconds: u64) -> Response {
    response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    response
}

/// Leads on by GET.
pub(crate) fn see_other(to: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response()
}

/// Hands the browser its new token with an answer.
pub(crate) fn with_token(app: &App, token: &Token, mut response: Response) -> Response {
    set_cookie(response.headers_mut(), cookies::set(app, token));
    response
}

/// Takes the token from the browser with an answer.
pub(crate) fn without_token(app: &App, mut response: Response) -> Response {
    set_cookie(response.headers_mut(), cookies::clear(app));
    response
}

fn set_cookie(headers: &mut HeaderMap, cookie: axum::http::HeaderValue) {
    headers.insert(header::SET_COOKIE, cookie);
}
