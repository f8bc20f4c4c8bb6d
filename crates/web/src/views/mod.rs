//! What the pages show: plain values, each with its template and its sample states.
//!
//! Nothing here reads a store, a clock or a request, and nothing decides: a handler fills a
//! struct with what it knows and renders it. Every struct has `samples()`, the states worth
//! looking at; [`render_all_samples`] renders them all, for the tests and for people.

pub mod account;
pub mod applications;
pub mod audit;
pub mod audit_words;
pub mod dashboard;
pub mod enrolment;
pub mod errors;
pub mod gate;
pub mod links;
pub mod mail;
pub mod proof;
pub mod qr;
pub mod recovery_codes;
pub mod security;
pub mod sign_in;
pub mod users;

use std::fmt;
use std::sync::LazyLock;

use askama::Template;
use time::OffsetDateTime;
use time::macros::format_description;
use vestibule_domain::limits::{CODE_BUDGET, GUESSING};

/// The one stylesheet, served at [`style_url`].
pub const STYLE: &[u8] = include_bytes!("../../static/style.css");
/// The one script, served at [`script_url`].
pub const SCRIPT: &[u8] = include_bytes!("../../static/app.js");
/// The picture of the browser tab, served at `/static/icon.svg`.
pub const ICON: &[u8] = include_bytes!("../../static/icon.svg");

/// Address of the stylesheet; it changes with the content, so it may be cached for ever.
pub fn style_url() -> &'static str {
    const HASH: u64 = fnv1a(STYLE);
    static URL: LazyLock<String> = LazyLock::new(|| format!("/static/style.css?v={HASH:016x}"));
    &URL
}

/// Address of the script; it changes with the content, so it may be cached for ever.
pub fn script_url() -> &'static str {
    const HASH: u64 = fnv1a(SCRIPT);
    static URL: LazyLock<String> = LazyLock::new(|| format!("/static/app.js?v={HASH:016x}"));
    &URL
}

/// FNV-1a: tells one version of a file from another, and protects nothing.
const fn fnv1a(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        at += 1;
    }
    hash
}

/// What surrounds a page before the second door: one card in the middle.
#[derive(Clone)]
pub struct Outside {
    /// The account's name, or the installation's while the account is not known.
    pub brand: String,
}

/// What surrounds a page behind the second door: top line and navigation.
#[derive(Clone)]
pub struct Frame {
    /// The account's name.
    pub account: String,
    /// Display name of the user who is signed in.
    pub user_name: String,
    /// Whether the links of an Admin are shown.
    pub is_admin: bool,
    /// Which entry of the navigation is the current one.
    pub here: Place,
    /// What was just done, told once above the page ("The display name is changed.").
    pub done: Option<String>,
}

/// The entries of the navigation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// `/`
    Dashboard,
    /// `/settings/account`
    Account,
    /// `/settings/security`
    Security,
    /// `/settings/users`
    Users,
    /// `/settings/applications`
    Applications,
    /// `/settings/audit`
    Audit,
    /// A page that stands in no entry, such as an error.
    Elsewhere,
}

/// A moment, for machines and for people. The script turns it into the reader's own time.
#[derive(Clone)]
pub struct When {
    /// RFC 3339, UTC.
    pub iso: String,
    /// What is read without the script.
    pub text: String,
}

impl When {
    /// A moment given in Unix milliseconds, told in UTC. One that no calendar holds is "unknown".
    pub fn from_unix_ms(ms: i64) -> Self {
        let iso = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
        let text = format_description!(
            "[day padding:none] [month repr:short] [year], [hour]:[minute] UTC"
        );
        let moment = OffsetDateTime::from_unix_timestamp(ms.div_euclid(1000)).ok();
        let told = moment.and_then(|at| Some((at.format(iso).ok()?, at.format(text).ok()?)));
        let (iso, text) = told.unwrap_or_else(|| ("1970-01-01T00:00:00Z".into(), "unknown".into()));
        Self { iso, text }
    }
}

/// A field of a form as it was sent, and what is to be mended in it.
#[derive(Clone, Default)]
pub struct Field {
    /// What was typed; empty for a new form.
    pub value: String,
    /// What to mend, as a sentence.
    pub error: Option<String>,
}

impl Field {
    /// A field that holds a value and has nothing to mend.
    pub fn holding(value: impl Into<String>) -> Self {
        Self { value: value.into(), error: None }
    }

    /// A field that holds what was typed, with what is to be mended.
    pub fn wrong(value: impl Into<String>, error: impl Into<String>) -> Self {
        Self { value: value.into(), error: Some(error.into()) }
    }
}

/// A user's role in the account.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Runs the account.
    Admin,
    /// Uses it.
    Member,
}

impl Role {
    /// Whether it is [`Role::Admin`].
    pub fn is_admin(self) -> bool {
        self == Self::Admin
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_admin() { "Admin" } else { "Member" })
    }
}

/// Which fresh proof an act will ask for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    /// The user has a factor.
    SecurityCode,
    /// The user has none.
    Password,
    /// A fresh proof was given a moment ago.
    Nothing,
}

impl fmt::Display for Asks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SecurityCode => "Asks for your security code.",
            Self::Password => "Asks for your password.",
            Self::Nothing => "",
        })
    }
}

/// Why a security code was not taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum CodeProblem {
    /// Nothing was typed, or something else than six digits.
    NotSixDigits,
    /// Six digits that no app of this user shows.
    Wrong,
    /// Right, but taken before.
    AlreadyUsed,
    /// Right for a moment in the past.
    Slow {
        /// How far the phone's clock is behind.
        minutes: u64,
    },
    /// Right for a moment to come.
    Fast {
        /// How far the phone's clock is ahead.
        minutes: u64,
    },
    /// Nothing was typed, or something that has not the form of a recovery code.
    NotARecoveryCode,
    /// A recovery code, and none of this user's.
    WrongRecoveryCode,
    /// A recovery code of this user, used before.
    UsedRecoveryCode,
    /// A recovery code, of who has none.
    NoRecoveryCodes,
    /// Enrolment alone: the earlier key ended before it was confirmed, the page shows a new one.
    KeyExpired,
    /// No code is taken any more until the password is changed; the page then shows no field.
    BudgetSpent,
}

impl CodeProblem {
    /// What happened.
    pub fn happened(self) -> String {
        match self {
            Self::NotSixDigits => "A security code has six digits.".into(),
            Self::Wrong => "This code is not right.".into(),
            Self::AlreadyUsed => "This code was used before.".into(),
            Self::Slow { minutes } => {
                format!("This code is from about {} ago.", count(minutes, "minute", "minutes"))
            }
            Self::Fast { minutes } => {
                format!("This code is for about {} from now.", count(minutes, "minute", "minutes"))
            }
            Self::NotARecoveryCode => "A recovery code has sixteen letters and digits.".into(),
            Self::WrongRecoveryCode => "This is not one of your recovery codes.".into(),
            Self::UsedRecoveryCode => "This recovery code was used before.".into(),
            Self::NoRecoveryCodes => "You have no recovery codes.".into(),
            Self::KeyExpired => "The key shown before has expired.".into(),
            Self::BudgetSpent => "Security codes are closed for now.".into(),
        }
    }

    /// What to do now.
    pub fn advice(self) -> &'static str {
        match self {
            Self::NotSixDigits | Self::Wrong | Self::NoRecoveryCodes => {
                "Type the six digits that your app shows now."
            }
            Self::AlreadyUsed => "Each code works once. Wait for the next one, at most 30 seconds.",
            Self::Slow { .. } => {
                "Your phone’s clock seems to be slow: set it to automatic time, then use the next code."
            }
            Self::Fast { .. } => {
                "Your phone’s clock seems to be fast: set it to automatic time, then use the next code."
            }
            Self::NotARecoveryCode => "Type all four groups of one of the codes that you kept.",
            Self::WrongRecoveryCode => {
                "Look at each letter again. Codes made before the newest ones no longer work."
            }
            Self::UsedRecoveryCode => "Each works once. Use another, and cross this one out.",
            Self::KeyExpired => "Delete its entry in your app and add the new key below.",
            Self::BudgetSpent => "Too many codes were tried.",
        }
    }
}

/// "1,204 users", "1 user".
pub fn count(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(n), if n == 1 { one } else { many })
}

/// How many attempts at security codes there are in all.
pub fn code_budget() -> u64 {
    CODE_BUDGET.unsigned_abs()
}

/// Whether so many attempts at security codes are more than slips.
fn is_guessed_at(attempts: u64) -> bool {
    attempts >= GUESSING.unsigned_abs()
}

/// How long a wait still is: in seconds where they are few, else in minutes, never fewer than it is.
pub fn time_left(seconds: u64) -> String {
    if seconds <= 90 {
        count(seconds, "second", "seconds")
    } else {
        count(seconds.div_ceil(60), "minute", "minutes")
    }
}

/// A number with its thousands set apart: `1,204`.
pub fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut told = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            told.push(',');
        }
        told.push(digit);
    }
    told
}

/// `page/state` and the whole page, of every sample of every page.
pub fn render_all_samples() -> Vec<(String, String)> {
    fn add<T: Template>(
        into: &mut Vec<(String, String)>,
        page: &str,
        samples: Vec<(&'static str, T)>,
    ) {
        for (state, view) in samples {
            let html =
                view.render().unwrap_or_else(|error| format!("{page}/{state} failed: {error}"));
            into.push((format!("{page}/{state}"), html));
        }
    }

    let mut all = Vec::new();
    add(&mut all, "sign-in", sign_in::SignInPage::samples());
    add(&mut all, "forgotten", mail::ForgottenPage::samples());
    add(&mut all, "code", sign_in::CodePage::samples());
    add(&mut all, "recovery-code", sign_in::RecoveryCodePage::samples());
    add(&mut all, "recovery-codes", recovery_codes::RecoveryCodesPage::samples());
    add(&mut all, "recovery-code-used", recovery_codes::RecoveryCodeUsedPage::samples());
    add(&mut all, "enrolment", enrolment::EnrolmentPage::samples());
    add(&mut all, "proof", proof::ProofPage::samples());
    add(&mut all, "setup", links::SetupPage::samples());
    add(&mut all, "invitation", links::InvitationPage::samples());
    add(&mut all, "password-link", links::PasswordLinkPage::samples());
    add(&mut all, "recover", links::RecoverPage::samples());
    add(&mut all, "address-link", mail::AddressLinkPage::samples());
    add(&mut all, "link-gone", links::LinkGonePage::samples());
    add(&mut all, "dashboard", dashboard::DashboardPage::samples());
    add(&mut all, "account", account::AccountPage::samples());
    add(&mut all, "security", security::SecurityPage::samples());
    add(&mut all, "change-password", security::ChangePasswordPage::samples());
    add(&mut all, "change-email", mail::ChangeEmailPage::samples());
    add(&mut all, "users", users::UsersPage::samples());
    add(&mut all, "add-user", users::AddUserPage::samples());
    add(&mut all, "user", users::UserPage::samples());
    add(&mut all, "link-made", users::LinkMadePage::samples());
    add(&mut all, "applications", applications::ApplicationsPage::samples());
    add(&mut all, "add-application", applications::AddApplicationPage::samples());
    add(&mut all, "application", applications::ApplicationPage::samples());
    add(&mut all, "audit", audit::AuditPage::samples());
    add(&mut all, "audit-export", audit::AuditExportPage::samples());
    add(&mut all, "gate", gate::GatePage::samples());
    add(&mut all, "hand-over", gate::HandOverPage::samples());
    add(&mut all, "error-outside", errors::ErrorOutside::samples());
    add(&mut all, "error-inside", errors::ErrorInside::samples());
    all
}

/// What the samples share.
mod sample {
    use super::{Frame, Outside, Place, When};

    /// A name that must be shown as it is, and must stay harmless.
    pub(super) const HOSTILE: &str = "<script>alert(\"1\")</script> & 'Co'";
    /// A name at the edge of what is allowed.
    pub(super) const LONG: &str = "Wolfeschlegelsteinhausenbergerdorff-Featherstonehaugh of the Upper and Lower Western Isles";

    pub(super) fn outside() -> Outside {
        Outside { brand: "Acme Analytics".into() }
    }

    pub(super) fn outside_of(brand: &str) -> Outside {
        Outside { brand: brand.into() }
    }

    pub(super) fn admin(here: Place) -> Frame {
        Frame {
            account: "Acme Analytics".into(),
            user_name: "Ada Lovelace".into(),
            is_admin: true,
            here,
            done: None,
        }
    }

    pub(super) fn member(here: Place) -> Frame {
        Frame { user_name: "Ben Okafor".into(), is_admin: false, ..admin(here) }
    }

    pub(super) fn hostile(here: Place) -> Frame {
        Frame {
            account: HOSTILE.into(),
            user_name: LONG.into(),
            done: Some(HOSTILE.into()),
            ..admin(here)
        }
    }

    pub(super) fn when(minutes_later: i64) -> When {
        When::from_unix_ms(1_764_064_020_000 + minutes_later * 60_000)
    }
}

#[cfg(test)]
mod tests;
