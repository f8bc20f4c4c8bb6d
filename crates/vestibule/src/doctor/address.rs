//! The address that people open.

use std::time::Duration;

use tokio::time::timeout;

use super::Finding;
use crate::config::Config;

const PATIENCE: Duration = Duration::from_secs(3);

/// Looks at the configured address, and whether `vestibule serve` was started with it.
pub(crate) async fn look(config: &Config, served: Option<&str>) -> Vec<Finding> {
    let Some(url) = config.configured_public_url() else {
        return vec![match served {
            Some(url) => Finding::ok(format!("public address: none configured, served as {url}")),
            None => Finding::ok("public address: none configured, so http://localhost"),
        }];
    };
    let shown = url.origin().ascii_serialization();
    let mut found = vec![];
    if let Some(served) = served
        && served != shown
    {
        found.push(Finding::warn(
            format!("public address {shown}, but `vestibule serve` was started with {served}"),
            "use one configuration for both: links lead to the configured address",
        ));
    }
    let (host, port) = (url.host_str().unwrap_or_default(), url.port_or_known_default());
    let port = port.unwrap_or_default();
    let answer = timeout(PATIENCE, tokio::net::lookup_host((host, port))).await;
    let resolves = answer.is_ok_and(|found| found.is_ok_and(|mut all| all.next().is_some()));
    found.push(if resolves {
        Finding::ok(format!("public address {shown}: {host} has an address"))
    } else {
        Finding::warn(
            format!("public address {shown}: {host} has no address as seen from here"),
            "check the name, and that this machine can ask a name server",
        )
    });
    if url.scheme() == "https" && config.trusted_proxies.is_empty() {
        found.push(Finding::warn(
            "trusted_proxies is empty: every visitor seems to come from the proxy that adds https, \
             and the gate answers 403 to everything",
            "name the proxy's address in trusted_proxies",
        ));
    }
    found
}
