//! The cookie by which a browser is known again: it opens nothing, and gives its user's attempts a
//! lane of their own (design, rule 4).
//!
//! It goes out whenever a session's token does, and is worth something once a sign-in with it was
//! complete; which that is, the flows know.

use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::Response;
use vestibule_domain::token::TokenHash;

use crate::request::cookies;
use crate::state::App;

/// What the browser of a request is, or will be, known by.
#[derive(Clone)]
pub(crate) struct BrowserToken(pub(crate) TokenHash);

/// Reads the cookie, or makes one up that goes out if this request begins or raises a session.
pub(crate) async fn know_browser(
    State(app): State<App>,
    mut request: Request,
    next: Next,
) -> Response {
    let token = cookies::read_browser(&app, request.headers())
        .unwrap_or_else(|| app.vestibule.browser_token());
    request.extensions_mut().insert(BrowserToken(token.hash()));
    let mut response = next.run(request).await;
    if cookies::hands_out_session(&app, response.headers()) {
        // Also to who has it: it is kept that much longer.
        response.headers_mut().append(header::SET_COOKIE, cookies::set_browser(&app, &token));
    }
    response
}
