//! Hosts of applications, and what stands in the gate's headers.

use axum::http::HeaderValue;
use percent_encoding::percent_decode_str;
use vestibule_domain::application::{Host, OwnHost, header_value as encoded};
use vestibule_domain::audit::network;
use vestibule_domain::browser;

use super::text;

/// A host has one spelling, and is never our own.
pub fn host(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    for https in [true, false] {
        let Ok(host) = Host::parse(text, https) else { continue };
        assert_eq!(Host::parse(host.as_str(), https).as_ref(), Ok(&host));
        let shown = host.as_str();
        let plain = |c: u8| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b':');
        assert!(!shown.is_empty() && shown.len() <= 259 && shown.bytes().all(plain));
        assert!(shown.starts_with(host.name()) && !host.name().contains(':'));
        let scheme = if https { "https" } else { "http" };
        // Numbers are hosts to browsers in many spellings; names are compared as they stand.
        if let Ok(url) = url::Url::parse(&format!("{scheme}://{shown}/"))
            && url.domain().is_some()
        {
            assert!(shown.contains("xn--") || url.host_str() == Some(host.name()), "{shown}");
        }
        let own = OwnHost { https, name: "login.acme.example" };
        if let Ok(beside) = Host::beside(text, own) {
            assert_ne!(beside.name(), own.name);
            assert_ne!(beside.name(), "localhost");
            assert!(https || beside.name().ends_with(".localhost"));
        }
    }
}

/// Whatever a name is, its header is printable, and reads as the name.
pub fn header_value(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let value = encoded(text);
    assert!(value.bytes().all(|byte| matches!(byte, b' '..=b'~')));
    assert!(HeaderValue::from_str(&value).is_ok());
    assert_eq!(percent_decode_str(&value).decode_utf8().unwrap(), text);
    assert!(!browser::name(text).is_empty());
    let network = network(text);
    assert!(network == text || network.ends_with("/24") || network.ends_with("/56"));
}
