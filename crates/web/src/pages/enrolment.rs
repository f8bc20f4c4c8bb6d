//! `/enrolment`: binding a new app, from the vestibule or from behind the second door.

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use vestibule_domain::access::Step;
use vestibule_domain::user::Role;
use vestibule_flows::Visitor;
use vestibule_flows::authority::{Decision, Enrolling};
use vestibule_flows::enrolment::{AfterEnrolment, Confirmed};

use crate::error::PageError;
use crate::pages::asked::{Caller, Form};
use crate::pages::dispatch::{dispatch, to_step};
use crate::pages::words;
use crate::request::fields::Fields;
use crate::request::return_to::ReturnTo;
use crate::respond::{page, see_other, with_token};
use crate::routes::{Router, get};
use crate::state::App;
use crate::views::enrolment::{EnrolmentKind, EnrolmentPage};
use crate::views::qr::Qr;
use crate::views::{CodeProblem, Outside};

/// The enrolment of an Admin who turned the switch on and has no factor.
pub(crate) const FOR_THE_SWITCH: &str = "/enrolment?for=everyone";

pub(crate) fn router() -> Router {
    Router::new().route("/enrolment", get(show).post(confirm))
}

/// Where the enrolment came from and leads to.
struct Errand {
    return_to: ReturnTo,
    then: AfterEnrolment,
}

impl Errand {
    fn of(fields: &Fields, app: &App) -> Self {
        let then = if fields.text("for") == "everyone" {
            AfterEnrolment::TurnSwitchOn
        } else {
            AfterEnrolment::GoOn
        };
        Self { return_to: ReturnTo::parse(fields.text("return_to"), &app.public_url), then }
    }

    /// This page, for who has to give a fresh proof first.
    fn here(&self, app: &App) -> ReturnTo {
        match self.then {
            AfterEnrolment::TurnSwitchOn => ReturnTo::parse(FOR_THE_SWITCH, &app.public_url),
            AfterEnrolment::GoOn => {
                ReturnTo::parse(&self.return_to.after("/enrolment"), &app.public_url)
            }
        }
    }
}

fn enrolling(app: &App, caller: &Caller, errand: &Errand) -> Result<Enrolling, Response> {
    let Some(current) = &caller.current else {
        return Err(dispatch(app, None, &errand.here(app)));
    };
    match app.vestibule.authorise_enrolment(current) {
        Decision::Granted(enrolling) => Ok(enrolling),
        Decision::Needs(Step::FreshProof) => {
            Err(to_step(Step::FreshProof, &errand.here(app), false))
        }
        _ => Err(dispatch(app, Some(current), &errand.return_to)),
    }
}

async fn show(State(app): State<App>, caller: Caller, uri: Uri) -> Result<Response, PageError> {
    let errand = Errand::of(&Fields::of_query(uri.query())?, &app);
    match enrolling(&app, &caller, &errand) {
        Ok(who) => enrolment_page(&app, &caller.visitor, &who, &errand, None).await,
        Err(elsewhere) => Ok(elsewhere),
    }
}

async fn confirm(State(app): State<App>, form: Form) -> Result<Response, PageError> {
    let errand = Errand::of(&form.fields, &app);
    let visitor = &form.caller.visitor;
    let who = match enrolling(&app, &form.caller, &errand) {
        Ok(who) => who,
        Err(elsewhere) => return Ok(elsewhere),
    };
    let code = form.fields.text("code");
    match app.vestibule.confirm_enrolment(visitor, &who, code, errand.then).await? {
        Confirmed::Done { token, switch_turned_on } => {
            let answer = if switch_turned_on {
                see_other("/settings/account?done=turned-on")
            } else if errand.then == AfterEnrolment::TurnSwitchOn {
                see_other("/settings/account")
            } else if who.in_vestibule {
                let current = app.vestibule.current(&token).await?;
                dispatch(&app, current.as_ref(), &errand.return_to)
            } else if errand.return_to != ReturnTo::dashboard() {
                see_other(errand.return_to.as_str())
            } else {
                let another = who.record().standing.has_factor;
                let done = if another { "another-added" } else { "app-added" };
                see_other(&format!("/settings/security?done={done}"))
            };
            Ok(with_token(&app, &token, answer))
        }
        Confirmed::Refused(why) => {
            enrolment_page(&app, visitor, &who, &errand, words::code(why)).await
        }
        // Expired: the same page with a new key, and says so. Otherwise the dispatcher knows.
        Confirmed::Over => {
            let current = who.record().clone();
            let expired = Some(CodeProblem::KeyExpired);
            match enrolling(&app, &form.caller, &errand) {
                Ok(who) if !current.session.enrolling => {
                    enrolment_page(&app, visitor, &who, &errand, expired).await
                }
                _ => Ok(dispatch(&app, form.caller.current.as_ref(), &errand.return_to)),
            }
        }
    }
}

async fn enrolment_page(
    app: &App,
    visitor: &Visitor,
    who: &Enrolling,
    errand: &Errand,
    problem: Option<CodeProblem>,
) -> Result<Response, PageError> {
    let shown = app.vestibule.show_enrolment(visitor, who).await?;
    let session = who.record();
    let is_admin = session.standing.role == Role::Admin;
    let kind = if shown.replaces {
        EnrolmentKind::Recovering
    } else if who.in_vestibule {
        EnrolmentKind::Required
    } else if errand.then == AfterEnrolment::TurnSwitchOn && is_admin {
        EnrolmentKind::TurningOn
    } else if shown.is_another {
        EnrolmentKind::Another
    } else {
        EnrolmentKind::Voluntary
    };
    let view = EnrolmentPage {
        outside: Outside { brand: session.account_name.clone() },
        kind,
        email: session.email.clone(),
        return_to: errand.return_to.to_string(),
        key: shown.key.to_string(),
        otpauth_url: shown.uri.to_string(),
        qr: Qr::of(&shown.uri),
        // Who was asked for a proof in between has lost sight of what became of the first key.
        problem: problem.or(shown.follows_expired.then_some(CodeProblem::KeyExpired)),
    };
    let status = match problem {
        None => StatusCode::OK,
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
    };
    Ok(page(status, &view))
}
