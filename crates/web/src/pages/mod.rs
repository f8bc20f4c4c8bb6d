//! The pages: a module each, its `router()` first, then its handlers.
//!
//! No page of the sign-in links to the next. Each comes back to `dispatch`, which asks what
//! comes next and leads there.

mod asked;
mod code_form;
mod dashboard;
mod dispatch;
mod enrolment;
mod forgotten;
pub(crate) mod hand_over;
mod health;
mod links;
mod notices;
mod proof;
mod proof_page;
pub(crate) mod settings;
mod sign_in;
mod sign_out;
mod static_files;
mod words;

pub(crate) use hand_over::CALLBACK;

use axum::response::{IntoResponse as _, Response};
use vestibule_flows::SessionRecord;
use vestibule_flows::authority::{Authority, Decision, Fresh, SignedIn};

use crate::error::PageError;
use crate::routes::Router;
use crate::state::App;
use crate::surroundings::frame_of;
use crate::views::{Asks, Place};

/// Every route there is.
pub(crate) fn router() -> Router {
    Router::new()
        .merge(dashboard::router())
        .merge(enrolment::router())
        .merge(forgotten::router())
        .merge(hand_over::router())
        .merge(health::router())
        .merge(links::router())
        .merge(notices::router())
        .merge(proof::router())
        .merge(settings::router())
        .merge(sign_in::router())
        .merge(sign_out::router())
        .merge(static_files::router())
        .fallback(|| async { PageError::not_found() })
        .method_not_allowed_fallback(|| async { PageError::not_this_way() })
}

/// What a sensitive act will ask this session for.
fn asks<A: Authority>(app: &App, who: &A) -> Asks {
    let signed_in = who.signed_in();
    match app.vestibule.authorise::<Fresh<SignedIn>>(signed_in.current()) {
        Decision::Granted(_) => Asks::Nothing,
        _ if signed_in.record().standing.has_factor => Asks::SecurityCode,
        _ => Asks::Password,
    }
}

/// 404 behind the second door.
fn not_found_inside(session: &SessionRecord, here: Place) -> Response {
    PageError::not_found().inside(frame_of(session, here)).into_response()
}
