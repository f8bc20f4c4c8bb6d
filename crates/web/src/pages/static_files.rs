//! `/static/…`: stylesheet, script, icon. Their addresses change with their contents.

use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::routes::{Router, get};
use crate::views::{ICON, SCRIPT, STYLE};

pub(crate) fn router() -> Router {
    Router::new()
        .route("/static/style.css", get(|| async { file("text/css; charset=utf-8", STYLE) }))
        .route("/static/app.js", get(|| async { file("text/javascript; charset=utf-8", SCRIPT) }))
        .route("/static/icon.svg", get(|| async { file("image/svg+xml", ICON) }))
}

fn file(kind: &'static str, bytes: &'static [u8]) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (headers, bytes).into_response()
}
