//! The two forms that a code is typed into: six digits of an app, or a recovery code.

use vestibule_flows::security_code::CodeRefused;

use crate::pages::words;
use crate::request::fields::Fields;
use crate::views::CodeProblem;

/// Which form it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum CodeForm {
    /// For six digits.
    SecurityCode,
    /// For a recovery code.
    RecoveryCode,
}

impl CodeForm {
    /// The form that a page asks for, or that was sent in.
    pub(crate) fn of(fields: &Fields) -> Self {
        Self::named(fields.text("with"))
    }

    /// The form that is wanted instead of the one that was sent in.
    pub(crate) fn instead(fields: &Fields) -> Option<Self> {
        let name = fields.text("instead");
        (!name.is_empty()).then(|| Self::named(name))
    }

    fn named(name: &str) -> Self {
        if name == "recovery-code" { Self::RecoveryCode } else { Self::SecurityCode }
    }

    /// The form in which a refusal is mended, and what it says; `None` where the session is over.
    /// Either form takes both: what was typed says which it was.
    pub(crate) fn refused(self, why: CodeRefused) -> Option<(Self, CodeProblem)> {
        let problem = words::code(why)?;
        Some(match (self, problem) {
            (Self::RecoveryCode, CodeProblem::NotSixDigits) => {
                (self, CodeProblem::NotARecoveryCode)
            }
            (_, CodeProblem::NotSixDigits) => (self, problem),
            (_, CodeProblem::WrongRecoveryCode | CodeProblem::UsedRecoveryCode) => {
                (Self::RecoveryCode, problem)
            }
            _ => (Self::SecurityCode, problem),
        })
    }
}
