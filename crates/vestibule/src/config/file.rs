//! The configuration file: TOML, one table, one for mail, one for each application. Every value
//! keeps its line.

use std::fs;
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::applications::{TABLE, Table};
use super::key::{Key, nearest_of};
use super::setting::{Mistake, Origin, Raw, Setting};

/// What a file sets, and what is wrong with its form.
#[derive(Default)]
pub(crate) struct Settings {
    pub(crate) found: Vec<(Key, Setting)>,
    pub(crate) applications: Vec<Table>,
    pub(crate) mistakes: Vec<Mistake>,
}

/// Reads the file.
pub(crate) fn read(path: &Path) -> Settings {
    match fs::read_to_string(path) {
        Ok(text) => of_text(path, &text),
        Err(error) => {
            let problem = format!("{}: the file cannot be read: {error}", path.display());
            Settings { mistakes: vec![Mistake(problem)], ..Settings::default() }
        }
    }
}

/// Reads the text of the file at `path`.
pub(crate) fn of_text(path: &Path, text: &str) -> Settings {
    File { path, text }.settings()
}

struct File<'a> {
    path: &'a Path,
    text: &'a str,
}

impl File<'_> {
    fn settings(&self) -> Settings {
        let mut settings = Settings::default();
        let table = match DeTable::parse(self.text) {
            Ok(table) => table.into_inner(),
            Err(error) => {
                let problem = error.message().lines().next().unwrap_or_default();
                let origin = self.origin(error.span().unwrap_or_default());
                settings.mistakes.push(Mistake(format!("{origin}: {problem}")));
                return settings;
            }
        };
        self.read_table(table, "", &mut settings);
        settings
    }

    /// Reads the settings of a table; `before` is its name and a dot.
    fn read_table(&self, table: DeTable<'_>, before: &str, settings: &mut Settings) {
        for (name, value) in table {
            let full = format!("{before}{}", name.get_ref());
            if let Some(key) = Key::of_name(&full) {
                settings.found.push((key, self.setting(&value)));
                continue;
            }
            if before.is_empty() && full == TABLE {
                match self.tables(&value) {
                    Ok(tables) => settings.applications = tables,
                    Err(mistake) => settings.mistakes.push(mistake),
                }
                continue;
            }
            if before.is_empty()
                && Key::is_table(&full)
                && let DeValue::Table(inner) = value.into_inner()
            {
                self.read_table(inner, &format!("{full}."), settings);
                continue;
            }
            let meant = Key::nearest(&full).map(Key::name);
            let meant = meant.or_else(|| nearest_of([TABLE], &full));
            let problem = match meant {
                Some(meant) => format!("unknown key; did you mean {meant}?"),
                None => "unknown key".to_owned(),
            };
            settings.mistakes.push(Mistake::of(&self.origin(name.span()), &full, &problem));
        }
    }

    /// The tables of `[[applications]]`.
    fn tables(&self, value: &Spanned<DeValue<'_>>) -> Result<Vec<Table>, Mistake> {
        let wrong = |value: &Spanned<DeValue<'_>>| {
            let problem = "expected tables, each of which begins with [[applications]]";
            Mistake::of(&self.origin(value.span()), TABLE, problem)
        };
        let DeValue::Array(items) = value.get_ref() else { return Err(wrong(value)) };
        let table = |item: &Spanned<DeValue<'_>>| {
            let DeValue::Table(keys) = item.get_ref() else { return Err(wrong(item)) };
            let settings = keys.iter().map(|(name, value)| {
                (name.get_ref().to_string(), self.origin(name.span()), self.setting(value))
            });
            Ok(Table { origin: self.origin(item.span()), settings: settings.collect() })
        };
        items.iter().map(table).collect()
    }

    fn setting(&self, value: &Spanned<DeValue<'_>>) -> Setting {
        let raw = match value.get_ref() {
            DeValue::String(text) => Raw::Text(text.to_string()),
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .map_or(Raw::Other("a number that is too large"), Raw::Number),
            DeValue::Array(items) => {
                Raw::List(items.iter().map(|item| self.setting(item)).collect())
            }
            DeValue::Float(_) => Raw::Other("a fraction"),
            DeValue::Boolean(truth) => Raw::Truth(*truth),
            DeValue::Datetime(_) => Raw::Other("a date or time"),
            DeValue::Table(_) => Raw::Other("a table"),
        };
        Setting { raw, origin: self.origin(value.span()) }
    }

    fn origin(&self, span: Range<usize>) -> Origin {
        let before = self.text.bytes().take(span.start);
        let line = before.filter(|byte| *byte == b'\n').count() + 1;
        Origin::File { path: self.path.to_owned(), line }
    }
}
