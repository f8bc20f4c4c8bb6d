//! Serving until asked to stop: the listener, the housekeeping beside it, the end in time.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::anyhow;
use ipnet::IpNet;
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};
use url::Url;
use vestibule_flows::Vestibule;
use vestibule_web::WebSettings;

use crate::config::Config;
use crate::stop::Stop;
use crate::tending::Tending;

/// What the database is given to close, after the time that requests in flight were given: the
/// whole end takes at most five seconds.
const CLOSING: Duration = Duration::from_millis(400);
const HOUSEKEEPING: Duration = Duration::from_mins(1);

/// A port that is taken, and the address under which people come to it.
pub(crate) struct Door {
    listener: TcpListener,
    pub(crate) public_url: Url,
    trusted_proxies: Vec<IpNet>,
}

impl Door {
    /// Takes the port. Connections wait from here on until [`serve`] answers them.
    pub(crate) async fn open(config: &Config) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(config.listen)
            .await
            .map_err(|error| explain(config.listen, &error))?;
        let port = listener.local_addr()?.port();
        let public_url = config.public_url(port)?;
        Ok(Self { listener, public_url, trusted_proxies: config.trusted_proxies.clone() })
    }

    /// The address as people type it: without a path.
    pub(crate) fn shown(&self) -> String {
        self.public_url.origin().ascii_serialization()
    }

    /// Where it listens.
    pub(crate) fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Serves until `stop` is requested, then ends within five seconds, the database closed.
pub(crate) async fn serve(
    vestibule: Vestibule,
    door: Door,
    tending: Tending,
    stop: Stop,
) -> anyhow::Result<()> {
    let Door { listener, public_url, trusted_proxies } = door;
    let app = vestibule_web::app(vestibule.clone(), WebSettings { public_url, trusted_proxies });
    let housekeeping = tokio::spawn(keep_house(vestibule.clone()));
    let asked = stop.requested();
    let asked = async move {
        asked.await;
        tracing::info!("stopping");
    };
    let served = vestibule_web::serve(listener, app, asked).await;
    housekeeping.abort();
    let close = async {
        tending.end().await;
        vestibule.close().await;
    };
    if timeout(CLOSING, close).await.is_err() {
        tracing::warn!("the database was still busy when the process ended");
    }
    served.map_err(|error| anyhow!("serving failed: {error}"))
}

async fn keep_house(vestibule: Vestibule) {
    loop {
        if let Err(error) = vestibule.keep_house().await {
            tracing::warn!(%error, "housekeeping failed and is tried again in a minute");
        }
        sleep(HOUSEKEEPING).await;
    }
}

fn explain(listen: SocketAddr, error: &std::io::Error) -> anyhow::Error {
    match error.kind() {
        ErrorKind::AddrInUse => anyhow!(
            "the port is in use: another program listens on {listen}; stop it, or choose another \
             port with --listen"
        ),
        _ => anyhow!("cannot listen on {listen}: {error}"),
    }
}
