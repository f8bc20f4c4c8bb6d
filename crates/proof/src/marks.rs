//! The marks of guards in the sources (see `crates/guards`): where they stand, and that no conditional
//! write goes without.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::Report;

/// The crates in which guards stand.
const CRATES: [&str; 4] = ["domain", "flows", "store", "web"];
/// At least so many guards, and of them in SQL.
const ENOUGH: (usize, usize) = (40, 15);

/// One guard: the same name may stand at several places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guard {
    /// Where it stands: file and line.
    pub places: Vec<String>,
    /// Whether it stands in SQL.
    pub in_sql: bool,
}

/// All guards by name, and what is wrong with their marks.
pub fn guards() -> (BTreeMap<String, Guard>, Vec<String>) {
    let (mut found, mut wrong) = (BTreeMap::<String, Guard>::new(), vec![]);
    for file in sources() {
        let shown = file.strip_prefix(root()).unwrap_or(&file).display().to_string();
        let text = fs::read_to_string(&file).unwrap();
        let mut note = |name: &str, at: usize, in_sql: bool| {
            // Text about marks is none.
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-') {
                return;
            }
            let line = text[..at].lines().count().max(1);
            let guard = found.entry(name.to_owned()).or_default();
            guard.places.push(format!("{shown}:{line}"));
            guard.in_sql |= in_sql;
        };
        for (at, mark) in text.match_indices("/*guard ") {
            let name = vestibule_guards::names_in_sql(&text[at..]).next();
            note(name.unwrap_or_default(), at + mark.len(), true);
        }
        for (at, mark) in text.match_indices("guard!(") {
            if let Some(name) = text[at + mark.len()..].split('"').nth(1) {
                note(name, at + mark.len(), false);
            }
        }
        wrong.extend(unmarked(&shown, &text));
    }
    (found, wrong)
}

/// Functions that write on a condition without a mark.
fn unmarked(file: &str, text: &str) -> Vec<String> {
    let functions =
        text.split("\n    pub async fn ").flat_map(|part| part.split("\n    async fn "));
    let writes = functions.filter(|body| body.contains(".change_one("));
    let is_marked = |body: &&str| {
        ["/*guard ", "/*no guard: ", "// The marks stand"].iter().any(|mark| body.contains(mark))
    };
    let name = |body: &str| body.split('(').next().unwrap_or_default().to_owned();
    let without = writes.filter(|body| !is_marked(body)).map(name);
    without.map(|name| format!("{file}: {name} writes on a condition without a mark")).collect()
}

/// The guards as figures, and what is wrong with them.
pub fn report() -> Report {
    let mut report = Report::default();
    let (guards, wrong) = guards();
    let in_sql = guards.values().filter(|guard| guard.in_sql).count();
    report.figure("guards marked", guards.len());
    report.figure("of them in SQL", in_sql);
    for (name, guard) in &guards {
        report.figure(name, guard.places.join(", "));
    }
    report.violations.extend(wrong);
    if guards.len() < ENOUGH.0 || in_sql < ENOUGH.1 {
        report
            .violation(format!("{} guards, {in_sql} in SQL: fewer than {ENOUGH:?}", guards.len()));
    }
    report
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn sources() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> =
        CRATES.iter().map(|name| root().join("crates").join(name).join("src")).collect();
    let mut files = vec![];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.extension() {
                _ if path.is_dir() => folders.push(path),
                Some(extension) if extension == "rs" => files.push(path),
                _ => {}
            }
        }
    }
    files.sort();
    files
}
