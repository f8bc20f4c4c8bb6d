//! One line a request, and how long it took. It names the route, never the path: paths hold the tokens of links.

use axum::extract::{MatchedPath, Request, State};
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument as _;
use vestibule_metrics::Stopwatch;

use crate::request::visitor;
use crate::state::App;

pub(crate) async fn log_request(State(app): State<App>, request: Request, next: Next) -> Response {
    let (started, stopwatch) = (app.vestibule.now(), Stopwatch::start());
    let id = app.vestibule.request_id();
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let matched = matched.as_ref().map(MatchedPath::as_str);
    let route = matched.unwrap_or("none");
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
    app.metrics.note(matched, &method, response.status(), stopwatch);
    if let Ok(id) = HeaderValue::try_from(id) {
        response.headers_mut().insert("x-request-id", id);
    }
    response
}
