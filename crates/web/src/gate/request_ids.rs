//! Names of requests, drawn for a whole batch at a time: asking the operating system for every one
//! of them would cost the gate a noticeable part of its time.

use std::cell::RefCell;

use vestibule_flows::Vestibule;

const BATCH: usize = 32;

/// The names of one connection's requests.
pub(crate) struct RequestIds {
    vestibule: Vestibule,
    drawn: RefCell<([u8; BATCH * 8], usize)>,
}

/// A name of 16 letters.
pub(crate) struct RequestId([u8; 16]);

impl RequestIds {
    pub(crate) fn new(vestibule: Vestibule) -> Self {
        Self { vestibule, drawn: RefCell::new(([0; BATCH * 8], BATCH)) }
    }

    /// The next one.
    pub(crate) fn next(&self) -> RequestId {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let (bytes, used) = &mut *self.drawn.borrow_mut();
        if *used == BATCH {
            *bytes = self.vestibule.random_bytes();
            *used = 0;
        }
        let mut name = [0; 16];
        for (pair, byte) in name.chunks_exact_mut(2).zip(&bytes[*used * 8..]) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        *used += 1;
        RequestId(name)
    }
}

impl RequestId {
    /// The text.
    pub(crate) fn as_str(&self) -> &str {
        // Hexadecimal digits are text.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}
