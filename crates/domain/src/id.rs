//! Identifiers: UUID version 7, a type for each kind of row, so that one cannot stand in for another.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::randomness::Randomness;
use crate::time::Timestamp;

/// The text is not an identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an identifier")]
pub struct NotAnId;

macro_rules! id {
    ($(#[$doc:meta] $name:ident),+ $(,)?) => {$(
        #[$doc]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// A new identifier, ordered by `now` (RFC 9562 §5.7).
            pub fn new(now: Timestamp, randomness: &Randomness) -> Self {
                let millis = u64::try_from(now.millis()).unwrap_or(0);
                let bytes = randomness.bytes::<10>();
                Self(uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                // One spelling only: the form that `Display` writes.
                let id = Uuid::try_parse(text).map_err(|_| NotAnId)?;
                let canonical = id.as_hyphenated().to_string();
                if canonical == text { Ok(Self(id)) } else { Err(NotAnId) }
            }
        }
    )+};
}

id! {
    /// An account (an organisation).
    AccountId,
    /// A user.
    UserId,
    /// A session.
    SessionId,
    /// A factor, from the moment its enrolment starts.
    FactorId,
    /// A link: set-up, invitation, password, recover.
    LinkId,
    /// An audit event.
    AuditEventId,
    /// A data key that seals secrets at rest.
    DataKeyId,
    /// A process that serves.
    NodeId,
    /// A notice to a user.
    NoticeId,
    /// A set of recovery codes.
    RecoveryCodeSetId,
    /// A mail that waits to be sent.
    MailId,
    /// An application behind the gate.
    ApplicationId,
}
