//! What a command says, on stdout and stderr. `println!` panics when nobody reads any more.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write as _};

/// What a terminal shows of a text, and does not obey: names come from a database and from elsewhere.
fn printable(text: &str) -> String {
    text.replace(|c: char| c.is_control() && c != '\n', " ")
}

/// Writes a text and an end of line to stdout. A reader who has gone (`| head`) is no failure.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{}", printable(text)).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(anyhow::anyhow!("nothing can be written to stdout: {error}"))
        }
        _ => Ok(()),
    }
}

/// Writes what somebody who waits wants to know to stderr.
pub(crate) fn remark(text: &str) {
    // Nobody is left to hear of a failure of this.
    let _ = writeln!(io::stderr().lock(), "{}", printable(text));
}

/// Writes what went wrong to stderr, each line of it as an error. Nobody is left to hear of a
/// failure of this.
pub(crate) fn complain(error: &impl Display) {
    let mut err = io::stderr().lock();
    for line in printable(&error.to_string()).lines() {
        let _ = writeln!(err, "error: {line}");
    }
}

/// The innermost cause of a failure, in one line: what an operator can do something about.
pub(crate) fn cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string().replace('\n', " ")
}
