//! What `vestibule doctor` looks at: a file each kind. Nothing here changes anything.

pub(crate) mod address;
pub(crate) mod database;
pub(crate) mod files;
pub(crate) mod mail;

use std::fmt;

/// How it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grade {
    Ok,
    Warn,
    Bad,
}

/// One line: what was found, and what to do about it.
pub(crate) struct Finding {
    pub(crate) grade: Grade,
    what: String,
    remedy: String,
}

impl Finding {
    pub(crate) fn ok(what: impl Into<String>) -> Self {
        Self { grade: Grade::Ok, what: what.into(), remedy: String::new() }
    }

    pub(crate) fn warn(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { grade: Grade::Warn, what: what.into(), remedy: remedy.into() }
    }

    pub(crate) fn bad(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { grade: Grade::Bad, what: what.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let grade = match self.grade {
            Grade::Ok => "ok",
            Grade::Warn => "warn",
            Grade::Bad => "bad",
        };
        let rest = if self.remedy.is_empty() { "" } else { " – " };
        // One line, whatever an error's text holds.
        let line = format!("{grade:<5} {}{rest}{}", self.what, self.remedy);
        f.write_str(&line.replace('\n', " "))
    }
}
