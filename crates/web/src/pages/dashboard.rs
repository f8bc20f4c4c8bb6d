//! `/`: who is signed in, how, and what they may do.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use vestibule_domain::browser;
use vestibule_flows::authority::SignedIn;
use vestibule_flows::{ApplicationRecord, NoticeRecord, SessionRecord, Visitor};

use crate::error::PageError;
use crate::pages::asked::Page;
use crate::pages::settings::applications::url;
use crate::respond::page;
use crate::routes::{Router, get};
use crate::state::App;
use crate::surroundings::frame_of;
use crate::views::dashboard::{ApplicationLink, CodeGiven, DashboardPage, NoticeLine};
use crate::views::{Place, Role, When, count};

pub(crate) fn router() -> Router {
    Router::new().route("/", get(show))
}

async fn show(State(app): State<App>, asked: Page<SignedIn>) -> Result<Response, PageError> {
    let session = asked.who.record();
    let code = app.vestibule.second_proof(&asked.who).await?;
    let codes = app.vestibule.own_recovery_codes(&asked.who).await?;
    let idle = session.session.limits.idle.as_secs() / 60;
    let notices = app.vestibule.notices(&asked.who).await?;
    let applications = app.vestibule.applications_open_to(&asked.who).await?;
    let view = DashboardPage {
        applications: applications.into_iter().map(|open| application_link(&app, open)).collect(),
        notices: notices
            .iter()
            .filter(|notice| !is_own(notice, session, &asked.visitor))
            .map(notice_line)
            .collect(),
        frame: frame_of(session, Place::Dashboard),
        email: session.email.clone(),
        role: role(session.standing.role),
        password_at: When::from_unix_ms(session.session.password.map_or(0, |p| p.at.millis())),
        code: code.map(|(factor, at)| CodeGiven { factor, at: When::from_unix_ms(at.millis()) }),
        has_factor: session.standing.has_factor,
        has_recovery_codes: codes.is_some_and(|codes| codes.left > 0),
        ends: When::from_unix_ms(
            session.session.created.plus(session.session.limits.total).millis(),
        ),
        idle: count(idle, "minute", "minutes"),
    };
    Ok(page(StatusCode::OK, &view))
}

/// Whether it tells of what was done here a moment ago: in this browser, since this sign-in. Nobody
/// needs to be told that now; in the next session it stands there until it is dismissed. What
/// others bring about is never taken for it: a colleague's browser looks the same.
fn is_own(notice: &NoticeRecord, session: &SessionRecord, visitor: &Visitor) -> bool {
    notice.notice.is_own_act()
        && notice.at >= session.session.created
        && notice.address == visitor.address
        && notice.browser == visitor.browser
}

fn notice_line(notice: &NoticeRecord) -> NoticeLine {
    let from = if notice.address.is_empty() {
        "on the host".to_owned()
    } else {
        format!("{}, {}", browser::name(&notice.browser), notice.address)
    };
    NoticeLine {
        id: notice.id.to_string(),
        sentence: notice.notice.sentence(&notice.detail),
        advice: notice.notice.advice().to_owned(),
        alarming: notice.notice.is_alarming(),
        at: When::from_unix_ms(notice.at.millis()),
        from,
    }
}

fn application_link(app: &App, open: ApplicationRecord) -> ApplicationLink {
    ApplicationLink { url: url(app, &open.host), name: open.name, host: open.host }
}

pub(crate) fn role(role: vestibule_domain::user::Role) -> Role {
    match role {
        vestibule_domain::user::Role::Admin => Role::Admin,
        vestibule_domain::user::Role::Member => Role::Member,
    }
}
