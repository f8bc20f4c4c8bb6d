//! What stands in fields, segments and headers: good values, and what people who try things send.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use vestibule_domain::token::Token;
use vestibule_testkit::TestApp;
use vestibule_testkit::client::escape;

use super::draws::Draws;
use super::world::World;

/// Markup that must never come back as such.
pub(super) const MARKUP: &str = "\"'><xss a=b>";

const WEIRD: [&str; 26] = [
    "",
    " ",
    "0",
    "-1",
    "9223372036854775808",
    "true",
    "null",
    "../../etc/passwd",
    "..%2f..%2f",
    "%",
    "%00",
    "%c3%28",
    "%2525252e",
    "' OR 1=1 --",
    "\u{202e}txet",
    "\u{0}",
    "a\r\nSet-Cookie: vestibule=x",
    "//evil.example",
    "/\\evil.example",
    "https://evil.example/",
    "javascript:alert(1)",
    "\u{ff0e}\u{ff0e}\u{ff0f}",
    "ｂｅｎ@acme.example",
    "{{7*7}}${7*7}<%= 7 %>",
    "2027-02-30",
    MARKUP,
];

/// A value that nobody means well with.
pub(super) fn weird(draws: &mut Draws) -> String {
    match draws.below(10) {
        0 => String::from_utf8_lossy(&draws.bytes(40)).into_owned(),
        1 => draws.one(&WEIRD).repeat(draws.below(40)),
        2 => "x".repeat(draws.below(5_000)),
        3 => {
            let inner = escape(draws.one::<&str>(&WEIRD));
            (0..draws.below(4)).fold(inner, |text, _| escape(&text))
        }
        _ => (*draws.one(&WEIRD)).to_owned(),
    }
}

/// A value that somebody means well with. A password stands in its own field alone: elsewhere it would
/// rightly be shown again.
pub(super) fn value_of(
    field: &str,
    who: &str,
    world: &World,
    app: &TestApp,
    draws: &mut Draws,
) -> String {
    let person = draws.one(&world.people).clone();
    let (email, password) = World::credentials(if draws.percent(92) { who } else { &person });
    let words: &[&str] = match field {
        "email" => return email,
        "password" => {
            let new = "an otter sings below the bridge".to_owned();
            return if draws.percent(93) { password } else { new };
        }
        "code" => return code(who, world, app, draws),
        "return_to" | "act" => return path(world, draws),
        "host" => return draws.one(&world.hosts).clone(),
        "user" => return draws.one(&world.ids).clone(),
        "set" => return world.set.clone().unwrap_or_default(),
        "token" => return token(world, draws),
        "challenge" => return challenge(world, draws),
        "after" => return format!("{}.{}", draws.below(2_000_000_000_000), draws.one(&world.ids)),
        "name" | "account" | "search" => &["Ada Lovelace", "Phone", "Wiki", "Zoë", "李小龙", "a"],
        "role" => &["Member", "Admin", "member"],
        "enter" => &["everyone", "admins", "named"],
        "required" | "always_mfa" => &["true", "false", "on"],
        "max_age_minutes" => &["", "60", "1440", "1441"],
        "about" => &["sign-in", "users", "policy", "refused"],
        "from" | "until" => &["2027-01-15", "2027-01-14", "9999-12-31", "0000-01-01"],
        "format" => &["jsonl", "csv"],
        "with" | "instead" => &["recovery-code", "code", "1"],
        "notice" => &["signed-out", "session-ended", "password-changed"],
        "mfa" | "state" => &["none", "on", "off", "invited", "active", "disabled"],
        _ => &["1"],
    };
    (*draws.one(words)).to_owned()
}

/// What a hand-over is bound to: the hash of the nonce that the protected host set.
fn challenge(world: &World, draws: &mut Draws) -> String {
    let nonce = draws.any(&world.nonces).and_then(|nonce| Token::parse(nonce));
    nonce.map_or_else(|| "AAAA".into(), |nonce| URL_SAFE_NO_PAD.encode(nonce.hash().as_bytes()))
}

fn code(who: &str, world: &World, app: &TestApp, draws: &mut Draws) -> String {
    let has_app = !who.starts_with("ben") && !who.starts_with("eve");
    match draws.below(20) {
        0..=15 if has_app => app.code(who),
        16 => draws.one(&world.recovery_codes).clone(),
        17 => "ABCD-EFGH-2345-67AA".to_owned(),
        _ => format!("{:06}", draws.below(1_000_000)),
    }
}

/// A path with its query, here or nearly here.
fn path(world: &World, draws: &mut Draws) -> String {
    let paths =
        ["/", "/settings/security", "/settings/account/mfa", "/settings/users?search=a&mfa=none"];
    match draws.below(6) {
        0 => draws.any(&world.links).cloned().unwrap_or_default(),
        1 => format!("/{}", weird(draws)),
        _ => (*draws.one(&paths)).to_owned(),
    }
}

/// Something where a token of 256 bits belongs.
pub(super) fn token(world: &World, draws: &mut Draws) -> String {
    match draws.below(6) {
        0 => "A".repeat(43),
        1 => weird(draws),
        2 => "A".repeat(42 + draws.below(3)),
        _ => {
            let link = draws.any(&world.links).cloned().unwrap_or_default();
            mutated(link.rsplit('/').next().unwrap_or_default(), draws)
        }
    }
}

/// The same, or the same with one letter changed, cut or doubled.
pub(super) fn mutated(text: &str, draws: &mut Draws) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    if letters.is_empty() {
        return String::new();
    }
    let at = draws.below(letters.len());
    match draws.below(12) {
        0 => letters[at] = char::from(draws.one(b"AZaz09-_=/ ").to_owned()),
        1 => drop(letters.remove(at)),
        2 => letters.insert(at, letters[at]),
        3 => letters.truncate(at),
        _ => {}
    }
    letters.into_iter().collect()
}
