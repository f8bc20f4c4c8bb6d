//! Secrets at rest: sealed with XChaCha20-Poly1305 under data keys, which a master key wraps.
//!
//! The associated data says what a sealed text is for and whose it is, so that one copied into
//! another row does not open there. A nonce of 24 random bytes needs no counter across nodes.

use std::fmt;
use std::str::FromStr;

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::id::{DataKeyId, FactorId, MailId, RecoveryCodeSetId, UserId};
use crate::randomness::Randomness;

const FORMAT: u8 = 1;
const NONCE: usize = 24;

/// The key in the master key file. It wraps data keys and seals nothing else. No `Debug`.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; 32]>);

/// Which master key it is, without telling anything of it: sixteen hexadecimal digits of a hash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MasterKeyId(String);

/// The text is not the name of a master key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the id of a master key")]
pub struct NotAMasterKeyId;

impl fmt::Display for MasterKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for MasterKeyId {
    type Err = NotAMasterKeyId;

    fn from_str(text: &str) -> Result<Self, NotAMasterKeyId> {
        let is_digit = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
        let good = text.len() == 16 && text.bytes().all(is_digit);
        if good { Ok(Self(text.to_owned())) } else { Err(NotAMasterKeyId) }
    }
}

/// What a sealed text is for. Its associated data is `vestibule/1/PURPOSE/ROW/USER`, so that every
/// sealed column can be sealed anew without knowing what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The secret of a TOTP app: the row is the factor, or the factor to be.
    Totp,
    /// The recovery codes that are still to be shown: the row is their set.
    RecoveryCodes,
    /// A letter that waits to be sent: the row is the mail, the user nobody where an address was
    /// typed that may be nobody's.
    Mail,
}

impl Purpose {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::RecoveryCodes => "recovery-codes",
            Self::Mail => "mail",
        }
    }

    /// The associated data of a row of a user.
    fn aad(self, row: &impl fmt::Display, user: &impl fmt::Display) -> String {
        format!("vestibule/1/{}/{row}/{user}", self.as_str())
    }
}

/// A key that seals secrets; it is stored wrapped. No `Debug`.
#[derive(Clone)]
pub struct DataKey {
    id: DataKeyId,
    key: Zeroizing<[u8; 32]>,
}

/// What does not open: another key, another row, another purpose, or changed bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sealed secret does not open with this key")]
pub struct DoesNotOpen;

impl MasterKey {
    /// A fresh key.
    pub fn new(randomness: &Randomness) -> Self {
        Self(Zeroizing::new(randomness.bytes()))
    }

    /// The key from its 32 bytes; `None` for any other length.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self(Zeroizing::new(bytes.try_into().ok()?)))
    }

    /// The 32 bytes, for the key file alone.
    pub fn expose_bytes(&self) -> &[u8] {
        self.0.as_ref()
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Which one it is. The key has 256 random bits, so a hash of it tells nothing.
    pub fn id(&self) -> MasterKeyId {
        let hash = Sha256::new().chain_update(b"vestibule/1/master-key-id/").chain_update(*self.0);
        let digits = hash.finalize().iter().take(8).fold(String::new(), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = fmt::Write::write_fmt(&mut text, format_args!("{byte:02x}"));
            text
        });
        MasterKeyId(digits)
    }

    /// Wraps a data key for the database.
    pub fn wrap(
        &self,
        data_key: &DataKey,
        randomness: &Randomness,
    ) -> Result<Vec<u8>, DoesNotOpen> {
        let aad = format!("vestibule/1/data-key/{}", data_key.id);
        seal(&self.0, data_key.key.as_ref(), aad.as_bytes(), randomness)
    }

    /// Unwraps what [`MasterKey::wrap`] made. A foreign master key fails here.
    pub fn unwrap(&self, id: DataKeyId, wrapped: &[u8]) -> Result<DataKey, DoesNotOpen> {
        let aad = format!("vestibule/1/data-key/{id}");
        let bytes = open(&self.0, wrapped, aad.as_bytes())?;
        let key = bytes.as_slice().try_into().map_err(|_| DoesNotOpen)?;
        Ok(DataKey { id, key: Zeroizing::new(key) })
    }
}

impl DataKey {
    /// A fresh data key.
    pub fn new(id: DataKeyId, randomness: &Randomness) -> Self {
        Self { id, key: Zeroizing::new(randomness.bytes()) }
    }

    /// Which one it is: stored beside every text that it sealed.
    pub fn id(&self) -> DataKeyId {
        self.id
    }

    /// Seals the secret of a TOTP factor of a user.
    pub fn seal_totp(
        &self,
        secret: &[u8],
        factor: FactorId,
        user: UserId,
        randomness: &Randomness,
    ) -> Result<Vec<u8>, DoesNotOpen> {
        seal(&self.key, secret, Purpose::Totp.aad(&factor, &user).as_bytes(), randomness)
    }

    /// Opens what [`DataKey::seal_totp`] made for this same factor and user.
    pub fn open_totp(
        &self,
        sealed: &[u8],
        factor: FactorId,
        user: UserId,
    ) -> Result<Zeroizing<Vec<u8>>, DoesNotOpen> {
        open(&self.key, sealed, Purpose::Totp.aad(&factor, &user).as_bytes())
    }

    /// Seals what a mail will say, and the token of its link.
    pub fn seal_mail(
        &self,
        letter: &[u8],
        mail: MailId,
        user: Option<UserId>,
        randomness: &Randomness,
    ) -> Result<Vec<u8>, DoesNotOpen> {
        seal(
            &self.key,
            letter,
            Purpose::Mail.aad(&mail, &nobody_is_empty(user)).as_bytes(),
            randomness,
        )
    }

    /// Opens what [`DataKey::seal_mail`] made for this same mail and user.
    pub fn open_mail(
        &self,
        sealed: &[u8],
        mail: MailId,
        user: Option<UserId>,
    ) -> Result<Zeroizing<Vec<u8>>, DoesNotOpen> {
        open(&self.key, sealed, Purpose::Mail.aad(&mail, &nobody_is_empty(user)).as_bytes())
    }

    /// A name for an address that somebody typed, under which it can be counted without being
    /// stored: HMAC-SHA-256 under this key. A newer key gives another name.
    pub fn pseudonym(&self, address: &str) -> Result<String, DoesNotOpen> {
        use hmac::{KeyInit as _, Mac as _};

        // It takes a key of any length (RFC 2104).
        let mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(self.key.as_ref());
        let mut mac = mac.map_err(|_| DoesNotOpen)?;
        // Apart from everything else that the key seals.
        mac.update(b"vestibule/1/pseudonym/");
        mac.update(address.as_bytes());
        let bytes = mac.finalize().into_bytes();
        Ok(bytes.iter().take(16).fold(String::new(), |name, byte| format!("{name}{byte:02x}")))
    }

    /// Seals the recovery codes of a user that are still to be shown.
    pub fn seal_recovery_codes(
        &self,
        codes: &[u8],
        set: RecoveryCodeSetId,
        user: UserId,
        randomness: &Randomness,
    ) -> Result<Vec<u8>, DoesNotOpen> {
        seal(&self.key, codes, Purpose::RecoveryCodes.aad(&set, &user).as_bytes(), randomness)
    }

    /// Opens what [`DataKey::seal_recovery_codes`] made for this same set and user.
    pub fn open_recovery_codes(
        &self,
        sealed: &[u8],
        set: RecoveryCodeSetId,
        user: UserId,
    ) -> Result<Zeroizing<Vec<u8>>, DoesNotOpen> {
        open(&self.key, sealed, Purpose::RecoveryCodes.aad(&set, &user).as_bytes())
    }

    /// Seals anew what the key `old` sealed for the same purpose, row and user.
    pub fn reseal(
        &self,
        old: &Self,
        sealed: &[u8],
        purpose: Purpose,
        (row, user): (&str, &str),
        randomness: &Randomness,
    ) -> Result<Vec<u8>, DoesNotOpen> {
        let aad = purpose.aad(&row, &user);
        let secret = open(&old.key, sealed, aad.as_bytes())?;
        seal(&self.key, &secret, aad.as_bytes(), randomness)
    }
}

fn nobody_is_empty(user: Option<UserId>) -> String {
    user.map(|user| user.to_string()).unwrap_or_default()
}

pub(crate) fn seal(
    key: &[u8; 32],
    secret: &[u8],
    aad: &[u8],
    randomness: &Randomness,
) -> Result<Vec<u8>, DoesNotOpen> {
    let nonce = randomness.bytes::<NONCE>();
    let cipher = XChaCha20Poly1305::new(&Key::from(*key));
    let text = cipher
        .encrypt(&XNonce::from(nonce), Payload { msg: secret, aad })
        .map_err(|_| DoesNotOpen)?;
    Ok([&[FORMAT], nonce.as_slice(), &text].concat())
}

pub(crate) fn open(
    key: &[u8; 32],
    sealed: &[u8],
    aad: &[u8],
) -> Result<Zeroizing<Vec<u8>>, DoesNotOpen> {
    let (format, rest) = sealed.split_first().ok_or(DoesNotOpen)?;
    let (nonce, text) = rest.split_first_chunk::<NONCE>().ok_or(DoesNotOpen)?;
    if *format != FORMAT {
        return Err(DoesNotOpen);
    }
    XChaCha20Poly1305::new(&Key::from(*key))
        .decrypt(&XNonce::from(*nonce), Payload { msg: text, aad })
        .map(Zeroizing::new)
        .map_err(|_| DoesNotOpen)
}

#[cfg(test)]
mod tests {
    use super::{DataKey, DoesNotOpen, MasterKey, MasterKeyId, Purpose};
    use crate::id::{DataKeyId, FactorId, RecoveryCodeSetId, UserId};
    use crate::randomness::Randomness;
    use crate::time::Timestamp;

    #[test]
    fn a_sealed_secret_opens_in_its_own_row_alone() {
        let counter = std::sync::atomic::AtomicU8::new(0);
        let randomness = Randomness::new(move |bytes| {
            bytes.fill(counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        });
        let now = Timestamp::from_millis(0);
        let (factor, other) = (FactorId::new(now, &randomness), FactorId::new(now, &randomness));
        let (user, thief) = (UserId::new(now, &randomness), UserId::new(now, &randomness));
        let key = DataKey::new(DataKeyId::new(now, &randomness), &randomness);
        let sealed = key.seal_totp(b"secret", factor, user, &randomness).unwrap();

        assert_eq!(key.open_totp(&sealed, factor, user).unwrap().as_slice(), b"secret");
        assert_eq!(key.open_totp(&sealed, other, user), Err(DoesNotOpen));
        assert_eq!(key.open_totp(&sealed, factor, thief), Err(DoesNotOpen));
        assert_eq!(key.open_totp(&sealed[1..], factor, user), Err(DoesNotOpen));
        // The same identifier in another table is another purpose.
        let set: RecoveryCodeSetId = factor.to_string().parse().unwrap();
        assert_eq!(key.open_recovery_codes(&sealed, set, user), Err(DoesNotOpen));
        let codes = key.seal_recovery_codes(b"codes", set, user, &randomness).unwrap();
        assert_eq!(key.open_recovery_codes(&codes, set, user).unwrap().as_slice(), b"codes");
        assert_eq!(key.open_recovery_codes(&codes, set, thief), Err(DoesNotOpen));
        assert_eq!(key.open_totp(&codes, factor, user), Err(DoesNotOpen));

        let (master, foreign) = (MasterKey::new(&randomness), MasterKey::new(&randomness));
        let wrapped = master.wrap(&key, &randomness).unwrap();
        let again = master.unwrap(key.id(), &wrapped).unwrap_or_else(|_| panic!("unwraps"));
        assert!(again.open_totp(&sealed, factor, user).is_ok());
        assert!(foreign.unwrap(key.id(), &wrapped).is_err());
        assert_ne!(master.id(), foreign.id());
        assert_eq!(master.id().to_string().parse(), Ok(master.id()));

        let newer = DataKey::new(DataKeyId::new(now, &randomness), &randomness);
        let (row, whose) = (factor.to_string(), user.to_string());
        let reseal = |row: &str, whose: &str| {
            newer.reseal(&key, &sealed, Purpose::Totp, (row, whose), &randomness)
        };
        let resealed = reseal(&row, &whose).unwrap();
        assert_eq!(newer.open_totp(&resealed, factor, user).unwrap().as_slice(), b"secret");
        assert_eq!(key.open_totp(&resealed, factor, user), Err(DoesNotOpen));
        assert_eq!(reseal(&other.to_string(), &whose), Err(DoesNotOpen));
    }

    #[test]
    fn an_id_of_a_master_key_is_sixteen_digits() {
        for bad in
            ["", "0123456789abcde", "0123456789ABCDEF", "0123456789abcdef0", "0123456789abcdeg"]
        {
            assert!(bad.parse::<MasterKeyId>().is_err(), "{bad}");
        }
    }
}
