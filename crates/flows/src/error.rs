//! What can go wrong in any use case without being the user's fault.

use vestibule_domain::sealing::DoesNotOpen;
use vestibule_store::StoreError;

/// A use case could not be carried out. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum FlowError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// More people are signing in than the machine can hash for; trying again in a moment helps.
    #[error("the queue for password hashes is full")]
    Busy,
    /// A sealed secret does not open, or names a data key that does not exist.
    #[error(transparent)]
    Sealed(#[from] DoesNotOpen),
    /// A mail could not be written down, which no letter of ours can cause.
    #[error("a mail cannot be written down")]
    Letter,
    /// A stored password hash is not one that this program wrote, or a hash failed.
    #[error(transparent)]
    Hash(#[from] vestibule_domain::password::UnreadableHash),
}

impl FlowError {
    /// Whether trying again in a moment may help: 503, never an open door.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Busy | Self::Store(StoreError::Unavailable(_)))
    }
}
