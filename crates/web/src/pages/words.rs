//! The sentences for what a person typed and the rules did not take.

use axum::response::Response;
use vestibule_domain::application::HostError;
use vestibule_domain::email::EmailError;
use vestibule_domain::limits::wait;
use vestibule_domain::name::{MAX_LENGTH, NameError};
use vestibule_domain::password::{self, PasswordError};
use vestibule_flows::security_code::CodeRefused;

use crate::respond::retry_after;
use crate::views::CodeProblem;

pub(crate) fn name(error: NameError) -> String {
    match error {
        NameError::Empty => "Type a name.".into(),
        NameError::TooLong => format!("Use at most {MAX_LENGTH} characters."),
        NameError::Unshowable => "This name has a character that cannot be shown.".into(),
    }
}

pub(crate) fn host(error: HostError) -> String {
    match error {
        HostError::Empty => "Type the host under which people open it.",
        HostError::NotAlone => "Type the host alone, without https:// and without a path.",
        HostError::NotAscii => {
            "Type the host as browsers send it, in plain letters: it begins with xn--."
        }
        HostError::NotAHost => "This is no host, such as grafana.example.com.",
        HostError::Own => "This is Vestibule’s own host. The application needs another.",
        HostError::NotLocal => {
            "Vestibule stands at http://localhost, where browsers take its cookies from hosts that \
             end in .localhost alone. Type one of these."
        }
        HostError::Localhost => {
            "localhost is each visitor’s own machine. Type the host under which people open it."
        }
    }
    .into()
}

pub(crate) const HOST_TAKEN: &str =
    "This host is taken: each stands for one application of the installation.";
pub(crate) const NO_SUCH_USER: &str = "No user of this account has this email.";

pub(crate) fn email(error: EmailError) -> String {
    match error {
        EmailError::NotAnAddress => "Type an email address such as name@company.example.",
        EmailError::TooLong => "This address is too long.",
        EmailError::Unshowable => "This address has a character that cannot be seen. Type it anew.",
        EmailError::MixedScripts => {
            "This address mixes letters of different scripts. Type it anew."
        }
    }
    .into()
}

pub(crate) const EMAIL_TAKEN: &str = "A user with this address, or one that looks like it, exists.";

pub(crate) fn password(error: PasswordError) -> String {
    match error {
        PasswordError::TooShort { minimum } => format!("Use at least {minimum} characters."),
        PasswordError::TooLong => format!("Use at most {} characters.", password::MAX_LENGTH),
        PasswordError::Unchanged => "This is the password you have already. Choose another.".into(),
        PasswordError::Guessable => {
            "This password is easy to guess: it is common, or made of your \
             name or email. A few random words are better."
                .into()
        }
    }
}

/// What to say about a security code; `None` where it is not the code that something is said of.
pub(crate) fn code(why: CodeRefused) -> Option<CodeProblem> {
    Some(match why {
        CodeRefused::NotACode => CodeProblem::NotSixDigits,
        CodeRefused::Wrong => CodeProblem::Wrong,
        CodeRefused::Spent => CodeProblem::AlreadyUsed,
        CodeRefused::ClockOff { seconds_ahead } => {
            // Said in whole minutes, and never as none.
            let minutes = ((seconds_ahead.unsigned_abs() + 30) / 60).max(1);
            if seconds_ahead < 0 {
                CodeProblem::Slow { minutes }
            } else {
                CodeProblem::Fast { minutes }
            }
        }
        CodeRefused::BudgetSpent => CodeProblem::BudgetSpent,
        CodeRefused::WrongRecoveryCode => CodeProblem::WrongRecoveryCode,
        CodeRefused::UsedRecoveryCode => CodeProblem::UsedRecoveryCode,
        CodeRefused::NoRecoveryCodes => CodeProblem::NoRecoveryCodes,
        CodeRefused::Wait(_) | CodeRefused::WrongPassword | CodeRefused::SessionOver => {
            return None;
        }
    })
}

/// Whoever has to wait is told by a header as well.
pub(crate) fn with_retry_after(answer: Response, refused: Option<CodeRefused>) -> Response {
    match refused {
        Some(CodeRefused::Wait(left)) => retry_after(answer, wait::seconds(left)),
        _ => answer,
    }
}
