//! `/sign-in` and `/sign-in/code`: the two doors.

use std::fmt;

use askama::Template;

use super::{CodeProblem, Outside, sample};

/// `/sign-in`
#[derive(Template)]
#[template(path = "sign_in.html")]
pub struct SignInPage {
    /// The surroundings.
    pub outside: Outside,
    /// What was typed before.
    pub email: String,
    /// Where to go afterwards.
    pub return_to: String,
    /// Why the last attempt did not succeed.
    pub problem: Option<SignInProblem>,
    /// How many seconds nothing is taken: too many attempts were made.
    pub wait: Option<u64>,
    /// What just happened, if the visitor was sent here.
    pub notice: Option<SignInNotice>,
    /// Whether a link for a new password can be mailed.
    pub mail: bool,
}

/// Why nobody was signed in. One and the same for an unknown e-mail, a wrong password and a
/// disabled user.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SignInProblem {
    /// A field was left empty.
    Missing,
    /// They do not fit together.
    NotRight,
    /// Too many sign-ins at this moment.
    TooBusy,
}

impl fmt::Display for SignInProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "Type both your email and your password.",
            Self::NotRight => "The email or the password is not right.",
            Self::TooBusy => {
                "Many people are signing in at this moment. Try again in a few seconds."
            }
        })
    }
}

/// Why the visitor stands at the first door.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SignInNotice {
    /// They signed out.
    SignedOut,
    /// Their session is over.
    SessionEnded,
    /// They chose a new password by a link.
    PasswordChanged,
}

impl fmt::Display for SignInNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SignedOut => "You are signed out.",
            Self::SessionEnded => "Your session has ended. Sign in again to go on where you were.",
            Self::PasswordChanged => "Your password is changed. Sign in with it.",
        })
    }
}

/// `/sign-in/code`
#[derive(Template)]
#[template(path = "sign_in_code.html")]
pub struct CodePage {
    /// The surroundings.
    pub outside: Outside,
    /// Who gave the password.
    pub email: String,
    /// Names of the user's apps, at least one.
    pub factors: Vec<String>,
    /// Where to go afterwards.
    pub return_to: String,
    /// Why the last code was not taken. [`CodeProblem::BudgetSpent`] takes the field away.
    pub problem: Option<CodeProblem>,
    /// How many seconds no code is taken: too many were tried.
    pub wait: Option<u64>,
    /// Where a recovery code is typed instead.
    pub recovery_href: String,
    /// Whether the user has any.
    pub has_codes: bool,
}

/// `/sign-in/code?with=recovery-code`
#[derive(Template)]
#[template(path = "sign_in_recovery.html")]
pub struct RecoveryCodePage {
    /// The surroundings.
    pub outside: Outside,
    /// Whether the user has any recovery codes; without, the page says what else there is.
    pub has_codes: bool,
    /// Where to go afterwards.
    pub return_to: String,
    /// Why the last code was not taken.
    pub problem: Option<CodeProblem>,
    /// How many seconds no recovery code is taken: too many were tried.
    pub wait: Option<u64>,
    /// Where a security code is typed instead.
    pub code_href: String,
}

impl RecoveryCodePage {
    /// The states worth looking at.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let page = |problem| Self {
            outside: sample::outside(),
            has_codes: true,
            return_to: "/".into(),
            problem,
            wait: None,
            code_href: "/sign-in/code".into(),
        };
        vec![
            ("new", page(None)),
            ("wait", Self { wait: Some(61), ..page(None) }),
            ("not-one", page(Some(CodeProblem::NotARecoveryCode))),
            ("wrong", page(Some(CodeProblem::WrongRecoveryCode))),
            ("used", page(Some(CodeProblem::UsedRecoveryCode))),
            ("none", Self { has_codes: false, ..page(None) }),
            (
                "hostile",
                Self {
                    outside: sample::outside_of(sample::HOSTILE),
                    has_codes: false,
                    ..page(None)
                },
            ),
        ]
    }
}

impl SignInPage {
    /// The states worth looking at.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let page = |email: &str, problem, notice| Self {
            outside: sample::outside(),
            email: email.into(),
            return_to: "/settings/users?search=a&mfa=none".into(),
            problem,
            wait: None,
            notice,
            mail: false,
        };
        vec![
            ("mail", Self { mail: true, ..page("", None, None) }),
            ("new", page("", None, None)),
            ("not-right", page("ben@acme.example", Some(SignInProblem::NotRight), None)),
            ("missing", page("", Some(SignInProblem::Missing), None)),
            ("too-busy", page("ben@acme.example", Some(SignInProblem::TooBusy), None)),
            ("wait", Self { wait: Some(40), ..page("ben@acme.example", None, None) }),
            ("signed-out", page("", None, Some(SignInNotice::SignedOut))),
            ("session-ended", page("", None, Some(SignInNotice::SessionEnded))),
            (
                "password-changed",
                page("ben@acme.example", None, Some(SignInNotice::PasswordChanged)),
            ),
            (
                "hostile",
                Self {
                    outside: sample::outside_of(sample::HOSTILE),
                    ..page(sample::HOSTILE, None, None)
                },
            ),
            (
                "long-brand",
                Self { outside: sample::outside_of(sample::LONG), ..page("", None, None) },
            ),
        ]
    }
}

impl CodePage {
    /// The states worth looking at.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let page = |problem| Self {
            outside: sample::outside(),
            email: "cleo@acme.example".into(),
            factors: vec!["Cleo’s phone".into()],
            return_to: "/".into(),
            problem,
            wait: None,
            recovery_href: "/sign-in/code?with=recovery-code".into(),
            has_codes: true,
        };
        vec![
            ("new", page(None)),
            (
                "two-apps",
                Self { factors: vec!["Cleo’s phone".into(), "Work tablet".into()], ..page(None) },
            ),
            ("not-six-digits", page(Some(CodeProblem::NotSixDigits))),
            ("wrong", page(Some(CodeProblem::Wrong))),
            ("wait", Self { wait: Some(720), ..page(None) }),
            ("wrong-and-wait", Self { wait: Some(5), ..page(Some(CodeProblem::Wrong)) }),
            ("used", page(Some(CodeProblem::AlreadyUsed))),
            ("slow", page(Some(CodeProblem::Slow { minutes: 2 }))),
            ("fast", page(Some(CodeProblem::Fast { minutes: 1 }))),
            ("budget-spent", page(Some(CodeProblem::BudgetSpent))),
            (
                "budget-spent-no-codes",
                Self { has_codes: false, ..page(Some(CodeProblem::BudgetSpent)) },
            ),
            (
                "hostile",
                Self {
                    outside: sample::outside_of(sample::HOSTILE),
                    email: "a.very.long.name.that.goes.on@a-long-department.acme-analytics.example"
                        .into(),
                    factors: vec![sample::HOSTILE.into(), sample::LONG.into(), "Third".into()],
                    ..page(None)
                },
            ),
        ]
    }
}
