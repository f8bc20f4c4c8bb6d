//! `/settings/security`: one's own factors, name, password and sessions.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use vestibule_domain::id::FactorId;
use vestibule_flows::authority::{Authority as _, Fresh, SignedIn};
use vestibule_flows::own_settings::{FactorRemoval, PasswordChange, Reissued};

use crate::error::PageError;
use crate::pages::asked::{Act, Page};
use crate::pages::dispatch::session_over;
use crate::pages::{asks, not_found_inside, words};
use crate::request::return_to::ReturnTo;
use crate::request::segment::Segment;
use crate::respond::{page, see_other, with_token, without_token};
use crate::routes::{Router, get, post};
use crate::state::App;
use crate::surroundings::frame_of;
use crate::views::security::{ChangePasswordPage, Factor, RecoveryCodes, SecurityPage, SessionRow};
use crate::views::{Asks, Field, Place, When};
use vestibule_domain::browser;

pub(crate) fn router() -> Router {
    Router::new()
        .route("/settings/security", get(show))
        .route("/settings/security/name", post(change_name))
        .route("/settings/security/password", get(show_password).post(change_password))
        .route("/settings/security/factors/{id}/name", post(rename_factor))
        .route("/settings/security/factors/{id}/remove", post(remove_factor))
        .route("/settings/security/sessions/{id}/end", post(end_session))
        .route("/settings/security/sessions/end-others", post(end_other_sessions))
}

/// What was typed into the page's forms and not taken.
#[derive(Default)]
struct Typed {
    name: Option<Field>,
    factor_name: Option<(FactorId, Field)>,
}

async fn show(State(app): State<App>, asked: Page<SignedIn>) -> Result<Response, PageError> {
    let done = match asked.query.text("done") {
        "app-added" => "The app is added: from now on its codes let you in.",
        "another-added" => {
            "The app is added: its codes let you in too. If it takes the place of one that is lost, \
             remove that one below."
        }
        "codes-made" => "Your new recovery codes are in place. The old ones no longer work.",
        "app-renamed" => "The app is renamed.",
        "app-removed" => "The app is removed: its codes no longer let anyone in.",
        "email-changed" => "Your address is changed. Your other sessions have ended.",
        "name-changed" => "Your name is changed.",
        "password-changed" => "Your password is changed. Your other sessions have ended.",
        "session-ended" => "The session has ended.",
        "others-ended" => "Your other sessions have ended.",
        _ => "",
    };
    let done = (!done.is_empty()).then(|| done.to_owned());
    security_page(&app, StatusCode::OK, &asked.who, Typed::default(), done).await
}

async fn security_page(
    app: &App,
    status: StatusCode,
    who: &SignedIn,
    typed: Typed,
    done: Option<String>,
) -> Result<Response, PageError> {
    let session = who.record();
    let own = app.vestibule.own_security(who).await?;
    let when = |at: vestibule_domain::time::Timestamp| When::from_unix_ms(at.millis());
    let (renamed, rename) = typed.factor_name.unzip();
    let factors = own.factors.into_iter().map(|factor| Factor {
        id: factor.id.to_string(),
        name: factor.name,
        rename: rename.clone().filter(|_| renamed == Some(factor.id)),
        added: when(factor.added),
        last_used: factor.last_used.map(when),
    });
    let sessions = own.sessions.into_iter().map(|open| SessionRow {
        id: open.id.to_string(),
        browser: browser::name(&open.browser),
        address: open.address,
        signed_in: when(open.created),
        last_seen: when(open.last_seen),
        this_one: open.id == own.this_session,
    });
    let mut frame = frame_of(session, Place::Security);
    frame.done = done;
    let view = SecurityPage {
        frame,
        email: session.email.clone(),
        mail: app.vestibule.settings().mail,
        name: typed.name.unwrap_or_else(|| Field::holding(session.user_name.clone())),
        factors: factors.collect(),
        recovery_codes: own
            .recovery_codes
            .map(|codes| RecoveryCodes { left: codes.left.unsigned_abs(), made: when(codes.made) }),
        required: session.policy.is_required(),
        asks: asks(app, who),
        code_attempts: own.code_attempts,
        sessions: sessions.collect(),
    };
    Ok(page(status, &view))
}

async fn change_name(State(app): State<App>, act: Act<SignedIn>) -> Result<Response, PageError> {
    let name = act.fields.text("name");
    match app.vestibule.change_name(&act.visitor, &act.who, name).await? {
        Ok(()) => Ok(see_other("/settings/security?done=name-changed")),
        Err(error) => {
            let name = Some(Field::wrong(name, words::name(error)));
            let typed = Typed { name, ..Typed::default() };
            security_page(&app, StatusCode::UNPROCESSABLE_ENTITY, &act.who, typed, None).await
        }
    }
}

async fn show_password(State(app): State<App>, asked: Page<Fresh<SignedIn>>) -> Response {
    password_page(&app, StatusCode::OK, &asked.who, None)
}

fn password_page(
    app: &App,
    status: StatusCode,
    who: &Fresh<SignedIn>,
    problem: Option<String>,
) -> Response {
    let session = who.signed_in().record();
    let view = ChangePasswordPage {
        frame: frame_of(session, Place::Security),
        email: session.email.clone(),
        password_error: problem,
        min_password: app.vestibule.settings().password_minimum as u64,
        asks: Asks::Nothing,
    };
    page(status, &view)
}

async fn change_password(
    State(app): State<App>,
    act: Act<Fresh<SignedIn>>,
) -> Result<Response, PageError> {
    let password = act.fields.text("password");
    Ok(match app.vestibule.change_password(&act.visitor, &act.who, password).await? {
        PasswordChange::Done(token) => {
            with_token(&app, &token, see_other("/settings/security?done=password-changed"))
        }
        PasswordChange::Refused(error) => {
            let problem = Some(words::password(error));
            password_page(&app, StatusCode::UNPROCESSABLE_ENTITY, &act.who, problem)
        }
        PasswordChange::SessionOver => session_over(&ReturnTo::security()),
    })
}

async fn rename_factor(
    State(app): State<App>,
    Segment(id): Segment,
    act: Act<Fresh<SignedIn>>,
) -> Result<Response, PageError> {
    let who = act.who.signed_in();
    let Ok(id) = id.parse() else { return Ok(not_found_inside(who.record(), Place::Security)) };
    let name = act.fields.text("name");
    match app.vestibule.rename_factor(&act.visitor, &act.who, id, name).await? {
        Ok(true) => Ok(see_other("/settings/security?done=app-renamed")),
        Ok(false) => Ok(not_found_inside(who.record(), Place::Security)),
        Err(error) => {
            let factor_name = Some((id, Field::wrong(name, words::name(error))));
            let typed = Typed { factor_name, ..Typed::default() };
            security_page(&app, StatusCode::UNPROCESSABLE_ENTITY, who, typed, None).await
        }
    }
}

async fn remove_factor(
    State(app): State<App>,
    Segment(id): Segment,
    act: Act<Fresh<SignedIn>>,
) -> Result<Response, PageError> {
    let session = act.who.signed_in().record();
    let Ok(id) = id.parse() else { return Ok(not_found_inside(session, Place::Security)) };
    Ok(match app.vestibule.remove_factor(&act.visitor, &act.who, id).await? {
        FactorRemoval::Done(token) => {
            with_token(&app, &token, see_other("/settings/security?done=app-removed"))
        }
        FactorRemoval::NotFound => not_found_inside(session, Place::Security),
        FactorRemoval::SessionOver => session_over(&ReturnTo::security()),
        FactorRemoval::LastOne => PageError::refused(
            "This app stays",
            "It is your only one, and your account requires a security code of everyone.",
            "Add another app first, then remove this one.",
        )
        .inside(frame_of(session, Place::Security))
        .back_to("/settings/security", "Back to Security")
        .into_response(),
    })
}

async fn end_session(
    State(app): State<App>,
    Segment(id): Segment,
    act: Act<Fresh<SignedIn>>,
) -> Result<Response, PageError> {
    let session = act.who.signed_in().record();
    let Ok(id) = id.parse() else { return Ok(not_found_inside(session, Place::Security)) };
    let ended = app.vestibule.end_session(&act.visitor, &act.who, id).await?;
    Ok(if !ended {
        not_found_inside(session, Place::Security)
    } else if id == session.id {
        without_token(&app, see_other("/sign-in?notice=signed-out"))
    } else {
        see_other("/settings/security?done=session-ended")
    })
}

async fn end_other_sessions(
    State(app): State<App>,
    act: Act<Fresh<SignedIn>>,
) -> Result<Response, PageError> {
    Ok(match app.vestibule.end_other_sessions(&act.visitor, &act.who).await? {
        Reissued::Done(token) => {
            with_token(&app, &token, see_other("/settings/security?done=others-ended"))
        }
        Reissued::SessionOver => session_over(&ReturnTo::security()),
    })
}
