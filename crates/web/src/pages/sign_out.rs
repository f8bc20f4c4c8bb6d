//! `/sign-out`: ends the session on the server.

use axum::extract::State;
use axum::response::Response;

use crate::error::PageError;
use crate::pages::asked::Form;
use crate::pages::sign_in::after_sign_out;
use crate::routes::{Router, post};
use crate::state::App;

pub(crate) fn router() -> Router {
    Router::new().route("/sign-out", post(sign_out))
}

async fn sign_out(State(app): State<App>, form: Form) -> Result<Response, PageError> {
    if let Some(current) = &form.caller.current {
        app.vestibule.sign_out(&form.caller.visitor, current).await?;
    }
    Ok(after_sign_out(&app))
}
