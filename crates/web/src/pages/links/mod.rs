//! Pages that a link opens. Loading one takes nothing; sending its form takes the link, once.

mod address;
mod invitation;
mod password;
mod recover;
mod setup;

use axum::http::StatusCode;
use axum::response::Response;
use vestibule_domain::link::LinkPurpose;
use vestibule_domain::token::Token;
use vestibule_flows::invitations::LinkedUser;

use crate::error::PageError;
use crate::pages::asked::Caller;
use crate::pages::dispatch::dispatch;
use crate::request::return_to::ReturnTo;
use crate::respond::{link_page, with_token};
use crate::routes::Router;
use crate::state::App;
use crate::surroundings::outside;
use crate::views::links::{LinkGonePage, LinkKind};

pub(crate) fn router() -> Router {
    Router::new()
        .merge(address::router())
        .merge(invitation::router())
        .merge(password::router())
        .merge(recover::router())
        .merge(setup::router())
}

/// Hands the session that began by a link to the browser, in place of the one that it had.
async fn enter(app: &App, caller: &Caller, session: &Token) -> Result<Response, PageError> {
    if let Some(before) = &caller.current {
        app.vestibule.sign_out(&caller.visitor, before).await?;
    }
    let current = app.vestibule.current(session).await?;
    let answer = dispatch(app, current.as_ref(), &ReturnTo::dashboard());
    Ok(with_token(app, session, answer))
}

/// The token in the path and whose link it is, if it can still be taken.
async fn linked(
    app: &App,
    purpose: LinkPurpose,
    text: &str,
) -> Result<Option<(Token, LinkedUser)>, PageError> {
    let Some(token) = Token::parse(text) else { return Ok(None) };
    let linked = app.vestibule.user_of_link(purpose, &token).await?;
    Ok(linked.map(|linked| (token, linked)))
}

/// A link that was used, replaced or is too old; or that never was, which looks the same.
pub(super) async fn link_gone(app: &App, kind: LinkKind) -> Result<Response, PageError> {
    let outside = outside(app, None).await?;
    Ok(link_page(StatusCode::GONE, &LinkGonePage { outside, kind }))
}
