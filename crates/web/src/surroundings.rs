//! What stands around every page: the brand before the second door, the frame behind it.

use vestibule_domain::user::Role;
use vestibule_flows::authority::Current;
use vestibule_flows::{FlowError, SessionRecord};

use crate::state::App;
use crate::views::{Frame, Outside, Place};

/// The surroundings of a page before the second door: the account of the session, else the one
/// account's name, else the installation's.
pub(crate) async fn outside(app: &App, current: Option<&Current>) -> Result<Outside, FlowError> {
    let brand = match current {
        Some(current) => current.record().account_name.clone(),
        None => app.vestibule.only_account_name().await?.unwrap_or_else(|| "Vestibule".into()),
    };
    Ok(Outside { brand })
}

/// The surroundings of a page behind it.
pub(crate) fn frame_of(session: &SessionRecord, here: Place) -> Frame {
    Frame {
        account: session.account_name.clone(),
        user_name: session.user_name.clone(),
        is_admin: session.standing.role == Role::Admin,
        here,
        done: None,
    }
}
