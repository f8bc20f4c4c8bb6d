//! One line a request. It names the route, never the path: paths hold the tokens of links.

use axum::extract::{MatchedPath, Request, State};
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument as _;

use crate::request::visitor;
use crate::state::App;

pub(crate) async fn log_request(State(app): State<App>, request: Request, next: Next) -> Response {
    let started = app.vestibule.now();
    let id = app.vestibule.request_id();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    let method = request.method().clone();
    let (parts, body) = request.into_parts();
    let address = visitor::visitor(&parts, &app).address;
    let span = tracing::info_span!("request", %id, %method, route, address);
    let response = async {
        let response = next.run(Request::from_parts(parts, body)).await;
        let millis = app.vestibule.now().millis() - started.millis();
        tracing::info!(status = response.status().as_u16(), millis, "answered");
        response
    };
    let mut response = response.instrument(span).await;
    if let Ok(id) = HeaderValue::try_from(id) {
        response.headers_mut().insert("x-request-id", id);
    }
    response
}
