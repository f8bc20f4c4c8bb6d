//! `/settings/users/{id}`: one user, and what an Admin does with them.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use vestibule_domain::id::UserId;
use vestibule_domain::link::LinkPurpose;
use vestibule_domain::user::MembershipState;
use vestibule_flows::authority::{Admin, Authority as _, Fresh};
use vestibule_flows::invitations::MadeLink;
use vestibule_flows::users::{ManagedUser, UserAct, UserChanged};

use crate::error::PageError;
use crate::pages::asked::{Act, Page};
use crate::pages::dashboard::role;
use crate::pages::{asks, not_found_inside};
use crate::request::segment::Segment;
use crate::respond::{link_page, page, see_other};
use crate::routes::{Router, get, post};
use crate::state::{App, link};
use crate::surroundings::frame_of;
use crate::views::users::{FactorLine, LinkMade, LinkMadePage, Standing, UserPage, UserState};
use crate::views::{Place, When};

pub(crate) fn router() -> Router {
    Router::new()
        .route("/settings/users/{id}", get(show))
        .route("/settings/users/{id}/role", post(set_role))
        .route("/settings/users/{id}/disable", post(disable))
        .route("/settings/users/{id}/enable", post(enable))
        .route("/settings/users/{id}/remove", post(remove))
        .route("/settings/users/{id}/factors/reset", post(reset_factors))
        .route("/settings/users/{id}/password-link", post(make_password_link))
        .route("/settings/users/{id}/invitation", post(renew_invitation))
        .route("/settings/users/{id}/invitation/cancel", post(cancel_invitation))
}

async fn show(
    State(app): State<App>,
    Segment(id): Segment,
    asked: Page<Admin>,
) -> Result<Response, PageError> {
    let session = asked.who.signed_in().record();
    let found = match id.parse() {
        Ok(id) => app.vestibule.user(&asked.who, id).await?,
        Err(_) => None,
    };
    let Some(managed) = found else { return Ok(not_found_inside(session, Place::Users)) };
    let mut frame = frame_of(session, Place::Users);
    frame.done = match asked.query.text("done") {
        "role" => Some("The role is changed.".into()),
        "disabled" => Some("The user is disabled and signed out everywhere.".into()),
        "enabled" => Some("The user may sign in again.".into()),
        "reset" => Some("The factors are removed and the user is signed out everywhere.".into()),
        _ => None,
    };
    let ManagedUser { user, factors, .. } = managed;
    let when = |at: vestibule_domain::time::Timestamp| When::from_unix_ms(at.millis());
    let view = UserPage {
        frame,
        id: user.id.to_string(),
        name: user.name,
        email: user.email,
        role: role(user.standing.role),
        state: match user.standing.state {
            MembershipState::Active => UserState::Active,
            MembershipState::Disabled => UserState::Disabled,
            MembershipState::Invited => UserState::Invited {
                until: when(managed.invited_until.unwrap_or(user.added)),
                expired: managed.invited_until.is_none(),
            },
        },
        factors: factors
            .into_iter()
            .map(|factor| FactorLine {
                name: factor.name,
                added: when(factor.added),
                last_used: factor.last_used.map(when),
            })
            .collect(),
        recovery_codes_left: managed.recovery_codes_left.unwrap_or(0),
        last_sign_in: user.last_sign_in.map(when),
        open_sessions: managed.open_sessions,
        code_attempts: managed.code_attempts,
        required: session.policy.is_required(),
        standing: match (managed.is_oneself, managed.is_last_admin) {
            (false, false) => Standing::Other,
            (false, true) => Standing::LastAdmin,
            (true, false) => Standing::Oneself,
            (true, true) => Standing::OneselfLastAdmin,
        },
        asks: asks(&app, &asked.who),
    };
    Ok(page(StatusCode::OK, &view))
}

/// Carries out an act and leads back to the user's page.
async fn change(
    app: &App,
    id: &str,
    act: &Act<Fresh<Admin>>,
    what: UserAct,
    done: &str,
) -> Result<Response, PageError> {
    let who = act.who.signed_in();
    let frame = || frame_of(who.record(), Place::Users);
    let Ok(id) = id.parse::<UserId>() else {
        return Ok(not_found_inside(who.record(), Place::Users));
    };
    let back = format!("/settings/users/{id}");
    let refused = |title: &str, why: &str, now: &str| {
        PageError::refused(title, why, now)
            .inside(frame())
            .back_to(&back, "Back to this user")
            .into_response()
    };
    Ok(match app.vestibule.change_user(&act.visitor, &act.who, id, what).await? {
        UserChanged::Done if what == UserAct::Remove => see_other("/settings/users?done=removed"),
        UserChanged::Done => see_other(&format!("{back}?done={done}")),
        UserChanged::NotFound => not_found_inside(who.record(), Place::Users),
        UserChanged::NotAdmin => PageError::for_admins(who.current()).into_response(),
        UserChanged::LastAdmin => refused(
            "This is the last Admin who can sign in",
            "Without them nobody could manage this account.",
            "Make somebody else an Admin first, and have them sign in once.",
        ),
        UserChanged::Oneself => refused(
            "Nobody resets their own factors",
            "It would let whoever sits at your browser replace your app.",
            "Remove or add apps in Security, or ask another Admin.",
        ),
    })
}

async fn set_role(
    State(app): State<App>,
    Segment(id): Segment,
    act: Act<Fresh<Admin>>,
) -> Result<Response, PageError> {
    let what = UserAct::SetRole(act.fields.word("role")?);
    change(&app, &id, &act, what, "role").await
}

async fn disable(
    State(app): State<App>,
    Segment(id): Segment,
    act: Act<Fresh<Admin>>,
) -> Result<Response, PageError> {
    change(&app, &id, &act, UserAct::Disable, "disabled").await
}

async fn enable(
    State(app): State<App>,
    Segment(id): Segment,
    act: Act<Fresh<Admin>>,
) -> Result<Response, PageError> {
    change(&app, &id, &act, UserAct::Enable, "enabled").await
}

async fn remove(
    State(app): State<App>,
    Segment(id): Segment,
    act: Act<Fresh<Admin>>,
) -> Result<Response, PageError> {
    change(&app, &id, &act, UserAct::Remove, "removed").await
}

async fn reset_factors(
    State(app): State<App>,
    Segment(id): Segment,
    act: Act<Fresh<Admin>>,
) -> Result<Response, PageError> {
    change(&app, &id, &act, UserAct::ResetFactors, "reset").await
}

async fn make_password_link(
    State(app): State<App>,
    Segment(id): Segment,
    act: Act<Fresh<Admin>>,
) -> Result<Response, PageError> {
    let made = match id.parse() {
        Ok(id) => app.vestibule.make_password_link(&act.visitor, &act.who, id).await?,
        Err(_) => None,
    };
    Ok(link_made(&app, &act, LinkMade::Password, LinkPurpose::Password, made))
}

async fn renew_invitation(
    State(app): State<App>,
    Segment(id): Segment,
    act: Act<Fresh<Admin>>,
) -> Result<Response, PageError> {
    let made = match id.parse() {
        Ok(id) => app.vestibule.renew_invitation(&act.visitor, &act.who, id).await?,
        Err(_) => None,
    };
    Ok(link_made(&app, &act, LinkMade::Invitation, LinkPurpose::Invitation, made))
}

/// Shows a link, this once.
fn link_made(
    app: &App,
    act: &Act<Fresh<Admin>>,
    kind: LinkMade,
    purpose: LinkPurpose,
    made: Option<MadeLink>,
) -> Response {
    let session = act.who.signed_in().record();
    let Some(made) = made else { return not_found_inside(session, Place::Users) };
    let view = LinkMadePage {
        frame: frame_of(session, Place::Users),
        kind,
        id: made.user.to_string(),
        name: made.name,
        email: made.email,
        mailed: purpose == LinkPurpose::Invitation && app.vestibule.settings().mail,
        url: link(&app.public_url, purpose, &made.token),
        until: When::from_unix_ms(made.expires.millis()),
    };
    link_page(StatusCode::OK, &view)
}

async fn cancel_invitation(
    State(app): State<App>,
    Segment(id): Segment,
    act: Act<Fresh<Admin>>,
) -> Result<Response, PageError> {
    let cancelled = match id.parse() {
        Ok(id) => app.vestibule.cancel_invitation(&act.visitor, &act.who, id).await?,
        Err(_) => false,
    };
    Ok(if cancelled {
        see_other("/settings/users?done=cancelled")
    } else {
        not_found_inside(act.who.signed_in().record(), Place::Users)
    })
}
