//! `/settings/users`: the list, and adding a user.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use vestibule_domain::link::LinkPurpose;
use vestibule_domain::name::search_key;
use vestibule_domain::user::{MembershipState, Role};
use vestibule_flows::authority::{Admin, Authority as _, Fresh};
use vestibule_flows::invitations::Invited;
use vestibule_flows::{Member, MemberFilter, PageKey, SessionRecord};

use crate::error::PageError;
use crate::pages::asked::{Act, Page};
use crate::pages::dashboard::role;
use crate::pages::{asks, words};
use crate::request::fields::Fields;
use crate::respond::{link_page, page};
use crate::routes::{Router, get};
use crate::state::{App, link};
use crate::surroundings::frame_of;
use crate::views::users::{AddUserPage, LinkMade, LinkMadePage, UserRow, UserStatus, UsersPage};
use crate::views::{Field, Place, When};

pub(crate) fn router() -> Router {
    Router::new()
        .route("/settings/users", get(list).post(add))
        .route("/settings/users/new", get(show_new))
}

async fn list(State(app): State<App>, asked: Page<Admin>) -> Result<Response, PageError> {
    let session = asked.who.signed_in().record();
    let query = &asked.query;
    let filter = MemberFilter {
        prefix: search_key(query.text("search")),
        without_factor: query.text("mfa") == "none",
    };
    let after = page_key(query);
    let (found, counts) = app.vestibule.users(&asked.who, &filter, &after).await?;
    let mut frame = frame_of(session, Place::Users);
    frame.done = match query.text("done") {
        "removed" => Some("The user is removed.".into()),
        "cancelled" => Some("The invitation is taken back.".into()),
        _ => None,
    };
    let total = counts.with_factor + counts.without_factor + counts.invited + counts.disabled;
    let view = UsersPage {
        frame,
        total: total.unsigned_abs(),
        with_factor: counts.with_factor.unsigned_abs(),
        search: query.text("search").to_owned(),
        only_without: filter.without_factor,
        rows: found.members.into_iter().map(|member| row(member, session)).collect(),
        first_page: after == PageKey::default(),
        next: found.next.map(|next| format!("{}.{}", next.user, next.key)),
    };
    Ok(page(StatusCode::OK, &view))
}

/// Where a page begins, as it stands in its address: the last user's identifier, then the key.
fn page_key(query: &Fields) -> PageKey {
    let (user, key) = query.text("after").split_once('.').unwrap_or_default();
    PageKey { key: key.to_owned(), user: user.to_owned() }
}

fn row(member: Member, viewer: &SessionRecord) -> UserRow {
    UserRow {
        is_self: member.id == viewer.user,
        id: member.id.to_string(),
        name: member.name,
        email: member.email,
        role: role(member.role),
        status: match member.state {
            MembershipState::Invited => UserStatus::Invited,
            MembershipState::Disabled => UserStatus::Disabled,
            MembershipState::Active => UserStatus::active(member.factors.unsigned_abs()),
        },
        last_sign_in: member.last_sign_in.map(|at| When::from_unix_ms(at.millis())),
    }
}

async fn show_new(State(app): State<App>, asked: Page<Admin>) -> Response {
    let view = AddUserPage {
        frame: frame_of(asked.who.signed_in().record(), Place::Users),
        email: Field::default(),
        name: Field::default(),
        role: role(Role::Member),
        asks: asks(&app, &asked.who),
    };
    page(StatusCode::OK, &view)
}

async fn add(State(app): State<App>, act: Act<Fresh<Admin>>) -> Result<Response, PageError> {
    let session = act.who.signed_in().record();
    let (email, name) = (act.fields.text("email"), act.fields.text("name"));
    let new_role: Role = act.fields.word("role")?;
    let mut view = AddUserPage {
        frame: frame_of(session, Place::Users),
        email: Field::holding(email),
        name: Field::holding(name),
        role: role(new_role),
        asks: asks(&app, &act.who),
    };
    match app.vestibule.invite(&act.visitor, &act.who, email, name, new_role).await? {
        Invited::Done(made) => {
            let view = LinkMadePage {
                frame: frame_of(session, Place::Users),
                kind: LinkMade::Invitation,
                id: made.user.to_string(),
                name: name.trim().to_owned(),
                email: made.email,
                mailed: app.vestibule.settings().mail,
                url: link(&app.public_url, LinkPurpose::Invitation, &made.token),
                until: When::from_unix_ms(made.expires.millis()),
            };
            return Ok(link_page(StatusCode::OK, &view));
        }
        Invited::NotAdmin => {
            return Ok(PageError::for_admins(act.who.signed_in().current()).into_response());
        }
        Invited::Fields { email, name } => {
            view.email.error = email.map(words::email);
            view.name.error = name.map(words::name);
        }
        Invited::EmailTaken => view.email.error = Some(words::EMAIL_TAKEN.into()),
    }
    Ok(page(StatusCode::UNPROCESSABLE_ENTITY, &view))
}
