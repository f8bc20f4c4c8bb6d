//! `/notices/{id}/dismiss`: a notice on the dashboard was read.

use axum::extract::State;
use axum::response::Response;
use vestibule_flows::authority::{Authority as _, SignedIn};

use crate::error::PageError;
use crate::pages::asked::Act;
use crate::pages::not_found_inside;
use crate::request::segment::Segment;
use crate::respond::see_other;
use crate::routes::{Router, post};
use crate::state::App;
use crate::views::Place;

pub(crate) fn router() -> Router {
    Router::new().route("/notices/{id}/dismiss", post(dismiss))
}

async fn dismiss(
    State(app): State<App>,
    Segment(id): Segment,
    act: Act<SignedIn>,
) -> Result<Response, PageError> {
    let dismissed = match id.parse() {
        Ok(id) => app.vestibule.dismiss_notice(&act.who, id).await?,
        Err(_) => false,
    };
    Ok(if dismissed {
        see_other("/")
    } else {
        not_found_inside(act.who.signed_in().record(), Place::Dashboard)
    })
}
