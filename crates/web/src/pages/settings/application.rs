//! `/settings/applications/{id}`: one application, whom it names, and what an Admin changes of it.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use vestibule_domain::id::ApplicationId;
use vestibule_flows::applications::{ApplicationAnswer, ManagedApplication};
use vestibule_flows::authority::{Admin, Authority as _, Fresh};

use crate::error::PageError;
use crate::pages::asked::{Act, Page};
use crate::pages::settings::applications::{example, minutes, read, too_many, url};
use crate::pages::{asks, not_found_inside, words};
use crate::request::segment::Segment;
use crate::respond::{page, see_other};
use crate::routes::{Router, get, post};
use crate::state::App;
use crate::surroundings::frame_of;
use crate::views::applications::{ApplicationForm, ApplicationPage, NamedUser};
use crate::views::{Field, Place};

pub(crate) fn router() -> Router {
    Router::new()
        .route("/settings/applications/{id}", get(show).post(change))
        .route("/settings/applications/{id}/named", post(name))
        .route("/settings/applications/{id}/named/remove", post(unname))
        .route("/settings/applications/{id}/remove", post(remove))
}

async fn show(
    State(app): State<App>,
    Segment(id): Segment,
    asked: Page<Admin>,
) -> Result<Response, PageError> {
    let Some(mut view) = view_of(&app, &asked.who, &id).await? else {
        return Ok(not_found(&asked.who));
    };
    let done = asked.query.text("done");
    view.added = done == "added";
    view.frame.done = match done {
        "added" => Some("The application is added.".into()),
        "changed" => Some("The changes are saved.".into()),
        "named" => Some("The user is on the list.".into()),
        "unnamed" => Some("The user is off the list.".into()),
        _ => None,
    };
    Ok(page(StatusCode::OK, &view))
}

/// The page as it is; `None` where there is no such application.
async fn view_of(app: &App, who: &Admin, id: &str) -> Result<Option<ApplicationPage>, PageError> {
    let found = match id.parse() {
        Ok(id) => app.vestibule.application(who, id).await?,
        Err(_) => None,
    };
    let Some(ManagedApplication { application, named }) = found else { return Ok(None) };
    let rules = application.rules;
    let age = rules.max_age.map(|age| minutes(age).to_string());
    let named = named.into_iter().map(|(id, email, name)| {
        let id = id.to_string();
        NamedUser { id, name, email }
    });
    Ok(Some(ApplicationPage {
        frame: frame_of(who.signed_in().record(), Place::Applications),
        id: application.id.to_string(),
        url: url(app, &application.host),
        configured: application.configured,
        added: false,
        trusts_a_proxy: !app.trusted_proxies.is_empty(),
        form: ApplicationForm {
            name: Field::holding(&application.name),
            host: Field::holding(&application.host),
            enter: rules.enter,
            always_mfa: rules.always_mfa,
            minutes: Field::holding(age.unwrap_or_default()),
            example: example(app),
        },
        name: application.name,
        host: application.host,
        named: named.collect(),
        email: Field::default(),
        asks: asks(app, who),
    }))
}

fn not_found(who: &Admin) -> Response {
    not_found_inside(who.signed_in().record(), Place::Applications)
}

/// The page again, with what is to be mended put in by `mend`.
async fn mended(
    app: &App,
    act: &Act<Fresh<Admin>>,
    id: &str,
    mend: impl FnOnce(&mut ApplicationPage),
) -> Result<Response, PageError> {
    let who = act.who.authority();
    let Some(mut view) = view_of(app, who, id).await? else { return Ok(not_found(who)) };
    mend(&mut view);
    Ok(page(StatusCode::UNPROCESSABLE_ENTITY, &view))
}

/// The page of an answer that is the same for every act.
fn answer_of(act: &Act<Fresh<Admin>>, id: &str, answer: ApplicationAnswer, done: &str) -> Response {
    let who = act.who.signed_in();
    let back = format!("/settings/applications/{id}");
    match answer {
        ApplicationAnswer::Done(_) if done == "removed" => {
            see_other("/settings/applications?done=removed")
        }
        ApplicationAnswer::Done(_) => see_other(&format!("{back}?done={done}")),
        ApplicationAnswer::Configured => PageError::refused(
            "This application comes from the configuration file",
            "What is changed here would be undone at the next start.",
            "Change it in the file, and restart Vestibule.",
        )
        .inside(frame_of(who.record(), Place::Applications))
        .back_to(&back, "Back to the application")
        .into_response(),
        ApplicationAnswer::NotAdmin => PageError::for_admins(who.current()).into_response(),
        _ => not_found(act.who.authority()),
    }
}

async fn change(
    State(app): State<App>,
    Segment(segment): Segment,
    act: Act<Fresh<Admin>>,
) -> Result<Response, PageError> {
    let Ok(id) = segment.parse::<ApplicationId>() else {
        return Ok(not_found(act.who.authority()));
    };
    let (mut form, wanted) = read(&app, &act.fields)?;
    if let Some(wanted) = wanted {
        match app.vestibule.change_application(&act.visitor, &act.who, id, &wanted).await? {
            ApplicationAnswer::HostTaken => form.host.error = Some(words::HOST_TAKEN.into()),
            answer => return Ok(answer_of(&act, &segment, answer, "changed")),
        }
    }
    mended(&app, &act, &segment, |view| {
        // What comes from the configuration has no form to mend.
        if !view.configured {
            view.form = form;
        }
    })
    .await
}

async fn name(
    State(app): State<App>,
    Segment(segment): Segment,
    act: Act<Fresh<Admin>>,
) -> Result<Response, PageError> {
    let Ok(id) = segment.parse::<ApplicationId>() else {
        return Ok(not_found(act.who.authority()));
    };
    let typed = act.fields.text("email");
    let answer = app.vestibule.name_user(&act.visitor, &act.who, id, typed).await?;
    let error = match answer {
        ApplicationAnswer::Email(error) => words::email(error),
        ApplicationAnswer::NoSuchUser => words::NO_SUCH_USER.into(),
        ApplicationAnswer::TooMany => too_many("named users"),
        answer => return Ok(answer_of(&act, &segment, answer, "named")),
    };
    mended(&app, &act, &segment, |view| view.email = Field::wrong(typed, error)).await
}

async fn unname(
    State(app): State<App>,
    Segment(segment): Segment,
    act: Act<Fresh<Admin>>,
) -> Result<Response, PageError> {
    let (Ok(id), Ok(user)) = (segment.parse::<ApplicationId>(), act.fields.text("user").parse())
    else {
        return Ok(not_found(act.who.authority()));
    };
    let answer = app.vestibule.unname_user(&act.visitor, &act.who, id, user).await?;
    Ok(answer_of(&act, &segment, answer, "unnamed"))
}

async fn remove(
    State(app): State<App>,
    Segment(segment): Segment,
    act: Act<Fresh<Admin>>,
) -> Result<Response, PageError> {
    let Ok(id) = segment.parse::<ApplicationId>() else {
        return Ok(not_found(act.who.authority()));
    };
    let answer = app.vestibule.remove_application(&act.visitor, &act.who, id).await?;
    Ok(answer_of(&act, &segment, answer, "removed"))
}
