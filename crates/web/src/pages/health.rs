//! `/healthz`: the process runs. `/readyz`: it can serve, its database included.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;

use crate::state::App;

pub(crate) fn router() -> Router<App> {
    Router::new().route("/healthz", get(|| async { "ok\n" })).route("/readyz", get(ready))
}

async fn ready(State(app): State<App>) -> (StatusCode, String) {
    if app.vestibule.is_ready().await {
        let warnings = app.vestibule.clock_warnings();
        let warnings: String = warnings.iter().map(|it| format!("warning: {it}\n")).collect();
        (StatusCode::OK, format!("ready\n{warnings}"))
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n".to_owned())
    }
}
