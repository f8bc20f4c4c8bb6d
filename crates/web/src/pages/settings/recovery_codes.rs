//! `/settings/security/recovery-codes`: shown until they are kept, and made anew.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use vestibule_domain::access::Step;
use vestibule_flows::authority::{Authority as _, Decision, Fresh, SignedIn};
use vestibule_flows::own_settings::Reissued;

use crate::error::PageError;
use crate::pages::asked::{Act, Page};
use crate::pages::dispatch::{session_over, to_step};
use crate::request::return_to::ReturnTo;
use crate::respond::{page, see_other, with_token};
use crate::routes::{Router, get, post};
use crate::state::App;
use crate::views::Outside;
use crate::views::recovery_codes::{RecoveryCodeUsedPage, RecoveryCodesPage};

pub(crate) fn router() -> Router {
    Router::new()
        .route("/settings/security/recovery-codes", get(show).post(make))
        .route("/settings/security/recovery-codes/kept", post(keep))
        .route("/settings/security/recovery-codes/download", get(download))
        .route("/settings/security/recovery-codes/used", get(used))
}

async fn show(State(app): State<App>, asked: Page<Fresh<SignedIn>>) -> Result<Response, PageError> {
    let return_to = ReturnTo::parse(asked.query.text("return_to"), &app.public_url);
    let is_newer = asked.query.text("notice") == "newer";
    let session = asked.who.signed_in().record();
    let Some(shown) = app.vestibule.unkept_recovery_codes(&asked.who).await? else {
        return Ok(see_other("/settings/security"));
    };
    let view = RecoveryCodesPage {
        outside: Outside { brand: session.account_name.clone() },
        email: session.email.clone(),
        set: shown.set.to_string(),
        codes: shown.codes.iter().map(|code| code.to_string()).collect(),
        return_to: return_to.to_string(),
        is_newer,
    };
    Ok(page(StatusCode::OK, &view))
}

/// The same as a file. Who has to give a proof first is led to the page: a file leaves no page
/// behind that says what to do next.
async fn download(State(app): State<App>, asked: Page<SignedIn>) -> Result<Response, PageError> {
    let here = ReturnTo::recovery_codes();
    let who = match app.vestibule.authorise::<Fresh<SignedIn>>(asked.who.current()) {
        Decision::Granted(who) => who,
        Decision::Needs(step) => return Ok(to_step(step, &here, false)),
        Decision::Refused(_) => return Ok(to_step(Step::Password, &here, true)),
    };
    let Some(shown) = app.vestibule.unkept_recovery_codes(&who).await? else {
        return Ok(see_other("/settings/security"));
    };
    let session = asked.who.record();
    let mut text = zeroize::Zeroizing::new(format!(
        "Recovery codes of {} at {}\r\n\r\n\
         Each lets you in once: with your password, in place of a security code.\r\n\r\n",
        session.email, session.account_name,
    ));
    for code in &shown.codes {
        text.push_str(code);
        text.push_str("\r\n");
    }
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"recovery-codes.txt\""),
    ];
    Ok((headers, text.to_string()).into_response())
}

async fn make(State(app): State<App>, act: Act<Fresh<SignedIn>>) -> Result<Response, PageError> {
    Ok(match app.vestibule.make_recovery_codes(&act.visitor, &act.who).await? {
        Reissued::Done(token) => {
            let done = ReturnTo::parse("/settings/security?done=codes-made", &app.public_url);
            with_token(&app, &token, see_other(&done.after(ReturnTo::RECOVERY_CODES)))
        }
        Reissued::SessionOver => session_over(&ReturnTo::security()),
    })
}

async fn keep(State(app): State<App>, act: Act<SignedIn>) -> Result<Response, PageError> {
    let return_to = ReturnTo::parse(act.fields.text("return_to"), &app.public_url);
    let set = act.fields.word("set")?;
    let kept = app.vestibule.keep_recovery_codes(&act.visitor, &act.who, set).await?;
    // A newer set, made in another tab, is still to be kept; or this one was a moment ago.
    let newer = format!("{}?notice=newer", ReturnTo::RECOVERY_CODES);
    Ok(see_other(&if kept { return_to.to_string() } else { return_to.after(&newer) }))
}

async fn used(State(app): State<App>, asked: Page<SignedIn>) -> Result<Response, PageError> {
    let return_to = ReturnTo::parse(asked.query.text("return_to"), &app.public_url);
    let after = app.vestibule.after_recovery_code(&asked.who).await?;
    let view = RecoveryCodeUsedPage {
        outside: Outside { brand: asked.who.record().account_name.clone() },
        left: after.left,
        budget_spent: after.budget_spent,
        return_to: return_to.to_string(),
    };
    Ok(page(StatusCode::OK, &view))
}
