//! `/settings/…`: the account's switch, one's own security, the account's users and
//! applications, its audit log.

mod account;
mod application;
pub(crate) mod applications;
pub(crate) mod audit;
mod email;
mod recovery_codes;
mod security;
mod user;
mod users;

use crate::routes::Router;

pub(crate) fn router() -> Router {
    Router::new()
        .merge(account::router())
        .merge(application::router())
        .merge(applications::router())
        .merge(email::router())
        .merge(recovery_codes::router())
        .merge(audit::router())
        .merge(security::router())
        .merge(user::router())
        .merge(users::router())
}
