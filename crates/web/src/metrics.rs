//! How long requests take, and the page that Prometheus reads, which is served on a listener of its
//! own.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::State;
use axum::http::{Method, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use vestibule_metrics::{CONTENT_TYPE, Histogram, Kind, Stopwatch, Text};

use crate::app::Site;

/// Routes with their methods at most. There are about a hundred; what does not fit counts as no
/// route.
const PLACES: usize = 512;
/// The route of a request that matches none.
const NO_ROUTE: &str = "none";

/// How long requests took, by route, method and status. Clones are the same.
#[derive(Clone)]
pub(crate) struct HttpMetrics(Arc<Http>);

struct Http {
    /// Found by its hash; a place that was taken stays taken, so that looking takes no lock.
    taken: Box<[OnceLock<Taken>]>,
    no_route: [PerStatus; 3],
}

/// A route and one method.
struct Taken {
    route: String,
    method: &'static str,
    took: PerStatus,
}

/// The histograms of 2xx, 3xx, 4xx and 5xx.
struct PerStatus([Histogram; 4]);

const CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];
const METHODS: [&str; 3] = ["GET", "POST", "other"];

impl Default for PerStatus {
    fn default() -> Self {
        Self([(); 4].map(|()| Histogram::of_waits()))
    }
}

impl PerStatus {
    fn note(&self, status: StatusCode, took: Stopwatch) {
        let class = usize::from(status.as_u16() / 100).clamp(2, 5) - 2;
        self.0[class].note(took);
    }
}

impl Default for HttpMetrics {
    fn default() -> Self {
        let taken = (0..PLACES).map(|_| OnceLock::new()).collect();
        Self(Arc::new(Http { taken, no_route: [(); 3].map(|()| PerStatus::default()) }))
    }
}

impl HttpMetrics {
    /// Notes an answer. `route` is the router's pattern: never a path, which may hold a token.
    pub(crate) fn note(
        &self,
        route: Option<&str>,
        method: &Method,
        status: StatusCode,
        took: Stopwatch,
    ) {
        // What the method is called is for the client to say, so that others are one.
        let method = match *method {
            Method::GET | Method::HEAD => 0,
            Method::POST => 1,
            _ => 2,
        };
        let known = route.and_then(|route| self.0.place_of(route, METHODS[method]));
        known.unwrap_or(&self.0.no_route[method]).note(status, took);
    }

    fn write(&self, text: &mut Text) {
        let mut all: Vec<(&str, &str, &PerStatus)> = METHODS
            .iter()
            .zip(&self.0.no_route)
            .map(|(method, took)| (NO_ROUTE, *method, took))
            .collect();
        let taken = self.0.taken.iter().filter_map(OnceLock::get);
        all.extend(taken.map(|of| (of.route.as_str(), of.method, &of.took)));
        all.sort_by_key(|(route, method, _)| (*route, *method));
        let help = "How long requests took, in seconds; those that were never made are left out.";
        let mut family = text.family("vestibule_http_seconds", Kind::Histogram, help);
        for (route, method, took) in all {
            for (class, took) in CLASSES.iter().zip(&took.0) {
                if took.count() > 0 {
                    let labels = [("route", route), ("method", method), ("status", class)];
                    family.histogram(&labels, took);
                }
            }
        }
    }
}

impl Http {
    /// The place of a route and method, which is taken for them if they have none yet.
    fn place_of(&self, route: &str, method: &'static str) -> Option<&PerStatus> {
        let start = hash(route.bytes().chain(method.bytes()));
        (start..start + PLACES).find_map(|at| {
            let take = || Taken { route: route.to_owned(), method, took: PerStatus::default() };
            let taken = self.taken[at % PLACES].get_or_init(take);
            (taken.route == route && taken.method == method).then_some(&taken.took)
        })
    }
}

/// FNV-1a.
fn hash(bytes: impl Iterator<Item = u8>) -> usize {
    let hash = bytes
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash as usize
}

/// What else the process says of itself.
pub type MoreMetrics = Arc<dyn Fn(&mut Text) + Send + Sync>;

#[derive(Clone)]
struct Scraped {
    site: Arc<Site>,
    more: MoreMetrics,
}

/// `/metrics`, and nothing else. It asks nobody who they are, and shows no person, address or secret.
pub fn metrics_app(site: Arc<Site>, more: MoreMetrics) -> Router {
    Router::new().route("/metrics", get(scrape)).with_state(Scraped { site, more })
}

async fn scrape(State(scraped): State<Scraped>) -> impl IntoResponse {
    let mut text = Text::default();
    (scraped.more)(&mut text);
    scraped.site.metrics.write(&mut text);
    text.family("vestibule_gate_remembered", Kind::Gauge, "Sessions that the gate remembers.")
        .value(&[], scraped.site.gate_remembers());
    scraped.site.vestibule.write_metrics(&mut text).await;
    let headers = [
        (header::CONTENT_TYPE, CONTENT_TYPE),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, text.into_string())
}

#[cfg(test)]
mod tests {
    use axum::http::{Method, StatusCode};
    use vestibule_metrics::{Stopwatch, Text};

    use super::{HttpMetrics, PLACES};

    fn written(metrics: &HttpMetrics) -> Vec<String> {
        let mut text = Text::default();
        metrics.write(&mut text);
        let text = text.into_string();
        let counts =
            text.lines().filter_map(|line| line.strip_prefix("vestibule_http_seconds_count"));
        counts.map(str::to_owned).collect()
    }

    #[test]
    fn a_request_counts_by_route_method_and_class_of_its_status() {
        let metrics = HttpMetrics::default();
        let note = |route, method, status: u16| {
            let status = StatusCode::from_u16(status).unwrap();
            metrics.note(route, &method, status, Stopwatch::start());
        };
        note(Some("/sign-in"), Method::GET, 200);
        note(Some("/sign-in"), Method::HEAD, 204);
        note(Some("/sign-in"), Method::POST, 303);
        note(None, Method::GET, 404);
        note(None, Method::from_bytes(b"BREW").unwrap(), 405);
        assert_eq!(
            written(&metrics),
            [
                "{route=\"/sign-in\",method=\"GET\",status=\"2xx\"} 2",
                "{route=\"/sign-in\",method=\"POST\",status=\"3xx\"} 1",
                "{route=\"none\",method=\"GET\",status=\"4xx\"} 1",
                "{route=\"none\",method=\"other\",status=\"4xx\"} 1",
            ]
        );
    }

    #[test]
    fn there_are_never_more_routes_than_places() {
        let metrics = HttpMetrics::default();
        for number in 0..PLACES + 3 {
            let route = format!("/{number}");
            metrics.note(Some(&route), &Method::GET, StatusCode::OK, Stopwatch::start());
        }
        let written = written(&metrics);
        assert_eq!(written.len(), PLACES + 1);
        assert!(written.contains(&"{route=\"none\",method=\"GET\",status=\"2xx\"} 3".to_owned()));
    }
}
