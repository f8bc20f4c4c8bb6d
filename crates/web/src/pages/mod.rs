//! The pages: a module each, its `router()` first, then its handlers.
//!
//! No page of the sign-in links to the next. Each comes back to [`dispatch`], which asks what
//! comes next and leads there.

pub(crate) mod proof;

mod dashboard;
mod enrolment;
mod health;
mod invitation;
mod password_link;
mod recover;
mod settings;
mod setup;
mod sign_in;
mod sign_out;
mod static_files;
mod words;

use axum::Router;
use axum::response::{IntoResponse as _, Response};
use vestibule_domain::access::Step;
use vestibule_flows::authority::{Authority, Current, Decision, Fresh, SignedIn};
use vestibule_flows::{FlowError, SessionRecord};

use crate::app::App;
use crate::error::PageError;
use crate::request::return_to::ReturnTo;
use crate::request::session::to_step;
use crate::respond::see_other;
use crate::views::{Asks, Frame, Outside, Place};

/// Every route there is.
pub(crate) fn router() -> Router<App> {
    Router::new()
        .merge(dashboard::router())
        .merge(enrolment::router())
        .merge(health::router())
        .merge(invitation::router())
        .merge(password_link::router())
        .merge(proof::router())
        .merge(recover::router())
        .merge(settings::router())
        .merge(setup::router())
        .merge(sign_in::router())
        .merge(sign_out::router())
        .merge(static_files::router())
        .fallback(|| async { PageError::not_found() })
        .method_not_allowed_fallback(|| async { PageError::not_this_way() })
}

/// What comes next for this session: the page that was asked for, or the step that it needs.
pub(crate) fn dispatch(app: &App, current: Option<&Current>, return_to: &ReturnTo) -> Response {
    let Some(current) = current else { return to_step(Step::Password, return_to, false) };
    match app.vestibule.authorise::<SignedIn>(current) {
        Decision::Granted(_) => see_other(return_to.as_str()),
        Decision::Needs(step) => to_step(step, return_to, false),
        Decision::Refused(_) => to_step(Step::Password, return_to, false),
    }
}

/// The surroundings of a page before the second door: the account of the session, else the one
/// account's name, else the installation's.
pub(crate) async fn outside(app: &App, current: Option<&Current>) -> Result<Outside, FlowError> {
    let brand = match current {
        Some(current) => current.record().account_name.clone(),
        None => app.vestibule.only_account_name().await?.unwrap_or_else(|| "Vestibule".into()),
    };
    Ok(Outside { brand })
}

/// The surroundings of a page behind it.
pub(crate) fn frame_of(session: &SessionRecord, here: Place) -> Frame {
    Frame {
        account: session.account_name.clone(),
        user_name: session.user_name.clone(),
        is_admin: session.standing.role == vestibule_domain::user::Role::Admin,
        here,
        done: None,
    }
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

/// Who asks for what is gone: the page of the session that was lost meanwhile.
fn session_over(return_to: &ReturnTo) -> Response {
    to_step(Step::Password, return_to, true)
}

/// 404 behind the second door.
fn not_found_inside(session: &SessionRecord, here: Place) -> Response {
    PageError::not_found().inside(frame_of(session, here)).into_response()
}
