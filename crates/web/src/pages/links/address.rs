//! `/address/{token}`: the page of the link that came to a new address. Its form goes to the settings
//! of the user who asked, where the fresh proof is asked for.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use vestibule_domain::link::LinkPurpose;
use vestibule_flows::authority::{Decision, SignedIn};

use super::{link_gone, linked};
use crate::error::PageError;
use crate::pages::asked::Caller;
use crate::request::segment::Segment;
use crate::respond::link_page;
use crate::routes::{Router, get};
use crate::state::App;
use crate::views::Outside;
use crate::views::links::LinkKind;
use crate::views::mail::AddressLinkPage;

pub(crate) fn router() -> Router {
    Router::new().route("/address/{token}", get(show))
}

async fn show(
    State(app): State<App>,
    Segment(text): Segment,
    caller: Caller,
) -> Result<Response, PageError> {
    // Only who is signed in as its user may confirm, and learns which address it is. To lead to the
    // sign-in and back, its secret would have to stand in an address once more.
    let Some((token, linked)) = linked(&app, LinkPurpose::Address, &text).await? else {
        return link_gone(&app, LinkKind::Address).await;
    };
    let mut confirm = None;
    if let Some(current) = &caller.current
        && let Decision::Granted(who) = app.vestibule.authorise::<SignedIn>(current)
    {
        let address = app.vestibule.address_to_confirm(&who, &token).await?;
        confirm = address.map(|address| (text, address));
    }
    let outside = Outside { brand: linked.account_name };
    Ok(link_page(StatusCode::OK, &AddressLinkPage { outside, confirm }))
}
