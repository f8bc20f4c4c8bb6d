//! Data keys made since the backup: with them the factors come over that they sealed.

use vestibule_domain::sealing::MasterKey;
use vestibule_store::{Reading, StoreError, Writing};

use super::Read;

pub(super) async fn carry(
    tx: &mut Writing,
    db: &mut Reading,
    master_key: &MasterKey,
) -> Result<Read, StoreError> {
    let later = match db.data_keys().await {
        Ok(later) => later,
        Err(error) => return Ok(Err(error)),
    };
    let here = tx.data_keys().await?;
    let mut number = here.last().map_or(0, |newest| newest.number);
    for key in later {
        let known = here.iter().any(|known| known.id == key.id);
        // One that the master key of today does not open is of no use: its factors are said to be
        // lost.
        if known || master_key.unwrap(key.id, &key.wrapped).is_err() {
            continue;
        }
        number += 1;
        let _alone = tx.insert_data_key(key.id, number, &key.wrapped, key.created).await?;
    }
    Ok(Ok(()))
}
