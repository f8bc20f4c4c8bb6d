//! The gate's answers: a yes with the user's identity, a no in the proxy's dialect.

use axum::body::Body;
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use vestibule_domain::application::{Host, header_value};
use vestibule_domain::proof::Assurance;
use vestibule_domain::token::Token;
use vestibule_domain::user::Role;
use vestibule_flows::SessionRecord;

use super::asked::{AskedOwned, Dialect};
use super::{Misunderstood, Question};
use crate::request::cookies;
use crate::request::return_to::ReturnTo;
use crate::respond::headers::STYLED_INLINE;
use crate::state::App;
use crate::views::gate::GatePage;

const USER: HeaderName = HeaderName::from_static("remote-user");
const ID: HeaderName = HeaderName::from_static("remote-id");
const NAME: HeaderName = HeaderName::from_static("remote-name");
const ACCOUNT: HeaderName = HeaderName::from_static("remote-account");
const ROLE: HeaderName = HeaderName::from_static("remote-role");
const ASSURANCE: HeaderName = HeaderName::from_static("remote-assurance");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// For nginx, which cannot be answered with 302 or 503: where to lead, and the status meant.
const LOCATION: HeaderName = HeaderName::from_static("x-vestibule-location");
const STATUS: HeaderName = HeaderName::from_static("x-vestibule-status");

/// The headers of a yes, prepared once for each assurance level.
#[derive(Clone)]
pub(crate) struct Identity {
    aal1: HeaderMap,
    aal2: HeaderMap,
}

/// Why the gate stays shut.
#[derive(Debug)]
pub(crate) enum No {
    /// Nothing that could be answered with yes was asked.
    Misunderstood(Misunderstood),
    /// There is no application behind the host, which is named where it could be one.
    NothingThere(Option<Host>),
    /// A step comes first, which signing in leads to.
    Needs(Host),
    /// Signed in, and not let in.
    Refused,
    /// The database does not answer.
    Unknown,
}

impl Identity {
    pub(crate) fn of(session: &SessionRecord) -> Self {
        let role = match session.standing.role {
            Role::Admin => "Admin",
            Role::Member => "Member",
        };
        let mut aal1 = HeaderMap::with_capacity(12);
        for (name, value) in [
            (USER, session.email.as_str()),
            (ID, &session.user.to_string()),
            (NAME, &session.user_name),
            (ACCOUNT, &session.account_name),
            (ROLE, role),
        ] {
            let value = HeaderValue::try_from(header_value(value))
                .unwrap_or_else(|_| unreachable!("what is not printable was encoded"));
            aal1.insert(name, value);
        }
        aal1.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let mut aal2 = aal1.clone();
        aal1.insert(ASSURANCE, HeaderValue::from_static("AAL1"));
        aal2.insert(ASSURANCE, HeaderValue::from_static("AAL2"));
        Self { aal1, aal2 }
    }
}

/// The one place that says yes: with every identity header (design, rule 9).
pub(crate) fn yes(identity: &Identity, assurance: Assurance, id: &str) -> Response {
    let mut response = Response::new(Body::empty());
    *response.headers_mut() = match assurance {
        Assurance::Aal1 => identity.aal1.clone(),
        Assurance::Aal2 => identity.aal2.clone(),
    };
    name_request(&mut response, id);
    response
}

/// A no, as the proxy wants to hear it.
pub(crate) fn no(app: &App, question: &Question, no: &No, id: &str) -> Response {
    let is_page_load = question.asked.as_ref().is_ok_and(|asked| asked.is_page_load);
    let meant = match no {
        No::Needs(..) if is_page_load => StatusCode::FOUND,
        No::Needs(..) => StatusCode::UNAUTHORIZED,
        No::Unknown => StatusCode::SERVICE_UNAVAILABLE,
        No::Misunderstood(_) | No::NothingThere(_) | No::Refused => StatusCode::FORBIDDEN,
    };
    let is_nginx = question.dialect == Dialect::Nginx;
    let said = match meant {
        StatusCode::FOUND if is_nginx => StatusCode::UNAUTHORIZED,
        StatusCode::SERVICE_UNAVAILABLE if is_nginx => StatusCode::FORBIDDEN,
        meant => meant,
    };
    // nginx answers with pages of its own.
    let body = if is_nginx || meant == StatusCode::FOUND { None } else { Some(text(app, no)) };
    let mut response = Response::new(match body {
        Some(page) if is_page_load => Body::from(page.html()),
        Some(page) => Body::from(page.line()),
        None => Body::empty(),
    });
    *response.status_mut() = said;
    let headers = response.headers_mut();
    if is_page_load && !is_nginx {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(header::CONTENT_SECURITY_POLICY, STYLED_INLINE.clone());
    } else {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    }
    if let (No::Needs(host), Ok(asked), true) = (no, &question.asked, is_page_load) {
        lead_to_sign_in(app, headers, question, host, asked);
    }
    if is_nginx {
        headers.insert(STATUS, HeaderValue::from(meant.as_u16()));
    }
    if meant == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    name_request(&mut response, id);
    response
}

/// Sets the nonce that the hand-over is bound to, and names the address that asks for it. Tabs of
/// one browser share a nonce, or they would take each other's way.
fn lead_to_sign_in(
    app: &App,
    headers: &mut HeaderMap,
    question: &Question,
    host: &Host,
    asked: &AskedOwned,
) {
    let nonce = question.nonce.clone().unwrap_or_else(|| app.vestibule.nonce());
    let return_to = ReturnTo::parse(&asked.uri, &app.public_url);
    let to = hand_over_url(app, host, &nonce, &return_to);
    let Ok(to) = HeaderValue::try_from(to) else { return };
    let name = if question.dialect == Dialect::Nginx { LOCATION } else { header::LOCATION };
    headers.insert(name, to);
    headers.insert(header::SET_COOKIE, cookies::set_nonce(app, &nonce));
}

fn hand_over_url(app: &App, host: &Host, nonce: &Token, return_to: &ReturnTo) -> String {
    let base = app.public_url.as_str().trim_end_matches('/');
    let challenge = URL_SAFE_NO_PAD.encode(nonce.hash().as_bytes());
    let return_to = utf8_percent_encode(return_to.as_str(), NON_ALPHANUMERIC);
    format!("{base}/hand-over?host={host}&challenge={challenge}&return_to={return_to}")
}

fn text(app: &App, no: &No) -> GatePage {
    match no {
        No::Needs(..) => GatePage::sign_in_needed(),
        No::Unknown => GatePage::unknown(),
        No::Refused => GatePage::refused(app.public_url.as_str().to_owned()),
        No::NothingThere(host) => {
            GatePage::no_application(host.as_ref().map(ToString::to_string).as_deref())
        }
        No::Misunderstood(Misunderstood::Untrusted(_)) => GatePage::untrusted(),
        No::Misunderstood(Misunderstood::Malformed) => GatePage::malformed(),
    }
}

fn name_request(response: &mut Response, id: &str) {
    if let Ok(id) = HeaderValue::try_from(id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
}
