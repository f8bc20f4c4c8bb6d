//! Who uses a SQLite file: a lock beside it that every process which opened it shares, so that a
//! restore does not change the file under it. The system takes the lock back when the process ends,
//! however it ends.

use std::fs::{File, TryLockError};
use std::path::Path;

use crate::error::StoreError;
use crate::store::private;

/// The lock, for as long as it lives.
pub struct InUse(#[expect(dead_code, reason = "the lock lives as long as the handle")] File);

impl InUse {
    /// Shares the file with every other process that uses it.
    pub(crate) fn by_this_process(database: &Path) -> Result<Self, StoreError> {
        let file = open(database)?;
        match file.try_lock_shared() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => {
                Err(StoreError::BeingReplaced { path: database.display().to_string() })
            }
            Err(TryLockError::Error(source)) => Err(failed(database, source)),
        }
    }

    /// Takes the file for this process alone; `None` when another one uses it.
    pub fn alone(database: &Path) -> Result<Option<Self>, StoreError> {
        let file = open(database)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(failed(database, source)),
        }
    }
}

fn open(database: &Path) -> Result<File, StoreError> {
    let path = database.with_added_extension("in-use");
    private().open(&path).map_err(|source| failed(database, source))
}

fn failed(database: &Path, source: std::io::Error) -> StoreError {
    StoreError::File { path: database.display().to_string(), source }
}
