//! E-mail addresses: one spelling for each, and no look-alikes.

use std::fmt;

use unicode_normalization::UnicodeNormalization as _;
use unicode_security::MixedScript;

use crate::name::{is_invisible_mark, is_unshowable};

/// The most bytes in an address (RFC 5321 §4.5.3.1.3, less the angle brackets).
const MAX_LENGTH: usize = 254;

/// An address as it is stored and compared: trimmed, NFKC, lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Email(String);

/// The text is not an address that Vestibule accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmailError {
    /// Not of the form `name@host`.
    #[error("this is not an email address")]
    NotAnAddress,
    /// Longer than an address can be.
    #[error("this address is too long")]
    TooLong,
    /// Zero-width or control characters.
    #[error("this address contains a character that cannot be seen")]
    Unshowable,
    /// Letters of several scripts in one word, as look-alikes have.
    #[error("this address mixes letters of different scripts")]
    MixedScripts,
}

impl Email {
    /// Reads an address as a person typed it.
    pub fn parse(text: &str) -> Result<Self, EmailError> {
        let folded = text.trim().nfkc().collect::<String>().to_lowercase();
        // Lower-casing may undo the normal form (U+0130); a second pass makes `parse` idempotent.
        let address: String = folded.nfkc().collect();
        if address.len() > MAX_LENGTH {
            return Err(EmailError::TooLong);
        }
        if address.chars().any(|c| is_unshowable(c) || is_invisible_mark(c)) {
            return Err(EmailError::Unshowable);
        }
        let (local, host) = address.split_once('@').ok_or(EmailError::NotAnAddress)?;
        if !is_local_part(local) || !is_host(host) {
            return Err(EmailError::NotAnAddress);
        }
        if !local.split(|c: char| c.is_ascii_punctuation()).all(MixedScript::is_single_script)
            || !host.split('.').all(MixedScript::is_single_script)
        {
            return Err(EmailError::MixedScripts);
        }
        Ok(Self(address))
    }

    /// The text, in the form that is compared.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the `@`.
    pub fn local_part(&self) -> &str {
        self.0.split_once('@').map_or(self.0.as_str(), |(local, _)| local)
    }

    /// The UTS #39 skeleton: two addresses that look alike have the same.
    pub fn skeleton(&self) -> String {
        unicode_security::skeleton(&self.0).collect()
    }

    /// Whether it has letters outside ASCII, and so may be a look-alike of another.
    pub fn may_be_look_alike(&self) -> bool {
        !self.0.is_ascii()
    }
}

/// RFC 5322 §3.2.3 `dot-atom`, with letters of any script; no quoted strings, which no one has.
fn is_local_part(local: &str) -> bool {
    let atom = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || is_mark(c);
    local.len() <= 64 && local.split('.').all(|word| !word.is_empty() && word.chars().all(atom))
}

fn is_host(host: &str) -> bool {
    let letter = |c: char| c.is_alphanumeric() || c == '-' || is_mark(c);
    host.split('.').all(|label| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(letter)
    })
}

/// Combining marks, which are part of a letter in many scripts.
fn is_mark(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c)
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Email, EmailError};

    #[test]
    fn spellings_of_one_address_are_one_address() {
        let one = Email::parse("ben@acme.example").unwrap();
        for spelling in [" Ben@Acme.Example ", "BEN@ACME.EXAMPLE", "ｂｅｎ@acme.example"] {
            assert_eq!(Email::parse(spelling).unwrap(), one, "{spelling}");
        }
    }

    #[test]
    fn invisible_and_mixed_letters_are_refused() {
        assert_eq!(Email::parse("b\u{200b}en@acme.example"), Err(EmailError::Unshowable));
        assert_eq!(Email::parse("ben\0@acme.example"), Err(EmailError::Unshowable));
        assert_eq!(Email::parse("bеn@acme.example"), Err(EmailError::MixedScripts), "Cyrillic е");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in
            ["", "ben", "@", "ben@", "@acme", "a b@acme", "ben@@acme", "ben@ac me", "a..b@c"]
        {
            assert_eq!(Email::parse(text), Err(EmailError::NotAnAddress), "{text}");
        }
    }

    #[test]
    fn look_alikes_share_a_skeleton() {
        let cyrillic = Email::parse("сосо@acme.example").unwrap();
        assert!(cyrillic.may_be_look_alike());
        assert_eq!(cyrillic.skeleton(), Email::parse("coco@acme.example").unwrap().skeleton());
    }
}
