//! Recovery codes: a set a user, each code taken once by one conditional write.

use vestibule_domain::id::{DataKeyId, RecoveryCodeSetId, UserId};
use vestibule_domain::password::HashCost;
use vestibule_domain::recovery_code::{RecoveryCodeHash, SetSalt};
use vestibule_domain::time::Timestamp;
use vestibule_domain::user::Epoch;

use crate::engine::{Reading, Row, Writing, values};
use crate::error::StoreError;

/// A set to be stored.
pub struct NewRecoveryCodes {
    /// The new identifier.
    pub id: RecoveryCodeSetId,
    /// Whose it is.
    pub user: UserId,
    /// What the codes are hashed with.
    pub salt: SetSalt,
    /// The hashes.
    pub hashes: Vec<RecoveryCodeHash>,
    /// The codes, sealed, until they are kept.
    pub sealed: Vec<u8>,
    /// Which data key sealed them.
    pub data_key: DataKeyId,
}

/// What an attempt is hashed with.
#[derive(Clone, Copy, Debug)]
pub struct RecoveryCodeSalt {
    /// Which set.
    pub set: RecoveryCodeSetId,
    /// Its salt.
    pub salt: SetSalt,
    /// The user's epoch, read in the same statement.
    pub epoch: Epoch,
}

/// What stands about a user's set on a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecoveryCodesRecord {
    /// When it was made.
    pub made: Timestamp,
    /// How many are not used yet.
    pub left: i64,
}

/// Codes that their user has not said to have kept.
#[derive(Clone)]
pub struct UnkeptRecoveryCodes {
    /// Which set.
    pub set: RecoveryCodeSetId,
    /// The codes, sealed.
    pub sealed: Vec<u8>,
    /// Which data key sealed them.
    pub data_key: DataKeyId,
}

/// What became of a code that was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakenRecoveryCode {
    /// Taken, by this write.
    Taken,
    /// It is of the set, and was taken before.
    Before,
    /// The set has no such code.
    Unknown,
}

fn salt_of(row: &Row) -> Result<SetSalt, StoreError> {
    let salt = row.bytes("salt")?.try_into().map_err(|_| StoreError::Unreadable("salt"))?;
    let number = |column: &'static str| {
        u32::try_from(row.int(column)?).map_err(|_| StoreError::Unreadable(column))
    };
    let cost = HashCost { memory_kib: number("memory_kib")?, passes: number("passes")? };
    Ok(SetSalt { salt, cost })
}

impl Reading {
    /// What an attempt of this user is hashed with; `None` without a set.
    pub async fn recovery_code_salt(
        &mut self,
        user: UserId,
    ) -> Result<Option<RecoveryCodeSalt>, StoreError> {
        let row = self
            .row(
                "SELECT c.id, c.salt, c.memory_kib, c.passes, u.epoch
                 FROM recovery_code_sets c JOIN users u ON u.id = c.user_id WHERE u.id = $1",
                values![user],
            )
            .await?;
        row.map(|row| {
            Ok(RecoveryCodeSalt {
                set: row.parsed("id")?,
                salt: salt_of(&row)?,
                epoch: Epoch(row.int("epoch")?),
            })
        })
        .transpose()
    }

    /// The set of a user, and how much of it is left.
    pub async fn recovery_codes(
        &mut self,
        user: UserId,
    ) -> Result<Option<RecoveryCodesRecord>, StoreError> {
        let row = self
            .row(
                "SELECT c.made_at,
                        (SELECT COUNT(*) FROM recovery_codes r
                         WHERE r.set_id = c.id AND r.used_at IS NULL) AS n
                 FROM recovery_code_sets c WHERE c.user_id = $1",
                values![user],
            )
            .await?;
        row.map(|row| Ok(RecoveryCodesRecord { made: row.time("made_at")?, left: row.int("n")? }))
            .transpose()
    }

    /// The codes that the user has not said to have kept; none for whoever comes with an epoch that
    /// has ended: the codes may have been made anew because of them.
    pub async fn unkept_recovery_codes(
        &mut self,
        user: UserId,
        epoch: Epoch,
    ) -> Result<Option<UnkeptRecoveryCodes>, StoreError> {
        let sql = "SELECT k.set_id, k.sealed, k.data_key_id
                   FROM unkept_recovery_codes k JOIN users u ON u.id = k.user_id
                   WHERE u.id = $1 AND u.epoch = $2";
        let row = self.row(sql, values![user, epoch]).await?;
        row.map(|row| {
            Ok(UnkeptRecoveryCodes {
                set: row.parsed("set_id")?,
                sealed: row.bytes("sealed")?,
                data_key: row.parsed("data_key_id")?,
            })
        })
        .transpose()
    }
}

impl Writing {
    /// Stores a set in place of the one that there was. The caller has bumped the user's epoch in
    /// this transaction, so nobody takes an old code beside it.
    pub async fn replace_recovery_codes(
        &mut self,
        new: &NewRecoveryCodes,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let older = "DELETE FROM recovery_code_sets WHERE user_id = $1";
        self.change(older, values![new.user]).await?;
        let SetSalt { salt, cost } = new.salt;
        self.change(
            "INSERT INTO recovery_code_sets (id, user_id, salt, memory_kib, passes, made_at)
             VALUES ($1, $2, $3, $4, $5, $6)",
            values![
                new.id,
                new.user,
                &salt[..],
                i64::from(cost.memory_kib),
                i64::from(cost.passes),
                now,
            ],
        )
        .await?;
        for hash in &new.hashes {
            let sql = "INSERT INTO recovery_codes (set_id, hash, used_at) VALUES ($1, $2, NULL)";
            self.change(sql, values![new.id, &hash.0]).await?;
        }
        self.change(
            "INSERT INTO unkept_recovery_codes (set_id, user_id, sealed, data_key_id)
             VALUES ($1, $2, $3, $4)",
            values![new.id, new.user, new.sealed.as_slice(), new.data_key],
        )
        .await
        .map(drop)
    }

    /// Takes a code of this set, once.
    pub async fn take_recovery_code(
        &mut self,
        set: RecoveryCodeSetId,
        hash: &RecoveryCodeHash,
        now: Timestamp,
    ) -> Result<TakenRecoveryCode, StoreError> {
        let taken = self
            .change_one(
                "UPDATE recovery_codes SET used_at = $1
                 WHERE set_id = $2 AND hash = $3
                   AND /*guard recovery-code-once*/ used_at IS NULL /*end*/",
                values![now, set, &hash.0],
            )
            .await?;
        if taken {
            return Ok(TakenRecoveryCode::Taken);
        }
        let sql = "SELECT COUNT(*) AS n FROM recovery_codes WHERE set_id = $1 AND hash = $2";
        let known = self.number(sql, values![set, &hash.0]).await? > 0;
        Ok(if known { TakenRecoveryCode::Before } else { TakenRecoveryCode::Unknown })
    }

    /// Notes that the user keeps the codes of this set: nobody can read them from here any more;
    /// `false` when it was noted already, or there is another set by now.
    pub async fn keep_recovery_codes(
        &mut self,
        user: UserId,
        set: RecoveryCodeSetId,
    ) -> Result<bool, StoreError> {
        let sql = "DELETE FROM unkept_recovery_codes
                   WHERE set_id = $1 AND /*guard keep-own-codes*/ user_id = $2 /*end*/";
        self.change_one(sql, values![set, user]).await
    }

    /// Replaces the codes that are still shown; `false` when they were kept or sealed anew since.
    pub async fn reseal_unkept_codes(
        &mut self,
        old: &UnkeptRecoveryCodes,
        sealed: &[u8],
    ) -> Result<bool, StoreError> {
        self.change_one(
            "UPDATE unkept_recovery_codes SET sealed = $1 WHERE set_id = $2 AND /*guard unkept-as-read*/ sealed = $3 /*end*/",
            values![sealed, old.set, old.sealed.as_slice()],
        )
        .await
    }

    /// Recovery codes stand in for a factor: where none is left, they go too.
    pub(crate) async fn drop_codes_without_factor(
        &mut self,
        user: UserId,
    ) -> Result<(), StoreError> {
        self.change(
            "DELETE FROM recovery_code_sets WHERE user_id = $1
               AND NOT EXISTS (SELECT 1 FROM factors f WHERE f.user_id = $1)",
            values![user],
        )
        .await
        .map(drop)
    }
}
