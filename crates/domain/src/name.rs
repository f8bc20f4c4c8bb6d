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
    // Trimmed last: a compatibility form may begin with a space.
    text.nfkc().collect::<String>().to_lowercase().trim().to_owned()
}

/// Control characters, bidirectional overrides, zero-width characters and blank letters (UTS #39
/// §3.1), and what is no character at all: the last of these is beyond every key of the list of
/// users. The joiners and the variation selectors stay: names in several scripts need them.
pub(crate) fn is_unshowable(c: char) -> bool {
    c.is_control()
        || u32::from(c) & 0xFFFE == 0xFFFE
        || matches!(c,
            '\u{00AD}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{180E}' | '\u{200B}'
            | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
            | '\u{3164}' | '\u{FDD0}'..='\u{FDEF}' | '\u{FEFF}' | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

/// What shows as nothing between letters and is refused where nobody needs it: in addresses.
pub(crate) fn is_invisible_mark(c: char) -> bool {
    matches!(c,
        '\u{034F}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}' | '\u{200C}' | '\u{200D}'
        | '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}')
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
