//! Security codes of TOTP apps (RFC 6238): SHA-1, six digits, 30 seconds, a 160-bit secret.
//!
//! That a code is taken only once is the business of whoever stores the spent step.

use totp_rs::{Builder, Secret, Totp};
use zeroize::{Zeroize as _, Zeroizing};

use crate::randomness::Randomness;
use crate::time::Timestamp;

/// Seconds in a step (RFC 6238 §5.2).
const STEP_SECONDS: u64 = 30;
/// Steps accepted on either side of now, for slow networks and slow hands (RFC 6238 §5.2).
const SKEW: u16 = 1;
/// Steps searched on either side to explain a wrong code: ten minutes.
const SEARCHED: u64 = 20;

/// A time step: how many times 30 seconds since 1970. With the factor it names one code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Step(pub i64);

impl Step {
    /// The step of a moment.
    pub fn at(now: Timestamp) -> Self {
        to_step(now.unix_seconds() / STEP_SECONDS)
    }

    /// When it begins.
    pub fn begins(self) -> Timestamp {
        Timestamp::from_millis(self.0.saturating_mul(30_000))
    }

    /// Every step whose code is still good now or may have been told by the answer to a wrong one: what
    /// has to be spent where nobody knows what was.
    pub fn within_reach(now: Timestamp) -> impl Iterator<Item = Self> {
        let (here, skew) = (Self::at(now).0, i64::from(SKEW));
        (here - skew..=here + to_step(SEARCHED).0).map(Self)
    }
}

/// Six digits as a person typed them. No `Debug`: for half a minute it is a secret.
#[derive(Clone)]
pub struct Code(Zeroizing<String>);

/// The text is not six digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a security code has six digits")]
pub struct NotACode;

impl Code {
    /// Reads six digits; spaces anywhere are ignored, as apps show codes in groups.
    pub fn parse(text: &str) -> Result<Self, NotACode> {
        let mut digits = Zeroizing::new(String::with_capacity(6));
        for c in text.chars().filter(|c| !c.is_whitespace()) {
            if !c.is_ascii_digit() || digits.len() == 6 {
                return Err(NotACode);
            }
            digits.push(c);
        }
        if digits.len() == 6 { Ok(Self(digits)) } else { Err(NotACode) }
    }
}

/// The key that the app and Vestibule share. No `Debug`, no `Display`.
#[derive(Clone)]
pub struct TotpSecret(Zeroizing<[u8; 20]>);

/// What a code is, compared with one app at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// The code of this step, which is near enough to now. Good if the step is not spent.
    Now(Step),
    /// The code of a step that is further away: the phone's clock is off.
    Off {
        /// The step whose code it is. It has to be spent, or the answer would tell an attacker a
        /// future code.
        step: Step,
        /// How far the phone's clock is ahead, in seconds; negative when it is slow.
        seconds_ahead: i64,
    },
    /// No code of the searched ten minutes either way.
    No,
}

impl TotpSecret {
    /// A fresh secret of 160 bits (RFC 4226 §4 R6).
    pub fn new(randomness: &Randomness) -> Self {
        Self(Zeroizing::new(randomness.bytes()))
    }

    /// The secret from its 20 bytes; `None` for any other length.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self(Zeroizing::new(bytes.try_into().ok()?)))
    }

    /// The 20 bytes, to be sealed.
    pub fn expose_bytes(&self) -> &[u8] {
        self.0.as_ref()
    }

    /// The key as a person types it into an app: base32 without padding (RFC 4648 §6).
    pub fn expose_base32(&self) -> Zeroizing<String> {
        Zeroizing::new(self.secret().to_base32())
    }

    /// The `otpauth://` address that the QR code holds. A colon would end the issuer, so it
    /// becomes a space.
    pub fn expose_uri(&self, issuer: &str, email: &str) -> Zeroizing<String> {
        let name = |text: &str| text.replace(':', " ");
        let totp = Builder::new()
            .with_secret(self.secret())
            .with_issuer(Some(name(issuer)))
            .with_account_name(name(email))
            .build_noncompliant();
        // It fails for an empty name or a colon alone; neither can be here.
        Zeroizing::new(totp.to_url().unwrap_or_default())
    }

    /// Compares `code` with this app at `now`.
    pub fn compare(&self, code: &Code, now: Timestamp) -> Match {
        let seconds = now.unix_seconds();
        if let Some(step) = self.totp(SKEW).check(&code.0, seconds) {
            return Match::Now(to_step(step));
        }
        let exact = self.totp(0);
        let here = seconds / STEP_SECONDS;
        for away in u64::from(SKEW) + 1..=SEARCHED {
            for step in [here.checked_sub(away), here.checked_add(away)].into_iter().flatten() {
                if exact.check(&code.0, step * STEP_SECONDS).is_some() {
                    let steps_ahead = to_step(step).0 - to_step(here).0;
                    return Match::Off { step: to_step(step), seconds_ahead: steps_ahead * 30 };
                }
            }
        }
        Match::No
    }

    /// The code that the app shows at `at`: for the demo and for tests, never for a decision.
    pub fn code_at(&self, at: Timestamp) -> Zeroizing<String> {
        Zeroizing::new(self.totp(0).generate(at.unix_seconds()).to_string())
    }

    fn secret(&self) -> Secret {
        let mut bytes = *self.0;
        let secret = Secret::new_stack(bytes);
        bytes.zeroize();
        secret
    }

    fn totp(&self, skew: u16) -> Totp {
        Builder::new().with_secret(self.secret()).with_skew(skew).build_noncompliant()
    }
}

fn to_step(step: u64) -> Step {
    Step(i64::try_from(step).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Code, Match, Step, TotpSecret};
    use crate::time::Timestamp;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    /// RFC 6238 appendix B, the rows for SHA-1; the last six of its eight digits.
    #[test]
    fn vectors_of_the_rfc() {
        let app = TotpSecret::from_bytes(b"12345678901234567890").unwrap();
        for (seconds, code) in [
            (59, "94287082"),
            (1_111_111_109, "07081804"),
            (1_111_111_111, "14050471"),
            (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"),
            (20_000_000_000, "65353130"),
        ] {
            assert_eq!(*app.code_at(at(seconds)), code[2..]);
            let typed = Code::parse(&code[2..]).unwrap();
            assert_eq!(app.compare(&typed, at(seconds)), Match::Now(Step(seconds / 30)));
        }
    }

    #[test]
    fn one_step_either_side_is_good_and_ten_minutes_are_explained() {
        let app = TotpSecret::from_bytes(&[7; 20]).unwrap();
        let now = at(1_800_000_000);
        let code = |t: Timestamp| Code::parse(&app.code_at(t)).unwrap();
        let seconds = Duration::from_secs;
        let step = Step(60_000_000);
        assert_eq!(app.compare(&code(now), now), Match::Now(step));
        assert_eq!(app.compare(&code(now.minus(seconds(30))), now), Match::Now(Step(step.0 - 1)));
        assert_eq!(app.compare(&code(now.plus(seconds(30))), now), Match::Now(Step(step.0 + 1)));
        assert_eq!(
            app.compare(&code(now.minus(seconds(120))), now),
            Match::Off { step: Step(step.0 - 4), seconds_ahead: -120 }
        );
        assert_eq!(
            app.compare(&code(now.plus(seconds(600))), now),
            Match::Off { step: Step(step.0 + 20), seconds_ahead: 600 }
        );
        assert_eq!(app.compare(&code(now.plus(seconds(630))), now), Match::No);
    }

    #[test]
    fn codes_are_read_with_spaces_and_nothing_else() {
        for good in ["123456", " 123 456 ", "12\u{a0}34 56"] {
            assert!(Code::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "12345", "1234567", "12345a", "١٢٣٤٥٦", "123456\0"] {
            assert!(Code::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_address_names_issuer_and_user_and_no_colon_can_forge_them() {
        let app = TotpSecret::from_bytes(&[0; 20]).unwrap();
        assert_eq!(
            *app.expose_uri("Acme: Analytics", "ben@acme.example"),
            "otpauth://totp/Acme%20%20Analytics:ben%40acme.example\
             ?secret=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA&issuer=Acme%20%20Analytics"
        );
    }
}
