//! For the fuzzer alone (`crates/proof/src/fuzz_targets`): what this crate parses, as functions of
//! plain values. The feature `fuzzing` opens it; no build that is shipped has it.

use vestibule_domain::sealing::MasterKey;
use zeroize::Zeroizing;

use crate::config::Config;
use crate::key_file;

/// A configuration file under these environment variables: what `vestibule config check` shows, or
/// the mistakes.
pub fn configuration(text: &str, environment: &[(String, String)]) -> Result<String, String> {
    let config = Config::of_text(text, &environment.to_vec());
    config.map(|config| config.show()).map_err(|mistakes| mistakes.to_string())
}

/// The key that a key file holds.
pub fn key_file(text: &str) -> Option<MasterKey> {
    key_file::parse(text)
}

/// What a key's file holds.
pub fn key_line(key: &MasterKey) -> Zeroizing<String> {
    key_file::line(key)
}
