//! What each value means, and what is wrong with it otherwise. The complaint names no secret.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use tracing::level_filters::LevelFilter;
use url::Url;
use vestibule_mail::Encryption;
use vestibule_store::DatabaseUrl;

use super::LogFormat;

pub(crate) fn listen(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is not an address and a port, such as 127.0.0.1:8080"))
}

/// None is off.
pub(crate) fn metrics_listen(text: &str) -> Result<Option<SocketAddr>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse()
        .map(Some)
        .map_err(|_| format!("{text:?} is not an address and a port, such as 127.0.0.1:9464"))
}

pub(crate) fn public_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text)
        .map_err(|_| format!("{text:?} is not an address, such as https://login.example.com"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the address must not hold a user name or a password".to_owned());
    }
    // A cookie that no other machine may set needs https; browsers trust `localhost` without.
    let good = match url.scheme() {
        "https" => true,
        "http" => url.host_str() == Some("localhost"),
        _ => false,
    };
    if !good {
        return Err(format!(
            "{text:?} must begin with https:// (http:// is for http://localhost alone)"
        ));
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(format!("{text:?} must be scheme, host and port alone, without a path"));
    }
    Ok(url)
}

pub(crate) fn path(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() { Err("the path is empty".to_owned()) } else { Ok(text.into()) }
}

pub(crate) fn database(text: &str) -> Result<DatabaseUrl, String> {
    // It may hold a password, so it is not repeated.
    let url = text.parse().map_err(|error: vestibule_store::DatabaseUrlError| error.to_string())?;
    match &url {
        DatabaseUrl::Sqlite(path) if path == Path::new(":memory:") => {
            Err("expected a file: a database in memory would be lost at each start".to_owned())
        }
        _ => Ok(url),
    }
}

pub(crate) fn network(text: &str) -> Result<IpNet, String> {
    let address = text.parse::<IpAddr>().map(IpNet::from);
    address
        .or_else(|_| text.parse())
        .map_err(|_| format!("{text:?} is not an address or a network"))
}

pub(crate) fn encryption(text: &str) -> Result<Encryption, String> {
    match text {
        "tls" => Ok(Encryption::Tls),
        "starttls" => Ok(Encryption::StartTls),
        "none" => Ok(Encryption::None),
        _ => Err(format!("{text:?} is none of tls, starttls, none")),
    }
}

/// A text that means something by itself.
pub(crate) fn text(text: &str) -> Result<String, String> {
    if text.trim().is_empty() { Err("the value is empty".to_owned()) } else { Ok(text.to_owned()) }
}

pub(crate) fn log(text: &str) -> Result<LevelFilter, String> {
    match text {
        "error" => Ok(LevelFilter::ERROR),
        "warn" => Ok(LevelFilter::WARN),
        "info" => Ok(LevelFilter::INFO),
        "debug" => Ok(LevelFilter::DEBUG),
        "trace" => Ok(LevelFilter::TRACE),
        _ => Err(format!("{text:?} is none of error, warn, info, debug, trace")),
    }
}

pub(crate) fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(format!("{text:?} is none of text, json")),
    }
}
