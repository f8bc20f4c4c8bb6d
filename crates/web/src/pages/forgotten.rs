//! `/sign-in/forgotten`: a link by mail for who forgot the password. It says the same to everybody.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::Response;
use vestibule_flows::forgotten::Forgotten as Answer;

use crate::error::PageError;
use crate::pages::asked::Form;
use crate::pages::words;
use crate::request::fields::Fields;
use crate::respond::{page, see_other};
use crate::routes::{Router, get};
use crate::state::App;
use crate::surroundings::outside;
use crate::views::Field;
use crate::views::mail::{Forgotten, ForgottenPage};

pub(crate) fn router() -> Router {
    Router::new().route("/sign-in/forgotten", get(show).post(ask))
}

async fn show(State(app): State<App>, uri: Uri) -> Result<Response, PageError> {
    let query = Fields::of_query(uri.query())?;
    let state = match query.text("mail") {
        _ if !app.vestibule.settings().mail => Forgotten::NoMail,
        "asked" => Forgotten::Heard,
        _ => Forgotten::Asked,
    };
    answer(&app, StatusCode::OK, state, Field::default()).await
}

async fn ask(State(app): State<App>, form: Form) -> Result<Response, PageError> {
    let email = form.fields.text("email");
    match app.vestibule.forgot_password(&form.caller.visitor, email).await? {
        Answer::Heard => Ok(see_other("/sign-in/forgotten?mail=asked")),
        Answer::NoMail => {
            answer(&app, StatusCode::NOT_FOUND, Forgotten::NoMail, Field::default()).await
        }
        Answer::Field(error) => {
            let (status, field) = (StatusCode::UNPROCESSABLE_ENTITY, words::email(error));
            answer(&app, status, Forgotten::Asked, Field::wrong(email, field)).await
        }
        Answer::TooMany => {
            let status = StatusCode::TOO_MANY_REQUESTS;
            let mut answer =
                answer(&app, status, Forgotten::TooMany, Field::holding(email)).await?;
            answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
            Ok(answer)
        }
    }
}

async fn answer(
    app: &App,
    status: StatusCode,
    state: Forgotten,
    email: Field,
) -> Result<Response, PageError> {
    let view = ForgottenPage { outside: outside(app, None).await?, email, state };
    Ok(page(status, &view))
}
