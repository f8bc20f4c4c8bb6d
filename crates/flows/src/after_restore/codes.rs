//! Codes: what was taken stays taken.

use vestibule_domain::time::Timestamp;
use vestibule_domain::totp::Step;
use vestibule_store::{Reading, StoreError, Writing};

use super::Read;

pub(super) async fn carry(tx: &mut Writing, db: &mut Reading) -> Result<Read, StoreError> {
    let mut after = (String::new(), 0);
    loop {
        let page = match db.spent_codes_after((&after.0, after.1)).await {
            Ok(page) => page,
            Err(error) => return Ok(Err(error)),
        };
        let Some(last) = page.last() else { return Ok(Ok(())) };
        after = (last.factor.to_string(), last.step.0);
        for code in page {
            let _unless_known = tx.carry_spent_code(code).await?;
        }
    }
}

/// Spends every code that somebody may have seen taken, and answers when the next one is good.
pub(super) async fn spend_all_within_reach(
    tx: &mut Writing,
    now: Timestamp,
) -> Result<Timestamp, StoreError> {
    let mut last = Step::at(now);
    for step in Step::within_reach(now) {
        tx.spend_step_of_all(step, now).await?;
        last = step;
    }
    Ok(Step(last.0 + 1).begins())
}
