//! The one part of a path that differs: an identifier or a token.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;

use crate::error::PageError;
use crate::state::App;

/// The text of that part. What is no text names nothing, and is answered as such.
pub(crate) struct Segment(pub(crate) String);

impl FromRequestParts<App> for Segment {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, PageError> {
        let path = Path::<String>::from_request_parts(parts, app).await;
        path.map(|Path(text)| Self(text)).map_err(|_| PageError::not_found())
    }
}
