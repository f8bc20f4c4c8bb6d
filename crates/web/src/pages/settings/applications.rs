//! `/settings/applications`: the list, and adding an application.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use vestibule_domain::application::{Enter, Host, LONGEST_MAX_AGE};
use vestibule_domain::name::Name;
use vestibule_flows::ApplicationRecord;
use vestibule_flows::applications::{Application, ApplicationAnswer, MOST};
use vestibule_flows::authority::{Admin, Authority as _, Fresh};

use crate::error::PageError;
use crate::pages::asked::{Act, Page};
use crate::pages::{asks, words};
use crate::request::fields::Fields;
use crate::respond::{page, see_other};
use crate::routes::{Router, get};
use crate::state::App;
use crate::surroundings::frame_of;
use crate::views::applications::{
    AddApplicationPage, ApplicationForm, ApplicationRow, ApplicationsPage,
};
use crate::views::{Field, Place};

pub(crate) fn router() -> Router {
    Router::new()
        .route("/settings/applications", get(list).post(add))
        .route("/settings/applications/new", get(show_new))
}

async fn list(State(app): State<App>, asked: Page<Admin>) -> Result<Response, PageError> {
    let mut frame = frame_of(asked.who.signed_in().record(), Place::Applications);
    if asked.query.text("done") == "removed" {
        frame.done = Some("The application is removed.".into());
    }
    let found = app.vestibule.applications(&asked.who).await?;
    let rows = found.into_iter().map(|(application, named)| row(application, named)).collect();
    Ok(page(StatusCode::OK, &ApplicationsPage { frame, rows }))
}

fn row(application: ApplicationRecord, named: u64) -> ApplicationRow {
    let ApplicationRecord { id, name, host, rules, configured } = application;
    ApplicationRow {
        id: id.to_string(),
        name,
        host,
        enter: rules.enter,
        named,
        always_mfa: rules.always_mfa,
        minutes: rules.max_age.map(minutes),
        configured,
    }
}

/// A time in whole minutes, which is how an application's is told.
pub(super) fn minutes(time: Duration) -> u64 {
    time.as_secs() / 60
}

async fn show_new(State(app): State<App>, asked: Page<Admin>) -> Response {
    let form = ApplicationForm {
        name: Field::default(),
        host: Field::default(),
        enter: Enter::Everyone,
        always_mfa: false,
        minutes: Field::default(),
        example: example(&app),
    };
    let frame = frame_of(asked.who.signed_in().record(), Place::Applications);
    page(StatusCode::OK, &AddApplicationPage { frame, form, asks: asks(&app, &asked.who) })
}

async fn add(State(app): State<App>, act: Act<Fresh<Admin>>) -> Result<Response, PageError> {
    let (mut form, wanted) = read(&app, &act.fields)?;
    if let Some(wanted) = wanted {
        match app.vestibule.add_application(&act.visitor, &act.who, &wanted).await? {
            ApplicationAnswer::Done(id) => {
                return Ok(see_other(&format!("/settings/applications/{id}?done=added")));
            }
            ApplicationAnswer::HostTaken => form.host.error = Some(words::HOST_TAKEN.into()),
            ApplicationAnswer::TooMany => form.name.error = Some(too_many("applications")),
            ApplicationAnswer::NotAdmin => {
                return Ok(PageError::for_admins(act.who.signed_in().current()).into_response());
            }
            _ => return Err(PageError::our_fault()),
        }
    }
    let frame = frame_of(act.who.signed_in().record(), Place::Applications);
    let view = AddApplicationPage { frame, form, asks: asks(&app, &act.who) };
    Ok(page(StatusCode::UNPROCESSABLE_ENTITY, &view))
}

/// An application as somebody typed it: the form with what is to be mended in it, and what it is to
/// be where nothing is.
pub(super) fn read(
    app: &App,
    fields: &Fields,
) -> Result<(ApplicationForm, Option<Application>), PageError> {
    let enter: Enter = fields.word("enter")?;
    let always_mfa = match fields.text("always_mfa") {
        "" => false,
        "true" => true,
        _ => return Err(PageError::bad_request()),
    };
    let [name, host, age] = ["name", "host", "max_age_minutes"].map(|name| fields.text(name));
    let mut form = ApplicationForm {
        name: Field::holding(name),
        host: Field::holding(host),
        enter,
        always_mfa,
        minutes: Field::holding(age),
        example: example(app),
    };
    let name = Name::parse(name).map_err(|error| form.name.error = Some(words::name(error)));
    let host = Host::beside(host.trim(), app.own_host());
    let host = host.map_err(|error| form.host.error = Some(words::host(error)));
    let max_age = max_age(age).map_err(|error| form.minutes.error = Some(error));
    let wanted = match (name, host, max_age) {
        (Ok(name), Ok(host), Ok(max_age)) => {
            Some(Application { name, host, enter, always_mfa, max_age })
        }
        _ => None,
    };
    Ok((form, wanted))
}

/// How old a proof may be, from whole minutes; nothing stands for any age.
fn max_age(text: &str) -> Result<Option<Duration>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let most = minutes(LONGEST_MAX_AGE);
    match text.parse() {
        Ok(age) if (1..=most).contains(&age) => Ok(Some(Duration::from_mins(age))),
        _ => Err(format!("Type a whole number of minutes from 1 to {most}, or nothing.")),
    }
}

pub(super) fn too_many(what: &str) -> String {
    format!("There are {MOST} {what} already, and no more fit. Remove one first.")
}

pub(super) fn example(app: &App) -> &'static str {
    if app.is_https() { "grafana.example.com" } else { "app.localhost:8081" }
}

/// Where people open an application.
pub(crate) fn url(app: &App, host: &str) -> String {
    format!("{}://{host}/", app.public_url.scheme())
}
