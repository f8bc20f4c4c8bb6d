//! Recovery codes of a database that was put back: what was used or made later holds.

use vestibule_domain::id::UserId;
use vestibule_domain::time::Timestamp;

use crate::engine::{Writing, values};
use crate::error::StoreError;
use crate::remains::RemainingCodes;

impl Writing {
    /// Marks as used what was used later of this same set, and answers how many codes those were.
    pub async fn carry_used_recovery_codes(
        &mut self,
        later: &RemainingCodes,
    ) -> Result<u64, StoreError> {
        let mut carried = 0;
        for (hash, used) in &later.codes {
            let Some(used) = used else { continue };
            let sql = "UPDATE recovery_codes SET used_at = $1
                       WHERE set_id = $2 AND hash = $3 AND used_at IS NULL";
            carried += self.change(sql, values![*used, later.id, hash.as_slice()]).await?;
        }
        Ok(carried)
    }

    /// Carries over a set that was made later, in place of whatever the user has; `false` when the
    /// user, or a factor that the codes stand in for, is not there. Who has not kept them yet sees
    /// them no more.
    pub async fn carry_recovery_codes(
        &mut self,
        later: &RemainingCodes,
    ) -> Result<bool, StoreError> {
        self.drop_recovery_codes(later.user).await?;
        let carried = self
            .change_one(
                "INSERT INTO recovery_code_sets (id, user_id, salt, memory_kib, passes, made_at)
                 SELECT $1, u.id, $2, $3, $4, $5 FROM users u
                 WHERE u.id = $6 AND /*guard codes-beside-a-factor*/ EXISTS
                     (SELECT 1 FROM factors f WHERE f.user_id = u.id) /*end*/",
                values![
                    later.id,
                    later.salt.as_slice(),
                    later.memory_kib,
                    later.passes,
                    later.made,
                    later.user,
                ],
            )
            .await?;
        for (hash, used) in later.codes.iter().filter(|_| carried) {
            let sql = "INSERT INTO recovery_codes (set_id, hash, used_at) VALUES ($1, $2, $3)";
            let used = used.map(Timestamp::millis);
            self.change(sql, values![later.id, hash.as_slice(), used]).await?;
        }
        Ok(carried)
    }

    /// Drops the recovery codes of a user.
    pub async fn drop_recovery_codes(&mut self, user: UserId) -> Result<(), StoreError> {
        let sql = "DELETE FROM recovery_code_sets WHERE user_id = $1";
        self.change(sql, values![user]).await.map(drop)
    }

    /// Voids every recovery code there is.
    pub async fn void_recovery_codes(&mut self) -> Result<(), StoreError> {
        self.change("DELETE FROM recovery_code_sets", vec![]).await.map(drop)
    }
}
