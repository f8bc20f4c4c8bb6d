//! The two forms that a code is typed into: six digits of an app, or a recovery code.

use vestibule_domain::limits::wait;
use vestibule_flows::CodeLimits;
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

/// What a page that asks for a code shows.
pub(crate) struct CodeAnswer {
    /// Which form.
    pub(crate) form: CodeForm,
    /// What is wrong with the last code.
    pub(crate) problem: Option<CodeProblem>,
    /// How many seconds no code of this form is taken.
    pub(crate) wait: Option<u64>,
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

    /// What the page shows of the last code, if one was refused, and of the limits.
    pub(crate) fn answer(self, refused: Option<CodeRefused>, limits: CodeLimits) -> CodeAnswer {
        let mended = refused.and_then(|why| self.refused(why));
        let (form, problem) = mended.map_or((self, None), |(form, problem)| (form, Some(problem)));
        let asks_digits = form == Self::SecurityCode;
        if asks_digits && limits.is_spent {
            return CodeAnswer { form, problem: Some(CodeProblem::BudgetSpent), wait: None };
        }
        let wait = match refused {
            Some(CodeRefused::Wait(left)) => Some(left),
            _ => limits.wait.filter(|_| asks_digits),
        };
        CodeAnswer { form, problem, wait: wait.map(wait::seconds) }
    }

    /// The form in which a refusal is mended, and what it says; `None` where nothing is said of the
    /// code. Either form takes both: what was typed says which it was.
    fn refused(self, why: CodeRefused) -> Option<(Self, CodeProblem)> {
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
