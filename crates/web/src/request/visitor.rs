//! Who sends a request, as far as a request tells: address and browser.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use ipnet::IpNet;
use vestibule_flows::Visitor;
use vestibule_guards::guard;

use crate::request::browser::BrowserToken;
use crate::state::App;

/// Longer names of browsers are cut.
const LONGEST_BROWSER: usize = 300;

/// The visitor, read from the connection and, behind a trusted proxy alone, from its headers.
pub(crate) fn visitor(parts: &Parts, app: &App) -> Visitor {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    let browser = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    Visitor {
        address: peer
            .map(|peer| address(peer.to_canonical(), &parts.headers, &app.trusted_proxies))
            .map(|address| address.to_string())
            .unwrap_or_default(),
        browser: browser.unwrap_or_default().chars().take(LONGEST_BROWSER).collect(),
        token: parts.extensions.get::<BrowserToken>().map(|browser| browser.0.clone()),
    }
}

/// Walks `X-Forwarded-For` from its end, the part that our own proxies wrote, to the first
/// address that is none of theirs. What a client wrote itself stands further left and is not read.
pub(crate) fn address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(&address));
    let mut address = peer;
    let lines: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .map(|line| line.to_str().unwrap_or_default())
        .collect();
    let hops = lines.iter().rev().flat_map(|line| line.rsplit(','));
    for hop in hops {
        if !guard!("forwarded-by-trusted-proxies", is_trusted(address)) {
            break;
        }
        match hop.trim().parse::<IpAddr>() {
            Ok(hop) => address = hop.to_canonical(),
            Err(_) => break,
        }
    }
    address
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue};

    use super::address;

    fn seen(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", HeaderValue::from_str(line).unwrap());
        }
        let trusted: Vec<_> = trusted.iter().map(|network| network.parse().unwrap()).collect();
        address(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn forwarded_addresses_are_believed_from_trusted_peers_alone() {
        assert_eq!(seen("192.0.2.1", &["198.51.100.7"], &[]), "192.0.2.1");
        assert_eq!(seen("10.0.0.2", &["198.51.100.7"], &["10.0.0.0/8"]), "198.51.100.7");
        let spoofed = ["203.0.113.9, 198.51.100.7", "10.0.0.3"];
        assert_eq!(seen("10.0.0.2", &spoofed, &["10.0.0.0/8"]), "198.51.100.7");
        assert_eq!(seen("10.0.0.2", &["garbage"], &["10.0.0.0/8"]), "10.0.0.2");
    }
}
