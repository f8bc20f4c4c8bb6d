//! Inputs beside those that were kept: a byte changed, a piece taken out, doubled or put in from
//! another. Not guided by coverage, and therefore the same on each run.

use crate::fuzz_draws::Draws;

const TELLING: [&[u8]; 12] = [
    b"\0",
    b"%",
    b"%00",
    b"\r\n",
    b"\xff",
    b"\xc3\x9f",
    "\u{130}".as_bytes(),
    b"@",
    b"/",
    b"\\",
    b"&=",
    b"-9223372036854775808",
];

/// So many neighbours of these inputs.
pub fn neighbours(inputs: &[Vec<u8>], count: usize) -> impl Iterator<Item = Vec<u8>> {
    let mut draws = Draws::of(1, inputs.len() as u64);
    (0..count).map(move |_| {
        let mut bytes = draws.one(inputs).clone();
        for _ in 0..=draws.below(4) {
            change(&mut bytes, inputs, &mut draws);
        }
        bytes
    })
}

fn change(bytes: &mut Vec<u8>, inputs: &[Vec<u8>], draws: &mut Draws) {
    let (from, to) = (draws.below(bytes.len() + 1), draws.below(bytes.len() + 1));
    let (from, to) = (from.min(to), from.max(to));
    match draws.below(6) {
        0 if from < bytes.len() => bytes[from] = draws.bytes(1).first().copied().unwrap_or(b'a'),
        1 if from < bytes.len() => bytes[from] ^= 1 << draws.below(8),
        2 => drop(bytes.drain(from..to)),
        3 => drop(bytes.splice(from..from, draws.one(&TELLING).iter().copied())),
        4 => {
            let piece = bytes[from..to].to_vec();
            drop(bytes.splice(to..to, piece));
        }
        _ => {
            let other = draws.one(inputs).clone();
            let at = draws.below(other.len() + 1);
            bytes.truncate(from);
            bytes.extend(&other[at..]);
        }
    }
}
