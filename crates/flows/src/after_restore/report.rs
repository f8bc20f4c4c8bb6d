//! What a restore carried over, what it could not, and what is left for people to do.

use vestibule_domain::id::{AccountId, UserId};
use vestibule_domain::time::Timestamp;
use vestibule_store::{RemainingUser, StoreError, UserRecord};

use super::Read;
use crate::invitations::MadeLink;

/// What became of a restored database.
#[derive(Default)]
pub struct AfterRestore {
    /// How many users it holds.
    pub users: u64,
    /// What the replaced database told about accounts.
    pub accounts: Vec<AccountChange>,
    /// What it told about users.
    pub changes: Vec<UserChange>,
    /// What it could not tell.
    pub unknown: Vec<Unknown>,
    /// Links for accounts that had no able Admin left.
    pub ways_in: Vec<WayIn>,
    /// Accounts without any user who could be let in as Admin.
    pub without_admin: Vec<String>,
    /// When the apps' codes are taken again, where those near now were spent.
    pub codes_from: Option<Timestamp>,
    /// Admins of the backup who lost role or access since, those first who lost least.
    pub(super) fallen: Vec<Fallen>,
}

/// What the replaced database told about an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountChange {
    /// The switch had been turned on since, and is on.
    Required(String),
    /// The switch had been turned off since, and is on again.
    StaysRequired(String),
    /// The account was made since, and is not there.
    NotThere(String),
    /// The application at this host was removed since, or given another host: nobody may enter.
    ApplicationClosed(String),
    /// The rules of the application at this host were changed since: it admits at most whom both do.
    ApplicationStricter(String),
    /// The application at this host was added since, and is not there.
    ApplicationNotThere(String),
}

/// What the replaced database told about a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserChange {
    /// In which account.
    pub account: AccountId,
    /// The user's address.
    pub email: String,
    /// What.
    pub change: Change,
}

/// What happened to a user between the backup and the restore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The password was changed: the later one holds.
    Password,
    /// The address was changed: the later one holds.
    Email,
    /// The address was changed, and another user has it here: the earlier one holds.
    EmailTaken(String),
    /// The invitation was accepted: the user is active.
    Accepted,
    /// The user was disabled, and is.
    Disabled,
    /// The user was removed, and is disabled.
    Removed,
    /// The user was enabled, and is disabled again.
    StaysDisabled,
    /// The user became a Member, and is.
    Demoted,
    /// The user became an Admin, and is a Member again.
    StaysMember,
    /// The user was added, and is not there.
    NotThere,
    /// A factor was removed, and is.
    FactorRemoved,
    /// A factor was added, and is there.
    FactorAdded,
    /// A factor was added that cannot be opened here: it is not there.
    FactorLost,
    /// Recovery codes were used: they are.
    RecoveryCodesUsed,
    /// Recovery codes were made anew: the later ones hold.
    RecoveryCodesMade,
}

impl Change {
    /// Whether an Admin has something to do about it.
    pub const fn needs_attention(&self) -> bool {
        matches!(
            self,
            Self::EmailTaken(_)
                | Self::Removed
                | Self::StaysDisabled
                | Self::StaysMember
                | Self::NotThere
                | Self::FactorLost
        )
    }
}

/// A part of the replaced database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The accounts' policies.
    Policies,
    /// Users, their passwords, roles and states.
    Users,
    /// Applications, their rules and whom they name.
    Applications,
    /// Data keys.
    DataKeys,
    /// Factors.
    Factors,
    /// Recovery codes.
    RecoveryCodes,
    /// Security codes that were taken.
    SpentCodes,
    /// The last head of the audit log.
    AuditHead,
}

impl Part {
    const ALL: [Self; 8] = [
        Self::Policies,
        Self::Users,
        Self::Applications,
        Self::DataKeys,
        Self::Factors,
        Self::RecoveryCodes,
        Self::SpentCodes,
        Self::AuditHead,
    ];

    /// Its name in the audit log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Policies => "policies",
            Self::Users => "users",
            Self::Applications => "applications",
            Self::DataKeys => "data keys",
            Self::Factors => "factors",
            Self::RecoveryCodes => "recovery codes",
            Self::SpentCodes => "spent codes",
            Self::AuditHead => "the audit log's last head",
        }
    }
}

/// A part of the replaced database that was not read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// Which.
    pub part: Part,
    /// Why.
    pub why: String,
}

/// A link by which an account gets an able Admin.
pub struct WayIn {
    /// The account's name.
    pub account: String,
    /// The link, of `vestibule recover`.
    pub link: MadeLink,
    /// Whether its user had lost the role or the access since, and is let in again for want of
    /// anybody else.
    pub brought_back: bool,
}

/// What an Admin of the backup lost since.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lost {
    Role,
    Access,
    Everything,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Fallen {
    pub(super) lost: Lost,
    pub(super) user: UserId,
    pub(super) account: AccountId,
}

impl AfterRestore {
    pub(super) fn note(&mut self, part: Part, read: Read) {
        if let Err(error) = read {
            self.unknown.push(Unknown { part, why: told(&error) });
        }
    }

    pub(super) fn knows_nothing(&mut self, why: &str) {
        self.unknown = Part::ALL.map(|part| Unknown { part, why: why.to_owned() }).into();
    }

    /// Whether a part of the replaced database was read to its end.
    pub fn knows(&self, part: Part) -> bool {
        self.unknown.iter().all(|unknown| unknown.part != part)
    }

    pub(super) fn say(&mut self, user: &RemainingUser, change: Change) {
        let (account, email) = (user.account, user.email.clone());
        self.changes.push(UserChange { account, email, change });
    }

    pub(super) fn say_of(&mut self, user: &UserRecord, change: Change) {
        let (account, email) = (user.account, user.email.clone());
        self.changes.push(UserChange { account, email, change });
    }

    pub(super) fn fell(&mut self, user: &RemainingUser, lost: Lost) {
        self.fallen.push(Fallen { lost, user: user.id, account: user.account });
    }
}

fn told(error: &StoreError) -> String {
    error.to_string().replace('\n', " ")
}
