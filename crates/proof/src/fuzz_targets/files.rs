//! Files: the configuration, the key, an exported audit log.

use vestibule::fuzzing;
use vestibule_domain::audit_verify::ExportedHead;
use vestibule_flows::audit_file::FileVerifier;

use super::text;

const CANARY: &str = "aCanaryThatMustNotBeShown";

/// A configuration is good or its mistakes are named, and neither repeats a password. Up to a NUL the
/// input is the environment, a variable a line.
pub fn configuration(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let (variables, file) = text.split_once('\0').unwrap_or(("", text));
    // The files that it names are read: none of this machine's shall be.
    let all = text.to_ascii_lowercase();
    if all.contains("_file") || all.contains("\\u") || text.contains(CANARY) {
        return;
    }
    let mut environment: Vec<(String, String)> = variables
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let answer = fuzzing::configuration(file, &environment);
    let told = answer.as_ref().map_or_else(|mistakes| mistakes, |shown| shown);
    assert!(!told.is_empty());
    environment.insert(0, ("VESTIBULE_SMTP_PASSWORD".into(), CANARY.into()));
    environment.insert(0, ("VESTIBULE_SMTP_USERNAME".into(), "vestibule".into()));
    let database = format!("postgres://vestibule:{CANARY}@db.acme.example/vestibule");
    environment.insert(0, ("VESTIBULE_DATABASE".into(), database));
    let (Ok(told) | Err(told)) = fuzzing::configuration(file, &environment);
    assert!(!told.contains(CANARY), "{told}");
}

/// A key file holds the key that its own line would hold.
pub fn key_file(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let Some(key) = fuzzing::key_file(text) else { return };
    let line = fuzzing::key_line(&key);
    assert_eq!(line.trim_end(), text.trim_end());
    let again = fuzzing::key_file(&line);
    assert!(again.is_some_and(|again| again.expose_bytes() == key.expose_bytes()));
}

/// An exported audit log that somebody hands over is whole, or its fault is said in one line.
pub fn audit_export(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    for (accept_restores, heads) in [(false, vec![]), (true, Vec::<ExportedHead>::new())] {
        let mut verifier = FileVerifier::new(heads, accept_restores);
        let read = text.lines().try_for_each(|line| verifier.read(line));
        if let Err(fault) = read.and_then(|()| verifier.finish().map(|_| ())) {
            assert_eq!(fault.to_string().lines().count(), 1, "{fault}");
        }
    }
}
