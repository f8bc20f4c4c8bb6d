//! Users: the later password and address, the lower role, the stricter state, the higher epoch and
//! count of attempts.

use std::collections::BTreeMap;

use vestibule_domain::id::UserId;
use vestibule_domain::user::{MembershipState, Role};
use vestibule_store::{Reading, RemainingUser, StoreError, Writing};

use super::Read;
use super::report::{AfterRestore, Change, Lost};

pub(super) async fn carry(
    tx: &mut Writing,
    db: &mut Reading,
    done: &mut AfterRestore,
) -> Result<Read, StoreError> {
    let mut after = String::new();
    loop {
        let page = match db.users_after(&after).await {
            Ok(page) => page,
            Err(error) => return Ok(Err(error)),
        };
        let last = page.last().map(|user| user.id.to_string());
        let here = tx.users_between(&after, last.as_deref()).await?;
        let mut here: BTreeMap<UserId, _> = here.into_iter().map(|user| (user.id, user)).collect();
        for later in &page {
            match here.remove(&later.id) {
                Some(here) => carry_user(tx, &here, later, done).await?,
                None => done.say(later, Change::NotThere),
            }
        }
        for gone in here.values() {
            disable_removed(tx, gone, done).await?;
        }
        match last {
            Some(last) => after = last,
            None => return Ok(Ok(())),
        }
    }
}

async fn carry_user(
    tx: &mut Writing,
    here: &RemainingUser,
    later: &RemainingUser,
    done: &mut AfterRestore,
) -> Result<(), StoreError> {
    tx.raise_epoch(here.id, later.epoch).await?;
    if here.password == later.password {
        tx.raise_code_attempts(here.id, later.code_attempts).await?;
    } else {
        tx.carry_password(later).await?;
        done.say(here, Change::Password);
    }
    if here.email != later.email {
        let carried = tx.carry_email(later).await?;
        done.say(
            here,
            if carried { Change::Email } else { Change::EmailTaken(later.email.clone()) },
        );
    }
    carry_role(tx, here, later, done).await?;
    carry_state(tx, here, later, done).await
}

async fn carry_role(
    tx: &mut Writing,
    here: &RemainingUser,
    later: &RemainingUser,
    done: &mut AfterRestore,
) -> Result<(), StoreError> {
    match (here.role, later.role) {
        (Role::Admin, Role::Member) => {
            tx.set_role(here.id, Role::Member).await?;
            done.say(here, Change::Demoted);
            done.fell(here, Lost::Role);
        }
        (Role::Member, Role::Admin) => done.say(here, Change::StaysMember),
        _ => {}
    }
    Ok(())
}

async fn carry_state(
    tx: &mut Writing,
    here: &RemainingUser,
    later: &RemainingUser,
    done: &mut AfterRestore,
) -> Result<(), StoreError> {
    use MembershipState::{Active, Disabled, Invited};
    match (here.state, later.state) {
        (Active | Invited, Disabled) => {
            tx.set_state(here.id, here.state, Disabled).await?;
            done.say(here, Change::Disabled);
            if here.role == Role::Admin {
                done.fell(here, Lost::Access);
            }
        }
        (Disabled, Active | Invited) => done.say(here, Change::StaysDisabled),
        (Invited, Active) => {
            tx.set_state(here.id, Invited, Active).await?;
            done.say(here, Change::Accepted);
        }
        // Brought back by a restore before this one: still without a password.
        (Active, Invited) => {
            tx.set_state(here.id, Active, Invited).await?;
        }
        (Active, Active) | (Invited, Invited) | (Disabled, Disabled) => {}
    }
    Ok(())
}

/// To remove is more than the backup's reader can take back; who is disabled does not come in either.
async fn disable_removed(
    tx: &mut Writing,
    gone: &RemainingUser,
    done: &mut AfterRestore,
) -> Result<(), StoreError> {
    tx.set_state(gone.id, gone.state, MembershipState::Disabled).await?;
    done.say(gone, Change::Removed);
    if gone.role == Role::Admin {
        done.fell(gone, Lost::Everything);
    }
    Ok(())
}
