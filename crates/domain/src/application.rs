//! Applications: what stands behind the gate, under which host, and whom it lets in.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::access::{Admits, Demand};
use crate::id::AccountId;
use crate::proof::Assurance;

/// Everything but printable ASCII, and the percent sign itself, so that a value can be read back
/// and can neither break nor forge a header. `utf8_percent_encode` adds all that is not ASCII.
const UNPRINTABLE: &AsciiSet = &CONTROLS.add(b'%');

/// The oldest proof that an application may ask for: further back than a session lives, it would
/// ask for nothing.
pub const LONGEST_MAX_AGE: Duration = Duration::from_hours(24);

/// A value in the form in which it stands in a header.
pub fn header_value(text: &str) -> String {
    utf8_percent_encode(text, UNPRINTABLE).to_string()
}

/// The host of an application as browsers name it: a name and, unless it is the usual one, a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Host {
    text: String,
    /// Where the name ends.
    name: usize,
}

/// Why a text is no host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// Nothing there.
    #[error("the host is empty")]
    Empty,
    /// An address with more than a host in it.
    #[error("only the host is needed, without https:// and without a path")]
    NotAlone,
    /// Letters outside ASCII.
    #[error("write the host as browsers send it, in ASCII: xn--…")]
    NotAscii,
    /// Anything else.
    #[error("that is no host name, such as grafana.example.com")]
    NotAHost,
    /// Where Vestibule itself stands.
    #[error("that is Vestibule's own host")]
    Own,
    /// Without https, browsers take the gate's cookies from `localhost` and the names below it alone.
    #[error("while Vestibule stands at http://localhost, the host must end in .localhost")]
    NotLocal,
    /// `localhost` is whatever machine the browser runs on.
    #[error("localhost is each visitor's own machine")]
    Localhost,
}

/// Where browsers find Vestibule itself, which decides what else it can protect.
#[derive(Clone, Copy, Debug)]
pub struct OwnHost<'a> {
    /// Whether they come over https.
    pub https: bool,
    /// The name of its host.
    pub name: &'a str,
}

impl Host {
    /// Reads a host name with an optional port (RFC 952, RFC 1123 §2.1), in whatever case. The port
    /// that the scheme implies is left out.
    pub fn parse(text: &str, https: bool) -> Result<Self, HostError> {
        if text.is_empty() {
            return Err(HostError::Empty);
        }
        if text.contains(['/', '?', '#', '@']) {
            return Err(HostError::NotAlone);
        }
        if !text.is_ascii() {
            return Err(HostError::NotAscii);
        }
        let (name, port) = text.split_once(':').map_or((text, None), |(n, p)| (n, Some(p)));
        if !is_name(name) {
            return Err(HostError::NotAHost);
        }
        let port = port.map(|port| port_number(port).ok_or(HostError::NotAHost)).transpose()?;
        let usual = if https { 443 } else { 80 };
        let mut text = name.to_ascii_lowercase();
        if let Some(port) = port.filter(|port| *port != usual) {
            text.push(':');
            text.push_str(&port.to_string());
        }
        Ok(Self { text, name: name.len() })
    }

    /// Reads the host of an application that is to stand beside Vestibule's own.
    pub fn beside(text: &str, own: OwnHost<'_>) -> Result<Self, HostError> {
        let host = Self::parse(text, own.https)?;
        if host.name().eq_ignore_ascii_case(own.name) {
            Err(HostError::Own)
        } else if host.name() == "localhost" {
            Err(HostError::Localhost)
        } else if !own.https && !host.name().ends_with(".localhost") {
            Err(HostError::NotLocal)
        } else {
            Ok(host)
        }
    }

    /// The name, and the port unless it is the usual one.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The name alone. Browsers share cookies between the ports of a name.
    pub fn name(&self) -> &str {
        &self.text[..self.name]
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn is_name(name: &str) -> bool {
    let is_label = |label: &str| {
        matches!(label.len(), 1..=63)
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

fn port_number(text: &str) -> Option<u16> {
    let plain = !text.starts_with(['0', '+']);
    text.parse().ok().filter(|_| plain)
}

/// Who may enter an application, of the users of its account: each fewer than the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Enter {
    /// All of them.
    Everyone,
    /// Admins, and who is named.
    Admins,
    /// Only who is named.
    Named,
}

impl Enter {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Everyone, Self::Admins, Self::Named];

    /// The word for it, in the database, in forms and in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Everyone => "everyone",
            Self::Admins => "admins",
            Self::Named => "named",
        }
    }
}

/// The text is none of the words of [`Enter`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("none of everyone, admins, named")]
pub struct NotEnter;

impl FromStr for Enter {
    type Err = NotEnter;

    fn from_str(text: &str) -> Result<Self, NotEnter> {
        Self::ALL.into_iter().find(|enter| enter.as_str() == text).ok_or(NotEnter)
    }
}

/// What an application asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rules {
    /// The account that it belongs to.
    pub account: AccountId,
    /// Who may enter.
    pub enter: Enter,
    /// Whether two proofs are needed even while the account's switch is off.
    pub always_mfa: bool,
    /// How old the newest proof may be, where that matters.
    pub max_age: Option<Duration>,
}

impl Rules {
    /// What is asked for where both hold; the account is this one's.
    #[must_use]
    pub fn stricter(self, other: Self) -> Self {
        Self {
            account: self.account,
            enter: self.enter.max(other.enter),
            always_mfa: self.always_mfa || other.always_mfa,
            max_age: self.max_age.into_iter().chain(other.max_age).min(),
        }
    }

    /// What a user of `account` is asked for; `named` where the application names them.
    pub fn demand(self, account: AccountId, named: bool) -> Demand {
        let admits = match self.enter {
            _ if account != self.account => Admits::Nobody,
            Enter::Everyone => Admits::Everyone,
            Enter::Admins | Enter::Named if named => Admits::Everyone,
            Enter::Admins => Admits::Admins,
            Enter::Named => Admits::Nobody,
        };
        let assurance = if self.always_mfa { Assurance::Aal2 } else { Assurance::Aal1 };
        Demand { assurance, max_age: self.max_age, admits }
    }
}

#[cfg(test)]
mod tests {
    use super::{Host, HostError, OwnHost, header_value};

    #[test]
    fn hosts_have_one_form() {
        for (text, https, form, name) in [
            ("Grafana.Example.COM", true, "grafana.example.com", "grafana.example.com"),
            ("app.example:443", true, "app.example", "app.example"),
            ("app.example:80", true, "app.example:80", "app.example"),
            ("app.localhost:8081", false, "app.localhost:8081", "app.localhost"),
            ("app.localhost:80", false, "app.localhost", "app.localhost"),
            ("192.0.2.7:8443", true, "192.0.2.7:8443", "192.0.2.7"),
        ] {
            let host = Host::parse(text, https).unwrap();
            assert_eq!((host.as_str(), host.name()), (form, name));
        }
        for (text, error) in [
            ("", HostError::Empty),
            ("https://app.example", HostError::NotAlone),
            ("app.example/", HostError::NotAlone),
            ("user@app.example", HostError::NotAlone),
            ("café.example", HostError::NotAscii),
            ("app.example.", HostError::NotAHost),
            (".app.example", HostError::NotAHost),
            ("app..example", HostError::NotAHost),
            ("-app.example", HostError::NotAHost),
            ("app_1.example", HostError::NotAHost),
            ("app example", HostError::NotAHost),
            ("app.example,evil.example", HostError::NotAHost),
            ("app.example:", HostError::NotAHost),
            ("app.example:0", HostError::NotAHost),
            ("app.example:080", HostError::NotAHost),
            ("app.example:+80", HostError::NotAHost),
            ("app.example:99999", HostError::NotAHost),
            ("app.example:80:80", HostError::NotAHost),
            ("[::1]", HostError::NotAHost),
        ] {
            assert_eq!(Host::parse(text, true), Err(error), "{text}");
        }
    }

    #[test]
    fn an_application_stands_beside_vestibule() {
        let https = OwnHost { https: true, name: "login.acme.example" };
        let here = OwnHost { https: false, name: "localhost" };
        for (text, site, answer) in [
            ("app.acme.example", https, Ok("app.acme.example")),
            ("app.localhost", https, Ok("app.localhost")),
            ("Login.ACME.example", https, Err(HostError::Own)),
            ("login.acme.example:8443", https, Err(HostError::Own)),
            ("localhost:8443", https, Err(HostError::Localhost)),
            ("APP.localhost:8081", here, Ok("app.localhost:8081")),
            ("localhost:8081", here, Err(HostError::Own)),
            ("app.example", here, Err(HostError::NotLocal)),
            ("127.0.0.1", here, Err(HostError::NotLocal)),
            ("applocalhost", here, Err(HostError::NotLocal)),
            (".localhost", here, Err(HostError::NotAHost)),
            ("", here, Err(HostError::Empty)),
        ] {
            let host = Host::beside(text, site);
            assert_eq!(host.as_ref().map(Host::as_str).map_err(|error| *error), answer, "{text}");
        }
    }

    #[test]
    fn header_values_are_printable_and_can_be_read_back() {
        assert_eq!(header_value("ada@acme.example"), "ada@acme.example");
        assert_eq!(header_value("Zoë \"100%\" \u{1f600}"), "Zo%C3%AB \"100%25\" %F0%9F%98%80");
        assert_eq!(header_value("a\r\nRemote-Role: Admin\u{7f}"), "a%0D%0ARemote-Role: Admin%7F");
        assert_eq!(header_value(""), "");
    }
}
