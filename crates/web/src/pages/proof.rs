//! `/proof`: a fresh proof before a sensitive act.
//!
//! A form whose act asks for one is carried through this page in hidden fields; once the proof is
//! given, the browser sends it again (307 keeps method and body), so that nothing typed is lost.
//! A form with a password in it is not carried: its page asks for the proof before it is filled in.

use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use vestibule_flows::authority::{Decision, ProofAsked, Proving};
use vestibule_flows::security_code::{CodeRefused, Proven};

use crate::error::PageError;
use crate::pages::asked::{Caller, Form};
use crate::pages::code_form::CodeForm;
use crate::pages::dispatch::{dispatch, session_over};
use crate::pages::proof_page::{Errand, proof_page};
use crate::request::fields::Fields;
use crate::request::return_to::ReturnTo;
use crate::respond::{see_other, with_token};
use crate::routes::{Router, get};
use crate::state::App;
use crate::views::proof::ProofThen;

pub(crate) fn router() -> Router {
    Router::new().route("/proof", get(show).post(give))
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
        Ok(proving) => {
            let mut answer =
                proof_page(&app, &proving, errand, (CodeForm::of(&query), None)).await?;
            // Shown on its own it refuses nothing.
            if answer.status() == StatusCode::FORBIDDEN {
                *answer.status_mut() = StatusCode::OK;
            }
            Ok(answer)
        }
        Err(elsewhere) => Ok(elsewhere),
    }
}

/// Where who gives up a page that needs a proof goes back to.
fn cancel_of(return_to: &ReturnTo) -> ReturnTo {
    match return_to.as_str() {
        "/enrolment"
        | "/settings/security/password"
        | "/settings/security/email"
        | ReturnTo::RECOVERY_CODES => ReturnTo::security(),
        path if path.starts_with("/settings/audit/") => ReturnTo::audit(),
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
    let form_sent = CodeForm::of(fields);
    if let Some(instead) = CodeForm::instead(fields) {
        let errand = errand_of(fields, act, &return_to);
        return proof_page(&app, &proving, errand, (instead, None)).await;
    }
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
        (Proven::Accepted(token) | Proven::AcceptedRecoveryCode(token), Some(act)) => {
            let again = (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, act.as_str())]);
            Ok(with_token(&app, &token, again.into_response()))
        }
        (Proven::Accepted(token) | Proven::AcceptedRecoveryCode(token), None) => {
            Ok(with_token(&app, &token, see_other(return_to.as_str())))
        }
        (Proven::Refused(CodeRefused::SessionOver), _) => Ok(session_over(&return_to)),
        (Proven::Refused(why), act) => {
            let errand = errand_of(fields, act, &return_to);
            proof_page(&app, &proving, errand, (form_sent, Some(why))).await
        }
    }
}

/// What was asked for before the proof, as the form carries it.
fn errand_of(fields: &Fields, act: Option<ReturnTo>, return_to: &ReturnTo) -> Errand {
    match act {
        Some(act) => Errand {
            then: ProofThen::Act { act: act.to_string(), fields: fields.carried() },
            cancel: page_of_act(&act),
        },
        None => Errand {
            then: ProofThen::GoTo { return_to: return_to.to_string() },
            cancel: cancel_of(return_to),
        },
    }
}

/// The page that the form of an act stands on.
fn page_of_act(act: &ReturnTo) -> ReturnTo {
    let mut parts = act.as_str().split(['/', '?']).skip(2);
    match (parts.next(), parts.next()) {
        (Some("account"), _) => ReturnTo::account(),
        (Some("audit"), _) => ReturnTo::audit(),
        (Some("applications"), application) => ReturnTo::application(application),
        (Some("users"), user) => ReturnTo::user(user),
        _ => ReturnTo::security(),
    }
}
