//! `/password/{token}` and, by mail, `/forgotten/{token}`: a new password for who forgot it. It signs
//! nobody in.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use vestibule_domain::link::LinkPurpose;
use vestibule_domain::token::Token;
use vestibule_flows::invitations::{LinkRefused, LinkedUser};

use super::{link_gone, linked};
use crate::error::PageError;
use crate::pages::asked::Form;
use crate::pages::words;
use crate::request::segment::Segment;
use crate::respond::{link_page, see_other};
use crate::routes::{Router, get};
use crate::state::App;
use crate::views::Outside;
use crate::views::links::{LinkKind, PasswordLinkPage};

pub(crate) fn router() -> Router {
    Router::new()
        .route("/password/{token}", get(show).post(set_password))
        .route("/forgotten/{token}", get(show_mailed).post(set_password_by_mail))
}

/// Which of the two links it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Link {
    FromAdmin,
    Mailed,
}

impl Link {
    fn purpose(self) -> LinkPurpose {
        match self {
            Self::FromAdmin => LinkPurpose::Password,
            Self::Mailed => LinkPurpose::Forgotten,
        }
    }

    fn kind(self) -> LinkKind {
        match self {
            Self::FromAdmin => LinkKind::Password,
            Self::Mailed => LinkKind::Forgotten,
        }
    }

    async fn open(
        self,
        app: &App,
        text: &str,
    ) -> Result<Result<(Token, LinkedUser), Response>, PageError> {
        match linked(app, self.purpose(), text).await? {
            Some(linked) => Ok(Ok(linked)),
            None => Ok(Err(link_gone(app, self.kind()).await?)),
        }
    }

    fn view(
        self,
        app: &App,
        text: String,
        linked: LinkedUser,
        problem: Option<String>,
    ) -> PasswordLinkPage {
        PasswordLinkPage {
            outside: Outside { brand: linked.account_name },
            token: text,
            mailed: self == Self::Mailed,
            email: linked.user.email,
            password_error: problem,
            min_password: app.vestibule.settings().password_minimum as u64,
        }
    }
}

async fn show(State(app): State<App>, Segment(text): Segment) -> Result<Response, PageError> {
    show_link(&app, Link::FromAdmin, text).await
}

async fn show_mailed(
    State(app): State<App>,
    Segment(text): Segment,
) -> Result<Response, PageError> {
    show_link(&app, Link::Mailed, text).await
}

async fn show_link(app: &App, link: Link, text: String) -> Result<Response, PageError> {
    Ok(match link.open(app, &text).await? {
        Ok((_, linked)) => link_page(StatusCode::OK, &link.view(app, text, linked, None)),
        Err(gone) => gone,
    })
}

async fn set_password(
    State(app): State<App>,
    Segment(text): Segment,
    form: Form,
) -> Result<Response, PageError> {
    set_by(&app, Link::FromAdmin, text, &form).await
}

async fn set_password_by_mail(
    State(app): State<App>,
    Segment(text): Segment,
    form: Form,
) -> Result<Response, PageError> {
    set_by(&app, Link::Mailed, text, &form).await
}

async fn set_by(app: &App, link: Link, text: String, form: &Form) -> Result<Response, PageError> {
    let (token, linked) = match link.open(app, &text).await? {
        Ok(linked) => linked,
        Err(gone) => return Ok(gone),
    };
    let (visitor, password) = (&form.caller.visitor, form.fields.text("password"));
    let set = match link {
        Link::FromAdmin => app.vestibule.use_password_link(visitor, &token, password).await?,
        Link::Mailed => app.vestibule.use_forgotten_link(visitor, &token, password).await?,
    };
    match set {
        Ok(()) => Ok(see_other("/sign-in?notice=password-changed")),
        Err(LinkRefused::Fields { password, .. }) => {
            let view = link.view(app, text, linked, password.map(words::password));
            Ok(link_page(StatusCode::UNPROCESSABLE_ENTITY, &view))
        }
        Err(LinkRefused::Gone) => link_gone(app, link.kind()).await,
    }
}
