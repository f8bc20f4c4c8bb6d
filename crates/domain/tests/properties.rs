//! Properties of the small rules: what holds for every input, not only for the examples beside
//! them.

#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;
use unicode_normalization::UnicodeNormalization as _;
use vestibule_domain::email::Email;
use vestibule_domain::name::{self, Name};
use vestibule_domain::password::{HashCost, HashMemory, Password, PasswordHash};
use vestibule_domain::randomness::Randomness;
use vestibule_domain::time::Timestamp;
use vestibule_domain::token::Token;
use vestibule_domain::totp::{Code, Match, Step, TotpSecret};

const STEP: i64 = 30_000;

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

// Security codes.

/// The steps around `here` whose code is `typed`, as distances: the app asked step by step.
fn steps_with_code(app: &TotpSecret, typed: &str, here: i64) -> Vec<i64> {
    let shows = |away: i64| {
        let step = here + away;
        step >= 0 && *app.code_at(Timestamp::from_millis(step * STEP)) == *typed
    };
    (-25..=25).filter(|away| shows(*away)).collect()
}

fn moment() -> impl Strategy<Value = i64> {
    prop_oneof![4 => 1_500_000_000_000..4_000_000_000_000_i64, 1 => 0..60 * STEP, 1 => 0..1_i64 << 50]
}

proptest! {
    #![proptest_config(config(300))]

    /// Two steps in a million share a code: the app is asked about all of them, so that chance
    /// fails no run.
    #[test]
    fn a_code_is_good_one_step_either_side_and_explained_twenty_steps_either_side(
        secret in any::<[u8; 20]>(),
        now in moment(),
        away in -25..=25_i64,
    ) {
        let app = TotpSecret::from_bytes(&secret).unwrap();
        let here = now / STEP;
        prop_assume!(here + away >= 0);
        let typed = app.code_at(Timestamp::from_millis((here + away) * STEP));
        let code = Code::parse(&typed).unwrap();
        let steps = steps_with_code(&app, &typed, here);
        prop_assert!(steps.contains(&away));
        match app.compare(&code, Timestamp::from_millis(now)) {
            Match::Now(Step(step)) => {
                prop_assert!((-1..=1).contains(&(step - here)), "{} steps away", step - here);
                prop_assert!(steps.contains(&(step - here)));
            }
            Match::Off { step: Step(step), seconds_ahead } => {
                prop_assert!(steps.iter().all(|away| away.abs() > 1), "good now: {steps:?}");
                prop_assert!((2..=20).contains(&(step - here).abs()));
                prop_assert!(steps.contains(&(step - here)));
                prop_assert_eq!(seconds_ahead, (step - here) * 30);
            }
            Match::No => prop_assert!(steps.iter().all(|away| away.abs() > 20), "{steps:?}"),
        }
        if steps.len() == 1 {
            let expected = match away {
                -1..=1 => Match::Now(Step(here + away)),
                -20..=20 => Match::Off { step: Step(here + away), seconds_ahead: away * 30 },
                _ => Match::No,
            };
            prop_assert_eq!(app.compare(&code, Timestamp::from_millis(now)), expected);
        }
    }

    #[test]
    fn a_guess_is_good_only_if_the_app_shows_it(
        secret in any::<[u8; 20]>(),
        now in moment(),
        guess in 0..1_000_000_u32,
    ) {
        let app = TotpSecret::from_bytes(&secret).unwrap();
        let typed = format!("{guess:06}");
        let here = now / STEP;
        let near: Vec<i64> = steps_with_code(&app, &typed, here);
        let nearest = near.iter().map(|away| away.abs()).min();
        let answer = app.compare(&Code::parse(&typed).unwrap(), Timestamp::from_millis(now));
        match nearest {
            Some(0..=1) => prop_assert!(matches!(answer, Match::Now(_))),
            Some(2..=20) => prop_assert!(matches!(answer, Match::Off { .. }), "{:?}", answer),
            _ => prop_assert_eq!(answer, Match::No),
        }
    }

    #[test]
    fn a_moment_within_a_step_makes_no_difference(
        secret in any::<[u8; 20]>(),
        step in 30..200_000_000_i64,
        within in 0..STEP,
    ) {
        let app = TotpSecret::from_bytes(&secret).unwrap();
        let (begin, later) = (step * STEP, step * STEP + within);
        let code = app.code_at(Timestamp::from_millis(begin));
        prop_assert_eq!(&*code, &*app.code_at(Timestamp::from_millis(later)));
        let code = Code::parse(&code).unwrap();
        let answer = app.compare(&code, Timestamp::from_millis(later));
        prop_assert_eq!(answer, app.compare(&code, Timestamp::from_millis(begin)));
    }

    #[test]
    fn no_moment_makes_a_comparison_panic(secret in any::<[u8; 20]>(), now in any::<i64>()) {
        let app = TotpSecret::from_bytes(&secret).unwrap();
        let now = Timestamp::from_millis(now);
        let code = Code::parse(&app.code_at(now)).unwrap();
        prop_assert!(matches!(app.compare(&code, now), Match::Now(_)));
    }

    #[test]
    fn six_digits_are_a_code_however_they_are_spaced(
        digits in prop::collection::vec(0..10_u8, 0..9),
        spaces in prop::collection::vec(prop::sample::select(vec!["", " ", "\u{a0}", "\t"]), 9),
    ) {
        let typed: String = digits
            .iter()
            .zip(&spaces)
            .flat_map(|(digit, space)| [digit.to_string(), (*space).to_owned()])
            .collect();
        prop_assert_eq!(Code::parse(&typed).is_ok(), digits.len() == 6);
    }

    #[test]
    fn what_has_anything_but_digits_and_space_is_no_code(text in ".*[^0-9\\s].*") {
        prop_assert!(Code::parse(&text).is_err());
    }
}

// E-mail addresses.

fn ascii_address() -> impl Strategy<Value = String> {
    let word = "[a-zA-Z0-9]([a-zA-Z0-9+_-]{0,8}[a-zA-Z0-9])?";
    (prop::collection::vec(word, 1..4), prop::collection::vec("[a-zA-Z0-9]{1,9}", 1..4))
        .prop_map(|(local, host)| format!("{}@{}", local.join("."), host.join(".")))
}

/// A letter in one of its spellings: upper case, or as wide as a Chinese character.
fn respell(c: char, how: u8) -> char {
    match how {
        1 => c.to_ascii_uppercase(),
        2 if c.is_ascii_graphic() => char::from_u32(u32::from(c) + 0xFEE0).unwrap(),
        _ => c,
    }
}

proptest! {
    #![proptest_config(config(2000))]

    #[test]
    fn every_spelling_of_an_address_is_that_address(
        address in ascii_address(),
        how in prop::collection::vec(0..3_u8, 64),
        before in "[ \\t\u{a0}]{0,3}",
        after in "[ \\n\u{3000}]{0,3}",
    ) {
        let email = Email::parse(&address).unwrap();
        prop_assert_eq!(email.as_str(), address.to_ascii_lowercase());
        let respelt: String =
            address.chars().zip(how.iter().cycle()).map(|(c, how)| respell(c, *how)).collect();
        prop_assert_eq!(Email::parse(&format!("{before}{respelt}{after}")), Ok(email.clone()));
        prop_assert!(!email.may_be_look_alike());
    }

    #[test]
    fn two_ascii_addresses_are_two(one in ascii_address(), two in ascii_address()) {
        prop_assume!(!one.eq_ignore_ascii_case(&two));
        prop_assert_ne!(Email::parse(&one).unwrap(), Email::parse(&two).unwrap());
    }

    #[test]
    fn what_was_read_reads_as_itself(text in "\\PC{1,12}@\\PC{1,12}") {
        if let Ok(email) = Email::parse(&text) {
            prop_assert_eq!(Email::parse(email.as_str()), Ok(email.clone()));
            prop_assert!(email.as_str().len() <= 254);
            prop_assert_eq!(email.local_part(), email.as_str().split('@').next().unwrap());
        }
    }

    #[test]
    fn no_text_makes_an_address_panic(text in any::<String>()) {
        let _ = Email::parse(&text);
    }

    #[test]
    fn composed_and_decomposed_addresses_are_one(local in "[äéîõüçñа-яα-ω]{1,8}") {
        let composed: String = format!("{local}@acme.example").nfc().collect();
        let decomposed: String = composed.nfd().collect();
        prop_assert_eq!(Email::parse(&composed), Email::parse(&decomposed));
    }
}

/// Every character of the first plane, and a sample of the others, in an address.
fn characters() -> impl Iterator<Item = char> {
    ('\0'..='\u{FFFF}').chain(('\u{10000}'..=char::MAX).step_by(67))
}

#[test]
fn every_character_is_refused_or_has_one_spelling() {
    let mut taken = 0;
    for c in characters() {
        let Ok(email) = Email::parse(&format!("{c}@acme.example")) else { continue };
        taken += 1;
        assert_eq!(Email::parse(email.as_str()).as_ref(), Ok(&email), "{c:?}");
        let lower = format!("{}@acme.example", c.to_lowercase());
        let known = ['ϴ', 'Ϲ', 'ẞ'].contains(&c);
        assert!(known || Email::parse(&lower).as_ref() == Ok(&email), "{c:?}");
    }
    println!("{taken} characters may stand in an address");
}

/// Unicode's `Default_Ignorable_Code_Point`: what a page shows as nothing.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}'
        | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}'
        | '\u{FFA0}' | '\u{FFF0}'..='\u{FFF8}' | '\u{1BCA0}'..='\u{1BCA3}'
        | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

#[test]
fn no_invisible_character_stands_in_an_address() {
    for c in ('\0'..=char::MAX).filter(|c| is_invisible(*c)) {
        for text in [format!("b{c}en@acme.example"), format!("ben{c}@acme.example")] {
            assert!(Email::parse(&text).is_err(), "{c:?} in the name");
        }
        assert!(Email::parse(&format!("ben@ac{c}me.example")).is_err(), "{c:?} in the host");
        // Letters of the same script hide it from the rule about mixed scripts.
        for text in [format!("бе{c}н@acme.example"), format!("ខ្មែ{c}រ@acme.example")]
        {
            assert!(Email::parse(&text).is_err(), "{c:?} in another script");
        }
        assert!(Email::parse(&format!("{c}@acme.example")).is_err(), "{c:?} alone");
    }
}

// Names.

proptest! {
    #![proptest_config(config(2000))]

    #[test]
    fn a_name_that_was_read_reads_as_itself(text in "\\PC{0,120}") {
        let Ok(name) = Name::parse(&text) else { return Ok(()) };
        prop_assert_eq!(Name::parse(name.as_str()), Ok(name.clone()));
        prop_assert_eq!(name.as_str().trim(), name.as_str());
        prop_assert!((1..=name::MAX_LENGTH).contains(&name.as_str().chars().count()));
        let decomposed: String = name.as_str().nfd().collect();
        prop_assert_eq!(Name::parse(&decomposed), Ok(name.clone()));
        prop_assert_eq!(Name::parse(&format!(" \t{name}\n")), Ok(name.clone()));
        // Who types into the search what the key says finds it.
        prop_assert_eq!(name::search_key(&name.search_key()), name.search_key());
    }

    #[test]
    fn no_text_makes_a_name_panic(text in any::<String>()) {
        let _ = Name::parse(&text);
    }
}

/// A name that shows as nothing hides who is who; one beyond every prefix would hide from the list.
#[test]
fn names_cannot_hide() {
    let alone =
        ['\u{115F}', '\u{1160}', '\u{3164}', '\u{FFA0}', '\u{200B}', '\u{FEFF}', '\u{180E}'];
    for c in alone {
        assert!(Name::parse(&c.to_string()).is_err(), "{c:?} alone");
        assert!(Name::parse(&format!("Ada{c}")).is_err(), "{c:?}");
    }
    for c in ('\0'..=char::MAX).filter(|c| u32::from(*c) & 0xFFFE == 0xFFFE) {
        assert!(Name::parse(&format!("{c}Ada")).is_err(), "{c:?} is no character");
    }
    for c in '\u{FDD0}'..='\u{FDEF}' {
        assert!(Name::parse(&format!("Ada{c}")).is_err(), "{c:?} is no character");
    }
    for c in ['\u{61C}', '\u{202E}', '\u{2066}'] {
        assert!(Name::parse(&format!("Ada{c}")).is_err(), "{c:?} turns the text around");
    }
}

#[test]
fn names_of_many_scripts_are_names() {
    for name in [
        "Ada Lovelace",
        "Cleo Marín",
        "Þórdís Ósk",
        "Ngũgĩ wa Thiong’o",
        "דוד לוי",
        "محمد علی",
        "प्रकाश राव",
        "വിജയൻ\u{200D}",
        "李小龙",
        "김철수",
        "สมชาย",
        "Άννα",
        "O'Neill-Smith, Jr.",
    ] {
        assert!(Name::parse(name).is_ok(), "{name}");
    }
}

// Tokens.

fn token(bytes: [u8; 32]) -> Token {
    Token::new(&Randomness::new(move |buffer| buffer.copy_from_slice(&bytes)))
}

proptest! {
    #![proptest_config(config(1000))]

    #[test]
    fn a_token_survives_its_text(bytes in any::<[u8; 32]>()) {
        let made = token(bytes);
        let text = made.expose();
        prop_assert!(text.len() == 43 && text.is_ascii());
        prop_assert!(Token::parse(&text).unwrap().hash() == made.hash());
    }

    #[test]
    fn every_other_text_is_no_token_or_another(
        bytes in any::<[u8; 32]>(),
        at in 0..43_usize,
        other in any::<char>(),
    ) {
        let made = token(bytes);
        let mut text: Vec<char> = made.expose().chars().collect();
        prop_assume!(text[at] != other);
        text[at] = other;
        let text: String = text.into_iter().collect();
        if let Some(parsed) = Token::parse(&text) {
            prop_assert!(parsed.hash() != made.hash());
            // One spelling each: no second cookie value opens the same session.
            prop_assert_eq!(parsed.expose(), text);
        }
    }

    #[test]
    fn what_is_no_token_is_refused(text in any::<String>()) {
        if let Some(parsed) = Token::parse(&text) {
            prop_assert_eq!(parsed.expose(), text);
        }
    }

    #[test]
    fn padding_and_length_count(bytes in any::<[u8; 32]>(), extra in "[A-Za-z0-9=_-]{1,5}") {
        let text = token(bytes).expose();
        let longer = format!("{text}{extra}");
        prop_assert!(Token::parse(&longer).is_none());
        prop_assert!(Token::parse(&text[1..]).is_none());
    }
}

// Stored passwords.

const CHEAP: HashCost = HashCost { memory_kib: 8, passes: 1 };

proptest! {
    #![proptest_config(config(100))]

    #[test]
    fn a_stored_password_survives_its_text(
        typed in "\\PC{0,40}",
        other in "\\PC{0,40}",
        salt in any::<[u8; 16]>(),
        passes in 1..3_u32,
        kib in 8..40_u32,
    ) {
        let mut memory = HashMemory::default();
        let cost = HashCost { memory_kib: kib, passes };
        let password = Password::typed(&typed);
        let hash = PasswordHash::new(&password, salt, cost, &mut memory).ok().unwrap();
        let read = PasswordHash::from_phc(&hash.to_phc()).ok().unwrap();
        prop_assert!(read.to_phc() == hash.to_phc());
        prop_assert!(read.verify(&password, &mut memory));
        prop_assert!(!read.is_outdated(cost));
        let dearer = HashCost { passes: passes + 1, ..cost };
        prop_assert!(read.is_outdated(dearer));
        let same = typed.nfc().eq(other.nfc());
        prop_assert_eq!(read.verify(&Password::typed(&other), &mut memory), same);
    }

    #[test]
    fn a_stored_password_with_a_changed_letter_is_unreadable_or_another(
        salt in any::<[u8; 16]>(),
        at in any::<prop::sample::Index>(),
        letter in "[ -~]",
    ) {
        let mut memory = HashMemory::default();
        let password = Password::typed("marble otter sings late");
        let hash = PasswordHash::new(&password, salt, CHEAP, &mut memory).ok().unwrap();
        let mut text = hash.to_phc();
        let at = at.index(text.len());
        prop_assume!(text[at..=at] != letter);
        text.replace_range(at..=at, &letter);
        if let Ok(read) = PasswordHash::from_phc(&text) {
            prop_assert!(read.to_phc() != hash.to_phc());
        }
    }

    #[test]
    fn no_text_makes_reading_a_stored_password_panic(text in "\\$?argon2id\\$v=19\\$m=\\PC{0,60}") {
        let _ = PasswordHash::from_phc(&text);
        let _ = PasswordHash::from_phc(&format!("${text}"));
    }
}

// The wait between attempts.

proptest! {
    #![proptest_config(config(300))]

    /// It never shrinks with the number of attempts, and never exceeds a quarter of an hour.
    #[test]
    fn the_wait_grows_to_a_quarter_of_an_hour(attempts in prop_oneof![0..40_i64, 0..i64::MAX]) {
        use vestibule_domain::limits::wait::{FREE, LONGEST, after};
        prop_assert!(after(attempts) <= after(attempts.saturating_add(1)));
        prop_assert!(after(attempts) <= LONGEST);
        prop_assert_eq!(after(attempts).is_zero(), attempts < FREE);
        prop_assert_eq!(after(i64::MAX), LONGEST);
    }

    /// Whatever the clock did, nobody waits longer than that, and a wait that began in the future
    /// has ended.
    #[test]
    fn no_clock_makes_a_wait_longer(
        count in 0..1_000_i64,
        latest in any::<i64>(),
        now in any::<i64>(),
    ) {
        use vestibule_domain::limits::wait::{Attempts, LONGEST, after};
        let (latest, now) = (Timestamp::from_millis(latest), Timestamp::from_millis(now));
        let attempts = Attempts { count, latest, wait: after(count) };
        let left = attempts.left(now);
        prop_assert!(left.is_none_or(|left| left <= LONGEST));
        if latest > now {
            prop_assert_eq!(left, None);
        } else if let Some(left) = left {
            prop_assert_eq!(attempts.left(now.plus(left)), None);
            prop_assert!(attempts.left(now.plus(left).minus(std::time::Duration::from_millis(1))).is_some());
        }
    }
}
