//! `/proof`: a fresh proof before a sensitive act.
//!
//! A form whose act asks for one is carried through this page in hidden fields; once the proof is
//! given, the browser sends it again (307 keeps method and body), so that nothing typed is lost.
//! A form with a password in it is not carried: its page asks for the proof before it is filled in.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use vestibule_flows::authority::{Decision, ProofAsked, Proving, SignedIn};
use vestibule_flows::security_code::{CodeRefused, Proven};

use crate::app::App;
use crate::error::PageError;
use crate::pages::{dispatch, session_over, words};
use crate::request::fields::Fields;
use crate::request::return_to::ReturnTo;
use crate::request::session::{Caller, Form};
use crate::respond::{page, see_other, with_token};
use crate::views::proof::{ProofAsk, ProofPage, ProofThen};
use crate::views::{CodeProblem, Outside};

pub(crate) fn router() -> Router<App> {
    Router::new().route("/proof", get(show).post(give))
}

/// What was asked for before the proof.
struct Errand {
    then: ProofThen,
    /// Where "Cancel" leads.
    cancel: ReturnTo,
}

/// Answers an act that asks for a fresh proof with the page that takes it.
pub(crate) async fn ask(
    app: &App,
    who: &SignedIn,
    path: &str,
    fields: &Fields,
    stands_on: &ReturnTo,
) -> Response {
    let then = if fields.has_secrets() {
        ProofThen::GoTo { return_to: path.to_owned() }
    } else {
        ProofThen::Act { act: path.to_owned(), fields: fields.carried() }
    };
    let Decision::Granted(proving) = app.vestibule.authorise_proof(who.current()) else {
        return dispatch(app, Some(who.current()), stands_on);
    };
    let errand = Errand { then, cancel: stands_on.clone() };
    match proof_page(app, &proving, errand, None).await {
        Ok(answer) => answer,
        Err(error) => error.into_response(),
    }
}

fn proving(app: &App, caller: &Caller, return_to: &ReturnTo) -> Result<Proving, Response> {
    let current = caller.current.as_ref();
    if let Some(current) = current
        && let Decision::Granted(proving) = app.vestibule.authorise_proof(current)
        // Who still has to give the code of the sign-in does it there.
        && (proving.by == ProofAsked::Password || !proving.is_sign_in(app.vestibule.now()))
    {
        return Ok(proving);
    }
    Err(dispatch(app, current, return_to))
}

async fn show(State(app): State<App>, caller: Caller, uri: Uri) -> Result<Response, PageError> {
    let query = Fields::of_query(uri.query())?;
    let return_to = ReturnTo::parse(query.text("return_to"), &app.public_url);
    let errand = Errand {
        then: ProofThen::GoTo { return_to: return_to.to_string() },
        cancel: cancel_of(&return_to),
    };
    match proving(&app, &caller, &return_to) {
        Ok(proving) => proof_page(&app, &proving, errand, None).await,
        Err(elsewhere) => Ok(elsewhere),
    }
}

/// Where who gives up a page that needs a proof goes back to.
fn cancel_of(return_to: &ReturnTo) -> ReturnTo {
    match return_to.as_str() {
        "/enrolment" | "/settings/security/password" => ReturnTo::security(),
        _ => ReturnTo::dashboard(),
    }
}

async fn give(State(app): State<App>, form: Form) -> Result<Response, PageError> {
    let fields = &form.fields;
    let return_to = ReturnTo::parse(fields.text("return_to"), &app.public_url);
    let act = fields.text("act");
    // Only acts of the settings are carried; their own handlers ask for their own authority.
    let act = ReturnTo::parse(act, &app.public_url);
    let act = act.as_str().starts_with("/settings/").then_some(act);
    let proving = match proving(&app, &form.caller, &return_to) {
        Ok(proving) => proving,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let visitor = &form.caller.visitor;
    let proven = match proving.by {
        ProofAsked::SecurityCode => {
            app.vestibule.give_code(visitor, &proving, fields.text("code")).await?
        }
        ProofAsked::Password => {
            app.vestibule.give_password(visitor, &proving, fields.text("password")).await?
        }
    };
    match (proven, act) {
        (Proven::Accepted(token), Some(act)) => {
            let again = (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, act.as_str())]);
            Ok(with_token(&app, &token, again.into_response()))
        }
        (Proven::Accepted(token), None) => {
            Ok(with_token(&app, &token, see_other(return_to.as_str())))
        }
        (Proven::Refused(CodeRefused::SessionOver), _) => Ok(session_over(&return_to)),
        (Proven::Refused(why), Some(act)) => {
            let then = ProofThen::Act { act: act.to_string(), fields: fields.carried() };
            let cancel = page_of_act(&act);
            proof_page(&app, &proving, Errand { then, cancel }, Some(why)).await
        }
        (Proven::Refused(why), None) => {
            let then = ProofThen::GoTo { return_to: return_to.to_string() };
            let cancel = cancel_of(&return_to);
            proof_page(&app, &proving, Errand { then, cancel }, Some(why)).await
        }
    }
}

async fn proof_page(
    app: &App,
    proving: &Proving,
    errand: Errand,
    refused: Option<CodeRefused>,
) -> Result<Response, PageError> {
    let session = proving.record();
    let (ask, status) = match proving.by {
        ProofAsked::SecurityCode => {
            let closed = app.vestibule.is_budget_spent(proving).await?;
            let problem =
                if closed { Some(CodeProblem::BudgetSpent) } else { refused.and_then(words::code) };
            let status = if closed { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::FORBIDDEN };
            let factors = app.vestibule.factor_names(proving).await?;
            (ProofAsk::Code { factors, problem }, status)
        }
        ProofAsked::Password => {
            let problem = refused.map(|_| "This password is not right.".to_owned());
            (ProofAsk::Password { email: session.email.clone(), problem }, StatusCode::FORBIDDEN)
        }
    };
    let (act, button) = describe(&errand.then, &session.account_name);
    // Shown on its own it is a page; in place of an act or after a wrong proof, a refusal.
    let status = match (&errand.then, refused) {
        (ProofThen::GoTo { .. }, None) if status == StatusCode::FORBIDDEN => StatusCode::OK,
        _ => status,
    };
    let view = ProofPage {
        outside: Outside { brand: session.account_name.clone() },
        act,
        button: button.to_owned(),
        ask,
        then: errand.then,
        cancel: errand.cancel.to_string(),
    };
    Ok(page(status, &view))
}

/// The page that the form of an act stands on.
fn page_of_act(act: &ReturnTo) -> ReturnTo {
    let mut parts = act.as_str().split(['/', '?']).skip(2);
    match (parts.next(), parts.next()) {
        (Some("account"), _) => ReturnTo::account(),
        (Some("users"), user) => ReturnTo::user(user),
        _ => ReturnTo::security(),
    }
}

/// What the user is about to do, after "You are about to", and what the button says.
fn describe(then: &ProofThen, account: &str) -> (String, &'static str) {
    let (path, fields) = match then {
        ProofThen::GoTo { return_to } => (return_to.as_str(), &[][..]),
        ProofThen::Act { act, fields } => (act.as_str(), fields.as_slice()),
    };
    let field = |name: &str| {
        fields.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str())
    };
    let plain = |text: &str, button| (text.to_owned(), button);
    let path = path.split('?').next().unwrap_or_default();
    let last = path.rsplit('/').next().unwrap_or_default();
    match (path, last) {
        ("/settings/account/mfa", _) if field("required") == "true" => (
            format!("turn two-factor sign-in on for everyone at {account}"),
            "Turn on for everyone",
        ),
        ("/settings/account/mfa", _) => {
            (format!("turn two-factor sign-in off at {account}"), "Turn off")
        }
        ("/enrolment", _) => plain("set up an authenticator app", "Continue"),
        (_, "password") => plain("change your password", "Continue"),
        ("/settings/users", _) => (format!("add {} as a user", field("email")), "Add this user"),
        (_, "invitation") => plain("make a new invitation link", "Make a new link"),
        (_, "cancel") => plain("take an invitation back", "Take it back"),
        (_, "password-link") => plain("make a link for a new password", "Make the link"),
        (_, "role") => (format!("make a user {}", article(field("role"))), "Change the role"),
        (_, "disable") => plain("disable a user", "Disable this user"),
        (_, "enable") => plain("enable a user again", "Enable this user"),
        (_, "reset") => plain("reset a user’s factors", "Reset the factors"),
        (_, "remove") if path.starts_with("/settings/users/") => {
            plain("remove a user", "Remove this user")
        }
        (_, "remove") => plain("remove an app from your factors", "Remove this app"),
        (_, "name") => plain("rename an app", "Rename this app"),
        _ => plain("do something that needs a fresh proof", "Continue"),
    }
}

fn article(role: &str) -> &'static str {
    if role == "Admin" { "an Admin" } else { "a Member" }
}
