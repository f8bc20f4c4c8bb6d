//! `/settings/account`: the switch.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use vestibule_domain::policy::Policy;
use vestibule_flows::authority::{Admin, Authority as _, Fresh};
use vestibule_flows::policy::PolicySet;

use crate::error::PageError;
use crate::pages::asked::{Act, Page};
use crate::pages::asks;
use crate::pages::enrolment::FOR_THE_SWITCH;
use crate::respond::{page, see_other};
use crate::routes::{Router, get, post};
use crate::state::App;
use crate::surroundings::frame_of;
use crate::views::Place;
use crate::views::account::AccountPage;

pub(crate) fn router() -> Router {
    Router::new()
        .route("/settings/account", get(show))
        .route("/settings/account/mfa", post(set_policy))
}

async fn show(State(app): State<App>, asked: Page<Admin>) -> Result<Response, PageError> {
    let session = asked.who.signed_in().record();
    let preview = app.vestibule.switch_preview(&asked.who).await?;
    let mut frame = frame_of(session, Place::Account);
    frame.done = match asked.query.text("done") {
        // The address may be an old one: only what is so is said.
        "turned-on" if session.policy.is_required() => {
            Some("Two-factor sign-in is on for everyone.".into())
        }
        "turned-off" if !session.policy.is_required() => {
            Some("Two-factor sign-in is off. Nobody’s factor was removed.".into())
        }
        _ => None,
    };
    let view = AccountPage {
        frame,
        clock: app.vestibule.clock_warnings(),
        required: session.policy.is_required(),
        with_factor: preview.counts.with_factor.unsigned_abs(),
        without_factor: preview.counts.without_factor.unsigned_abs(),
        open_sessions: preview.open_sessions.unsigned_abs(),
        viewer_has_factor: session.standing.has_factor,
        asks: asks(&app, &asked.who),
    };
    Ok(page(StatusCode::OK, &view))
}

async fn set_policy(State(app): State<App>, act: Act<Fresh<Admin>>) -> Result<Response, PageError> {
    let policy = Policy::from_required(act.fields.word("required")?);
    Ok(match app.vestibule.set_policy(&act.visitor, &act.who, policy).await? {
        PolicySet::Done if policy.is_required() => see_other("/settings/account?done=turned-on"),
        PolicySet::Done => see_other("/settings/account?done=turned-off"),
        PolicySet::NeedsFactor => see_other(FOR_THE_SWITCH),
        PolicySet::NotAdmin => PageError::for_admins(act.who.signed_in().current()).into_response(),
    })
}
