//! `/settings/users`: the list, one user, a new one, and a link that was made.

use std::fmt;

use askama::Template;

use super::{Asks, Field, Frame, Place, Role, When, is_guessed_at, sample};

/// `/settings/users`
#[derive(Template)]
#[template(path = "users.html")]
pub struct UsersPage {
    /// The surroundings.
    pub frame: Frame,
    /// All users of the account.
    pub total: u64,
    /// Those who have a factor.
    pub with_factor: u64,
    /// What was searched for; empty for everyone.
    pub search: String,
    /// Whether only users without a factor are listed (`mfa=none`).
    pub only_without: bool,
    /// The users of this page.
    pub rows: Vec<UserRow>,
    /// Whether this is the first page.
    pub first_page: bool,
    /// Key of the next page (`after=…`).
    pub next: Option<String>,
}

/// A line of the list.
#[derive(Clone)]
pub struct UserRow {
    /// Names the user in URLs.
    pub id: String,
    /// Display name.
    pub name: String,
    /// E-mail.
    pub email: String,
    /// Role.
    pub role: Role,
    /// MFA, or why there can be none.
    pub status: UserStatus,
    /// Last sign-in.
    pub last_sign_in: Option<When>,
    /// Whether it is the Admin who looks.
    pub is_self: bool,
}

/// What the tag of a user says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum UserStatus {
    /// Active, with so many apps.
    Apps(u64),
    /// Active, without a factor.
    NotSetUp,
    /// Has not taken the invitation yet.
    Invited,
    /// Cannot sign in.
    Disabled,
}

impl UserStatus {
    /// Tags of a user, by number of factors, for who is active.
    pub fn active(factors: u64) -> Self {
        if factors == 0 { Self::NotSetUp } else { Self::Apps(factors) }
    }

    fn style(self) -> &'static str {
        match self {
            Self::Apps(_) => "good",
            Self::NotSetUp => "warn",
            Self::Invited | Self::Disabled => "plain",
        }
    }
}

impl fmt::Display for UserStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Apps(1) => f.write_str("App"),
            Self::Apps(n) => write!(f, "{n} apps"),
            Self::NotSetUp => f.write_str("Not set up"),
            Self::Invited => f.write_str("Invited"),
            Self::Disabled => f.write_str("Disabled"),
        }
    }
}

/// `/settings/users/new`
#[derive(Template)]
#[template(path = "add_user.html")]
pub struct AddUserPage {
    /// The surroundings.
    pub frame: Frame,
    /// E-mail of the new user.
    pub email: Field,
    /// Display name of the new user.
    pub name: Field,
    /// Role of the new user.
    pub role: Role,
    /// Which proof the act asks for.
    pub asks: Asks,
}

/// `/settings/users/{id}`
#[derive(Template)]
#[template(path = "user.html")]
pub struct UserPage {
    /// The surroundings.
    pub frame: Frame,
    /// Names the user in URLs.
    pub id: String,
    /// Display name.
    pub name: String,
    /// E-mail.
    pub email: String,
    /// Role.
    pub role: Role,
    /// Invited, active or disabled.
    pub state: UserState,
    /// The user's factors.
    pub factors: Vec<FactorLine>,
    /// How many recovery codes are left.
    pub recovery_codes_left: u64,
    /// Last sign-in.
    pub last_sign_in: Option<When>,
    /// Sessions that are open now.
    pub open_sessions: u64,
    /// Attempts at security codes that count against the budget.
    pub code_attempts: u64,
    /// Whether the account requires a factor.
    pub required: bool,
    /// What the Admin who looks may do here.
    pub standing: Standing,
    /// Which proof an act asks for.
    pub asks: Asks,
}

/// A user's place in the account.
#[derive(Clone)]
pub enum UserState {
    /// Has not taken the invitation yet.
    Invited {
        /// Until when the link is good.
        until: When,
        /// Whether that is over.
        expired: bool,
    },
    /// May sign in.
    Active,
    /// May not.
    Disabled,
}

/// Who the user is to the Admin who looks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Somebody else, who may be acted upon.
    Other,
    /// Somebody else, and the last able Admin.
    LastAdmin,
    /// The Admin themselves.
    Oneself,
    /// The Admin themselves, and the last able one.
    OneselfLastAdmin,
}

impl Standing {
    fn is_last_admin(self) -> bool {
        matches!(self, Self::LastAdmin | Self::OneselfLastAdmin)
    }

    fn is_self(self) -> bool {
        matches!(self, Self::Oneself | Self::OneselfLastAdmin)
    }
}

/// An app, as an Admin sees it.
#[derive(Clone)]
pub struct FactorLine {
    /// What the user calls it.
    pub name: String,
    /// When it was added.
    pub added: When,
    /// When it was used last.
    pub last_used: Option<When>,
}

/// The answer of the act that makes a link: the one place where it is shown.
#[derive(Template)]
#[template(path = "link_made.html")]
pub struct LinkMadePage {
    /// The surroundings.
    pub frame: Frame,
    /// What the link is for.
    pub kind: LinkMade,
    /// Names the user in URLs.
    pub id: String,
    /// Display name.
    pub name: String,
    /// E-mail.
    pub email: String,
    /// Whether it was mailed to the user as well.
    pub mailed: bool,
    /// The link.
    pub url: String,
    /// Until when it is good.
    pub until: When,
}

/// What a link that was made is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum LinkMade {
    /// `/invitation/{token}`
    Invitation,
    /// `/password/{token}`
    Password,
}

impl UsersPage {
    /// The states worth looking at.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let row = |id: &str, name: &str, role, status, seen: Option<i64>| UserRow {
            id: id.into(),
            name: name.into(),
            email: format!(
                "{}@acme.example",
                name.split(' ').next().unwrap_or_default().to_lowercase()
            ),
            role,
            status,
            last_sign_in: seen.map(sample::when),
            is_self: id == "1",
        };
        let page = |rows| Self {
            frame: sample::admin(Place::Users),
            total: 38,
            with_factor: 24,
            search: String::new(),
            only_without: false,
            rows,
            first_page: true,
            next: None,
        };
        let team = || {
            vec![
                row("1", "Ada Lovelace", Role::Admin, UserStatus::Apps(2), Some(-2)),
                row("2", "Ben Okafor", Role::Member, UserStatus::NotSetUp, Some(-1500)),
                row("3", "Cleo Marín", Role::Member, UserStatus::Apps(1), Some(-4400)),
                row("4", "Dinesh Rao", Role::Member, UserStatus::Invited, None),
                row("5", "Emmy Noether", Role::Member, UserStatus::Disabled, Some(-90_000)),
            ]
        };
        let mut hostile = row("6", "x", Role::Member, UserStatus::NotSetUp, None);
        hostile.name = sample::HOSTILE.into();
        hostile.email =
            "a.very.long.name.that.goes.on@a-long-department.acme-analytics.example".into();
        let mut long = row("7", sample::LONG, Role::Admin, UserStatus::Apps(12), Some(0));
        long.email = "wolfeschlegelsteinhausenbergerdorff-featherstonehaugh@acme.example".into();
        vec![
            ("first-page", Self { next: Some("cleo@acme.example".into()), ..page(team()) }),
            (
                "middle-page",
                Self {
                    next: Some("x&y@acme.example".into()),
                    first_page: false,
                    total: 100_000,
                    with_factor: 99_998,
                    ..page(team())
                },
            ),
            (
                "one-user",
                Self {
                    total: 1,
                    with_factor: 0,
                    ..page(vec![row(
                        "1",
                        "Ada Lovelace",
                        Role::Admin,
                        UserStatus::NotSetUp,
                        Some(-2),
                    )])
                },
            ),
            (
                "search",
                Self {
                    search: "be".into(),
                    next: Some("ben@acme.example".into()),
                    ..page(vec![team().swap_remove(1)])
                },
            ),
            ("nothing-found", Self { search: "zz\"><script>".into(), ..page(vec![]) }),
            ("without", Self { only_without: true, ..page(vec![team().swap_remove(1)]) }),
            ("without-none", Self { only_without: true, with_factor: 38, ..page(vec![]) }),
            ("hostile", Self { frame: sample::hostile(Place::Users), ..page(vec![hostile, long]) }),
        ]
    }
}

impl AddUserPage {
    /// The states worth looking at.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let new = || Self {
            frame: sample::admin(Place::Users),
            email: Field::default(),
            name: Field::default(),
            role: Role::Member,
            asks: Asks::SecurityCode,
        };
        vec![
            ("new", new()),
            (
                "errors",
                Self {
                    email: Field::wrong(
                        "ben@acme.example",
                        "A user with this email exists already.",
                    ),
                    name: Field::wrong("", "Type a name. It can be changed later."),
                    role: Role::Admin,
                    ..new()
                },
            ),
            (
                "hostile",
                Self { name: Field::holding(sample::HOSTILE), asks: Asks::Nothing, ..new() },
            ),
        ]
    }
}

impl UserPage {
    /// Whether the attempts at security codes are more than slips.
    fn is_guessed_at(&self) -> bool {
        is_guessed_at(self.code_attempts)
    }

    fn status(&self) -> UserStatus {
        match self.state {
            UserState::Invited { .. } => UserStatus::Invited,
            UserState::Active => UserStatus::active(self.factors.len() as u64),
            UserState::Disabled => UserStatus::Disabled,
        }
    }

    fn is_active(&self) -> bool {
        matches!(self.state, UserState::Active)
    }

    fn is_disabled(&self) -> bool {
        matches!(self.state, UserState::Disabled)
    }

    fn is_invited(&self) -> bool {
        matches!(self.state, UserState::Invited { .. })
    }

    /// The states worth looking at.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let app = |name: &str| FactorLine {
            name: name.into(),
            added: sample::when(-90_000),
            last_used: Some(sample::when(-60)),
        };
        let ben = || Self {
            frame: sample::admin(Place::Users),
            id: "2".into(),
            name: "Ben Okafor".into(),
            email: "ben@acme.example".into(),
            role: Role::Member,
            state: UserState::Active,
            factors: vec![app("Ben’s phone")],
            recovery_codes_left: 8,
            last_sign_in: Some(sample::when(-60)),
            open_sessions: 2,
            code_attempts: 0,
            required: true,
            standing: Standing::Other,
            asks: Asks::SecurityCode,
        };
        let invited = |expired| Self {
            name: "Dinesh Rao".into(),
            email: "dinesh@acme.example".into(),
            state: UserState::Invited { until: sample::when(14 * 24 * 60), expired },
            factors: vec![],
            last_sign_in: None,
            open_sessions: 0,
            ..ben()
        };
        let ada = |standing| Self {
            name: "Ada Lovelace".into(),
            email: "ada@acme.example".into(),
            role: Role::Admin,
            standing,
            factors: vec![app("Ada’s phone"), app("Work tablet")],
            ..ben()
        };
        vec![
            ("active", ben()),
            (
                "without-factor",
                Self {
                    factors: vec![],
                    required: false,
                    open_sessions: 1,
                    asks: Asks::Password,
                    ..ben()
                },
            ),
            ("guessed-at", Self { code_attempts: 37, ..ben() }),
            ("disabled", Self { state: UserState::Disabled, open_sessions: 0, ..ben() }),
            ("invited", invited(false)),
            ("invitation-expired", invited(true)),
            ("oneself", ada(Standing::Oneself)),
            ("oneself-guessed-at", Self { code_attempts: 100, ..ada(Standing::Oneself) }),
            ("oneself-last-admin", ada(Standing::OneselfLastAdmin)),
            ("last-admin", ada(Standing::LastAdmin)),
            (
                "hostile",
                Self {
                    frame: sample::hostile(Place::Users),
                    name: sample::HOSTILE.into(),
                    email: "a.very.long.name.that.goes.on@a-long-department.acme-analytics.example"
                        .into(),
                    factors: vec![app(sample::HOSTILE), app(sample::LONG)],
                    ..ben()
                },
            ),
        ]
    }
}

impl LinkMadePage {
    /// The states worth looking at.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let page = |kind, name: &str| Self {
            frame: sample::admin(Place::Users),
            kind,
            id: "4".into(),
            name: name.into(),
            email: "dinesh@acme.example".into(),
            mailed: false,
            url:
                "https://login.acme.example/invitation/9kQ2b7vX0yM4nT8rW1sZ5cD3fG6hJ0kL2pR4tV6xY8A"
                    .into(),
            until: sample::when(14 * 24 * 60),
        };
        vec![
            ("invitation", page(LinkMade::Invitation, "Dinesh Rao")),
            ("mailed", Self { mailed: true, ..page(LinkMade::Invitation, "Dinesh Rao") }),
            ("password", page(LinkMade::Password, "Ben Okafor")),
            ("hostile", page(LinkMade::Invitation, sample::HOSTILE)),
        ]
    }
}
