//! The router and the layers around it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;
use vestibule_flows::Vestibule;

use crate::metrics::HttpMetrics;
use crate::state::{App, WebSettings};
use crate::{error, pages, request, respond};

/// A request that takes longer is given up. A hash at the end of a full queue takes about two
/// seconds.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Vestibule as a service, which notes in `metrics` how long requests take. It must be served with
/// the peer's address as `ConnectInfo`.
pub fn app(vestibule: Vestibule, settings: WebSettings, metrics: HttpMetrics) -> Router {
    let state = App {
        vestibule,
        public_url: Arc::new(settings.public_url),
        trusted_proxies: settings.trusted_proxies.into(),
        metrics,
    };
    let layers = ServiceBuilder::new()
        .layer(middleware::from_fn_with_state(state.clone(), request::log::log_request))
        .layer(middleware::from_fn_with_state(state.clone(), respond::headers::secure))
        .layer(CatchPanicLayer::custom(error::after_panic))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, TIMEOUT))
        .layer(middleware::from_fn_with_state(state.clone(), request::host::to_public_host))
        .layer(middleware::from_fn_with_state(state.clone(), request::same_origin::refuse_others))
        .layer(middleware::from_fn_with_state(state.clone(), request::browser::know_browser));
    pages::router().layer(layers).with_state(state)
}
