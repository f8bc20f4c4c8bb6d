//! Recovery codes: each stands in for a factor once.
//!
//! Ten of 80 random bits, in groups that can be typed. One salt a set, so that an attempt costs one
//! hash however many are left. That a code is taken only once is the business of whoever stores it.

use zeroize::Zeroizing;

use crate::password::{HashCost, HashMemory, UnreadableHash, argon2id};
use crate::randomness::Randomness;

/// How many a set holds.
pub const CODES: usize = 10;
/// So few left are told in amber: it is time to make new ones.
pub const FEW: usize = 3;
/// RFC 4648 §6: no digit that looks like a letter.
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// 80 bits at 5 bits a letter.
const LETTERS: usize = 16;
const GROUP: usize = 4;

/// A code, as it is shown once and typed once. No `Debug`, no `Display`.
#[derive(Clone)]
pub struct RecoveryCode(Zeroizing<String>);

/// What is stored of a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveryCodeHash(pub [u8; 32]);

/// What all codes of a set are hashed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetSalt {
    /// Random, one a set.
    pub salt: [u8; 16],
    /// What one hash costs.
    pub cost: HashCost,
}

/// The text is not of the form of a recovery code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a recovery code has sixteen letters and digits")]
pub struct NotARecoveryCode;

impl RecoveryCode {
    /// A fresh code.
    pub fn new(randomness: &Randomness) -> Self {
        let bytes = Zeroizing::new(randomness.bytes::<10>());
        let mut letters = Zeroizing::new(String::with_capacity(LETTERS));
        let (mut buffer, mut bits) = (0_u32, 0);
        for byte in bytes.iter() {
            buffer = (buffer << 8) | u32::from(*byte);
            bits += 8;
            while bits >= 5 {
                bits -= 5;
                let index = (buffer >> bits) & 31;
                letters.push(char::from(ALPHABET[index as usize]));
            }
        }
        Self(letters)
    }

    /// A whole set.
    pub fn set(randomness: &Randomness) -> Vec<Self> {
        (0..CODES).map(|_| Self::new(randomness)).collect()
    }

    /// Reads what a person typed: case, spaces and dashes do not count, and digits that are not in
    /// the alphabet stand for the letters that they look like.
    pub fn parse(text: &str) -> Result<Self, NotARecoveryCode> {
        let mut letters = Zeroizing::new(String::with_capacity(LETTERS));
        for c in text.chars().filter(|c| !c.is_whitespace() && !is_dash(*c)) {
            let c = match c.to_ascii_uppercase() {
                '0' => 'O',
                '1' => 'I',
                '8' => 'B',
                c => c,
            };
            let known = u8::try_from(c).is_ok_and(|c| ALPHABET.contains(&c));
            if !known || letters.len() == LETTERS {
                return Err(NotARecoveryCode);
            }
            letters.push(c);
        }
        if letters.len() == LETTERS { Ok(Self(letters)) } else { Err(NotARecoveryCode) }
    }

    /// The text to be shown: four groups of four.
    pub fn expose(&self) -> Zeroizing<String> {
        let mut shown = Zeroizing::new(String::with_capacity(LETTERS + LETTERS / GROUP));
        for (at, letter) in self.0.chars().enumerate() {
            if at > 0 && at.is_multiple_of(GROUP) {
                shown.push('-');
            }
            shown.push(letter);
        }
        shown
    }

    /// What is stored and compared. It costs what the set's salt says: not for the threads that
    /// answer requests.
    pub fn hash(
        &self,
        set: &SetSalt,
        memory: &mut HashMemory,
    ) -> Result<RecoveryCodeHash, UnreadableHash> {
        argon2id(self.0.as_bytes(), &set.salt, set.cost, memory).map(RecoveryCodeHash)
    }
}

/// A whole set as one text, a code a line: to be sealed until it is kept.
pub fn expose_set(codes: &[RecoveryCode]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(codes.len() * (LETTERS + 4)));
    for code in codes {
        text.push_str(&code.expose());
        text.push('\n');
    }
    text
}

/// Reads what [`expose_set`] wrote; `None` for anything else.
pub fn read_set(text: &[u8]) -> Option<Vec<RecoveryCode>> {
    let text = std::str::from_utf8(text).ok()?;
    text.lines().map(|line| RecoveryCode::parse(line).ok()).collect()
}

/// The hyphen, and what phones and word processors make of it.
fn is_dash(c: char) -> bool {
    matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

#[cfg(test)]
mod tests {
    use super::{CODES, RecoveryCode, SetSalt, expose_set, read_set};
    use crate::password::{HashCost, HashMemory};
    use crate::randomness::Randomness;

    fn counting() -> Randomness {
        let counter = std::sync::atomic::AtomicU8::new(1);
        Randomness::new(move |bytes| {
            bytes.fill_with(|| counter.fetch_add(37, std::sync::atomic::Ordering::Relaxed));
        })
    }

    #[test]
    fn a_code_is_read_as_it_was_shown_and_as_people_type_it() {
        let codes = RecoveryCode::set(&counting());
        assert_eq!(codes.len(), CODES);
        let set = SetSalt { salt: [1; 16], cost: HashCost { memory_kib: 8, passes: 1 } };
        let mut memory = HashMemory::default();
        let mut hash =
            |code: &RecoveryCode| code.hash(&set, &mut memory).unwrap_or_else(|_| panic!("hash"));
        let mut seen = Vec::new();
        for code in &codes {
            let shown = code.expose();
            assert_eq!(shown.len(), 19, "{}", *shown);
            for typed in [
                shown.to_string(),
                format!("  {}\n", shown.to_lowercase()),
                shown.replace('-', " "),
                shown.replace('-', ""),
                shown.replace('-', "\u{2013}"),
                shown.replace('O', "0").replace('I', "1").replace('B', "8"),
            ] {
                let read = RecoveryCode::parse(&typed).unwrap_or_else(|_| panic!("{typed}"));
                assert_eq!(hash(&read), hash(code));
            }
            assert!(!seen.contains(&hash(code)), "each is another");
            seen.push(hash(code));
        }
        for bad in [
            "",
            "123456",
            "AAAA",
            "AAAA-AAAA-AAAA-AAA9",
            "AAAA-AAAA-AAAA-AAAAA",
            "АAAA-AAAA-AAAA-AAAA",
            "AAAA_AAAA_AAAA_AAAA",
        ] {
            assert!(RecoveryCode::parse(bad).is_err(), "{bad}");
        }
    }

    /// RFC 4648 §10 has no vector of ten bytes; this one is `base32` of coreutils.
    #[test]
    fn all_80_bits_are_in_it() {
        let randomness = Randomness::new(|bytes| bytes.copy_from_slice(b"foobarfoob"));
        assert_eq!(*RecoveryCode::new(&randomness).expose(), "MZXW-6YTB-OJTG-633C");
    }

    #[test]
    fn a_set_survives_its_text() {
        let codes = RecoveryCode::set(&counting());
        let text = expose_set(&codes);
        let read = read_set(text.as_bytes()).unwrap_or_else(|| panic!("{}", *text));
        assert_eq!(*expose_set(&read), *text);
        assert!(read_set(b"AAAA").is_none());
        assert!(read_set(&[0xff]).is_none());
    }
}
