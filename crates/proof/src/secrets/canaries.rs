//! Secrets that are recognised wherever they stand, in every form in which they might.

use std::collections::BTreeMap;

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use vestibule_testkit::client::escape;

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// All secrets that went by.
#[derive(Default)]
pub(super) struct Canaries {
    /// Each form, with what it is of.
    forms: BTreeMap<Vec<u8>, String>,
    codes: Vec<String>,
    counts: BTreeMap<&'static str, usize>,
}

impl Canaries {
    /// A text that was typed.
    pub(super) fn text(&mut self, kind: &'static str, text: &str) {
        self.note(kind, text, &[text.as_bytes()]);
    }

    /// 256 bits, as they stand in a cookie or a link.
    pub(super) fn token(&mut self, kind: &'static str, token: &str) {
        let raw = URL_SAFE_NO_PAD.decode(token).unwrap();
        self.note(kind, token, &[token.as_bytes(), &raw]);
    }

    /// Bytes that nobody types.
    pub(super) fn key(&mut self, kind: &'static str, bytes: &[u8]) {
        self.note(kind, kind, &[bytes]);
    }

    /// An app's key, in base32.
    pub(super) fn seed(&mut self, seed: &str) {
        let groups: Vec<_> = seed.as_bytes().chunks(4).map(String::from_utf8_lossy).collect();
        let (raw, lower, grouped) = (base32_decoded(seed), seed.to_lowercase(), groups.join(" "));
        let spellings = [seed.as_bytes(), grouped.as_bytes(), lower.as_bytes(), &raw];
        self.note("seeds", seed, &spellings);
    }

    /// A recovery code, as it is shown.
    pub(super) fn recovery_code(&mut self, code: &str) {
        let letters = code.replace('-', "");
        let (raw, lower) = (base32_decoded(&letters), letters.to_lowercase());
        let spaced = code.replace('-', " ");
        let spellings =
            [code.as_bytes(), letters.as_bytes(), lower.as_bytes(), spaced.as_bytes(), &raw];
        self.note("recovery codes", code, &spellings);
    }

    /// A security code.
    pub(super) fn code(&mut self, code: &str) {
        *self.counts.entry("codes").or_default() += 1;
        self.codes.push(code.to_owned());
    }

    fn note(&mut self, kind: &'static str, shown: &str, spellings: &[&[u8]]) {
        let shown: String = shown.chars().take(12).collect();
        let mut new = false;
        for spelling in spellings {
            for (how, form) in forms(spelling) {
                let told = format!("{kind} ({shown}…, {how})");
                new |= self.forms.insert(form, told).is_none();
            }
        }
        *self.counts.entry(kind).or_default() += usize::from(new);
    }

    /// How many there are of each kind, and in how many forms.
    pub(super) fn counts(&self) -> String {
        let kinds: Vec<String> =
            self.counts.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        format!("{} in {} forms", kinds.join(", "), self.forms.len() + self.codes.len())
    }

    /// What of them stands in `bytes`, and where. Of each form the first alone.
    pub(super) fn found_in(&self, bytes: &[u8]) -> Vec<String> {
        let told: Vec<&String> = self.forms.values().collect();
        let all = AhoCorasick::new(self.forms.keys()).unwrap();
        let mut found: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
        for hit in all.find_overlapping_iter(bytes) {
            found.entry(hit.pattern().as_usize()).or_insert((hit.start(), 0)).1 += 1;
        }
        let mut lines: Vec<String> = found
            .into_iter()
            .map(|(at, (first, times))| {
                format!("{}, {times} times: {}", told[at], around(bytes, first))
            })
            .collect();
        // What is base64 by itself is found in two forms at one place.
        lines.dedup_by_key(|line| line.split("…, ").next().unwrap_or_default().to_owned());
        let codes = AhoCorasick::new(&self.codes).unwrap();
        let hits = codes.find_iter(bytes).filter(|hit| is_alone(bytes, hit.range()));
        lines.extend(hits.map(|hit| format!("codes: {}", around(bytes, hit.start()))));
        lines
    }
}

/// A code that is no part of a longer number, a fraction or an identifier, nor of the list of passwords
/// that everybody knows, which is in the program and has commas between them.
fn is_alone(bytes: &[u8], at: std::ops::Range<usize>) -> bool {
    let before = at.start.checked_sub(1).map_or(b' ', |before| bytes[before]);
    let after = bytes.get(at.end).copied().unwrap_or(b' ');
    let joins = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-';
    !joins(before) && !joins(after) && !(before == b',' && after == b',')
}

fn around(bytes: &[u8], at: usize) -> String {
    let (from, to) = (at.saturating_sub(60), (at + 80).min(bytes.len()));
    bytes[from..to].escape_ascii().to_string()
}

/// The forms of some bytes, each with its name.
fn forms(bytes: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let hex = |upper| -> Vec<u8> {
        let digits = |byte: &u8| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") };
        bytes.iter().map(digits).collect::<String>().into_bytes()
    };
    let mut all = vec![
        ("as it is", bytes.to_vec()),
        ("hex", hex(false)),
        ("hex", hex(true)),
        ("base32", base32(bytes)),
        ("escaped", bytes.escape_ascii().to_string().into_bytes()),
    ];
    if let Ok(text) = std::str::from_utf8(bytes) {
        all.push(("UTF-16", text.encode_utf16().flat_map(u16::to_le_bytes).collect()));
        all.push(("percent-encoded", escape(text).into_bytes()));
        all.push(("percent-encoded", escape(text).to_lowercase().into_bytes()));
        all.push(("percent-encoded", text.replace(' ', "%20").into_bytes()));
        all.push(("form-encoded", text.replace(' ', "+").into_bytes()));
    }
    // Wherever it begins within three bytes.
    for before in 0..3 {
        let padded = [&vec![0; before], bytes].concat();
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            let text = engine.encode(&padded);
            let end = text.len() - usize::from(!padded.len().is_multiple_of(3));
            all.push(("base64", text[[0, 2, 3][before]..end].as_bytes().to_vec()));
        }
    }
    all.retain(|(_, form)| form.len() >= 10);
    all
}

fn base32(bytes: &[u8]) -> Vec<u8> {
    let (mut text, mut held, mut bits) = (vec![], 0_u32, 0);
    for byte in bytes {
        (held, bits) = (held << 8 | u32::from(*byte), bits + 8);
        while bits >= 5 {
            bits -= 5;
            text.push(BASE32[(held >> bits & 31) as usize]);
        }
        held &= 31;
    }
    text
}

/// The bytes of a text in base32.
pub(super) fn base32_decoded(text: &str) -> Vec<u8> {
    let (mut bits, mut held, mut bytes) = (0_u32, 0, vec![]);
    for letter in text.bytes() {
        let value = BASE32.iter().position(|known| *known == letter).unwrap();
        (bits, held) = ((bits << 5 | u32::try_from(value).unwrap()) & 0xFFFF, held + 5);
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).unwrap());
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::{Canaries, base32_decoded};

    #[test]
    fn every_form_is_found_wherever_it_stands() {
        let mut canaries = Canaries::default();
        canaries.text("passwords", "an otter sings in the marble hall");
        canaries.seed("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP");
        canaries.code("123456");
        let seed = base32_decoded("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP");
        assert_eq!(seed.len(), 20);
        let utf16: Vec<u8> =
            "an otter sings in the marble hall".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for place in [
            b"x=an otter sings in the marble hall&".to_vec(),
            b"x=an+otter+sings+in+the+marble+hall".to_vec(),
            b"an%20otter%20sings%20in%20the%20marble%20hall".to_vec(),
            STANDARD.encode("ab an otter sings in the marble hall xy").into_bytes(),
            STANDARD.encode("a an otter sings in the marble hall").into_bytes(),
            utf16,
            [b"a", &seed[..], b"b"].concat(),
            STANDARD.encode([b"zz", &seed[..], b"b"].concat()).into_bytes(),
            b"jbsw y3dp; JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXP".to_vec(),
            b"code=123456 ".to_vec(),
        ] {
            assert!(!canaries.found_in(&place).is_empty(), "{}", place.escape_ascii());
        }
        for clean in [&b"an otter sings in a hall"[..], b"0.123456", b"1234567", b"a-123456"] {
            assert!(canaries.found_in(clean).is_empty(), "{}", clean.escape_ascii());
        }
    }
}
