//! One address for one site: on the machine itself, `127.0.0.1` is sent to `localhost`, so that
//! cookies and links belong to one origin.

use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::state::App;

pub(crate) async fn to_public_host(
    State(app): State<App>,
    request: Request,
    next: Next,
) -> Response {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    if is_read && app.public_url.host_str() == Some("localhost") && is_bare_loopback(&request) {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let base = app.public_url.as_str().trim_end_matches('/');
        return (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, format!("{base}{path}"))])
            .into_response();
    }
    next.run(request).await
}

fn is_bare_loopback(request: &Request) -> bool {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    host.is_some_and(|host| {
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        matches!(name, "127.0.0.1" | "[::1]")
    }) && !is_probe(request.uri().path())
}

/// Probes of supervisors do not follow redirects.
fn is_probe(path: &str) -> bool {
    matches!(path, "/healthz" | "/readyz")
}
