//! Tokens: 256 random bits that open something once or for a while. Only their SHA-256 is stored.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::randomness::Randomness;

/// The secret itself, as it stands in a cookie or a link. It has neither `Debug` nor `Display`.
#[derive(Clone)]
pub struct Token(Zeroizing<[u8; 32]>);

/// What the database knows of a [`Token`]: SHA-256 needs no salt over 256 random bits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; 32]);

impl Token {
    /// A fresh token.
    pub fn new(randomness: &Randomness) -> Self {
        Self(Zeroizing::new(randomness.bytes()))
    }

    /// Reads what [`Token::expose`] wrote; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 43 {
            return None;
        }
        let mut bytes = Zeroizing::new([0; 32]);
        let length = URL_SAFE_NO_PAD.decode_slice(text, bytes.as_mut()).ok()?;
        (length == 32).then_some(Self(bytes))
    }

    /// The text for the one place where it belongs: the cookie or the link that is handed out.
    pub fn expose(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.as_ref())
    }

    /// What is stored and searched for.
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.0.as_ref()).into())
    }
}

impl TokenHash {
    /// The 32 bytes for the database.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}
