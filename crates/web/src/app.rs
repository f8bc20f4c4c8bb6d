//! The router, the layers around it, and what handlers share.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware;
use ipnet::IpNet;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;
use url::Url;
use vestibule_domain::link::LinkPurpose;
use vestibule_domain::token::Token;
use vestibule_flows::Vestibule;

use crate::{error, pages, request, respond};

/// A request that takes longer is given up. A hash at the end of a full queue takes about two
/// seconds.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What an operator sets about HTTP.
#[derive(Clone, Debug)]
pub struct WebSettings {
    /// The address under which browsers reach Vestibule: scheme, host and port. Links are built on
    /// it, and changes are taken from it alone.
    pub public_url: Url,
    /// Peers whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
}

/// What handlers share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) vestibule: Vestibule,
    pub(crate) public_url: Arc<Url>,
    pub(crate) trusted_proxies: Arc<[IpNet]>,
}

impl App {
    /// Whether browsers reach Vestibule over https.
    pub(crate) fn is_https(&self) -> bool {
        self.public_url.scheme() == "https"
    }
}

/// Vestibule as a service. It must be served with the peer's address as `ConnectInfo`.
pub fn app(vestibule: Vestibule, settings: WebSettings) -> Router {
    let state = App {
        vestibule,
        public_url: Arc::new(settings.public_url),
        trusted_proxies: settings.trusted_proxies.into(),
    };
    let layers = ServiceBuilder::new()
        .layer(middleware::from_fn_with_state(state.clone(), request::log::log_request))
        .layer(middleware::from_fn_with_state(state.clone(), respond::headers::secure))
        .layer(CatchPanicLayer::custom(error::after_panic))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, TIMEOUT))
        .layer(middleware::from_fn_with_state(state.clone(), request::host::to_public_host))
        .layer(middleware::from_fn_with_state(state.clone(), request::same_origin::refuse_others));
    pages::router().layer(layers).with_state(state)
}

/// A link to be handed to a person: on the configured public address alone (design, rule 14).
pub fn link(public_url: &Url, purpose: LinkPurpose, token: &Token) -> String {
    let base = public_url.as_str().trim_end_matches('/');
    format!("{base}/{}/{}", purpose.as_str(), token.expose())
}
