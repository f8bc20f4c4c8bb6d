//! `/hand-over`: from our own host to a protected one; `/.vestibule/callback`: arriving there.
//!
//! The one exception to "no state changes by GET" (`docs/decisions/0015-the-gate.md`): the code is
//! bound to a nonce that the protected host put into this browser before, and makes nothing but
//! that host's gate cookie.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use vestibule_domain::access::Why;
use vestibule_domain::application::Host;
use vestibule_domain::token::Token;
use vestibule_flows::authority::SignedIn;
use vestibule_flows::hand_over::HandOver;

use crate::error::PageError;
use crate::gate;
use crate::pages::asked::Page;
use crate::pages::dispatch::to_step;
use crate::request::cookies::{self, NONCE};
use crate::request::fields::Fields;
use crate::request::return_to::ReturnTo;
use crate::request::visitor::visitor;
use crate::respond::headers::STYLED_INLINE;
use crate::respond::{page, see_other};
use crate::routes::{Router, get};
use crate::state::App;
use crate::surroundings::frame_of;
use crate::views::Place;
use crate::views::gate::{GatePage, HandOverPage};

/// Where the proxy of a protected host sends to Vestibule.
pub(crate) const CALLBACK: &str = "/.vestibule/callback";

pub(crate) fn router() -> Router {
    Router::new().route("/hand-over", get(hand_over)).route("/.vestibule/callback", get(arrive))
}

async fn hand_over(
    State(app): State<App>,
    headers: HeaderMap,
    asked: Page<SignedIn>,
) -> Result<Response, PageError> {
    let query = &asked.query;
    let host = gate::protected_host(&app, query.text("host")).ok_or_else(PageError::bad_request)?;
    let challenge = challenge(query.text("challenge")).ok_or_else(PageError::bad_request)?;
    let return_to = ReturnTo::parse(query.text("return_to"), &app.public_url);
    let made = app.vestibule.hand_over(&asked.visitor, &asked.who, &host, &challenge).await?;
    let session = asked.who.record();
    match made {
        HandOver::Made(code) => {
            let brand = session.account_name.clone();
            Ok(lead_to(&app, &headers, brand, &host, &code, &return_to))
        }
        HandOver::Needs(step) => Ok(to_step(step, &here(&app, query), true)),
        HandOver::Refused(application, why) => {
            let frame = frame_of(session, Place::Elsewhere);
            // Of another account's application not even the name is told.
            let name = if application.rules.account == session.account {
                application.name
            } else {
                host.to_string()
            };
            Err(PageError::not_admitted(&name, why == Why::NotAdmin).inside(frame))
        }
        // As for another account's: who may not enter does not learn whether there is one.
        HandOver::NoApplication => {
            let frame = frame_of(session, Place::Elsewhere);
            Err(PageError::not_admitted(&host.to_string(), false).inside(frame))
        }
    }
}

/// This page again, after the step that it asks for.
fn here(app: &App, query: &Fields) -> ReturnTo {
    let part = |name| utf8_percent_encode(query.text(name), NON_ALPHANUMERIC).to_string();
    let (host, challenge, return_to) = (part("host"), part("challenge"), part("return_to"));
    let here = format!("/hand-over?host={host}&challenge={challenge}&return_to={return_to}");
    ReturnTo::parse(&here, &app.public_url)
}

pub(crate) fn challenge(text: &str) -> Option<[u8; 32]> {
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

/// By a redirect, unless the request may have come of a form: then by a page, see [`HandOverPage`].
fn lead_to(
    app: &App,
    headers: &HeaderMap,
    brand: String,
    host: &Host,
    code: &Token,
    return_to: &ReturnTo,
) -> Response {
    let scheme = app.public_url.scheme();
    let (code, return_to) =
        (code.expose(), utf8_percent_encode(return_to.as_str(), NON_ALPHANUMERIC));
    let to = format!("{scheme}://{host}{CALLBACK}?code={code}&return_to={return_to}");
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    let mut response = if matches!(site, None | Some(b"same-origin")) {
        let outside = crate::views::Outside { brand };
        page(StatusCode::OK, &HandOverPage { outside, host: host.to_string(), to })
    } else {
        see_other(&to)
    };
    no_referrer(&mut response);
    response
}

/// The address holds a code, which nobody else shall read.
fn no_referrer(response: &mut Response) {
    let no_referrer = HeaderValue::from_static("no-referrer");
    response.headers_mut().insert(header::REFERRER_POLICY, no_referrer);
}

async fn arrive(State(app): State<App>, request: Request) -> Result<Response, PageError> {
    let (parts, _) = request.into_parts();
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    let host = peer.and_then(|peer| gate::host_of_proxy(&app, &parts.headers, peer));
    let host = host.ok_or_else(PageError::not_found)?;
    let query = Fields::of_query(parts.uri.query())?;
    let return_to = ReturnTo::parse(query.text("return_to"), &app.public_url);
    let nonce = cookies::read_one(&app, NONCE, &parts.headers);
    let taken = match Token::parse(query.text("code")) {
        Some(code) => {
            let from = visitor(&parts, &app);
            app.vestibule.take_hand_over(&from, &host, &code, nonce.as_ref()).await?
        }
        None => None,
    };
    let mut response = if let Some(token) = taken {
        let mut response = see_other(return_to.as_str());
        response.headers_mut().insert(header::SET_COOKIE, cookies::set_gate(&app, &token));
        response
    } else {
        let view = GatePage::hand_over_over(return_to.to_string());
        let mut response = page(StatusCode::BAD_REQUEST, &view);
        let policy = STYLED_INLINE.clone();
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
        response
    };
    no_referrer(&mut response);
    Ok(response)
}
