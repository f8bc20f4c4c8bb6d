//! What a part has to say in the end: one line of JSON, which `scripts/prove` reads.

use serde::Serialize;

/// The figures of one run of a part.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// What was counted and measured, in the order in which it is shown: name and value.
    pub figures: Vec<(String, String)>,
    /// What has to be said about it.
    pub notes: Vec<String>,
    /// What does not hold, each as a story that can be replayed. Empty where all of it holds.
    pub violations: Vec<String>,
}

impl Report {
    /// Adds a figure.
    pub fn figure(&mut self, name: &str, value: impl std::fmt::Display) {
        self.figures.push((name.to_owned(), value.to_string()));
    }

    /// Adds a remark.
    pub fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// Adds what does not hold.
    pub fn violation(&mut self, story: impl Into<String>) {
        self.violations.push(story.into());
    }

    /// Whether all of it holds.
    pub fn holds(&self) -> bool {
        self.violations.is_empty()
    }

    /// For a test: panics with what does not hold.
    pub fn must_hold(&self) {
        assert!(self.holds(), "{}", self.violations.join("\n\n"));
    }
}
