//! Codes, recovery codes, tokens.

use vestibule_domain::recovery_code::RecoveryCode;
use vestibule_domain::time::Timestamp;
use vestibule_domain::token::Token;
use vestibule_domain::totp::{Code, Match, TotpSecret};

use super::text;

/// A security code: six digits and white space, and nothing else. It is right when the app shows it.
pub fn code(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let is_one = digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let parsed = Code::parse(text);
    assert_eq!(parsed.is_ok(), is_one);
    let Ok(code) = parsed else { return };
    let app = TotpSecret::from_bytes(b"12345678901234567890").unwrap();
    let now = Timestamp::from_millis(1_800_000_010_000);
    let near = [-30_000, 0, 30_000].map(|away| Timestamp::from_millis(now.millis() + away));
    let shown = near.iter().any(|at| *app.code_at(*at) == *digits);
    assert_eq!(matches!(app.compare(&code, now), Match::Now(_)), shown);
}

/// A recovery code: sixteen letters of the alphabet, however they are grouped and spelt.
pub fn recovery_code(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let Ok(code) = RecoveryCode::parse(text) else { return };
    let shown = code.expose();
    assert_eq!(shown.len(), 19);
    let letters: String = shown.split('-').collect();
    assert!(letters.len() == 16 && letters.bytes().all(|c| matches!(c, b'A'..=b'Z' | b'2'..=b'7')));
    for spelling in [
        shown.to_string(),
        shown.to_lowercase(),
        letters,
        shown.replace('-', " "),
        shown.replace('O', "0").replace('I', "1").replace('B', "8"),
    ] {
        assert!(RecoveryCode::parse(&spelling).is_ok_and(|again| *again.expose() == *shown));
    }
}

/// A token has one spelling.
pub fn token(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    if let Some(token) = Token::parse(text) {
        assert_eq!(token.expose(), text);
        assert_eq!(text.len(), 43);
    }
    if let Some(challenge) = vestibule_web::fuzzing::challenge(text) {
        assert_eq!(text.len(), 43);
        assert_eq!(challenge.len(), 32);
    }
}
