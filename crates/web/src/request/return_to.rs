//! Where to go after a step: a path of this same origin, or the dashboard.

use std::fmt;

use url::Url;
use vestibule_guards::guard;

/// Longer targets lead to the dashboard.
const LONGEST: usize = 2048;

/// A path with its query, on this origin. Whatever else was asked for has become `/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReturnTo(String);

impl ReturnTo {
    /// The page of recovery codes that are still to be kept.
    pub(crate) const RECOVERY_CODES: &'static str = "/settings/security/recovery-codes";

    /// The same.
    pub(crate) fn recovery_codes() -> Self {
        Self(Self::RECOVERY_CODES.into())
    }

    /// The dashboard.
    pub(crate) fn dashboard() -> Self {
        Self("/".into())
    }

    /// Settings → Security.
    pub(crate) fn security() -> Self {
        Self("/settings/security".into())
    }

    /// Settings → Account.
    pub(crate) fn account() -> Self {
        Self("/settings/account".into())
    }

    /// Settings → Audit log.
    pub(crate) fn audit() -> Self {
        Self("/settings/audit".into())
    }

    /// The page of a user whose identifier stands in an act's path, or the list.
    pub(crate) fn user(id: Option<&str>) -> Self {
        match id.and_then(|id| id.parse::<vestibule_domain::id::UserId>().ok()) {
            Some(id) => Self(format!("/settings/users/{id}")),
            None => Self("/settings/users".into()),
        }
    }

    /// The page of an application whose identifier stands in an act's path, or the list.
    pub(crate) fn application(id: Option<&str>) -> Self {
        match id.and_then(|id| id.parse::<vestibule_domain::id::ApplicationId>().ok()) {
            Some(id) => Self(format!("/settings/applications/{id}")),
            None => Self("/settings/applications".into()),
        }
    }

    /// Reads a target that came from outside. Browsers take a backslash for a slash and drop tabs
    /// and line ends, so none of these may stand in it; then it is resolved as a browser would,
    /// and must still be here.
    pub(crate) fn parse(text: &str, public_url: &Url) -> Self {
        let plain = text.len() <= LONGEST
            && text.starts_with('/')
            && !text.starts_with("//")
            && !text.contains('\\')
            && !text.chars().any(|c| c.is_control() || c.is_whitespace());
        let resolved = if plain { public_url.join(text).ok() } else { None };
        match resolved {
            Some(url) if guard!("return-to-our-origin", url.origin() == public_url.origin()) => {
                Self::of_url(&url)
            }
            _ => Self::dashboard(),
        }
    }

    /// The path of an absolute address, where it is one of ours: the page that a form stands on.
    pub(crate) fn of_referrer(text: &str, public_url: &Url) -> Self {
        match Url::parse(text) {
            Ok(url) if url.origin() == public_url.origin() => Self::of_url(&url),
            _ => Self::dashboard(),
        }
    }

    fn of_url(url: &Url) -> Self {
        let path = url.path();
        // A path that begins with two slashes would be read as another host.
        if !guard!("no-path-to-another-host", !path.starts_with("//")) {
            return Self::dashboard();
        }
        Self(url.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}")))
    }

    /// The path and query.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// This target as the query of the page of a step.
    pub(crate) fn after(&self, page: &str) -> String {
        if self.0 == "/" {
            return page.to_owned();
        }
        let join = if page.contains('?') { '&' } else { '?' };
        let target =
            percent_encoding::utf8_percent_encode(&self.0, percent_encoding::NON_ALPHANUMERIC);
        format!("{page}{join}return_to={target}")
    }
}

impl fmt::Display for ReturnTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::ReturnTo;

    #[test]
    fn only_paths_of_this_origin_are_kept() {
        let here = Url::parse("https://login.acme.example").unwrap();
        for good in ["/", "/settings/users?search=a&mfa=none", "/a%2Fb"] {
            assert_eq!(ReturnTo::parse(good, &here).as_str(), good);
        }
        for hostile in [
            "",
            "evil",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https://evil.example/",
            "https:evil.example",
            "javascript:alert(1)",
            "/\t/evil.example",
            "/\n/evil",
            " //evil",
            "/\u{a0}/evil",
            "https://login.acme.example@evil.example/",
            "/.//evil.example",
            "/..//evil.example",
            "/%5c/../..//evil.example",
            "http:///evil",
        ] {
            let target = ReturnTo::parse(hostile, &here);
            let resolved = here.join(target.as_str()).unwrap();
            assert_eq!(resolved.origin(), here.origin(), "{hostile}");
            assert!(!target.as_str().starts_with("//"), "{hostile}");
        }
    }
}
