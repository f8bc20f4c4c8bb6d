//! `/address/{token}`: the page of the link that came to a new address. Its form goes to the settings
//! of the user who asked, where the fresh proof is asked for.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use vestibule_domain::token::Token;
use vestibule_flows::authority::{Decision, SignedIn};

use crate::error::PageError;
use crate::pages::asked::Caller;
use crate::request::segment::Segment;
use crate::respond::link_page;
use crate::state::App;
use crate::surroundings::outside;
use crate::views::mail::AddressLinkPage;

pub(crate) fn router() -> Router<App> {
    Router::new().route("/address/{token}", get(show))
}

async fn show(
    State(app): State<App>,
    Segment(text): Segment,
    caller: Caller,
) -> Result<Response, PageError> {
    // Only who is signed in as the user learns anything of the link. To lead to the sign-in and
    // back, its secret would have to stand in an address once more.
    let mut confirm = None;
    if let Some(current) = &caller.current
        && let Decision::Granted(who) = app.vestibule.authorise::<SignedIn>(current)
        && let Some(token) = Token::parse(&text)
    {
        let address = app.vestibule.address_to_confirm(&who, &token).await?;
        confirm = address.map(|address| (text, address));
    }
    let outside = outside(&app, caller.current.as_ref()).await?;
    Ok(link_page(StatusCode::OK, &AddressLinkPage { outside, confirm }))
}
