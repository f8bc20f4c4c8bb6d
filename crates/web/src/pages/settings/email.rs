//! `/settings/security/email`: another address for oneself.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use vestibule_domain::token::Token;
use vestibule_flows::address_change::{AddressAsked, AddressConfirmed};
use vestibule_flows::authority::{Authority as _, Fresh, SignedIn};

use crate::error::PageError;
use crate::pages::asked::{Act, Page};
use crate::pages::dispatch::session_over;
use crate::pages::links::link_gone;
use crate::pages::words;
use crate::request::return_to::ReturnTo;
use crate::respond::{page, see_other, with_token};
use crate::routes::{Router, get, post};
use crate::state::App;
use crate::surroundings::frame_of;
use crate::views::links::LinkKind;
use crate::views::mail::ChangeEmailPage;
use crate::views::{Asks, Field, Place};

pub(crate) fn router() -> Router {
    Router::new()
        .route("/settings/security/email", get(show).post(ask))
        .route("/settings/security/email/confirm", post(confirm))
}

async fn show(State(app): State<App>, asked: Page<Fresh<SignedIn>>) -> Response {
    email_page(&app, StatusCode::OK, &asked.who, Field::default(), None)
}

fn email_page(
    app: &App,
    status: StatusCode,
    who: &Fresh<SignedIn>,
    new: Field,
    heard: Option<String>,
) -> Response {
    let session = who.signed_in().record();
    let frame = frame_of(session, Place::Security);
    if !app.vestibule.settings().mail {
        return no_mail(frame);
    }
    let asks = Asks::Nothing;
    page(status, &ChangeEmailPage { frame, email: session.email.clone(), new, heard, asks })
}

fn no_mail(frame: crate::views::Frame) -> Response {
    PageError::refused(
        "This address stays",
        "This installation sends no mail, so nobody can show that another address is theirs.",
        "Ask an Admin of your account to invite you under your new address.",
    )
    .inside(frame)
    .back_to("/settings/security", "Back to Security")
    .into_response()
}

async fn ask(State(app): State<App>, act: Act<Fresh<SignedIn>>) -> Result<Response, PageError> {
    let typed = act.fields.text("email");
    let wrong = |error: String| {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        email_page(&app, status, &act.who, Field::wrong(typed, error), None)
    };
    Ok(match app.vestibule.ask_address_change(&act.visitor, &act.who, typed).await? {
        AddressAsked::Heard(email) => {
            let heard = Some(email.to_string());
            email_page(&app, StatusCode::OK, &act.who, Field::default(), heard)
        }
        AddressAsked::Field(error) => wrong(words::email(error)),
        AddressAsked::Unchanged => wrong("This is your address already. Type another.".into()),
        AddressAsked::TooMany => wrong("You asked for many links just now. Wait an hour.".into()),
        AddressAsked::NoMail => no_mail(frame_of(act.who.signed_in().record(), Place::Security)),
        AddressAsked::SessionOver => session_over(&ReturnTo::security()),
    })
}

async fn confirm(State(app): State<App>, act: Act<Fresh<SignedIn>>) -> Result<Response, PageError> {
    let Some(token) = Token::parse(act.fields.text("token")) else {
        return link_gone(&app, LinkKind::Address).await;
    };
    match app.vestibule.confirm_address(&act.visitor, &act.who, &token).await? {
        AddressConfirmed::Done(token) => {
            Ok(with_token(&app, &token, see_other("/settings/security?done=email-changed")))
        }
        AddressConfirmed::Gone => link_gone(&app, LinkKind::Address).await,
        AddressConfirmed::Taken => Ok(PageError::refused(
            "This address cannot be yours",
            "Meanwhile somebody else has a login with it, or with one that looks like it.",
            "Your address stays as it is. Choose another one.",
        )
        .inside(frame_of(act.who.signed_in().record(), Place::Security))
        .back_to("/settings/security", "Back to Security")
        .into_response()),
    }
}
