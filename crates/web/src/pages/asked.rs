//! The authority of a request, as the argument of its handler.
//!
//! A handler that takes [`Page<SignedIn>`] or [`Act<Fresh<Admin>>`] cannot be reached without it:
//! whoever has less is sent to the step that `access` names, and comes back.

use axum::body::to_bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{Method, header};
use axum::response::{IntoResponse as _, Response};
use http_body_util::LengthLimitError;
use vestibule_domain::access::{Step, Why};
use vestibule_flows::authority::{Authority, Current, Decision, SignedIn};
use vestibule_flows::{FlowError, Visitor};

use crate::error::PageError;
use crate::pages::dispatch::to_step;
use crate::pages::proof_page;
use crate::request::cookies::{self, SessionCookie};
use crate::request::fields::Fields;
use crate::request::return_to::ReturnTo;
use crate::request::visitor::visitor;
use crate::respond::see_other;
use crate::state::App;

/// The most that a body may hold.
pub(crate) const BODY_LIMIT: usize = 64 * 1024;

/// Whoever sends the request: perhaps with a session, which opens nothing by itself.
pub(crate) struct Caller {
    /// The session of the cookie.
    pub(crate) current: Option<Current>,
    /// Whether a cookie came that has no session any more.
    pub(crate) lost_session: bool,
    /// From where.
    pub(crate) visitor: Visitor,
}

/// A request with its authority, to be answered with a page.
pub(crate) struct Page<A> {
    /// The authority.
    pub(crate) who: A,
    /// From where.
    pub(crate) visitor: Visitor,
    /// What the query says.
    pub(crate) query: Fields,
}

/// A form that was sent in, with the authority that its act asks for.
pub(crate) struct Act<A> {
    /// The authority.
    pub(crate) who: A,
    /// From where.
    pub(crate) visitor: Visitor,
    /// What was sent.
    pub(crate) fields: Fields,
}

/// A form that anyone may send in.
pub(crate) struct Form {
    /// Who sends it.
    pub(crate) caller: Caller,
    /// What was sent.
    pub(crate) fields: Fields,
}

impl Caller {
    async fn of(parts: &Parts, app: &App) -> Result<Self, Response> {
        Self::find(parts, app).await.map_err(|error| PageError::from(error).into_response())
    }

    async fn find(parts: &Parts, app: &App) -> Result<Self, FlowError> {
        let visitor = visitor(parts, app);
        let (current, had_cookie) = match cookies::read(app, &parts.headers) {
            SessionCookie::Token(token) => (app.vestibule.current(&token).await?, true),
            SessionCookie::Unreadable => (None, true),
            SessionCookie::Absent => (None, false),
        };
        Ok(Self { lost_session: had_cookie && current.is_none(), current, visitor })
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        Self::of(parts, app).await
    }
}

impl<A: Authority + Send> FromRequestParts<App> for Page<A> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let caller = Caller::of(parts, app).await?;
        let here = page_of(parts, app);
        let who = authorise::<A>(app, &caller, &here)?;
        hold(&who, parts.uri.path(), &here)?;
        let query = Fields::of_query(parts.uri.query()).map_err(PageError::into_response)?;
        Ok(Self { who, visitor: caller.visitor, query })
    }
}

impl FromRequest<App> for Form {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        let (parts, fields) = read_form(request).await.map_err(PageError::into_response)?;
        let caller = Caller::of(&parts, app).await?;
        Ok(Self { caller, fields })
    }
}

impl<A: Authority + Send> FromRequest<App> for Act<A> {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        let (parts, fields) = read_form(request).await.map_err(PageError::into_response)?;
        let caller = Caller::of(&parts, app).await?;
        let page = page_of(&parts, app);
        // Behind the second door, where only freshness is missing, the form is carried through the
        // page that asks for the proof, so that nothing typed is lost.
        if let Some(current) = &caller.current
            && let Decision::Granted(signed_in) = app.vestibule.authorise::<SignedIn>(current)
            && let Decision::Needs(Step::FreshProof) = app.vestibule.authorise::<A>(current)
        {
            let path = parts.uri.path();
            return Err(proof_page::ask(app, &signed_in, path, &fields, &page).await);
        }
        let who = authorise::<A>(app, &caller, &page)?;
        Ok(Self { who, visitor: caller.visitor, fields })
    }
}

async fn read_form(request: Request) -> Result<(Parts, Fields), PageError> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, BODY_LIMIT).await.map_err(|error| {
        // A body that breaks off in the middle is another matter than one that is too long.
        if std::error::Error::source(&error)
            .is_some_and(<dyn std::error::Error>::is::<LengthLimitError>)
        {
            PageError::too_large()
        } else {
            PageError::bad_request()
        }
    })?;
    let fields = Fields::of_body(&parts.headers, &body)?;
    Ok((parts, fields))
}

/// Asks for an authority, or answers with the way to it.
fn authorise<A: Authority>(app: &App, caller: &Caller, page: &ReturnTo) -> Result<A, Response> {
    let Some(current) = &caller.current else {
        return Err(to_step(Step::Password, page, caller.lost_session));
    };
    match app.vestibule.authorise::<A>(current) {
        Decision::Granted(who) => Ok(who),
        Decision::Needs(step) => Err(to_step(step, page, true)),
        Decision::Refused(Why::NotActive) => Err(to_step(Step::Password, page, true)),
        // No page but those for Admins refuses anybody else; applications have their own answer.
        Decision::Refused(Why::NotAdmin | Why::NotAdmitted) => {
            Err(PageError::for_admins(current).into_response())
        }
    }
}

/// Whoever was given recovery codes is led to them from every page, until they are kept. It guards
/// nothing: what a session opens is for `access` to say.
fn hold<A: Authority>(who: &A, path: &str, here: &ReturnTo) -> Result<(), Response> {
    let is_theirs = path
        .strip_prefix(ReturnTo::RECOVERY_CODES)
        .is_some_and(|rest| matches!(rest, "" | "/download"));
    if is_theirs || !who.signed_in().record().has_unkept_codes {
        return Ok(());
    }
    Err(see_other(&here.after(ReturnTo::RECOVERY_CODES)))
}

/// The page that a request is for; for a form, the page that it stands on.
fn page_of(parts: &Parts, app: &App) -> ReturnTo {
    if matches!(parts.method, Method::GET | Method::HEAD) {
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        return ReturnTo::parse(path, &app.public_url);
    }
    let referrer = parts.headers.get(header::REFERER).and_then(|value| value.to_str().ok());
    referrer.map_or_else(ReturnTo::dashboard, |text| ReturnTo::of_referrer(text, &app.public_url))
}
