//! The router and the layers around it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode};
use axum::middleware;
use axum::response::Response;
use tower::{ServiceBuilder, ServiceExt as _};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;
use vestibule_flows::Vestibule;

use crate::gate::Gate;
use crate::metrics::HttpMetrics;
use crate::state::{App, WebSettings};
use crate::{error, pages, request, respond};

/// A request that takes longer is given up. A hash at the end of a full queue takes about two
/// seconds.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Vestibule as a service: the pages behind their layers, and the gate beside them.
pub struct Site {
    pub(crate) pages: Router,
    pub(crate) gate: Gate,
    pub(crate) vestibule: Vestibule,
    pub(crate) metrics: HttpMetrics,
}

impl Site {
    /// The gate's answer to one request, as a connection from `peer` gets it.
    pub async fn ask_gate<B>(&self, request: &Request<B>, peer: IpAddr) -> Response {
        let id = self.vestibule.request_id();
        match self.gate.answer_from_memory(request, self.gate.peer(peer), &id) {
            Ok(response) => response,
            Err(question) => self.gate.answer(question, &id).await,
        }
    }

    /// The pages' answer to one request, as a connection from `peer` gets it.
    pub async fn ask_page(&self, mut request: Request<Body>, peer: SocketAddr) -> Response {
        request.extensions_mut().insert(ConnectInfo(peer));
        self.pages.clone().oneshot(request).await.unwrap_or_else(|never| match never {})
    }

    /// How many sessions the gate remembers.
    pub fn gate_remembers(&self) -> usize {
        self.gate.remembers()
    }
}

/// Vestibule as a service, to be given to [`crate::serve`].
pub fn app(vestibule: Vestibule, settings: WebSettings) -> Site {
    let state = App {
        vestibule,
        public_url: Arc::new(settings.public_url),
        trusted_proxies: settings.trusted_proxies.into(),
        metrics: HttpMetrics::default(),
    };
    let layers = ServiceBuilder::new()
        .layer(middleware::from_fn_with_state(state.clone(), request::log::log_request))
        .layer(middleware::from_fn_with_state(state.clone(), respond::headers::secure))
        .layer(CatchPanicLayer::custom(error::after_panic))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, TIMEOUT))
        .layer(middleware::from_fn_with_state(state.clone(), request::host::to_public_host))
        .layer(middleware::from_fn_with_state(state.clone(), request::same_origin::refuse_others))
        .layer(middleware::from_fn_with_state(state.clone(), request::browser::know_browser));
    Site {
        pages: pages::router().into_axum().layer(layers).with_state(state.clone()),
        vestibule: state.vestibule.clone(),
        metrics: state.metrics.clone(),
        gate: Gate::new(state),
    }
}
