//! What can be done: each action is one request as a page makes it, or a move of the clock.

use std::fmt;

use super::ghost::{Ghost, May};
use super::stage::OF_THE_ATTACKER;

/// Ada and her browser.
pub(super) const ADA: usize = 0;
/// Ben and his browser.
pub(super) const BEN: usize = 1;
/// The attacker's browser.
pub(super) const ATTACKERS: usize = 2;

const PEOPLE: [&str; 2] = ["Ada", "Ben"];
const BROWSERS: [&str; 3] = ["Ada", "Ben", "The attacker"];

/// What an Admin does with a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Upon {
    Reset,
    Disable,
    Enable,
    MakeAdmin,
    MakeMember,
    MakePasswordLink,
}

impl Upon {
    const ALL: [Self; 6] = [
        Self::Reset,
        Self::Disable,
        Self::Enable,
        Self::MakeAdmin,
        Self::MakeMember,
        Self::MakePasswordLink,
    ];
}

/// How the clock moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    NextStep,
    PastFreshness,
    PastWaits,
    PastIdle,
    StepBack,
}

impl Move {
    const ALL: [Self; 5] =
        [Self::NextStep, Self::PastFreshness, Self::PastWaits, Self::PastIdle, Self::StepBack];

    pub(super) fn millis(self) -> i64 {
        match self {
            Self::NextStep => 30_000,
            Self::PastFreshness => 330_000,
            Self::PastWaits => 16 * 60_000,
            Self::PastIdle => 61 * 60_000,
            Self::StepBack => -30_000,
        }
    }
}

/// The kinds of links: of an Admin, of the host, of who forgot the password.
pub(super) const LINKS: [&str; 3] = ["password link", "recover link", "link by mail"];
pub(super) const OF_AN_ADMIN: usize = 0;
pub(super) const OF_THE_HOST: usize = 1;
pub(super) const BY_MAIL: usize = 2;

/// One action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    SignIn { browser: usize, user: usize, right: bool },
    Code { browser: usize, app: usize, step: i64 },
    WrongCode { browser: usize },
    RecoveryCode { browser: usize, code: usize },
    PasswordAgain { browser: usize, right: bool },
    ShowKey { browser: usize },
    ConfirmKey { browser: usize, right: bool, for_switch: bool },
    RemoveApp { browser: usize, app: usize },
    Switch { browser: usize, on: bool },
    ChangePassword { browser: usize },
    SignOut { browser: usize },
    SignOutOthers { browser: usize },
    NewCodes { browser: usize },
    KeepCodes { browser: usize },
    Act { browser: usize, user: usize, act: Upon },
    Recover { user: usize, keeps_password: bool },
    Forgot { user: usize },
    TakeLink { user: usize, link: usize },
    Clock(Move),
}

/// What is played at one go: an action; or one that another comes between, after it was authorised and
/// before it acts, as two requests at the same moment do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    One(Action),
    Race(Action, Action),
}

/// Numbers of deeds from here on are those of races.
const RACES: u16 = 1_000;

impl Deed {
    /// The deed of a number in a path.
    pub(super) fn of(number: u16, all: &[Action]) -> Option<Self> {
        let Some(race) = number.checked_sub(RACES) else {
            return all.get(usize::from(number)).copied().map(Self::One);
        };
        let (first, between) = (usize::from(race) / all.len(), usize::from(race) % all.len());
        Some(Self::Race(*all.get(first)?, all[between]))
    }

    /// The numbers of the two actions of a race.
    pub(super) fn parts(number: u16, all: &[Action]) -> Vec<u16> {
        let length = u16::try_from(all.len()).unwrap_or(1);
        let race = number.checked_sub(RACES);
        race.map_or(vec![], |race| vec![race / length, race % length])
    }

    /// The number of the race of two actions.
    pub(super) fn race(first: u16, between: u16, all: &[Action]) -> u16 {
        RACES + first * u16::try_from(all.len()).unwrap_or(0) + between
    }
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(action) => action.fmt(f),
            Self::Race(action, between) => {
                write!(f, "{action}, but before it is carried out: {between}")
            }
        }
    }
}

/// Every action there is. Its place here is its number in a path.
pub(super) fn all() -> Vec<Action> {
    use Action as A;
    let mut all = vec![];
    for browser in [ADA, BEN, ATTACKERS] {
        for user in [ADA, BEN] {
            if browser == user || browser == ATTACKERS {
                all.extend([true, false].map(|right| A::SignIn { browser, user, right }));
            }
        }
        for app in 0..2 {
            all.extend([-1, 0, 1].map(|step| A::Code { browser, app, step }));
            all.push(A::RecoveryCode { browser, code: app });
            all.push(A::RemoveApp { browser, app });
        }
        all.push(A::WrongCode { browser });
        all.extend([true, false].map(|right| A::PasswordAgain { browser, right }));
        all.push(A::ShowKey { browser });
        all.extend(
            [(true, false), (false, false), (true, true)]
                .map(|(right, for_switch)| A::ConfirmKey { browser, right, for_switch }),
        );
        all.extend([true, false].map(|on| A::Switch { browser, on }));
        all.push(A::ChangePassword { browser });
        all.push(A::SignOut { browser });
        all.push(A::SignOutOthers { browser });
        all.push(A::NewCodes { browser });
        all.push(A::KeepCodes { browser });
        for user in [ADA, BEN] {
            all.extend(Upon::ALL.map(|act| A::Act { browser, user, act }));
        }
    }
    for user in [ADA, BEN] {
        all.extend([true, false].map(|keeps_password| A::Recover { user, keeps_password }));
        all.push(A::Forgot { user });
        all.extend([OF_AN_ADMIN, OF_THE_HOST, BY_MAIL].map(|link| A::TakeLink { user, link }));
    }
    all.extend(Move::ALL.map(A::Clock));
    all
}

impl Action {
    /// Whose browser sends the request.
    pub(super) fn browser(self) -> Option<usize> {
        match self {
            Self::SignIn { browser, .. }
            | Self::Code { browser, .. }
            | Self::WrongCode { browser }
            | Self::RecoveryCode { browser, .. }
            | Self::PasswordAgain { browser, .. }
            | Self::ShowKey { browser }
            | Self::ConfirmKey { browser, .. }
            | Self::RemoveApp { browser, .. }
            | Self::Switch { browser, .. }
            | Self::ChangePassword { browser }
            | Self::SignOut { browser }
            | Self::SignOutOthers { browser }
            | Self::NewCodes { browser }
            | Self::KeepCodes { browser }
            | Self::Act { browser, .. } => Some(browser),
            Self::TakeLink { user, .. } => Some(user),
            Self::Recover { .. } | Self::Forgot { .. } | Self::Clock(_) => None,
        }
    }

    /// Whether another can come between its authority and its act.
    pub(super) fn can_be_raced(self) -> bool {
        !matches!(
            self,
            Self::SignIn { .. }
                | Self::SignOut { .. }
                | Self::KeepCodes { .. }
                | Self::Recover { .. }
                | Self::Forgot { .. }
                | Self::TakeLink { .. }
                | Self::Clock(_)
        )
    }

    /// Whether it can be done at all: nobody types what they do not know, and an act whose authority
    /// is refused cannot be called. `may` is what Vestibule itself said of each browser, compared
    /// with the ghost before.
    pub(super) fn is_possible(self, ghost: &Ghost, may: &[May; 3]) -> bool {
        let of = |browser: usize| ghost.cookie(browser).map(|cookie| &ghost.people[cookie.who]);
        let knows = |browser: usize, attackers: bool| (browser == ATTACKERS) == attackers;
        match self {
            Self::SignIn { browser, user, right } => {
                let person = &ghost.people[user];
                let is_known = if browser == ATTACKERS {
                    user == ghost.victim
                } else {
                    person.password != OF_THE_ATTACKER
                };
                let is_good = person.is_active
                    && (browser != ATTACKERS || matches!(person.password, 0 | OF_THE_ATTACKER));
                (!right || is_known) && ((right && is_good) || ghost.mistakes < 3)
            }
            Self::Code { browser, app, step } => {
                let known = |app: &super::ghost::App| {
                    knows(browser, app.is_attackers)
                        // Or saw it being used.
                        || (browser == ATTACKERS && app.spent.contains(&(ghost.step() + step)))
                };
                may[browser].give_code
                    && of(browser).and_then(|person| person.apps.get(app)).is_some_and(known)
            }
            Self::WrongCode { browser } => may[browser].give_code,
            Self::RecoveryCode { browser, code } => {
                let known = |codes: &super::ghost::Codes| {
                    codes.texts.len() > code
                        && (knows(browser, codes.are_attackers)
                            || (browser == ATTACKERS && codes.used[code]))
                };
                may[browser].give_code
                    && of(browser).and_then(|person| person.codes.as_ref()).is_some_and(known)
            }
            Self::PasswordAgain { browser, right } => {
                may[browser].give_password
                    && (right || ghost.mistakes < 3)
                    && of(browser).is_some_and(|person| {
                        browser == ATTACKERS || person.password != OF_THE_ATTACKER
                    })
            }
            // Two apps a person are enough.
            Self::ShowKey { browser } => {
                may[browser].enrol && of(browser).is_some_and(|person| person.apps.len() < 2)
            }
            Self::ConfirmKey { browser, for_switch, .. } => {
                may[browser].enrol
                    && ghost.cookie(browser).is_some_and(|cookie| cookie.shown.is_some())
                    && (!for_switch || of(browser).is_some_and(|person| person.apps.is_empty()))
                    && of(browser).is_some_and(|person| person.apps.len() < 2)
            }
            Self::RemoveApp { browser, app } => {
                may[browser].act && of(browser).is_some_and(|person| person.apps.len() > app)
            }
            Self::Switch { browser, on } => may[browser].act_as_admin && ghost.required != on,
            Self::ChangePassword { browser } | Self::SignOutOthers { browser } => may[browser].act,
            Self::NewCodes { browser } => {
                may[browser].act && of(browser).is_some_and(|person| !person.apps.is_empty())
            }
            Self::KeepCodes { browser } => {
                may[browser].enter
                    && of(browser).is_some_and(|person| {
                        person.codes.as_ref().is_some_and(|codes| !codes.kept)
                    })
            }
            Self::SignOut { browser } => ghost.cookie(browser).is_some(),
            Self::Act { browser, user, act } => {
                let person = &ghost.people[user];
                may[browser].act_as_admin
                    && match act {
                        Upon::Reset => !person.apps.is_empty(),
                        Upon::Disable => person.is_active,
                        Upon::Enable => !person.is_active,
                        Upon::MakeAdmin => !person.is_admin,
                        Upon::MakeMember => person.is_admin,
                        Upon::MakePasswordLink => person.is_active && !ghost.is_link_out(),
                    }
            }
            Self::Recover { .. } | Self::Forgot { .. } => !ghost.is_link_out(),
            Self::TakeLink { user, link } => {
                let person = &ghost.people[user];
                person.links[link]
                    .as_ref()
                    .is_some_and(|link| !link.keeps_password || person.password != OF_THE_ATTACKER)
            }
            Self::Clock(Move::StepBack) => ghost.set_back < 2,
            Self::Clock(_) => true,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = |browser: usize| BROWSERS[browser];
        match *self {
            Self::SignIn { browser, user, right } => {
                let which = if right { "the password" } else { "a wrong password" };
                write!(f, "{} gives {which} of {}", who(browser), PEOPLE[user])
            }
            Self::Code { browser, app, step } => {
                let which = ["before", "of now", "after"][usize::try_from(step + 1).unwrap_or(1)];
                write!(f, "{} gives the code {which} of app {}", who(browser), app + 1)
            }
            Self::WrongCode { browser } => write!(f, "{} gives a wrong code", who(browser)),
            Self::RecoveryCode { browser, code } => {
                write!(f, "{} gives recovery code {}", who(browser), code + 1)
            }
            Self::PasswordAgain { browser, right } => {
                let which = if right { "the password" } else { "a wrong password" };
                write!(f, "{} gives {which} again", who(browser))
            }
            Self::ShowKey { browser } => write!(f, "{} looks at a new key", who(browser)),
            Self::ConfirmKey { browser, right, for_switch } => {
                let which = if right { "its code" } else { "a wrong code" };
                let then = if for_switch { ", for the switch" } else { "" };
                write!(f, "{} confirms the key by {which}{then}", who(browser))
            }
            Self::RemoveApp { browser, app } => {
                write!(f, "{} removes app {}", who(browser), app + 1)
            }
            Self::Switch { browser, on } => {
                write!(f, "{} turns the switch {}", who(browser), if on { "on" } else { "off" })
            }
            Self::ChangePassword { browser } => write!(f, "{} changes the password", who(browser)),
            Self::SignOut { browser } => write!(f, "{} signs out", who(browser)),
            Self::SignOutOthers { browser } => {
                write!(f, "{} ends all other sessions", who(browser))
            }
            Self::NewCodes { browser } => write!(f, "{} makes recovery codes anew", who(browser)),
            Self::KeepCodes { browser } => write!(f, "{} keeps the recovery codes", who(browser)),
            Self::Act { browser, user, act } => {
                let act = match act {
                    Upon::Reset => "resets the factors of",
                    Upon::Disable => "disables",
                    Upon::Enable => "enables",
                    Upon::MakeAdmin => "makes an Admin of",
                    Upon::MakeMember => "makes a Member of",
                    Upon::MakePasswordLink => "makes a password link for",
                };
                write!(f, "{} {act} {}", who(browser), PEOPLE[user])
            }
            Self::Recover { user, keeps_password } => {
                let what = if keeps_password { " --factors" } else { "" };
                write!(f, "On the host, a recover link{what} is made for {}", PEOPLE[user])
            }
            Self::Forgot { user } => write!(f, "{} has a link mailed", PEOPLE[user]),
            Self::TakeLink { user, link } => {
                write!(f, "{} takes the {}", PEOPLE[user], LINKS[link])
            }
            Self::Clock(by) => write!(f, "The clock moves by {} s", by.millis() / 1_000),
        }
    }
}
