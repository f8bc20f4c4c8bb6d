//! `/recover/{token}`: the way back that was made on the host: a new password, then a new app.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use vestibule_domain::link::LinkPurpose;
use vestibule_flows::invitations::{LinkRefused, LinkedUser};

use super::{enter, link_gone, linked};
use crate::error::PageError;
use crate::pages::asked::Form;
use crate::pages::words;
use crate::request::segment::Segment;
use crate::respond::link_page;
use crate::state::App;
use crate::views::Outside;
use crate::views::links::{LinkKind, RecoverPage};

pub(crate) fn router() -> Router<App> {
    Router::new().route("/recover/{token}", get(show).post(recover))
}

fn view(app: &App, text: String, linked: LinkedUser, problem: Option<String>) -> RecoverPage {
    RecoverPage {
        outside: Outside { brand: linked.account_name },
        token: text,
        email: linked.user.email,
        password_error: problem,
        min_password: app.vestibule.settings().password_minimum as u64,
    }
}

async fn show(State(app): State<App>, Segment(text): Segment) -> Result<Response, PageError> {
    match linked(&app, LinkPurpose::Recover, &text).await? {
        Some((_, linked)) => Ok(link_page(StatusCode::OK, &view(&app, text, linked, None))),
        None => link_gone(&app, LinkKind::Recover).await,
    }
}

async fn recover(
    State(app): State<App>,
    Segment(text): Segment,
    form: Form,
) -> Result<Response, PageError> {
    let Some((token, linked)) = linked(&app, LinkPurpose::Recover, &text).await? else {
        return link_gone(&app, LinkKind::Recover).await;
    };
    let visitor = &form.caller.visitor;
    let password = form.fields.text("password");
    match app.vestibule.use_recover_link(visitor, &token, password).await? {
        Ok(session) => enter(&app, &form.caller, &session).await,
        Err(LinkRefused::Fields { password, .. }) => {
            let view = view(&app, text, linked, password.map(words::password));
            Ok(link_page(StatusCode::UNPROCESSABLE_ENTITY, &view))
        }
        Err(LinkRefused::Gone) => link_gone(&app, LinkKind::Recover).await,
    }
}
