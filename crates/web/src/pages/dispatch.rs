//! The one place that knows which page comes next. No page of the sign-in links to another: each
//! comes back here, where `access` is asked.

use axum::response::Response;
use vestibule_domain::access::Step;
use vestibule_flows::authority::{Current, Decision, SignedIn};

use crate::request::return_to::ReturnTo;
use crate::respond::see_other;
use crate::state::App;

/// What comes next for this session: the page that was asked for, or the step that it needs.
pub(crate) fn dispatch(app: &App, current: Option<&Current>, return_to: &ReturnTo) -> Response {
    let Some(current) = current else { return to_step(Step::Password, return_to, false) };
    match app.vestibule.authorise::<SignedIn>(current) {
        Decision::Granted(_) => see_other(return_to.as_str()),
        Decision::Needs(step) => to_step(step, return_to, false),
        Decision::Refused(_) => to_step(Step::Password, return_to, false),
    }
}

/// Leads to the page of a step, which leads back.
pub(crate) fn to_step(step: Step, back: &ReturnTo, had_session: bool) -> Response {
    let page = match step {
        Step::Password if had_session => "/sign-in?notice=session-ended",
        Step::Password => "/sign-in",
        Step::SecurityCode => "/sign-in/code",
        Step::Enrolment => "/enrolment",
        Step::FreshProof => "/proof",
    };
    see_other(&back.after(page))
}

/// Who asks for what is gone: the page of the session that was lost meanwhile.
pub(crate) fn session_over(return_to: &ReturnTo) -> Response {
    to_step(Step::Password, return_to, true)
}
