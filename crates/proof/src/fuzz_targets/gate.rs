//! What reverse proxies say: whom they speak for, and what they ask the gate.

use std::net::IpAddr;

use ipnet::IpNet;
use vestibule_web::fuzzing;

use super::headers;

/// An address is believed where trusted proxies alone stand between it and us.
pub fn visitor_address(bytes: &[u8]) {
    let trusted: Vec<IpNet> =
        ["10.0.0.0/8", "127.0.0.0/8", "fd00::/8"].iter().map(|it| it.parse().unwrap()).collect();
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut headers = headers(bytes);
    if let (true, Ok(line)) = (headers.is_empty(), bytes.try_into()) {
        headers.append("x-forwarded-for", line);
    }
    let stranger: IpAddr = "198.51.100.1".parse().unwrap();
    assert_eq!(fuzzing::visitor_address(stranger, &headers, &trusted), stranger);

    let peer: IpAddr = "10.0.0.2".parse().unwrap();
    let found = fuzzing::visitor_address(peer, &headers, &trusted);
    let lines = headers.get_all("x-forwarded-for").iter();
    let lines = lines.map(|line| line.to_str().unwrap_or_default());
    let hops: Vec<Option<IpAddr>> = lines
        .flat_map(|line| line.split(','))
        .map(|hop| hop.trim().parse::<IpAddr>().ok().map(|hop| hop.to_canonical()))
        .collect();
    let proxies = hops.iter().rev().take_while(|hop| hop.as_ref().is_some_and(is_trusted)).count();
    let believed = match hops.iter().rev().nth(proxies) {
        Some(Some(visitor)) => *visitor,
        // What cannot be read vouches for nothing: the last proxy that was understood is the visitor.
        _ => hops.iter().rev().take(proxies).flatten().last().copied().unwrap_or(peer),
    };
    assert_eq!(found, believed);
    assert!(!found.is_ipv4() || found == found.to_canonical());
}

/// A question names its dialect, and host, path and method each once.
pub fn gate_question(bytes: &[u8]) {
    let (query, lines) = match bytes.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (&bytes[..0], bytes),
    };
    let query = std::str::from_utf8(query).ok();
    let headers = headers(lines);
    let Some((dialect, host, uri, is_page_load)) = fuzzing::gate_question(query, &headers) else {
        return;
    };
    assert_eq!(query, Some(format!("proxy={dialect}").as_str()));
    for name in ["x-forwarded-host", "x-forwarded-uri", "x-forwarded-method"] {
        assert_eq!(headers.get_all(name).iter().count(), 1, "{name}");
        let mut twice = headers.clone();
        twice.append(name, headers[name].clone());
        assert!(fuzzing::gate_question(query, &twice).is_none(), "{name} twice");
        twice.remove(name);
        assert!(fuzzing::gate_question(query, &twice).is_none(), "no {name}");
    }
    assert_eq!(headers["x-forwarded-host"], host);
    assert!(uri.starts_with('/') && uri.bytes().all(|byte| byte.is_ascii_graphic()));
    let method = headers["x-forwarded-method"].as_bytes();
    assert!(!is_page_load || [&b"GET"[..], b"HEAD"].contains(&method));
}
