//! Backups: what vouches for one, and the master key under a passphrase for who wants it with it.

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use crate::password::HashCost;
use crate::randomness::Randomness;
use crate::sealing::{DoesNotOpen, MasterKey, open, seal};

const VOUCHED: &[u8] = b"vestibule/1/backup-digest";
const LOCKED: &[u8] = b"vestibule/1/backup-key";
/// No backup asks for more than this, whatever stands in it: 1 GiB, 16 passes.
const DEAREST: HashCost = HashCost { memory_kib: 1024 * 1024, passes: 16 };

/// What guessing at a passphrase costs: 64 MiB, 3 passes (RFC 9106 §4, for where memory is scarce).
/// More than a password's, since nobody counts the guesses of who holds the file.
pub const PASSPHRASE_COST: HashCost = HashCost { memory_kib: 64 * 1024, passes: 3 };

impl MasterKey {
    /// Vouches for a backup of this SHA-256: who has the file and not the key cannot change it.
    pub fn vouch(
        &self,
        digest: &[u8; 32],
        randomness: &Randomness,
    ) -> Result<Vec<u8>, DoesNotOpen> {
        seal(self.bytes(), digest, VOUCHED, randomness)
    }

    /// Whether [`MasterKey::vouch`] said so of a backup of this SHA-256.
    pub fn vouches_for(&self, digest: &[u8; 32], vouched: &[u8]) -> bool {
        open(self.bytes(), vouched, VOUCHED).is_ok_and(|opened| opened.as_slice() == digest)
    }
}

/// What guards the master key in a backup, in NFC. No `Debug`, no `Display`.
#[derive(Clone)]
pub struct Passphrase(Zeroizing<String>);

/// A passphrase has fewer characters than a password must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the passphrase is too short: it needs at least {minimum} characters")]
pub struct PassphraseTooShort {
    /// The minimum.
    pub minimum: usize,
}

impl Passphrase {
    /// What was typed, to be compared.
    pub fn typed(text: &str) -> Self {
        Self(Zeroizing::new(text.nfc().collect()))
    }

    /// What was typed, to guard a key from now on.
    pub fn new(text: &str, minimum: usize) -> Result<Self, PassphraseTooShort> {
        let typed = Self::typed(text);
        let long_enough = typed.0.chars().count() >= minimum;
        if long_enough { Ok(typed) } else { Err(PassphraseTooShort { minimum }) }
    }

    fn key(&self, salt: &[u8; 16], cost: HashCost) -> Result<Zeroizing<[u8; 32]>, DoesNotOpen> {
        let params = Params::new(cost.memory_kib, cost.passes, 1, Some(32));
        let params = params.map_err(|_| DoesNotOpen)?;
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(self.0.as_bytes(), salt, key.as_mut())
            .map_err(|_| DoesNotOpen)?;
        Ok(key)
    }
}

/// A master key sealed under a passphrase, with the salt and the cost of its own.
pub struct LockedKey {
    cost: HashCost,
    salt: [u8; 16],
    sealed: Vec<u8>,
}

impl LockedKey {
    /// Locks a key. It costs what `cost` says.
    pub fn lock(
        key: &MasterKey,
        passphrase: &Passphrase,
        cost: HashCost,
        randomness: &Randomness,
    ) -> Result<Self, DoesNotOpen> {
        let salt = randomness.bytes();
        let sealed = seal(&*passphrase.key(&salt, cost)?, key.expose_bytes(), LOCKED, randomness)?;
        Ok(Self { cost, salt, sealed })
    }

    /// The key, for who knows the passphrase.
    pub fn open(&self, passphrase: &Passphrase) -> Result<MasterKey, DoesNotOpen> {
        let bytes = open(&*passphrase.key(&self.salt, self.cost)?, &self.sealed, LOCKED)?;
        MasterKey::from_bytes(&bytes).ok_or(DoesNotOpen)
    }

    /// The text that stands in the backup, in the manner of a PHC string.
    pub fn to_text(&self) -> String {
        format!(
            "$argon2id$v=19$m={},t={},p=1${}${}",
            self.cost.memory_kib,
            self.cost.passes,
            STANDARD_NO_PAD.encode(self.salt),
            STANDARD_NO_PAD.encode(&self.sealed),
        )
    }

    /// Reads what [`LockedKey::to_text`] wrote; `None` for anything else, and for a cost that no
    /// backup of ours has.
    pub fn from_text(text: &str) -> Option<Self> {
        let (params, rest) = text.strip_prefix("$argon2id$v=19$m=")?.split_once(",p=1$")?;
        let (memory, passes) = params.split_once(",t=")?;
        let cost = HashCost { memory_kib: memory.parse().ok()?, passes: passes.parse().ok()? };
        let bearable = cost.memory_kib <= DEAREST.memory_kib && cost.passes <= DEAREST.passes;
        let (salt, sealed) = rest.split_once('$')?;
        let salt = STANDARD_NO_PAD.decode(salt).ok()?.try_into().ok()?;
        let sealed = STANDARD_NO_PAD.decode(sealed).ok()?;
        bearable.then_some(Self { cost, salt, sealed })
    }
}

#[cfg(test)]
mod tests {
    use super::{LockedKey, Passphrase};
    use crate::password::HashCost;
    use crate::randomness::Randomness;
    use crate::sealing::MasterKey;

    const CHEAP: HashCost = HashCost { memory_kib: 8, passes: 1 };

    fn key(byte: u8) -> MasterKey {
        MasterKey::new(&randomness(byte))
    }

    fn randomness(byte: u8) -> Randomness {
        Randomness::new(move |bytes| bytes.fill(byte))
    }

    #[test]
    fn a_locked_key_opens_with_its_passphrase_alone() {
        let passphrase = Passphrase::new("zwölf Boxkämpfer", 12).unwrap();
        let locked = LockedKey::lock(&key(1), &passphrase, CHEAP, &randomness(2)).unwrap();
        let text = locked.to_text();
        let read = LockedKey::from_text(&text).unwrap();
        // The same letters, composed otherwise.
        let opened = read.open(&Passphrase::typed("zwo\u{308}lf Boxka\u{308}mpfer"));
        assert_eq!(opened.unwrap_or_else(|_| panic!("opens")).id(), key(1).id());
        assert!(read.open(&Passphrase::typed("zwölf boxkämpfer")).is_err());
        assert!(Passphrase::new("zwölf Boxer", 12).is_err());
    }

    #[test]
    fn only_what_was_written_is_read() {
        let passphrase = Passphrase::typed("a passphrase");
        let text = LockedKey::lock(&key(1), &passphrase, CHEAP, &randomness(2)).unwrap().to_text();
        for bad in [
            "",
            &text[1..],
            &text.replace("m=8", "m=99999999"),
            &text.replace("t=1", "t=17"),
            &text.replace("p=1", "p=2"),
            &text.replace('$', "%"),
        ] {
            assert!(LockedKey::from_text(bad).is_none(), "{bad}");
        }
        let shorter = LockedKey::from_text(&text[..text.len() - 4]);
        assert!(shorter.is_none_or(|locked| locked.open(&passphrase).is_err()));
    }

    #[test]
    fn a_key_vouches_for_one_digest() {
        let vouched = key(1).vouch(&[7; 32], &randomness(3)).unwrap();
        assert!(key(1).vouches_for(&[7; 32], &vouched));
        assert!(!key(1).vouches_for(&[8; 32], &vouched), "another file");
        assert!(!key(2).vouches_for(&[7; 32], &vouched), "another key");
        assert!(!key(1).vouches_for(&[7; 32], &vouched[1..]));
    }
}
