//! Names that people give to themselves, their account, their apps.

use std::fmt;

use unicode_normalization::UnicodeNormalization as _;

/// The most characters in a name.
pub const MAX_LENGTH: usize = 100;

/// A display name: NFC, trimmed, one line, without invisible characters that could disguise it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name(String);

/// Why a text is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing but space.
    #[error("the name is empty")]
    Empty,
    /// More than [`MAX_LENGTH`] characters.
    #[error("the name is longer than {MAX_LENGTH} characters")]
    TooLong,
    /// Control characters, or such as change the direction of the text.
    #[error("the name contains a character that cannot be shown")]
    Unshowable,
}

impl Name {
    /// Reads a name as a person typed it.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let name: String = text.trim().nfc().collect();
        if name.is_empty() {
            Err(NameError::Empty)
        } else if name.chars().count() > MAX_LENGTH {
            Err(NameError::TooLong)
        } else if name.chars().any(is_unshowable) {
            Err(NameError::Unshowable)
        } else {
            Ok(Self(name))
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key by which names are sorted and searched: case and compatibility forms do not count.
    pub fn search_key(&self) -> String {
        search_key(&self.0)
    }
}

/// The form in which names and search terms are compared.
pub fn search_key(text: &str) -> String {
    text.trim().nfkc().collect::<String>().to_lowercase()
}

/// Control characters, bidirectional overrides and zero-width characters (UTS #39 §3.1). The
/// zero-width joiner stays: names in several scripts need it.
pub(crate) fn is_unshowable(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
