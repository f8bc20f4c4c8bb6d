//! Passwords: which are good enough, and how they are stored (Argon2id, RFC 9106).

use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use subtle::ConstantTimeEq as _;
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use crate::email::Email;

/// No setting goes below this minimum (NIST SP 800-63B-4 §3.1.1.2: 8 behind a second proof).
pub const LOWEST_MINIMUM: usize = 8;
/// The minimum when nothing is configured.
pub const DEFAULT_MINIMUM: usize = 12;
/// The most characters in a password (NIST asks for at least 64).
pub const MAX_LENGTH: usize = 128;
/// Fewer guesses than this, in powers of ten, is a password that lists and patterns find.
const LEAST_GUESSES_LOG10: f64 = 8.0;
/// The characters that are judged: a password that is strong so far is strong. The judge's search
/// for letters in disguise grows beyond all bounds with the length.
const JUDGED: usize = 32;

/// What a person typed where a password is asked for, in NFC (NIST SP 800-63B-4 §3.1.1.2). No
/// `Debug`, no `Display`.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

/// Why a text cannot become someone's password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Fewer characters than the minimum.
    #[error("the password is too short")]
    TooShort {
        /// The minimum.
        minimum: usize,
    },
    /// More than [`MAX_LENGTH`] characters.
    #[error("the password is too long")]
    TooLong,
    /// The one that the user has already: the budget of attempts is renewed with another alone.
    #[error("this is the password already")]
    Unchanged,
    /// On a list, or made of the e-mail, a name or a simple pattern.
    #[error("the password is easy to guess")]
    Guessable,
}

impl Password {
    /// Takes what was typed, compared exactly: spaces and any Unicode count.
    pub fn typed(text: &str) -> Self {
        Self(Zeroizing::new(text.nfc().collect()))
    }

    /// Whether it may become the password of `email`. It costs milliseconds: not for the threads
    /// that answer requests.
    pub fn check(
        &self,
        minimum: usize,
        email: &Email,
        names: &[&str],
    ) -> Result<(), PasswordError> {
        let minimum = minimum.max(LOWEST_MINIMUM);
        let length = self.0.chars().count();
        if length < minimum {
            return Err(PasswordError::TooShort { minimum });
        }
        if length > MAX_LENGTH {
            return Err(PasswordError::TooLong);
        }
        let mut derived = vec![email.as_str(), email.local_part(), "vestibule"];
        derived
            .extend(email.as_str().split(|c: char| !c.is_alphanumeric()).filter(|w| w.len() > 2));
        derived.extend(names.iter().flat_map(|name| name.split_whitespace()));
        // Several derived words in a row look strong to the library: what is left without them
        // must be strong too.
        let rest = without(&self.0, &derived);
        let is_weak = |text: &str| {
            zxcvbn::zxcvbn(judged(text), &derived).guesses_log10() < LEAST_GUESSES_LOG10
        };
        if is_weak(&self.0) || (rest.len() < self.0.len() && is_weak(&rest)) {
            return Err(PasswordError::Guessable);
        }
        Ok(())
    }
}

/// The part of a text that is judged.
fn judged(text: &str) -> &str {
    text.char_indices().nth(JUDGED).map_or(text, |(end, _)| &text[..end])
}

/// The text in lower case without any of the words.
fn without(text: &str, words: &[&str]) -> Zeroizing<String> {
    let mut words: Vec<String> = words.iter().map(|word| word.to_lowercase()).collect();
    words.retain(|word| word.chars().count() > 2);
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    let whole = Zeroizing::new(text.to_lowercase());
    words.iter().fold(whole, |rest, word| Zeroizing::new(rest.replace(word, "")))
}

/// What one hash costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashCost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
}

impl HashCost {
    /// 19 MiB, 2 passes, 1 lane (OWASP Password Storage Cheat Sheet).
    pub const STANDARD: Self = Self { memory_kib: 19 * 1024, passes: 2 };
}

/// A stored password: a PHC string. It is not the password, and still no business of a log.
#[derive(Clone)]
pub struct PasswordHash {
    cost: HashCost,
    salt: [u8; 16],
    hash: [u8; 32],
}

/// The stored text is not a hash that this program wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored password hash cannot be read")]
pub struct UnreadableHash;

/// The memory that one hash at a time fills. Reused, it saves the page faults of 19 MiB a hash.
#[derive(Default)]
pub struct HashMemory(Vec<Block>);

/// Blocks of 1 KiB that are reserved, of which a hash touches what its cost says. Above 32 MiB the
/// C library maps memory by itself and gives it back when it is dropped; below, it keeps what was
/// freed once (mallopt(3), `M_MMAP_THRESHOLD`).
const RESERVED: usize = 33 * 1024;

impl HashMemory {
    fn of(&mut self, blocks: usize) -> &mut [Block] {
        if self.0.capacity() < blocks {
            self.0 = Vec::with_capacity(blocks.max(RESERVED));
        }
        self.0.resize(blocks, Block::default());
        &mut self.0
    }
}

/// Argon2id of one lane (RFC 9106). It costs what `cost` says.
pub(crate) fn argon2id(
    secret: &[u8],
    salt: &[u8; 16],
    cost: HashCost,
    memory: &mut HashMemory,
) -> Result<[u8; 32], UnreadableHash> {
    let params = Params::new(cost.memory_kib, cost.passes, 1, Some(32));
    let params = params.map_err(|_| UnreadableHash)?;
    let memory = memory.of(params.block_count());
    let mut hash = [0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into_with_memory(secret, salt, &mut hash, memory)
        .map_err(|_| UnreadableHash)?;
    Ok(hash)
}

impl PasswordHash {
    /// Hashes `password`. It costs what `cost` says: not for the threads that answer requests.
    pub fn new(
        password: &Password,
        salt: [u8; 16],
        cost: HashCost,
        memory: &mut HashMemory,
    ) -> Result<Self, UnreadableHash> {
        let hash = argon2id(password.0.as_bytes(), &salt, cost, memory)?;
        Ok(Self { cost, salt, hash })
    }

    /// A hash that no password has, at the same cost: what an unknown e-mail is compared with.
    pub fn of_nobody(cost: HashCost) -> Self {
        Self { cost, salt: [0; 16], hash: [0; 32] }
    }

    /// Whether `password` is the one, in constant time after the hash.
    pub fn verify(&self, password: &Password, memory: &mut HashMemory) -> bool {
        Self::new(password, self.salt, self.cost, memory)
            .is_ok_and(|typed| typed.hash.ct_eq(&self.hash).into())
    }

    /// Whether it was made at another cost than `cost` and should be made anew at the next sign-in.
    pub fn is_outdated(&self, cost: HashCost) -> bool {
        self.cost != cost
    }

    /// The PHC string for the database.
    pub fn to_phc(&self) -> String {
        format!(
            "$argon2id$v=19$m={},t={},p=1${}${}",
            self.cost.memory_kib,
            self.cost.passes,
            STANDARD_NO_PAD.encode(self.salt),
            STANDARD_NO_PAD.encode(self.hash),
        )
    }

    /// Reads what [`PasswordHash::to_phc`] wrote.
    pub fn from_phc(text: &str) -> Result<Self, UnreadableHash> {
        Self::read(text).ok_or(UnreadableHash)
    }

    fn read(text: &str) -> Option<Self> {
        let (params, rest) = text.strip_prefix("$argon2id$v=19$")?.split_once('$')?;
        let (salt, hash) = rest.split_once('$')?;
        let (memory, passes) =
            params.strip_prefix("m=")?.strip_suffix(",p=1")?.split_once(",t=")?;
        Some(Self {
            cost: HashCost { memory_kib: memory.parse().ok()?, passes: passes.parse().ok()? },
            salt: STANDARD_NO_PAD.decode(salt).ok()?.try_into().ok()?,
            hash: STANDARD_NO_PAD.decode(hash).ok()?.try_into().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{HashCost, HashMemory, Password, PasswordError, PasswordHash};
    use crate::email::Email;

    const CHEAP: HashCost = HashCost { memory_kib: 64, passes: 1 };

    #[test]
    fn a_hash_survives_its_text_and_knows_its_password() {
        let mut memory = HashMemory::default();
        let hash =
            PasswordHash::new(&Password::typed("any thing at all"), [3; 16], CHEAP, &mut memory)
                .unwrap_or_else(|_| panic!("hash"));
        let read = PasswordHash::from_phc(&hash.to_phc()).unwrap_or_else(|_| panic!("phc"));
        assert!(read.verify(&Password::typed("any thing at all"), &mut memory));
        assert!(!read.verify(&Password::typed("any thing at al"), &mut memory));
        assert!(read.is_outdated(HashCost::STANDARD));
        for broken in ["", "$argon2id$", "$argon2i$v=19$m=64,t=1,p=1$AAAA$AAAA"] {
            assert!(PasswordHash::from_phc(broken).is_err());
        }
    }

    #[test]
    fn composed_and_decomposed_letters_are_one_password() {
        let mut memory = HashMemory::default();
        let hash = PasswordHash::new(&Password::typed("Café au lait"), [0; 16], CHEAP, &mut memory);
        let hash = hash.unwrap_or_else(|_| panic!("hash"));
        assert!(hash.verify(&Password::typed("Cafe\u{301} au lait"), &mut memory));
    }

    #[test]
    fn length_lists_and_the_email_are_checked_and_composition_is_not() {
        let email = Email::parse("ada.lovelace@acme.example").unwrap();
        let check = |text: &str| Password::typed(text).check(12, &email, &["Ada Lovelace"]);
        assert_eq!(check("eleven char"), Err(PasswordError::TooShort { minimum: 12 }));
        assert_eq!(check(&"x y ".repeat(33)), Err(PasswordError::TooLong));
        assert_eq!(check("password1234"), Err(PasswordError::Guessable));
        assert_eq!(check("ada.lovelace1"), Err(PasswordError::Guessable));
        assert_eq!(check("aaaaaaaaaaaaaaaa"), Err(PasswordError::Guessable));
        for derived in
            ["adalovelaceacme", "acme.example.2027", "Ada Lovelace 12", "4da@acme.example"]
        {
            assert_eq!(check(derived), Err(PasswordError::Guessable), "{derived}");
        }
        assert_eq!(check("ada hums in the fjord"), Ok(()));
        for good in ["marble otter sings late", "ворона гуляет ночью", "kq7#fhs02mvx"]
        {
            assert_eq!(check(good), Ok(()), "{good}");
        }
    }
}
