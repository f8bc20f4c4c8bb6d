//! `/healthz`: the process runs. `/readyz`: it can serve, its database included.

use axum::extract::State;
use axum::http::StatusCode;

use crate::routes::{Router, get};
use crate::state::App;

pub(crate) fn router() -> Router {
    Router::new().route("/healthz", get(|| async { "ok\n" })).route("/readyz", get(ready))
}

async fn ready(State(app): State<App>) -> (StatusCode, String) {
    if app.vestibule.is_ready().await {
        let mut lines = vec!["ready\n".to_owned()];
        lines.extend(app.vestibule.clock_warnings().iter().map(|it| format!("warning: {it}\n")));
        (StatusCode::OK, lines.concat())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n".to_owned())
    }
}
