//! Seals the secrets of factors for `scripts/bench`, so that it can fill a database with users who
//! can sign in. A sealed secret opens in its own row alone, so one cannot be copied.
//!
//! Reads lines of words: first `MASTER_KEY DATA_KEY_ID WRAPPED_DATA_KEY`, then `FACTOR_ID USER_ID
//! SECRET` for each factor. Answers a line with the sealed secret for each. Bytes are base64.

use std::io::{BufRead as _, BufWriter, Error, Result, Write as _, stdin, stdout};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use vestibule_domain::randomness::Randomness;
use vestibule_domain::sealing::{DataKey, MasterKey};

fn main() -> Result<()> {
    let randomness = Randomness::new(|bytes| {
        #[expect(clippy::disallowed_methods, reason = "this is the source that is handed in")]
        #[expect(clippy::expect_used, reason = "without randomness nothing can be sealed")]
        getrandom::fill(bytes).expect("the operating system gives randomness");
    });
    let mut lines = stdin().lock().lines();
    let Some(first) = lines.next() else { return Err(Error::other("nothing to read")) };
    let key = data_key(&first?)?;
    let mut out = BufWriter::new(stdout().lock());
    for line in lines {
        let sealed = seal(&key, &line?, &randomness)?;
        writeln!(out, "{}", STANDARD.encode(sealed))?;
    }
    out.flush()
}

fn data_key(line: &str) -> Result<DataKey> {
    let [master, id, wrapped] = words(line)?;
    let master = MasterKey::from_bytes(&bytes(master)?);
    let master = master.ok_or_else(|| Error::other("not a master key"))?;
    master.unwrap(id.parse().map_err(Error::other)?, &bytes(wrapped)?).map_err(Error::other)
}

fn seal(key: &DataKey, line: &str, randomness: &Randomness) -> Result<Vec<u8>> {
    let [factor, user, secret] = words(line)?;
    let factor = factor.parse().map_err(Error::other)?;
    let user = user.parse().map_err(Error::other)?;
    key.seal_totp(&bytes(secret)?, factor, user, randomness).map_err(Error::other)
}

fn words(line: &str) -> Result<[&str; 3]> {
    let words: Vec<&str> = line.split_whitespace().collect();
    words.try_into().map_err(|_| Error::other("a line of three words is expected"))
}

fn bytes(text: &str) -> Result<Vec<u8>> {
    STANDARD.decode(text).map_err(Error::other)
}
