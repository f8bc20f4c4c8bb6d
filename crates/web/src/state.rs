//! What handlers share, and what an operator sets about it.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use url::Url;
use vestibule_domain::application::OwnHost;
use vestibule_domain::link::LinkPurpose;
use vestibule_domain::token::Token;
use vestibule_flows::Vestibule;
use vestibule_guards::guard;

use crate::metrics::HttpMetrics;

/// What an operator sets about HTTP.
#[derive(Clone, Debug)]
pub struct WebSettings {
    /// The address under which browsers reach Vestibule: scheme, host and port. Links are built on
    /// it, and changes are taken from it alone.
    pub public_url: Url,
    /// Peers whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
}

/// What handlers share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) vestibule: Vestibule,
    pub(crate) public_url: Arc<Url>,
    pub(crate) trusted_proxies: Arc<[IpNet]>,
    pub(crate) metrics: HttpMetrics,
}

impl App {
    /// Whether browsers reach Vestibule over https.
    pub(crate) fn is_https(&self) -> bool {
        self.public_url.scheme() == "https"
    }

    /// Where browsers find Vestibule itself, which decides what else it can protect.
    pub(crate) fn own_host(&self) -> OwnHost<'_> {
        OwnHost { https: self.is_https(), name: self.public_url.host_str().unwrap_or_default() }
    }

    /// Whether the word of whoever has this address counts, as that of a proxy's.
    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let is_trusted = self.trusted_proxies.iter().any(|network| network.contains(&address));
        guard!("trusted-proxies", is_trusted)
    }
}

/// A link to be handed to a person: on the configured public address alone (design, rule 14).
pub fn link(public_url: &Url, purpose: LinkPurpose, token: &Token) -> String {
    let base = public_url.as_str().trim_end_matches('/');
    format!("{base}{}", purpose.path(token))
}
