//! E-mails, names, new passwords.

use vestibule_domain::email::Email;
use vestibule_domain::name::{self, Name, search_key};
use vestibule_domain::password::{MAX_LENGTH, Password};

use super::text;

/// An e-mail has one spelling, in which nothing is hidden.
pub fn email(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let Ok(email) = Email::parse(text) else { return };
    let address = email.as_str();
    assert_eq!(Email::parse(address).as_ref(), Ok(&email));
    assert_eq!(Email::parse(&format!(" \t{text}\n")).as_ref(), Ok(&email));
    assert!(address.len() <= 254 && address.matches('@').count() == 1);
    assert!(!address.chars().any(|c| c.is_control() || c.is_whitespace()));
    assert!(!address.bytes().any(|byte| byte.is_ascii_uppercase()));
    assert!(address.split_once('@').is_some_and(|(local, _)| local == email.local_part()));
    assert_eq!(email.may_be_look_alike(), !address.is_ascii());
    // It stands in headers of mails, where these would begin something else.
    assert!(!address.contains(['<', '>', ',', ';', '"', '\\', '(', ')', '[', ']']));
    assert!(!email.skeleton().is_empty());
    assert_eq!(search_key(&search_key(address)), search_key(address));
}

/// A name is what it shows.
pub fn name(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let key = search_key(text);
    assert_eq!(search_key(&key), key);
    let Ok(name) = Name::parse(text) else { return };
    assert_eq!(Name::parse(name.as_str()).as_ref(), Ok(&name));
    assert_eq!(name.as_str().trim(), name.as_str());
    assert!((1..=name::MAX_LENGTH).contains(&name.as_str().chars().count()));
    assert!(!name.as_str().chars().any(char::is_control));
    assert_eq!(name.search_key(), search_key(name.as_str()));
}

/// A new password is judged, whatever it is, and within its length.
pub fn password(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let email = Email::parse("ada.lovelace@acme.example").unwrap();
    let typed = Password::typed(text);
    if typed.check(12, &email, &["Ada Lovelace", "Acme"]).is_ok() {
        // NFC makes three characters of one at most, and none of many never.
        let characters = text.chars().count();
        assert!((4..=MAX_LENGTH * 18).contains(&characters), "{characters}");
        let lower = text.to_lowercase();
        assert!(!["ada.lovelace@acme.example", "password1234"].contains(&lower.as_str()));
    }
}
