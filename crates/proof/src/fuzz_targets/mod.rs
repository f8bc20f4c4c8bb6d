//! Everything that parses what strangers send, each under the properties that hold for every input: no
//! panic; what was read and printed reads as itself; what is accepted obeys the rule.
//!
//! `scripts/fuzz` drives these functions with libFuzzer on nightly (`fuzz/`); a test replays the inputs
//! that it kept (`fuzz/corpus/`) on stable.

mod files;
mod forms;
mod gate;
mod hosts;
mod people;
mod proofs;
mod stored;

use std::path::{Path, PathBuf};

use axum::http::{HeaderMap, HeaderName, HeaderValue};

pub use files::{audit_export, configuration, key_file};
pub use forms::{audit_search, cookies, fields, return_to, same_origin};
pub use gate::{gate_question, visitor_address};
pub use hosts::{header_value, host};
pub use people::{email, name, password};
pub use proofs::{code, recovery_code, token};
pub use stored::stored_texts;

/// A function that takes any bytes, and panics where a property does not hold.
pub type Target = fn(&[u8]);

/// All of them. Each has a file of its name in `fuzz/fuzz_targets`.
pub const TARGETS: [(&str, Target); 18] = [
    ("audit_export", audit_export),
    ("audit_search", audit_search),
    ("code", code),
    ("configuration", configuration),
    ("cookies", cookies),
    ("email", email),
    ("fields", fields),
    ("gate_question", gate_question),
    ("header_value", header_value),
    ("host", host),
    ("key_file", key_file),
    ("name", name),
    ("password", password),
    ("recovery_code", recovery_code),
    ("return_to", return_to),
    ("same_origin", same_origin),
    ("stored_texts", stored_texts),
    ("token_and_visitor", token_and_visitor),
];

/// Two small ones in one.
pub fn token_and_visitor(bytes: &[u8]) {
    token(bytes);
    visitor_address(bytes);
}

/// The folder of what libFuzzer kept for a target.
pub fn corpus(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target)
}

/// The bytes as text, where they are one.
fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

/// Lines of `name: value` as the headers of a request; what no header can be is left out.
fn headers(bytes: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in bytes.split(|byte| *byte == b'\n').take(64) {
        let Some(at) = line.iter().position(|byte| *byte == b':') else { continue };
        let name = HeaderName::from_bytes(line[..at].trim_ascii());
        let value = HeaderValue::from_bytes(line[at + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    headers
}
