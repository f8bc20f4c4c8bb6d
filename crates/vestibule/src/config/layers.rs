//! The places where a setting may stand, the strongest first: flag, environment, file.

use std::path::Path;

use super::applications::{self, Table};
use super::file;
use super::key::Key;
use super::setting::{Mistake, Origin, Raw, Setting};

/// All environment variables, as pairs of name and value. A test hands in its own.
pub(crate) type Environment = Vec<(String, String)>;

/// The settings of all places, and the mistakes that were found on the way.
pub(crate) struct Layers {
    /// The strongest first.
    settings: Vec<(Key, Setting)>,
    pub(crate) applications: Vec<Table>,
    pub(crate) mistakes: Vec<Mistake>,
}

impl Layers {
    /// Reads all places.
    pub(crate) fn read(
        path: Option<&Path>,
        flags: Vec<(Key, String)>,
        environment: &Environment,
    ) -> Self {
        let flags = flags
            .into_iter()
            .map(|(key, text)| (key, Setting { raw: Raw::Text(text), origin: Origin::Flag(key) }));
        Self::of(path.map(file::read).unwrap_or_default(), flags, environment)
    }

    /// The text of a file before it is one.
    #[cfg(feature = "fuzzing")]
    pub(crate) fn of_text(text: &str, environment: &Environment) -> Self {
        let file = file::of_text(Path::new("vestibule.toml"), text);
        Self::of(file, std::iter::empty(), environment)
    }

    fn of(
        file: file::Settings,
        flags: impl Iterator<Item = (Key, Setting)>,
        environment: &Environment,
    ) -> Self {
        let mut mistakes = misspelt(environment);
        mistakes.extend(file.mistakes);
        let settings = flags.chain(variables(environment)).chain(file.found).collect();
        Self { settings, applications: file.applications, mistakes }
    }

    /// The value that counts.
    pub(crate) fn find(&self, key: Key) -> Option<&Setting> {
        self.settings.iter().find(|(of, _)| *of == key).map(|(_, setting)| setting)
    }
}

fn variables(environment: &Environment) -> impl Iterator<Item = (Key, Setting)> {
    Key::ALL.into_iter().filter_map(|key| {
        let variable = key.variable();
        // An empty one is not set: that is how container tools unset a variable.
        let (_, text) =
            environment.iter().find(|(name, text)| *name == variable && !text.is_empty())?;
        Some((key, Setting { raw: Raw::Text(text.clone()), origin: Origin::Variable(key) }))
    })
}

/// Variables that were meant to be settings, as a slip of the finger would not be noticed.
fn misspelt(environment: &Environment) -> Vec<Mistake> {
    let mistake = |(name, _): &(String, String)| {
        let key = name.strip_prefix("VESTIBULE_")?.to_ascii_lowercase();
        // Kubernetes sets such ones for every service, also one that is called `vestibule`.
        let foreign = name.contains("_SERVICE_") || name.contains("_PORT");
        if key == "config" || foreign || Key::of_variable(&key).is_some() {
            return None;
        }
        if key.starts_with(applications::TABLE) {
            let file_alone = "applications have no variables: they stand in the file";
            return Some(Mistake(format!("{name}: {file_alone}")));
        }
        let meant = Key::nearest(&key)?.variable();
        Some(Mistake(format!("{name}: unknown variable; did you mean {meant}?")))
    };
    environment.iter().filter_map(mistake).collect()
}
