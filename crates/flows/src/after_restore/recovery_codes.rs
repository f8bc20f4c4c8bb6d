//! Recovery codes: what was used stays used, what was voided stays void. After the factors, which
//! they stand in for.

use std::collections::BTreeMap;

use vestibule_domain::id::{RecoveryCodeSetId, UserId};
use vestibule_store::{Reading, StoreError, Writing};

use super::Read;
use super::report::{AfterRestore, Change};

pub(super) async fn carry(
    tx: &mut Writing,
    db: &mut Reading,
    done: &mut AfterRestore,
) -> Result<Read, StoreError> {
    let mut after = String::new();
    loop {
        let page = match db.recovery_sets_after(&after).await {
            Ok(page) => page,
            Err(error) => return Ok(Err(error)),
        };
        let last = page.last().map(|set| set.user.to_string());
        let here = tx.recovery_sets_between(&after, last.as_deref()).await?;
        let mut here: BTreeMap<UserId, RecoveryCodeSetId> = here.into_iter().collect();
        for later in &page {
            let change = if here.remove(&later.user) == Some(later.id) {
                let used = tx.carry_used_recovery_codes(later).await?;
                (used > 0).then_some(Change::RecoveryCodesUsed)
            } else {
                let carried = tx.carry_recovery_codes(later).await?;
                carried.then_some(Change::RecoveryCodesMade)
            };
            if let Some(change) = change
                && let Some(user) = tx.user(later.user).await?
            {
                done.say_of(&user, change);
            }
        }
        for user in here.into_keys() {
            tx.drop_recovery_codes(user).await?;
        }
        match last {
            Some(last) => after = last,
            None => return Ok(Ok(())),
        }
    }
}
