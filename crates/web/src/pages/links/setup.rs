//! `/setup/{token}`: the first account and its Admin.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use vestibule_domain::token::Token;
use vestibule_flows::setup::{Setup, SetupErrors, SetupRefused};

use super::{enter, link_gone};
use crate::error::PageError;
use crate::pages::asked::Form;
use crate::pages::words;
use crate::request::segment::Segment;
use crate::respond::link_page;
use crate::routes::{Router, get};
use crate::state::App;
use crate::views::links::{LinkKind, SetupPage};
use crate::views::{Field, Outside};

pub(crate) fn router() -> Router {
    Router::new().route("/setup/{token}", get(show).post(set_up))
}

fn setup_page(
    app: &App,
    token: String,
    typed: Option<&Setup<'_>>,
    errors: &SetupErrors,
) -> SetupPage {
    let field = |value: Option<&str>, error: Option<String>| Field {
        value: value.unwrap_or_default().to_owned(),
        error,
    };
    SetupPage {
        outside: Outside { brand: "Vestibule".into() },
        token,
        account: field(typed.map(|typed| typed.account), errors.account.map(words::name)),
        name: field(typed.map(|typed| typed.name), errors.name.map(words::name)),
        email: field(typed.map(|typed| typed.email), errors.email.map(words::email)),
        password_error: errors.password.map(words::password),
        min_password: app.vestibule.settings().password_minimum as u64,
    }
}

async fn show(State(app): State<App>, Segment(text): Segment) -> Result<Response, PageError> {
    match Token::parse(&text) {
        Some(token) if app.vestibule.is_setup_link(&token).await? => {
            let view = setup_page(&app, text, None, &SetupErrors::default());
            Ok(link_page(StatusCode::OK, &view))
        }
        _ => link_gone(&app, LinkKind::Setup).await,
    }
}

async fn set_up(
    State(app): State<App>,
    Segment(text): Segment,
    form: Form,
) -> Result<Response, PageError> {
    let Some(token) = Token::parse(&text) else { return link_gone(&app, LinkKind::Setup).await };
    let setup = Setup {
        account: form.fields.text("account"),
        name: form.fields.text("name"),
        email: form.fields.text("email"),
        password: form.fields.text("password"),
    };
    match app.vestibule.set_up(&form.caller.visitor, &token, &setup).await? {
        Ok(session) => enter(&app, &form.caller, &session).await,
        Err(SetupRefused::Fields(errors)) => {
            let view = setup_page(&app, text, Some(&setup), &errors);
            Ok(link_page(StatusCode::UNPROCESSABLE_ENTITY, &view))
        }
        Err(SetupRefused::Gone) => link_gone(&app, LinkKind::Setup).await,
    }
}
