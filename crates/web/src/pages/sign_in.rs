//! `/sign-in` and `/sign-in/code`: the two doors.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use vestibule_domain::limits::wait;
use vestibule_flows::FlowError;
use vestibule_flows::authority::{Decision, ProofAsked, Proving};
use vestibule_flows::security_code::{CodeRefused, Proven};
use vestibule_flows::sign_in::SignIn;

use crate::error::PageError;
use crate::pages::asked::{Caller, Form};
use crate::pages::code_form::{CodeAnswer, CodeForm};
use crate::pages::dispatch::{dispatch, session_over};
use crate::pages::words;
use crate::request::fields::Fields;
use crate::request::return_to::ReturnTo;
use crate::respond::{page, retry_after, see_other, with_token, without_token};
use crate::routes::{Router, get};
use crate::state::App;
use crate::surroundings::outside;
use crate::views::CodeProblem;
use crate::views::sign_in::{CodePage, RecoveryCodePage, SignInNotice, SignInPage, SignInProblem};

pub(crate) fn router() -> Router {
    Router::new()
        .route("/sign-in", get(show).post(sign_in))
        .route("/sign-in/code", get(show_code).post(give_code))
}

async fn show(
    State(app): State<App>,
    caller: Caller,
    uri: axum::http::Uri,
) -> Result<Response, PageError> {
    let query = Fields::of_query(uri.query())?;
    let return_to = ReturnTo::parse(query.text("return_to"), &app.public_url);
    if let Some(current) = &caller.current
        && !matches!(
            app.vestibule.authorise_proof(current),
            Decision::Needs(vestibule_domain::access::Step::Password) | Decision::Refused(_)
        )
    {
        return Ok(dispatch(&app, caller.current.as_ref(), &return_to));
    }
    let notice = match query.text("notice") {
        "signed-out" => Some(SignInNotice::SignedOut),
        "session-ended" => Some(SignInNotice::SessionEnded),
        "password-changed" => Some(SignInNotice::PasswordChanged),
        _ => None,
    };
    let view = SignInPage {
        outside: outside(&app, None).await?,
        email: String::new(),
        return_to: return_to.to_string(),
        problem: None,
        wait: None,
        notice,
        mail: app.vestibule.settings().mail,
    };
    let answer = page(StatusCode::OK, &view);
    Ok(if caller.lost_session { without_token(&app, answer) } else { answer })
}

async fn sign_in(State(app): State<App>, form: Form) -> Result<Response, PageError> {
    let fields = &form.fields;
    let return_to = ReturnTo::parse(fields.text("return_to"), &app.public_url);
    let (email, password) = (fields.text("email"), fields.text("password"));
    let refused = async |status, problem, wait| {
        let view = SignInPage {
            outside: outside(&app, None).await?,
            email: email.to_owned(),
            return_to: return_to.to_string(),
            problem,
            wait,
            notice: None,
            mail: app.vestibule.settings().mail,
        };
        Ok(page(status, &view))
    };
    if email.trim().is_empty() || password.is_empty() {
        let problem = Some(SignInProblem::Missing);
        return refused(StatusCode::UNPROCESSABLE_ENTITY, problem, None).await;
    }
    let Caller { current, visitor, .. } = &form.caller;
    match app.vestibule.sign_in(visitor, email, password, current.as_ref()).await {
        Ok(SignIn::Begun(token)) => {
            let current = app.vestibule.current(&token).await?;
            Ok(with_token(&app, &token, dispatch(&app, current.as_ref(), &return_to)))
        }
        Ok(SignIn::Refused) => {
            refused(StatusCode::UNAUTHORIZED, Some(SignInProblem::NotRight), None).await
        }
        Ok(SignIn::Wait(left)) => {
            let seconds = wait::seconds(left);
            let answer = refused(StatusCode::TOO_MANY_REQUESTS, None, Some(seconds)).await?;
            Ok(retry_after(answer, seconds))
        }
        Err(FlowError::Busy) => {
            let problem = Some(SignInProblem::TooBusy);
            let answer = refused(StatusCode::SERVICE_UNAVAILABLE, problem, None).await?;
            Ok(retry_after(answer, 5))
        }
        Err(error) => Err(error.into()),
    }
}

/// The session in the vestibule that a security code is asked of, or the way to where it stands.
fn awaiting_code(app: &App, caller: &Caller, return_to: &ReturnTo) -> Result<Proving, Response> {
    let current = caller.current.as_ref();
    if let Some(current) = current
        && let Decision::Granted(proving) = app.vestibule.authorise_proof(current)
        && proving.by == ProofAsked::SecurityCode
        && proving.is_sign_in(app.vestibule.now())
    {
        return Ok(proving);
    }
    Err(dispatch(app, current, return_to))
}

async fn show_code(
    State(app): State<App>,
    caller: Caller,
    uri: axum::http::Uri,
) -> Result<Response, PageError> {
    let query = Fields::of_query(uri.query())?;
    let return_to = ReturnTo::parse(query.text("return_to"), &app.public_url);
    match awaiting_code(&app, &caller, &return_to) {
        Ok(proving) => code_page(&app, &proving, &return_to, CodeForm::of(&query), None).await,
        Err(elsewhere) => Ok(elsewhere),
    }
}

async fn give_code(State(app): State<App>, form: Form) -> Result<Response, PageError> {
    let return_to = ReturnTo::parse(form.fields.text("return_to"), &app.public_url);
    let proving = match awaiting_code(&app, &form.caller, &return_to) {
        Ok(proving) => proving,
        Err(elsewhere) => return Ok(elsewhere),
    };
    match app.vestibule.give_code(&form.caller.visitor, &proving, form.fields.text("code")).await? {
        Proven::Accepted(token) => {
            let current = app.vestibule.current(&token).await?;
            Ok(with_token(&app, &token, dispatch(&app, current.as_ref(), &return_to)))
        }
        Proven::AcceptedRecoveryCode(token) => {
            let current = app.vestibule.current(&token).await?;
            let offer = return_to.after(&format!("{}/used", ReturnTo::RECOVERY_CODES));
            let offer = ReturnTo::parse(&offer, &app.public_url);
            Ok(with_token(&app, &token, dispatch(&app, current.as_ref(), &offer)))
        }
        Proven::Refused(CodeRefused::SessionOver) => Ok(session_over(&return_to)),
        Proven::Refused(why) => {
            code_page(&app, &proving, &return_to, CodeForm::of(&form.fields), Some(why)).await
        }
    }
}

async fn code_page(
    app: &App,
    proving: &Proving,
    return_to: &ReturnTo,
    form: CodeForm,
    refused: Option<CodeRefused>,
) -> Result<Response, PageError> {
    let session = proving.record();
    let outside = crate::views::Outside { brand: session.account_name.clone() };
    let has_codes = app.vestibule.has_recovery_codes(proving).await?;
    let limits = app.vestibule.code_limits(proving).await?;
    let CodeAnswer { form, problem, wait } = form.answer(refused, limits);
    let status = status_of(refused, problem);
    if form == CodeForm::RecoveryCode {
        let view = RecoveryCodePage {
            outside,
            has_codes,
            return_to: return_to.to_string(),
            problem,
            wait,
            code_href: return_to.after("/sign-in/code"),
        };
        return Ok(words::with_retry_after(page(status, &view), refused));
    }
    let view = CodePage {
        outside,
        email: session.email.clone(),
        factors: app.vestibule.factor_names(proving).await?,
        return_to: return_to.to_string(),
        problem,
        wait,
        recovery_href: return_to.after("/sign-in/code?with=recovery-code"),
        has_codes,
    };
    Ok(words::with_retry_after(page(status, &view), refused))
}

fn status_of(refused: Option<CodeRefused>, problem: Option<CodeProblem>) -> StatusCode {
    if matches!(refused, Some(CodeRefused::Wait(_))) {
        return StatusCode::TOO_MANY_REQUESTS;
    }
    match problem {
        None => StatusCode::OK,
        Some(CodeProblem::BudgetSpent) => StatusCode::TOO_MANY_REQUESTS,
        Some(CodeProblem::NotSixDigits | CodeProblem::NotARecoveryCode) => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        Some(_) => StatusCode::UNAUTHORIZED,
    }
}

/// Where who signed out arrives.
pub(crate) fn after_sign_out(app: &App) -> Response {
    without_token(app, see_other("/sign-in?notice=signed-out")).into_response()
}
