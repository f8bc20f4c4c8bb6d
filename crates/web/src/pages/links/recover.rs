//! `/recover/{token}`: the way back that was made on the host: a new password, a new app, or both.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use vestibule_domain::limits::wait;
use vestibule_domain::link::LinkPurpose;
use vestibule_flows::invitations::LinkedUser;
use vestibule_flows::recover::{RecoverRefused, Recovered};

use super::{enter, link_gone, linked};
use crate::error::PageError;
use crate::pages::asked::Form;
use crate::pages::words;
use crate::request::segment::Segment;
use crate::respond::{link_page, retry_after, see_other};
use crate::routes::{Router, get};
use crate::state::App;
use crate::views::Outside;
use crate::views::links::{LinkKind, RecoverPage, Recovers};

pub(crate) fn router() -> Router {
    Router::new().route("/recover/{token}", get(show).post(recover))
}

fn view(
    app: &App,
    text: String,
    linked: LinkedUser,
    refused: Option<RecoverRefused>,
) -> RecoverPage {
    use vestibule_domain::link::Recovers as Link;
    RecoverPage {
        outside: Outside { brand: linked.account_name },
        token: text,
        email: linked.user.email,
        recovers: match linked.recovers {
            Link::Everything => Recovers::Everything,
            Link::Password => Recovers::Password,
            Link::Factors => Recovers::Factors,
        },
        is_wrong: refused == Some(RecoverRefused::WrongPassword),
        wait: match refused {
            Some(RecoverRefused::Wait(left)) => Some(wait::seconds(left)),
            _ => None,
        },
        password_error: match refused {
            Some(RecoverRefused::NewPassword(error)) => Some(words::password(error)),
            _ => None,
        },
        min_password: app.vestibule.settings().password_minimum as u64,
    }
}

async fn show(State(app): State<App>, Segment(text): Segment) -> Result<Response, PageError> {
    match linked(&app, LinkPurpose::Recover, &text).await? {
        Some((_, linked)) => Ok(link_page(StatusCode::OK, &view(&app, text, linked, None))),
        None => link_gone(&app, LinkKind::Recover).await,
    }
}

async fn recover(
    State(app): State<App>,
    Segment(text): Segment,
    form: Form,
) -> Result<Response, PageError> {
    let Some((token, linked)) = linked(&app, LinkPurpose::Recover, &text).await? else {
        return link_gone(&app, LinkKind::Recover).await;
    };
    let visitor = &form.caller.visitor;
    let password = form.fields.text("password");
    match app.vestibule.use_recover_link(visitor, &token, password).await? {
        Ok(Recovered::Begun(session)) => enter(&app, &form.caller, &session).await,
        Ok(Recovered::PasswordSet) => Ok(see_other("/sign-in?notice=password-changed")),
        Err(why @ RecoverRefused::NewPassword(_)) => {
            let view = view(&app, text, linked, Some(why));
            Ok(link_page(StatusCode::UNPROCESSABLE_ENTITY, &view))
        }
        Err(why @ RecoverRefused::WrongPassword) => {
            let view = view(&app, text, linked, Some(why));
            Ok(link_page(StatusCode::UNAUTHORIZED, &view))
        }
        Err(why @ RecoverRefused::Wait(left)) => {
            let view = view(&app, text, linked, Some(why));
            let answer = link_page(StatusCode::TOO_MANY_REQUESTS, &view);
            Ok(retry_after(answer, wait::seconds(left)))
        }
        Err(RecoverRefused::Gone) => link_gone(&app, LinkKind::Recover).await,
    }
}
