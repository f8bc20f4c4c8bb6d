//! Pages that a link opens: set-up, invitation, new password, recovery.

use askama::Template;

use super::{Field, Outside, sample};

/// `/setup/{token}`: the first account and its Admin.
#[derive(Template)]
#[template(path = "setup.html")]
pub struct SetupPage {
    /// The surroundings.
    pub outside: Outside,
    /// The token of the link.
    pub token: String,
    /// Name of the account.
    pub account: Field,
    /// Display name of the Admin.
    pub name: Field,
    /// E-mail of the Admin.
    pub email: Field,
    /// What to mend in the password.
    pub password_error: Option<String>,
    /// Shortest password taken, in characters.
    pub min_password: u64,
}

/// `/invitation/{token}`
#[derive(Template)]
#[template(path = "invitation.html")]
pub struct InvitationPage {
    /// The surroundings; the brand is the account's name.
    pub outside: Outside,
    /// The token of the link.
    pub token: String,
    /// Who is invited.
    pub email: String,
    /// Their display name, as the Admin wrote it at first.
    pub name: Field,
    /// What to mend in the password.
    pub password_error: Option<String>,
    /// Shortest password taken, in characters.
    pub min_password: u64,
}

/// `/password/{token}`
#[derive(Template)]
#[template(path = "password_link.html")]
pub struct PasswordLinkPage {
    /// The surroundings.
    pub outside: Outside,
    /// The token of the link.
    pub token: String,
    /// Whether it came by mail, and not from an Admin.
    pub mailed: bool,
    /// Whose password it is.
    pub email: String,
    /// What to mend in the password.
    pub password_error: Option<String>,
    /// Shortest password taken, in characters.
    pub min_password: u64,
}

/// `/recover/{token}`
#[derive(Template)]
#[template(path = "recover.html")]
pub struct RecoverPage {
    /// The surroundings.
    pub outside: Outside,
    /// The token of the link.
    pub token: String,
    /// Who recovers.
    pub email: String,
    /// What the link may do.
    pub recovers: Recovers,
    /// Whether the password that there is was asked for, and another was typed.
    pub is_wrong: bool,
    /// How many seconds no password is taken: too many attempts were made.
    pub wait: Option<u64>,
    /// What to mend in the password.
    pub password_error: Option<String>,
    /// Shortest password taken, in characters.
    pub min_password: u64,
}

/// What a recover link may do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Recovers {
    /// A new password, then a new app.
    Everything,
    /// A new password.
    Password,
    /// A new app, for who gives the password.
    Factors,
}

/// A link that opens nothing any more (410).
#[derive(Template)]
#[template(path = "link_gone.html")]
pub struct LinkGonePage {
    /// The surroundings.
    pub outside: Outside,
    /// What the link was for.
    pub kind: LinkKind,
}

/// What a link is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum LinkKind {
    /// `/setup/{token}`
    Setup,
    /// `/invitation/{token}`
    Invitation,
    /// `/password/{token}`
    Password,
    /// `/forgotten/{token}`
    Forgotten,
    /// `/address/{token}`
    Address,
    /// `/recover/{token}`
    Recover,
}

impl SetupPage {
    /// The field that is to be filled in next.
    fn focus(&self) -> &'static str {
        if self.account.error.is_some() {
            "account"
        } else if self.name.error.is_some() {
            "name"
        } else if self.email.error.is_some() {
            "email"
        } else if self.password_error.is_some() {
            "password"
        } else {
            "account"
        }
    }

    /// The states worth looking at.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let new = || Self {
            outside: sample::outside_of("Vestibule"),
            token: "kT0pJ9".into(),
            account: Field::default(),
            name: Field::default(),
            email: Field::default(),
            password_error: None,
            min_password: 12,
        };
        vec![
            ("new", new()),
            (
                "errors",
                Self {
                    account: Field::wrong("", "Type a name for the account."),
                    name: Field::holding(sample::LONG),
                    email: Field::wrong(
                        "ada(at)acme.example",
                        "An email has an @ in it, as in name@example.org.",
                    ),
                    password_error: Some("This password has 7 characters. Use at least 12.".into()),
                    ..new()
                },
            ),
            (
                "hostile",
                Self {
                    account: Field::holding(sample::HOSTILE),
                    name: Field::holding(sample::HOSTILE),
                    email: Field::holding("\"><script>"),
                    password_error: Some(
                        "This password is on lists of common passwords. Choose another.".into(),
                    ),
                    ..new()
                },
            ),
        ]
    }
}

impl InvitationPage {
    /// The states worth looking at.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let new = || Self {
            outside: sample::outside(),
            token: "kT0pJ9".into(),
            email: "dinesh@acme.example".into(),
            name: Field::holding("Dinesh Rao"),
            password_error: None,
            min_password: 12,
        };
        vec![
            ("new", new()),
            (
                "errors",
                Self {
                    name: Field::wrong("", "Type your name."),
                    password_error: Some(
                        "This password is too close to your email. Choose one that has nothing to do with it.".into(),
                    ),
                    ..new()
                },
            ),
            (
                "hostile",
                Self {
                    outside: sample::outside_of(sample::HOSTILE),
                    email: sample::HOSTILE.into(),
                    name: Field::holding(sample::HOSTILE),
                    ..new()
                },
            ),
        ]
    }
}

impl PasswordLinkPage {
    /// The states worth looking at.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let page = |error: Option<&str>| Self {
            outside: sample::outside(),
            token: "kT0pJ9".into(),
            mailed: false,
            email: "ben@acme.example".into(),
            password_error: error.map(Into::into),
            min_password: 12,
        };
        vec![
            ("new", page(None)),
            ("mailed", Self { mailed: true, ..page(None) }),
            ("short", page(Some("This password has 7 characters. Use at least 12."))),
            (
                "hostile",
                Self {
                    outside: sample::outside_of(sample::HOSTILE),
                    email: sample::LONG.into(),
                    ..page(None)
                },
            ),
        ]
    }
}

impl RecoverPage {
    /// The states worth looking at.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let page = |error: Option<&str>| Self {
            outside: sample::outside(),
            token: "kT0pJ9".into(),
            email: "ada@acme.example".into(),
            recovers: Recovers::Everything,
            is_wrong: false,
            wait: None,
            password_error: error.map(Into::into),
            min_password: 12,
        };
        vec![
            ("new", page(None)),
            ("password", Self { recovers: Recovers::Password, ..page(None) }),
            ("factors", Self { recovers: Recovers::Factors, ..page(None) }),
            ("factors-wait", Self { recovers: Recovers::Factors, wait: Some(40), ..page(None) }),
            ("factors-wrong", Self { recovers: Recovers::Factors, is_wrong: true, ..page(None) }),
            (
                "common",
                page(Some("This password is on lists of common passwords. Choose another.")),
            ),
            ("hostile", Self { outside: sample::outside_of(sample::HOSTILE), ..page(None) }),
        ]
    }
}

impl LinkGonePage {
    /// The states worth looking at.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let page = |kind| Self { outside: sample::outside_of("Vestibule"), kind };
        vec![
            ("setup", page(LinkKind::Setup)),
            ("invitation", page(LinkKind::Invitation)),
            ("password", page(LinkKind::Password)),
            ("forgotten", page(LinkKind::Forgotten)),
            ("address", page(LinkKind::Address)),
            ("recover", page(LinkKind::Recover)),
        ]
    }
}
