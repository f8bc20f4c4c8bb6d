//! SQL, and nothing that decides: one text for SQLite and PostgreSQL.
//!
//! [`Store`] lends a [`Reading`] or begins a [`Writing`]; each file here adds the statements about
//! one noun. A conditional write answers whether it changed its one row, and callers must look.

mod accounts;
mod address_changes;
mod applications;
mod applications_restored;
mod asks;
mod audit;
mod audit_chain;
mod audit_segments;
mod backup;
mod browsers;
mod changes;
mod data_keys;
mod engine;
mod enrolments;
mod error;
#[cfg(feature = "exploration")]
mod exploration;
mod factors;
mod gate;
mod hand_overs;
mod housekeeping;
mod in_use;
mod inspection;
mod installation;
mod lanes;
mod links;
mod members;
mod metrics;
mod migrations;
mod nodes;
mod notices;
mod outbox;
mod postgres_pool;
mod recovery_codes;
mod recovery_codes_restored;
mod remains;
mod restore;
mod sealed;
mod sessions;
mod store;
mod users;
mod watching;

pub use accounts::AccountRecord;
pub use applications::{ApplicationRecord, NewApplication};
pub use audit::{AuditFilter, AuditKey, AuditLine, AuditPage, AuditPerson};
pub use audit_chain::{ChainEnd, Named, Seal, Sealed, SealedEvent};
pub use audit_segments::SegmentRecord;
pub use backup::{Copy, copy_sqlite, examine_sqlite};
pub use changes::{Changes, Moment, Subject, Watch};
pub use data_keys::WrappedDataKey;
pub use engine::{Reading, Writing};
pub use enrolments::PendingEnrolment;
pub use error::StoreError;
#[cfg(feature = "exploration")]
pub use exploration::{Column, Contents, Table, Tables};
pub use factors::FactorRecord;
pub use gate::GateRecord;
pub use hand_overs::{NewHandOver, TakenHandOver, Taking};
pub use in_use::InUse;
pub use inspection::{Inspection, Setting};
pub use installation::Installation;
pub use links::{LinkRecord, NewLink};
pub use members::{Member, MemberFilter, MemberPage, MfaCounts, PageKey};
pub use metrics::{PoolNumbers, Population, StoreMetrics};
pub use nodes::NodeRecord;
pub use notices::{NewNotice, NoticeRecord};
pub use outbox::{NewMail, WaitingMail};
pub use recovery_codes::{
    NewRecoveryCodes, RecoveryCodeSalt, RecoveryCodesRecord, TakenRecoveryCode, UnkeptRecoveryCodes,
};
pub use remains::{RemainingCodes, RemainingFactor, RemainingUser, SpentCode};
pub use sealed::{SEALED, SealedRow, SealedTable};
pub use sessions::{NewSession, OpenSession, SEEN_EVERY, SessionRecord};
pub use store::{DatabaseUrl, DatabaseUrlError, Store};
pub use users::{NewUser, PasswordRecord, UserRecord};
