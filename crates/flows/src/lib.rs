//! Use cases: load, decide, save, audit. One file a use case.
//!
//! What may be done is decided in `vestibule-domain`; [`authority`] turns its answer into types, so
//! that an act can be called only with the proof that it asks for. Nothing here knows HTTP.

pub mod accounts;
pub mod address_change;
pub mod after_restore;
pub mod applications;
pub mod audit_export;
pub mod audit_file;
pub mod audit_log;
mod audit_sealing;
pub mod audit_verify;
pub mod authority;
mod clock;
pub mod configured_applications;
pub mod enrolment;
mod error;
pub mod forgotten;
pub mod furnish;
pub mod gate;
mod gate_metrics;
pub mod hand_over;
mod hashing;
mod housekeeping;
mod installation;
pub mod invitations;
pub mod key_rewrap;
pub mod key_rotation;
mod keys;
mod limits;
mod metrics;
pub mod nodes;
mod notices;
pub mod outbox;
pub mod own_settings;
pub mod password_links;
mod passwords;
pub mod policy;
pub mod recover;
pub mod recovery_codes;
pub mod security_code;
pub mod setup;
pub mod sign_in;
pub mod users;
mod vestibule;
mod visitor;

pub use error::FlowError;
pub use gate_metrics::{GateDecision, GateMetrics};
pub use hashing::{HashingQueue, Priority};
pub use keys::{KeyError, rewrap};
pub use limits::CodeLimits;
pub use metrics::Metrics;
pub use vestibule::{Settings, Vestibule};
pub use vestibule_store::{
    AccountRecord, ApplicationRecord, AuditKey, AuditLine, AuditPage, AuditPerson, FactorRecord,
    Member, MemberFilter, MemberPage, MfaCounts, NodeRecord, NoticeRecord, OpenSession, PageKey,
    RecoveryCodesRecord, SessionRecord, StoreError, UserRecord,
};
pub use visitor::Visitor;
