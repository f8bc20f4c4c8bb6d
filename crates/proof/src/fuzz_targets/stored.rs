//! Texts that come back out of the database, a backup or an address: each reads as itself, and
//! identifiers have one spelling.

use std::fmt::Display;
use std::str::FromStr;

use vestibule_domain::application::Enter;
use vestibule_domain::audit::{AuditGroup, AuditKind};
use vestibule_domain::audit_chain::{ChainHash, SegmentWhy};
use vestibule_domain::backup::LockedKey;
use vestibule_domain::id::{ApplicationId, FactorId, LinkId, SessionId, UserId};
use vestibule_domain::link::{LinkPurpose, Recovers};
use vestibule_domain::password::PasswordHash;
use vestibule_domain::sealing::MasterKeyId;

use super::text;

/// All of them, of one text.
pub fn stored_texts(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    one_spelling::<UserId>(text);
    one_spelling::<SessionId>(text);
    one_spelling::<FactorId>(text);
    one_spelling::<LinkId>(text);
    one_spelling::<ApplicationId>(text);
    one_spelling::<ChainHash>(text);
    one_spelling::<MasterKeyId>(text);
    if let Ok(why) = text.parse::<SegmentWhy>() {
        assert_eq!(why.to_string().parse(), Ok(why));
    }
    let words = [
        text.parse::<Enter>().ok().map(Enter::as_str),
        text.parse::<AuditGroup>().ok().map(AuditGroup::as_str),
        text.parse::<AuditKind>().ok().map(AuditKind::as_str),
        text.parse::<LinkPurpose>().ok().map(LinkPurpose::as_str),
        text.parse::<Recovers>().ok().map(Recovers::as_str),
    ];
    assert!(words.into_iter().flatten().all(|word| word == text));
    if let Ok(hash) = PasswordHash::from_phc(text) {
        let again = PasswordHash::from_phc(&hash.to_phc());
        assert!(again.is_ok_and(|again| again.to_phc() == hash.to_phc()));
    }
    if let Some(key) = LockedKey::from_text(text) {
        let shown = key.to_text();
        assert!(LockedKey::from_text(&shown).is_some_and(|again| again.to_text() == shown));
    }
}

fn one_spelling<T: FromStr + Display>(text: &str) {
    if let Ok(read) = text.parse::<T>() {
        assert_eq!(read.to_string(), text);
    }
}
