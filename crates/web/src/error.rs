//! What did not work, as a page. All sentences stand in `views/errors.rs`.

use std::any::Any;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use vestibule_flows::FlowError;
use vestibule_flows::authority::Current;

use crate::respond::page;
use crate::surroundings::frame_of;
use crate::views::errors::{ErrorInside, ErrorOutside, Trouble};
use crate::views::{Frame, Outside, Place};

/// An answer that is no success.
pub(crate) struct PageError {
    trouble: Trouble,
    /// The surroundings, for who is behind the second door.
    frame: Option<Box<Frame>>,
}

impl PageError {
    fn of(trouble: Trouble) -> Self {
        Self { trouble, frame: None }
    }

    pub(crate) fn bad_request() -> Self {
        Self::of(Trouble::bad_request())
    }

    pub(crate) fn from_elsewhere() -> Self {
        Self::of(Trouble::from_elsewhere())
    }

    pub(crate) fn not_found() -> Self {
        Self::of(Trouble::not_found())
    }

    pub(crate) fn not_this_way() -> Self {
        Self::of(Trouble::not_this_way())
    }

    pub(crate) fn too_large() -> Self {
        Self::of(Trouble::too_large())
    }

    pub(crate) fn our_fault() -> Self {
        Self::of(Trouble::our_fault())
    }

    pub(crate) fn refused(title: &str, why: &str, now: &str) -> Self {
        Self::of(Trouble::refused(title, why, now))
    }

    /// An application that does not let this user in.
    pub(crate) fn not_admitted(application: &str, for_admins: bool) -> Self {
        Self::of(Trouble::not_admitted(application, for_admins))
    }

    pub(crate) fn for_admins(current: &Current) -> Self {
        Self::of(Trouble::for_admins()).inside(frame_of(current.record(), Place::Elsewhere))
    }

    /// Shows it behind the second door.
    pub(crate) fn inside(self, frame: Frame) -> Self {
        Self { frame: Some(Box::new(frame)), ..self }
    }

    /// The button leads back to where the act was asked for.
    pub(crate) fn back_to(self, path: &str, text: &str) -> Self {
        Self { trouble: self.trouble.back_to(path, text), ..self }
    }
}

impl From<FlowError> for PageError {
    fn from(error: FlowError) -> Self {
        if error.is_passing() {
            tracing::warn!(%error, "not available");
            Self::of(Trouble::away())
        } else {
            tracing::error!(%error, "a request failed");
            Self::our_fault()
        }
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let status =
            StatusCode::from_u16(self.trouble.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = if let Some(frame) = self.frame {
            page(status, &ErrorInside { frame: *frame, trouble: self.trouble })
        } else {
            let outside = Outside { brand: "Vestibule".into() };
            page(status, &ErrorOutside { outside, trouble: self.trouble })
        };
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response
    }
}

/// A handler that panicked is our fault; the next request is served.
#[expect(clippy::needless_pass_by_value, reason = "the layer hands it over")]
pub(crate) fn after_panic(panic: Box<dyn Any + Send + 'static>) -> Response {
    let told = panic.downcast_ref::<&str>().copied().unwrap_or("(no text)");
    tracing::error!(panic = told, "a handler panicked");
    PageError::our_fault().into_response()
}
