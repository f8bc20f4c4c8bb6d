//! Serving until asked to stop: the listener, the housekeeping beside it, the end in time.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::anyhow;
use ipnet::IpNet;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use url::Url;
use vestibule_flows::Vestibule;
use vestibule_mail::{Courier, Smtp, SmtpSettings};
use vestibule_web::WebSettings;

use crate::config::Config;
use crate::stop::Stop;

/// What the database is given to close, after the time that requests in flight were given: the
/// whole end takes at most five seconds.
const CLOSING: Duration = Duration::from_millis(400);
/// What the mail that is being sent at the end may still take.
const LAST_MAIL: Duration = Duration::from_secs(4);
const HOUSEKEEPING: Duration = Duration::from_mins(1);

/// A port that is taken, and the address under which people come to it.
pub(crate) struct Door {
    listener: TcpListener,
    pub(crate) public_url: Url,
    trusted_proxies: Vec<IpNet>,
    smtp: Option<SmtpSettings>,
}

impl Door {
    /// Takes the port. Connections wait from here on until [`serve`] answers them.
    pub(crate) async fn open(config: &Config) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(config.listen)
            .await
            .map_err(|error| explain(config.listen, &error))?;
        let port = listener.local_addr()?.port();
        let public_url = config.public_url(port)?;
        let (trusted_proxies, smtp) = (config.trusted_proxies.clone(), config.smtp.clone());
        Ok(Self { listener, public_url, trusted_proxies, smtp })
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
pub(crate) async fn serve(vestibule: Vestibule, door: Door, stop: Stop) -> anyhow::Result<()> {
    let Door { listener, public_url, trusted_proxies, smtp } = door;
    let courier = smtp.map(|smtp| courier(&vestibule, smtp, &public_url)).transpose()?;
    let courier = courier.map(|courier| tokio::spawn(courier.run(stop.requested())));
    let app = vestibule_web::app(vestibule.clone(), WebSettings { public_url, trusted_proxies });
    let housekeeping = tokio::spawn(keep_house(vestibule.clone()));
    let asked = stop.requested();
    let asked = async move {
        asked.await;
        tracing::info!("stopping");
    };
    let ended = end_courier(courier, stop.requested());
    let (served, ()) = tokio::join!(vestibule_web::serve(listener, app, asked), ended);
    housekeeping.abort();
    if timeout(CLOSING, vestibule.close()).await.is_err() {
        tracing::warn!("the database was still busy when the process ended");
    }
    served.map_err(|error| anyhow!("serving failed: {error}"))
}

fn courier(
    vestibule: &Vestibule,
    settings: SmtpSettings,
    public_url: &Url,
) -> anyhow::Result<Courier> {
    let hello = public_url.domain().unwrap_or("localhost");
    Ok(Courier::new(vestibule.clone(), Smtp::new(settings, hello)?, public_url.clone()))
}

/// Lets the mail that is being sent be finished, beside the requests in flight. A mail server that
/// hangs holds the end up no longer than they may; what it was being told is told again later.
async fn end_courier(courier: Option<JoinHandle<()>>, stop: impl Future<Output = ()>) {
    let Some(mut courier) = courier else { return };
    stop.await;
    if timeout(LAST_MAIL, &mut courier).await.is_err() {
        courier.abort();
    }
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
