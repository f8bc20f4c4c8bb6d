//! The wait between security codes: attempts that were counted since hold back as they did.

use vestibule_store::{Reading, StoreError, Writing};

/// What cannot be read is no more than a wait of minutes: the budget holds beside it.
pub(super) async fn carry(tx: &mut Writing, db: &mut Reading) -> Result<(), StoreError> {
    let mut after = String::new();
    loop {
        let Ok(page) = db.code_tries_after(&after).await else { return Ok(()) };
        let Some((last, _)) = page.last() else { return Ok(()) };
        after = last.to_string();
        for (user, later) in page {
            if tx.code_tries(user).await?.count < later.count {
                tx.set_code_tries(user, &later).await?;
            }
        }
    }
}
