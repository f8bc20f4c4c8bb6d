//! The stricter policy holds.

use vestibule_domain::policy::Policy;
use vestibule_store::{Reading, StoreError, Writing};

use super::Read;
use super::report::{AccountChange, AfterRestore};

pub(super) async fn carry(
    tx: &mut Writing,
    db: &mut Reading,
    done: &mut AfterRestore,
) -> Result<Read, StoreError> {
    let mut after = String::new();
    loop {
        let page = match db.accounts_after(&after).await {
            Ok(page) => page,
            Err(error) => return Ok(Err(error)),
        };
        let Some(last) = page.last() else { return Ok(Ok(())) };
        after = last.id.to_string();
        for later in page {
            let change = match (tx.guard_account(later.id).await?, later.policy) {
                (None, _) => AccountChange::NotThere(later.name),
                (Some(here), Policy::Required) if here.policy == Policy::Optional => {
                    tx.set_policy(here.id, Policy::Required).await?;
                    AccountChange::Required(here.name)
                }
                (Some(here), Policy::Optional) if here.policy == Policy::Required => {
                    AccountChange::StaysRequired(here.name)
                }
                _ => continue,
            };
            done.accounts.push(change);
        }
    }
}
