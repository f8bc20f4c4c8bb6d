//! Factors: what was removed stays removed, what was added comes over as it is sealed.

use std::collections::BTreeMap;

use vestibule_domain::id::FactorId;
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
        let page = match db.factors_after(&after).await {
            Ok(page) => page,
            Err(error) => return Ok(Err(error)),
        };
        let last = page.last().map(|factor| factor.id.to_string());
        let here = tx.factors_between(&after, last.as_deref()).await?;
        let mut here: BTreeMap<FactorId, _> = here.into_iter().map(|f| (f.id, f.user)).collect();
        for later in &page {
            if here.remove(&later.id).is_some() {
                continue;
            }
            // Who was added since is not there, and is said to be missing as a user.
            let Some(user) = tx.user(later.user).await? else { continue };
            let carried = tx.carry_factor(later).await?;
            done.say_of(&user, if carried { Change::FactorAdded } else { Change::FactorLost });
        }
        for (factor, user) in here {
            tx.remove_factor(user, factor).await?;
            if let Some(user) = tx.user(user).await? {
                done.say_of(&user, Change::FactorRemoved);
            }
        }
        match last {
            Some(last) => after = last,
            None => return Ok(Ok(())),
        }
    }
}
