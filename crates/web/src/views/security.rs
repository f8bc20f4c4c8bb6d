//! `/settings/security`: one's own factors, name, password and sessions.

use askama::Template;

use super::{Asks, Field, Frame, Place, When, is_guessed_at, sample};

/// `/settings/security`
#[derive(Template)]
#[template(path = "security.html")]
pub struct SecurityPage {
    /// The surroundings.
    pub frame: Frame,
    /// The user's e-mail.
    pub email: String,
    /// Whether it can be changed: that takes a mail server.
    pub mail: bool,
    /// The display name.
    pub name: Field,
    /// The user's factors.
    pub factors: Vec<Factor>,
    /// The user's recovery codes, if there are any.
    pub recovery_codes: Option<RecoveryCodes>,
    /// Whether the account requires one.
    pub required: bool,
    /// Which proof a change of factors asks for.
    pub asks: Asks,
    /// Attempts at security codes that count against the budget.
    pub code_attempts: u64,
    /// The user's open sessions, this one first.
    pub sessions: Vec<SessionRow>,
}

/// An app of the user.
#[derive(Clone)]
pub struct Factor {
    /// Names it in URLs.
    pub id: String,
    /// What the user calls it.
    pub name: String,
    /// A new name that was not taken, with what is to be mended.
    pub rename: Option<Field>,
    /// When it was added.
    pub added: When,
    /// When it was used last.
    pub last_used: Option<When>,
}

impl Factor {
    /// What stands in the field for a new name.
    fn typed(&self) -> Field {
        self.rename.clone().unwrap_or_else(|| Field::holding(self.name.clone()))
    }
}

/// What is left of a set of recovery codes.
#[derive(Clone)]
pub struct RecoveryCodes {
    /// How many are not used yet.
    pub left: u64,
    /// When they were made.
    pub made: When,
}

impl RecoveryCodes {
    /// How many a set holds.
    const fn all() -> u64 {
        vestibule_domain::recovery_code::CODES as u64
    }

    /// Whether it is time to make new ones.
    fn is_few(&self) -> bool {
        self.left <= vestibule_domain::recovery_code::FEW as u64
    }
}

/// An open session.
#[derive(Clone)]
pub struct SessionRow {
    /// Names it in URLs.
    pub id: String,
    /// "Firefox on Linux".
    pub browser: String,
    /// Network address.
    pub address: String,
    /// When the password was given.
    pub signed_in: When,
    /// When it was used last.
    pub last_seen: When,
    /// Whether it is the session of this request.
    pub this_one: bool,
}

/// `/settings/security/password`
#[derive(Template)]
#[template(path = "change_password.html")]
pub struct ChangePasswordPage {
    /// The surroundings.
    pub frame: Frame,
    /// The user's e-mail (password managers want to know).
    pub email: String,
    /// What to mend in the password.
    pub password_error: Option<String>,
    /// Shortest password taken, in characters.
    pub min_password: u64,
    /// Which proof the act asks for.
    pub asks: Asks,
}

impl SecurityPage {
    /// Whether the attempts at security codes are more than slips.
    fn is_guessed_at(&self) -> bool {
        is_guessed_at(self.code_attempts)
    }

    /// Whether a factor may be removed: the last one not while the account requires one.
    fn may_remove(&self) -> bool {
        !(self.required && self.factors.len() == 1)
    }

    /// The states worth looking at.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let factor = |id: &str, name: &str, used: Option<i64>| Factor {
            id: id.into(),
            name: name.into(),
            rename: None,
            added: sample::when(-90_000),
            last_used: used.map(sample::when),
        };
        let session = |id: &str, browser: &str, address: &str, this_one| SessionRow {
            id: id.into(),
            browser: browser.into(),
            address: address.into(),
            signed_in: sample::when(-200),
            last_seen: sample::when(-3),
            this_one,
        };
        let page = |factors, required| Self {
            frame: sample::member(Place::Security),
            email: "ben@acme.example".into(),
            mail: false,
            name: Field::holding("Ben Okafor"),
            factors,
            recovery_codes: Some(RecoveryCodes { left: 8, made: sample::when(-90_000) }),
            required,
            asks: Asks::SecurityCode,
            code_attempts: 0,
            sessions: vec![
                session("s1", "Firefox on Linux", "192.0.2.14", true),
                session("s2", "Safari on iPhone", "2001:db8:85a3::8a2e:370:7334", false),
            ],
        };
        let one = || vec![factor("f1", "Ben’s phone", Some(-180))];
        let two =
            || vec![factor("f1", "Ben’s phone", Some(-180)), factor("f2", "Work tablet", None)];
        let mut renaming = page(two(), true);
        renaming.frame.done = Some("The app is added.".into());
        renaming.factors[1].rename =
            Some(Field::wrong("Ben’s phone", "Another app of yours has this name."));
        let mut nameless = page(one(), false);
        nameless.name = Field::wrong("", "Type the name that others see.");
        vec![
            (
                "off",
                Self {
                    asks: Asks::Password,
                    sessions: vec![session("s1", "Firefox on Linux", "192.0.2.14", true)],
                    ..page(vec![], false)
                },
            ),
            ("one-app", page(one(), false)),
            ("guessed-at", Self { code_attempts: 37, ..page(one(), false) }),
            ("mail", Self { mail: true, ..page(one(), false) }),
            ("last-app-required", page(one(), true)),
            (
                "few-codes",
                Self {
                    recovery_codes: Some(RecoveryCodes { left: 2, made: sample::when(-90_000) }),
                    ..page(one(), true)
                },
            ),
            ("no-codes", Self { recovery_codes: None, ..page(one(), true) }),
            ("two-apps", Self { frame: sample::admin(Place::Security), ..page(two(), true) }),
            ("rename-error", renaming),
            ("name-error", nameless),
            (
                "hostile",
                Self {
                    frame: sample::hostile(Place::Security),
                    email: "a.very.long.name.that.goes.on@a-long-department.acme-analytics.example"
                        .into(),
                    name: Field::holding(sample::HOSTILE),
                    factors: vec![
                        factor("f1", sample::HOSTILE, None),
                        factor("f2", sample::LONG, Some(-1)),
                    ],
                    sessions: vec![
                        session("s1", sample::HOSTILE, "192.0.2.14", true),
                        session("s2", sample::LONG, sample::HOSTILE, false),
                    ],
                    ..page(vec![], false)
                },
            ),
        ]
    }
}

impl ChangePasswordPage {
    /// The states worth looking at.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let page = |error: Option<&str>| Self {
            frame: sample::member(Place::Security),
            email: "ben@acme.example".into(),
            password_error: error.map(Into::into),
            min_password: 12,
            asks: Asks::SecurityCode,
        };
        vec![
            ("new", page(None)),
            (
                "common",
                page(Some("This password is on lists of common passwords. Choose another.")),
            ),
        ]
    }
}
