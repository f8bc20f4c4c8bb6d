//! The lanes of attempts at passwords (design, rule 4): what strangers do in theirs does not slow
//! the owner down in another.
//!
//! A browser that signed in before has a lane of its own. Every other attempt is in the lane of the
//! address and the network that it comes from, and tells the lane of the address that somebody is
//! at it. The names of the lanes are keyed hashes: known and unknown addresses look alike, and none
//! can be read from the database.

use std::time::Duration;

use sha2::{Digest as _, Sha256};
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use crate::email::Email;
use crate::id::UserId;
use crate::limits::wait::Attempts;
use crate::randomness::Randomness;
use crate::time::Timestamp;
use crate::token::TokenHash;

/// How many addresses a network may have lanes for. Whoever fails at more of them, and guesses at
/// everybody, shares one lane for all the rest.
pub const LANES_OF_A_NETWORK: i64 = 256;
/// How many lanes are stored in all; the longest unused go first. Only who has hundreds of networks
/// can push any out, and each fresh network of theirs has its first attempts anyway.
pub const LANES_IN_ALL: i64 = 100_000;
/// After how long without an attempt a lane is forgotten.
pub const FORGOTTEN_AFTER: Duration = Duration::from_hours(24);

/// How many attempts from strange browsers press an address.
const PRESSED_AT: i64 = 20;
/// After how long without any it is pressed no more.
const PRESSED_FOR: Duration = Duration::from_hours(1);
/// How many attempts of a network at a pressed address come without a wait.
const FREE_WHEN_PRESSED: i64 = 2;
/// The wait between the attempts of a network at a pressed address: at most as long as the design
/// allows what others do to delay the owner.
const PRESSED_WAIT: Duration = Duration::from_secs(10);

/// The name of a lane: 32 bytes that say nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lane([u8; 32]);

impl Lane {
    /// The bytes for the database.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The key under which lanes are named: one an installation. It has no `Debug`.
#[derive(Clone)]
pub struct LaneKey(Zeroizing<[u8; 32]>);

impl LaneKey {
    /// A fresh key.
    pub fn new(randomness: &Randomness) -> Self {
        Self(Zeroizing::new(randomness.bytes()))
    }

    /// The key from its 32 bytes; `None` for any other length.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self(Zeroizing::new(bytes.try_into().ok()?)))
    }

    /// The 32 bytes for the database.
    pub fn expose_bytes(&self) -> &[u8] {
        self.0.as_ref()
    }

    /// Of an address, from everywhere.
    pub fn of_address(&self, address: &Address) -> Lane {
        self.name("address", &[address.0.as_bytes()])
    }

    /// Of an address, from one network.
    pub fn of_address_in(&self, address: &Address, network: &str) -> Lane {
        self.name("address in network", &[address.0.as_bytes(), network.as_bytes()])
    }

    /// Of all addresses that a network has no lanes for.
    pub fn of_network(&self, network: &str) -> Lane {
        self.name("network", &[network.as_bytes()])
    }

    /// Of an address, from a browser that signed in with it before.
    pub fn of_browser(&self, address: &Address, browser: &TokenHash) -> Lane {
        self.name("browser", &[address.0.as_bytes(), browser.as_bytes()])
    }

    /// Of a user's recovery codes from one network, which only who gave the password can try.
    pub fn of_recovery_codes_in(&self, user: UserId, network: &str) -> Lane {
        let user = user.to_string();
        self.name("recovery codes in network", &[user.as_bytes(), network.as_bytes()])
    }

    /// Of a user's recovery codes from a browser that signed in before.
    pub fn of_recovery_codes_by(&self, user: UserId, browser: &TokenHash) -> Lane {
        self.name("recovery codes by browser", &[user.to_string().as_bytes(), browser.as_bytes()])
    }

    /// The key comes first and every part with its length, so that no two lanes share a name; the
    /// hash is never shown to anyone who chose the parts.
    fn name(&self, kind: &str, parts: &[&[u8]]) -> Lane {
        let mut hash = Sha256::new().chain_update(self.0.as_ref());
        for part in [kind.as_bytes()].iter().chain(parts) {
            hash = hash.chain_update((part.len() as u64).to_be_bytes()).chain_update(part);
        }
        Lane(hash.finalize().into())
    }
}

/// What was typed as an address, in the one spelling that is counted. It need not be an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(String);

impl Address {
    /// The longest that is told apart.
    const LONGEST: usize = 254;

    /// Reads what a person typed.
    pub fn typed(text: &str) -> Self {
        Self(match Email::parse(text) {
            Ok(email) => email.as_str().to_owned(),
            Err(_) => text.trim().nfkc().take(Self::LONGEST).collect::<String>().to_lowercase(),
        })
    }

    /// The address as users have it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether an address is pressed: many tried it from strange browsers, and lately.
pub fn is_pressed(address: &Attempts, now: Timestamp) -> bool {
    address.unless_quiet_for(PRESSED_FOR, now).count >= PRESSED_AT
}

/// One more attempt in the lane of the address alone. It never waits: what everybody does together
/// must not shut the owner out.
pub fn count_at_address(address: &Attempts, now: Timestamp) -> Attempts {
    let counted = address.unless_quiet_for(PRESSED_FOR, now).with_one_more(now);
    Attempts { wait: Duration::ZERO, ..counted }
}

/// One more attempt in a lane that may have to wait. The first attempts of a network that has not
/// failed never do; those after them wait a little sooner while others press the address.
pub fn count_in_lane(lane: &Attempts, pressed: bool, now: Timestamp) -> Attempts {
    let counted = lane.unless_quiet_for(FORGOTTEN_AFTER, now).with_one_more(now);
    let sooner = pressed && counted.count >= FREE_WHEN_PRESSED;
    Attempts {
        wait: counted.wait.max(if sooner { PRESSED_WAIT } else { Duration::ZERO }),
        ..counted
    }
}

#[cfg(test)]
mod tests {
    use super::{Address, LaneKey, count_at_address, count_in_lane, is_pressed};
    use crate::limits::wait::Attempts;
    use crate::time::Timestamp;
    use std::time::Duration;

    #[test]
    fn lanes_have_names_of_their_own_and_spellings_share_one() {
        let (key, other) =
            (LaneKey::from_bytes(&[1; 32]).unwrap(), LaneKey::from_bytes(&[2; 32]).unwrap());
        let ben = Address::typed("ben@acme.example");
        for spelling in [" Ben@Acme.Example ", "BEN@ACME.EXAMPLE", "ｂｅｎ@acme.example"] {
            assert_eq!(key.of_address(&Address::typed(spelling)), key.of_address(&ben));
        }
        for (one, two) in [(" Nobody", "nobody "), ("b\u{200b}en@A", "B\u{200b}EN@a")] {
            assert_eq!(Address::typed(one), Address::typed(two), "no addresses, and counted alike");
        }
        assert_ne!(key.of_address(&ben), key.of_address(&Address::typed("b.en@acme.example")));
        assert_ne!(key.of_address(&ben), other.of_address(&ben));
        let (a, b) = (Address::typed("a"), Address::typed("ab"));
        assert_ne!(key.of_address_in(&a, "bc"), key.of_address_in(&b, "c"));
        assert_ne!(key.of_address(&a), key.of_network("a"));
    }

    #[test]
    fn others_delay_by_ten_seconds_at_most_and_never_the_first_attempts() {
        let now = Timestamp::from_millis(1_800_000_000_000);
        let mut address = Attempts::NONE;
        for _ in 0..1_000_000 {
            address = count_at_address(&address, now);
            assert_eq!(address.left(now), None);
        }
        assert!(is_pressed(&address, now));
        assert!(!is_pressed(&address, now.plus(Duration::from_hours(1))));
        let first = count_in_lane(&Attempts::NONE, true, now);
        assert_eq!(first.left(now), None);
        let second = count_in_lane(&first, true, now);
        assert_eq!(second.left(now), Some(Duration::from_secs(10)));
        let calm = count_in_lane(&first, false, now);
        assert_eq!(calm.left(now), None);
    }
}
