//! The page that asks for a fresh proof, alone or in place of an act.

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use vestibule_domain::limits::wait;
use vestibule_flows::authority::{Decision, ProofAsked, Proving, SignedIn};
use vestibule_flows::security_code::CodeRefused;

use crate::error::PageError;
use crate::pages::code_form::{CodeAnswer, CodeForm};
use crate::pages::dispatch::dispatch;
use crate::pages::words;
use crate::request::fields::Fields;
use crate::request::return_to::ReturnTo;
use crate::respond::page;
use crate::state::App;
use crate::views::proof::{ProofAsk, ProofPage, ProofThen};
use crate::views::{CodeProblem, Outside};

/// What was asked for before the proof.
pub(super) struct Errand {
    pub(super) then: ProofThen,
    /// Where "Cancel" leads.
    pub(super) cancel: ReturnTo,
}

/// Answers an act that asks for a fresh proof with the page that takes it.
pub(super) async fn ask(
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
    match proof_page(app, &proving, errand, (CodeForm::SecurityCode, None)).await {
        Ok(answer) => answer,
        Err(error) => error.into_response(),
    }
}

/// The page, in place of an act or after a wrong proof: a refusal.
pub(super) async fn proof_page(
    app: &App,
    proving: &Proving,
    errand: Errand,
    (form, refused): (CodeForm, Option<CodeRefused>),
) -> Result<Response, PageError> {
    let session = proving.record();
    let (ask, wait, closed) = match proving.by {
        ProofAsked::SecurityCode => {
            let limits = app.vestibule.code_limits(proving).await?;
            let CodeAnswer { form, problem, wait } = form.answer(refused, limits);
            let closed = problem == Some(CodeProblem::BudgetSpent);
            (ask_for_code(app, proving, form, problem).await?, wait, closed)
        }
        ProofAsked::Password => {
            let (problem, wait) = match refused {
                None => (None, None),
                Some(CodeRefused::Wait(left)) => (None, Some(wait::seconds(left))),
                Some(_) => (Some("This password is not right.".to_owned()), None),
            };
            (ProofAsk::Password { email: session.email.clone(), problem }, wait, false)
        }
    };
    let status = match refused {
        Some(CodeRefused::Wait(_)) => StatusCode::TOO_MANY_REQUESTS,
        _ if closed => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::FORBIDDEN,
    };
    let in_vestibule = proving.is_sign_in(app.vestibule.now());
    let account = &session.account_name;
    let (act, button) = if in_vestibule {
        (format!("set up an authenticator app, which {account} asks of everyone"), "Continue")
    } else {
        describe(&errand.then, account)
    };
    let view = ProofPage {
        outside: Outside { brand: session.account_name.clone() },
        act,
        button: button.to_owned(),
        ask,
        wait,
        then: errand.then,
        cancel: errand.cancel.to_string(),
        in_vestibule: in_vestibule || session.has_unkept_codes,
    };
    Ok(words::with_retry_after(page(status, &view), refused))
}

async fn ask_for_code(
    app: &App,
    proving: &Proving,
    form: CodeForm,
    problem: Option<CodeProblem>,
) -> Result<ProofAsk, PageError> {
    if form == CodeForm::RecoveryCode {
        return Ok(ProofAsk::RecoveryCode { problem });
    }
    let factors = app.vestibule.factor_names(proving).await?;
    let has_codes = app.vestibule.has_recovery_codes(proving).await?;
    Ok(ProofAsk::Code { factors, problem, has_codes })
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
    if let Some(rest) = path.strip_prefix("/settings/applications") {
        return match rest.splitn(3, '/').nth(2) {
            None if rest.is_empty() => {
                (format!("add {} as an application", field("name")), "Add the application")
            }
            None => (format!("change the application {}", field("name")), "Save the changes"),
            Some("named") => {
                (format!("let {} enter an application by name", field("email")), "Name this user")
            }
            Some("named/remove") => {
                plain("take a user off an application’s list", "Take off the list")
            }
            Some(_) => plain("remove an application", "Remove this application"),
        };
    }
    match (path, last) {
        ("/settings/account/mfa", _) if field("required") == "true" => (
            format!("turn two-factor sign-in on for everyone at {account}"),
            "Turn on for everyone",
        ),
        ("/settings/account/mfa", _) => {
            (format!("turn two-factor sign-in off at {account}"), "Turn off")
        }
        ("/settings/audit/export", _) => plain("export the audit log", "Continue"),
        ("/enrolment", _) => plain("set up an authenticator app", "Continue"),
        (ReturnTo::RECOVERY_CODES, _) if matches!(then, ProofThen::Act { .. }) => {
            plain("make new recovery codes", "Make new codes")
        }
        (ReturnTo::RECOVERY_CODES, _) => plain("see your recovery codes", "Continue"),
        (_, "email" | "confirm") => plain("change your email address", "Continue"),
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
        (_, "end") => plain("end a session", "End this session"),
        (_, "end-others") => plain("end your other sessions", "End all others"),
        (_, "name") => plain("rename an app", "Rename this app"),
        _ => plain("do something that needs a fresh proof", "Continue"),
    }
}

fn article(role: &str) -> &'static str {
    if role == "Admin" { "an Admin" } else { "a Member" }
}
