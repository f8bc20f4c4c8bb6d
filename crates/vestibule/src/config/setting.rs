//! A value as somebody wrote it, and where; and what is wrong with it.

use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use super::key::Key;

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Default,
    Flag(Key),
    Variable(Key),
    File { path: PathBuf, line: usize },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Flag(key) => f.write_str(&key.flag()),
            Self::Variable(key) => f.write_str(&key.variable()),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
        }
    }
}

/// A value before it has a meaning.
pub(crate) enum Raw {
    Text(String),
    Number(i64),
    Truth(bool),
    List(Vec<Setting>),
    /// What no setting is made of, by its name in TOML.
    Other(&'static str),
}

/// A value and its origin.
pub(crate) struct Setting {
    pub(crate) raw: Raw,
    pub(crate) origin: Origin,
}

impl Setting {
    /// A text that `parse` understands, or its complaint. `name` is the key, or key and index.
    pub(crate) fn text<T>(
        &self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, Mistake> {
        let Raw::Text(text) = &self.raw else { return Err(self.wrong_type(name, "a string")) };
        parse(text).map_err(|problem| Mistake::of(&self.origin, name, &problem))
    }

    /// Texts that `parse` understands, each with its index in the complaint.
    pub(crate) fn texts<T>(
        &self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Vec<T>, Mistake> {
        let items = match &self.raw {
            Raw::List(items) => items,
            // From a flag or a variable it is one text with commas. In the file it would be a
            // list that was forgotten to be one.
            Raw::Text(text) if !self.is_in_file() => {
                let item = |text: &str| Self {
                    raw: Raw::Text(text.trim().to_owned()),
                    origin: self.origin.clone(),
                };
                &text.split(',').map(item).collect()
            }
            _ => return Err(self.wrong_type(name, "a list of strings")),
        };
        let numbered = items.iter().enumerate();
        numbered.map(|(index, item)| item.text(&format!("{name}[{index}]"), &parse)).collect()
    }

    /// A whole number within `range`.
    pub(crate) fn number(&self, name: &str, range: RangeInclusive<u32>) -> Result<u32, Mistake> {
        let written: i64 = match &self.raw {
            Raw::Number(number) => *number,
            Raw::Text(text) if !self.is_in_file() => text.trim().parse().map_err(|_| {
                Mistake::of(&self.origin, name, &format!("{text:?} is not a whole number"))
            })?,
            _ => return Err(self.wrong_type(name, "a whole number")),
        };
        u32::try_from(written).ok().filter(|number| range.contains(number)).ok_or_else(|| {
            let problem =
                format!("{written} is out of range: from {} to {}", range.start(), range.end());
            Mistake::of(&self.origin, name, &problem)
        })
    }

    /// True or false.
    pub(crate) fn boolean(&self, name: &str) -> Result<bool, Mistake> {
        let Raw::Truth(truth) = self.raw else {
            return Err(self.wrong_type(name, "true or false"));
        };
        Ok(truth)
    }

    /// Where values have types; flags and variables know text alone.
    fn is_in_file(&self) -> bool {
        matches!(self.origin, Origin::File { .. })
    }

    fn wrong_type(&self, name: &str, expected: &str) -> Mistake {
        let found = match &self.raw {
            Raw::Text(_) => "a string",
            Raw::Number(_) => "a whole number",
            Raw::Truth(_) => "a boolean",
            Raw::List(_) => "a list",
            Raw::Other(kind) => kind,
        };
        Mistake::of(&self.origin, name, &format!("expected {expected}, found {found}"))
    }
}

/// What is wrong, where, in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistake(pub(crate) String);

impl Mistake {
    /// A mistake in the value of `name`, which is a key, or key and index.
    pub(crate) fn of(origin: &Origin, name: &str, problem: &str) -> Self {
        match origin {
            // `--listen: listen: …` would say it twice.
            Origin::Flag(key) | Origin::Variable(key) if key.name() == name => {
                Self(format!("{origin}: {problem}"))
            }
            _ => Self(format!("{origin}: {name}: {problem}")),
        }
    }
}

/// All that is wrong, a line for each.
#[derive(Debug)]
pub(crate) struct Mistakes(pub(crate) Vec<Mistake>);

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<&str> = self.0.iter().map(|mistake| mistake.0.as_str()).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for Mistakes {}
