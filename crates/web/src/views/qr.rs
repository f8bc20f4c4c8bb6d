//! A QR code as an inline picture: one path, four modules of white around it in every theme.

use std::fmt::Write;

use askama::Template;
use qrcode::{Color, EcLevel, QrCode};

/// Modules of white around the code; scanners rely on them.
const QUIET: usize = 4;

/// A QR code, to be written into a page with `|safe`.
#[derive(Template)]
#[template(path = "qr.html")]
pub struct Qr {
    /// Length of a side in modules, the white included.
    side: usize,
    /// The dark modules, one stroke for each horizontal run.
    path: String,
}

impl Qr {
    /// Encodes a text; `None` if it is longer than a QR code can hold (the page then shows the
    /// key alone).
    pub fn of(text: &str) -> Option<Self> {
        let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
        let width = code.width();
        let modules = code.to_colors();
        let mut path = String::new();
        for (y, row) in modules.chunks(width).enumerate() {
            let mut x = 0;
            for run in row.chunk_by(|a, b| a == b) {
                if run[0] == Color::Dark {
                    // Writing to a String cannot fail.
                    let _ = write!(
                        path,
                        "M{} {}h{}v1h-{}z",
                        x + QUIET,
                        y + QUIET,
                        run.len(),
                        run.len()
                    );
                }
                x += run.len();
            }
        }
        Some(Self { side: width + 2 * QUIET, path })
    }
}
