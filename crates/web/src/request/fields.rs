//! The fields of a form or a query, read strictly: UTF-8, no NUL, each name once.

use axum::http::{HeaderMap, header};
use percent_encoding::percent_decode;
use zeroize::Zeroizing;

use crate::error::PageError;

/// No form here has more; looking for doubled names costs the square of their number.
const MOST: usize = 32;

/// What a browser sent in. Values may be secrets: no `Debug`.
pub(crate) struct Fields(Vec<(String, Zeroizing<String>)>);

impl Fields {
    /// Reads a query string.
    pub(crate) fn of_query(query: Option<&str>) -> Result<Self, PageError> {
        Self::read(query.unwrap_or_default().as_bytes())
    }

    /// Reads the body of a form.
    pub(crate) fn of_body(headers: &HeaderMap, body: &[u8]) -> Result<Self, PageError> {
        let is_form = headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next())
            .is_some_and(|kind| {
                kind.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
            });
        if !is_form && !body.is_empty() {
            return Err(PageError::bad_request());
        }
        Self::read(body)
    }

    /// <https://url.spec.whatwg.org/#urlencoded-parsing>, less its leniency.
    fn read(text: &[u8]) -> Result<Self, PageError> {
        let mut fields: Vec<(String, Zeroizing<String>)> = Vec::new();
        for pair in text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            let name = decode(&pair[..at])?;
            let value = Zeroizing::new(decode(pair.get(at + 1..).unwrap_or_default())?);
            if fields.len() == MOST || fields.iter().any(|(known, _)| *known == name) {
                return Err(PageError::bad_request());
            }
            fields.push((name, value));
        }
        Ok(Self(fields))
    }

    /// A field's value; empty where it is missing.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str())
    }

    /// Every field, for the fuzzer.
    #[cfg(feature = "fuzzing")]
    pub(crate) fn all(&self) -> Vec<(String, String)> {
        self.0.iter().map(|(name, value)| (name.clone(), value.to_string())).collect()
    }

    /// A field that is one of a few words.
    pub(crate) fn word<T: std::str::FromStr>(&self, name: &str) -> Result<T, PageError> {
        self.text(name).parse().map_err(|_| PageError::bad_request())
    }

    /// Whether it holds what must not stand in a page again.
    pub(crate) fn has_secrets(&self) -> bool {
        self.0.iter().any(|(name, _)| matches!(name.as_str(), "password" | "code"))
    }

    /// What may be carried through a page as hidden fields.
    pub(crate) fn carried(&self) -> Vec<(String, String)> {
        self.0
            .iter()
            .filter(|(name, _)| {
                !matches!(
                    name.as_str(),
                    "password" | "code" | "act" | "return_to" | "with" | "instead"
                )
            })
            .map(|(name, value)| (name.clone(), value.to_string()))
            .collect()
    }
}

fn decode(text: &[u8]) -> Result<String, PageError> {
    let spaced: Vec<u8> =
        text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    let bytes: Vec<u8> = percent_decode(&spaced).collect();
    let text = String::from_utf8(bytes).map_err(|_| PageError::bad_request())?;
    if text.contains('\0') { Err(PageError::bad_request()) } else { Ok(text) }
}
