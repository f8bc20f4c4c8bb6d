//! `/invitation/{token}`: an invited user sets name and password, and enters.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use vestibule_domain::link::LinkPurpose;
use vestibule_flows::invitations::{LinkRefused, LinkedUser};

use super::{enter, link_gone, linked};
use crate::error::PageError;
use crate::pages::asked::Form;
use crate::pages::words;
use crate::request::segment::Segment;
use crate::respond::link_page;
use crate::routes::{Router, get};
use crate::state::App;
use crate::views::links::{InvitationPage, LinkKind};
use crate::views::{Field, Outside};

pub(crate) fn router() -> Router {
    Router::new().route("/invitation/{token}", get(show).post(accept))
}

fn view(app: &App, text: String, linked: LinkedUser, name: Field) -> InvitationPage {
    InvitationPage {
        outside: Outside { brand: linked.account_name },
        token: text,
        email: linked.user.email,
        name,
        password_error: None,
        min_password: app.vestibule.settings().password_minimum as u64,
    }
}

async fn show(State(app): State<App>, Segment(text): Segment) -> Result<Response, PageError> {
    let Some((_, linked)) = linked(&app, LinkPurpose::Invitation, &text).await? else {
        return link_gone(&app, LinkKind::Invitation).await;
    };
    let name = Field::holding(linked.user.name.clone());
    Ok(link_page(StatusCode::OK, &view(&app, text, linked, name)))
}

async fn accept(
    State(app): State<App>,
    Segment(text): Segment,
    form: Form,
) -> Result<Response, PageError> {
    let Some((token, linked)) = linked(&app, LinkPurpose::Invitation, &text).await? else {
        return link_gone(&app, LinkKind::Invitation).await;
    };
    let (name, password) = (form.fields.text("name"), form.fields.text("password"));
    let visitor = &form.caller.visitor;
    let mut view = view(&app, text, linked, Field::holding(name));
    match app.vestibule.accept_invitation(visitor, &token, name, password).await? {
        Ok(session) => return enter(&app, &form.caller, &session).await,
        Err(LinkRefused::Gone) => return link_gone(&app, LinkKind::Invitation).await,
        Err(LinkRefused::Fields { name, password }) => {
            view.name.error = name.map(words::name);
            view.password_error = password.map(words::password);
        }
    }
    Ok(link_page(StatusCode::UNPROCESSABLE_ENTITY, &view))
}
