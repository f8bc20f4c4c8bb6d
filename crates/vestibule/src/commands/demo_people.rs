//! Who is in the demo, with passwords that are made afresh each time.

use anyhow::anyhow;
use vestibule_domain::application::{Enter, Host, Rules};
use vestibule_domain::email::Email;
use vestibule_domain::name::Name;
use vestibule_domain::randomness::Randomness;
use vestibule_domain::user::Role;
use vestibule_flows::Vestibule;
use vestibule_flows::furnish::Furnished;

use crate::system;

/// The demo's account.
pub(crate) const ACCOUNT: &str = "Acme Analytics";

/// The name and the host of the demo's application, which everyone may enter.
pub(crate) const APPLICATION: (&str, &str) = ("Demo application", "app.localhost:8081");

/// E-mail, name, role, and whether MFA is on from the start.
const PEOPLE: [(&str, &str, Role, bool); 4] = [
    ("ada@acme.example", "Ada Lovelace", Role::Admin, false),
    ("ben@acme.example", "Ben Okafor", Role::Member, false),
    ("dinesh@acme.example", "Dinesh Rao", Role::Member, false),
    ("cleo@acme.example", "Cleo Marín", Role::Member, true),
];

/// Short, easy to type, hard to confuse: 64 of them, so that four are one in 16 million, which
/// outlasts an afternoon behind the limits.
const WORDS: [&str; 64] = [
    "acorn", "amber", "anchor", "apron", "badger", "basil", "beacon", "birch", "bison", "cactus",
    "candle", "canoe", "cedar", "cinder", "cobalt", "comet", "copper", "coral", "dapple", "donkey",
    "ember", "falcon", "fennel", "ferry", "fiddle", "garnet", "ginger", "goblet", "hazel", "heron",
    "indigo", "island", "ivory", "jacket", "kettle", "ladder", "lagoon", "lemon", "lentil",
    "magnet", "maple", "marble", "meadow", "mitten", "nectar", "nutmeg", "orchid", "otter",
    "paddle", "pebble", "pepper", "pigeon", "poplar", "quartz", "raisin", "ribbon", "saffron",
    "sketch", "thimble", "timber", "tulip", "velvet", "walnut", "willow",
];

/// Someone in the demo, with what it takes to sign in.
#[derive(serde::Serialize)]
pub(crate) struct Person {
    pub(crate) email: &'static str,
    pub(crate) name: &'static str,
    pub(crate) role: &'static str,
    pub(crate) password: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) totp_key: Option<String>,
    #[serde(skip)]
    pub(crate) totp_uri: String,
}

/// Creates the account and its people.
pub(crate) async fn furnish(vestibule: &Vestibule) -> anyhow::Result<Vec<Person>> {
    let randomness = system::randomness();
    let wrong = |error: &dyn std::fmt::Display| anyhow!("the demo is made wrongly: {error}");
    let account = Name::parse(ACCOUNT).map_err(|error| wrong(&error))?;
    let account = vestibule.furnish_account(&account).await?;
    let (name, host) = (Name::parse(APPLICATION.0), Host::parse(APPLICATION.1, false));
    let (name, host) = (name.map_err(|e| wrong(&e))?, host.map_err(|e| wrong(&e))?);
    let rules = Rules { account, enter: Enter::Everyone, always_mfa: false, max_age: None };
    vestibule.furnish_application(&name, &host, rules).await?;
    let mut people = Vec::with_capacity(PEOPLE.len());
    for (email, name, role, with_factor) in PEOPLE {
        let password = password(&randomness);
        let furnished = Furnished {
            email: &Email::parse(email).map_err(|error| wrong(&error))?,
            name: &Name::parse(name).map_err(|error| wrong(&error))?,
            role,
            password: &password,
            with_factor,
        };
        let (_, secret) = vestibule.furnish_user(account, &furnished).await?;
        people.push(Person {
            email,
            name,
            role: role.as_str(),
            password,
            totp_key: secret.as_ref().map(|secret| secret.expose_base32().to_string()),
            totp_uri: secret
                .map(|secret| secret.expose_uri(ACCOUNT, email).to_string())
                .unwrap_or_default(),
        });
    }
    Ok(people)
}

fn password(randomness: &Randomness) -> String {
    let words = randomness.bytes::<4>().map(|byte| WORDS[usize::from(byte) % WORDS.len()]);
    words.join("-")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, Ordering};

    use vestibule_domain::email::Email;
    use vestibule_domain::password::{DEFAULT_MINIMUM, Password};
    use vestibule_domain::randomness::Randomness;

    use super::{ACCOUNT, PEOPLE, WORDS, password};

    #[test]
    fn every_password_may_be_one() {
        let counter = AtomicU8::new(0);
        // Each word four times over, and with its neighbours.
        let randomness = Randomness::new(move |bytes| {
            let number = counter.fetch_add(1, Ordering::Relaxed);
            for (at, byte) in (0..).zip(bytes) {
                *byte = number + if number < 64 { 0 } else { at };
            }
        });
        let passwords: Vec<String> = (0..128).map(|_| password(&randomness)).skip(64).collect();
        for (email, name, ..) in PEOPLE {
            let email = Email::parse(email).unwrap();
            for text in &passwords {
                let checked =
                    Password::typed(text).check(DEFAULT_MINIMUM, &email, &[name, ACCOUNT]);
                assert_eq!(checked, Ok(()), "{text}");
            }
        }
    }

    #[test]
    fn no_word_is_twice_or_shorter_than_five_letters() {
        for (index, word) in WORDS.iter().enumerate() {
            assert!(word.len() >= 5, "{word}");
            assert!(!WORDS[..index].contains(word), "{word}");
        }
    }
}
