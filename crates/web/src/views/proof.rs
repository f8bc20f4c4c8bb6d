//! `/proof`: a fresh proof before a sensitive act.

use askama::Template;

use super::{CodeProblem, Outside, sample};

/// `/proof`
#[derive(Template)]
#[template(path = "proof.html")]
pub struct ProofPage {
    /// The surroundings.
    pub outside: Outside,
    /// The act, as the rest of "You are about to …" ("turn MFA on for everyone at Acme").
    pub act: String,
    /// What the main button does ("Turn on for everyone").
    pub button: String,
    /// Which proof is asked for.
    pub ask: ProofAsk,
    /// How many seconds none is taken: too many attempts were made.
    pub wait: Option<u64>,
    /// What follows.
    pub then: ProofThen,
    /// Where "Cancel" leads.
    pub cancel: String,
    /// Whether there is no page to go back to: before the second door, and while recovery codes are
    /// still to be kept.
    pub in_vestibule: bool,
}

/// Which proof is asked for.
#[derive(Clone)]
pub enum ProofAsk {
    /// For who has a factor.
    Code {
        /// Names of the user's apps.
        factors: Vec<String>,
        /// Why the last code was not taken. [`CodeProblem::BudgetSpent`] takes the field away.
        problem: Option<CodeProblem>,
        /// Whether the user has recovery codes.
        has_codes: bool,
    },
    /// For who has a factor and not at hand.
    RecoveryCode {
        /// Why the last code was not taken.
        problem: Option<CodeProblem>,
    },
    /// For who has none.
    Password {
        /// Whose password (password managers want to know).
        email: String,
        /// Why the last password was not taken, as a sentence.
        problem: Option<String>,
    },
}

/// What follows the proof.
#[derive(Clone)]
pub enum ProofThen {
    /// A page is shown.
    GoTo {
        /// Sent as `return_to`.
        return_to: String,
    },
    /// An act is carried out.
    Act {
        /// Sent as `act`.
        act: String,
        /// The fields of the act, sent beside it.
        fields: Vec<(String, String)>,
    },
}

impl ProofPage {
    /// Whether the page may go on by itself at the sixth digit. An act waits for its button.
    fn goes_on(&self) -> bool {
        matches!(self.then, ProofThen::GoTo { .. })
    }

    /// Whether the user has recovery codes and is asked for a security code.
    fn offers_recovery(&self) -> bool {
        matches!(self.ask, ProofAsk::Code { has_codes: true, .. })
    }

    fn is_recovery(&self) -> bool {
        matches!(self.ask, ProofAsk::RecoveryCode { .. })
    }

    fn code_is_closed(&self) -> bool {
        matches!(self.ask, ProofAsk::Code { problem: Some(CodeProblem::BudgetSpent), .. })
    }

    /// The states worth looking at.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let code = |problem| ProofAsk::Code {
            factors: vec!["Ada’s phone".into()],
            problem,
            has_codes: true,
        };
        let password = |problem: Option<&str>| ProofAsk::Password {
            email: "ada@acme.example".into(),
            problem: problem.map(Into::into),
        };
        let page = |ask| Self {
            outside: sample::outside(),
            act: "turn MFA on for everyone at Acme Analytics".into(),
            button: "Turn on for everyone".into(),
            ask,
            wait: None,
            then: ProofThen::Act {
                act: "/settings/account/mfa".into(),
                fields: vec![("required".into(), "true".into())],
            },
            cancel: "/settings/account".into(),
            in_vestibule: false,
        };
        vec![
            ("code", page(code(None))),
            ("code-wrong", page(code(Some(CodeProblem::Wrong)))),
            ("code-slow", page(code(Some(CodeProblem::Slow { minutes: 4 })))),
            ("budget-spent", page(code(Some(CodeProblem::BudgetSpent)))),
            (
                "budget-spent-no-codes",
                page(ProofAsk::Code {
                    factors: vec!["Ada’s phone".into()],
                    problem: Some(CodeProblem::BudgetSpent),
                    has_codes: false,
                }),
            ),
            ("recovery-code", page(ProofAsk::RecoveryCode { problem: None })),
            (
                "recovery-code-used",
                page(ProofAsk::RecoveryCode { problem: Some(CodeProblem::UsedRecoveryCode) }),
            ),
            (
                "password",
                Self {
                    act: "turn MFA on for yourself".into(),
                    button: "Continue".into(),
                    then: ProofThen::GoTo { return_to: "/enrolment".into() },
                    cancel: "/settings/security".into(),
                    ..page(password(None))
                },
            ),
            (
                "before-enrolment",
                Self {
                    act: "set up an authenticator app, which Acme Analytics asks of everyone"
                        .into(),
                    button: "Continue".into(),
                    then: ProofThen::GoTo { return_to: "/".into() },
                    in_vestibule: true,
                    ..page(password(None))
                },
            ),
            ("code-wait", Self { wait: Some(1), ..page(code(None)) }),
            ("password-wait", Self { wait: Some(200), ..page(password(None)) }),
            ("password-wrong", page(password(Some("This password is not right.")))),
            (
                "hostile",
                Self {
                    act: format!("remove {}", sample::HOSTILE),
                    button: "Remove this user".into(),
                    then: ProofThen::Act {
                        act: "/settings/users/7/remove".into(),
                        fields: vec![(sample::HOSTILE.into(), sample::HOSTILE.into())],
                    },
                    ..page(code(None))
                },
            ),
        ]
    }
}
