//! Serving until asked to stop: the listener, the housekeeping beside it, the end in time.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use ipnet::IpNet;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use url::Url;
use vestibule_domain::time::Timestamp;
use vestibule_flows::Vestibule;
use vestibule_mail::{Courier, Smtp, SmtpSettings};
use vestibule_web::{MoreMetrics, Site, WebSettings};

use crate::audit_heads::HeadsFile;
use crate::config::{Config, Key};
use crate::process;
use crate::stop::Stop;
use crate::tending::Tending;

/// What the database is given to close, after the time that requests in flight were given: the
/// whole end takes at most five seconds.
const CLOSING: Duration = Duration::from_millis(200);
/// What sealing the last audit events is given before that. What is not sealed then is sealed after
/// the next start.
const LAST_SEAL: Duration = Duration::from_millis(250);
/// How often audit events are sealed, and after how many times the head is exported.
const SEALING: Duration = Duration::from_secs(1);
const SEALINGS_A_HEAD: u32 = 60;
/// What the mail that is being sent at the end may still take.
const LAST_MAIL: Duration = Duration::from_secs(4);
const HOUSEKEEPING: Duration = Duration::from_mins(1);

/// A port that is taken, and the address under which people come to it.
pub(crate) struct Door {
    listener: TcpListener,
    metrics: Option<TcpListener>,
    pub(crate) public_url: Url,
    trusted_proxies: Vec<IpNet>,
    smtp: Option<SmtpSettings>,
}

impl Door {
    /// Takes the port. Connections wait from here on until [`serve`] answers them.
    pub(crate) async fn open(config: &Config) -> anyhow::Result<Self> {
        let listener = bind(config.listen, Key::Listen).await?;
        let metrics = match config.metrics_listen {
            Some(listen) => Some(bind(listen, Key::MetricsListen).await?),
            None => None,
        };
        let port = listener.local_addr()?.port();
        let public_url = config.public_url(port)?;
        let (trusted_proxies, smtp) = (config.trusted_proxies.clone(), config.smtp.clone());
        Ok(Self { listener, metrics, public_url, trusted_proxies, smtp })
    }

    /// The address as people type it: without a path.
    pub(crate) fn shown(&self) -> String {
        self.public_url.origin().ascii_serialization()
    }

    /// Where it listens.
    pub(crate) fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Where it listens for Prometheus: an address, or nothing.
    pub(crate) fn metrics_addr(&self) -> String {
        let listener = self.metrics.as_ref();
        let address = listener.and_then(|listener| listener.local_addr().ok());
        address.map_or(String::new(), |address| address.to_string())
    }
}

/// Serves until `stop` is requested, then ends within five seconds, the database closed.
pub(crate) async fn serve(
    vestibule: Vestibule,
    door: Door,
    tending: Tending,
    audit_heads: &Path,
    stop: Stop,
) -> anyhow::Result<()> {
    let Door { listener, metrics, public_url, trusted_proxies, smtp } = door;
    let courier = smtp.map(|smtp| courier(&vestibule, smtp, &public_url)).transpose()?;
    let courier = courier.map(|courier| tokio::spawn(courier.run(stop.requested())));
    let settings = WebSettings { public_url, trusted_proxies };
    let site = Arc::new(vestibule_web::app(vestibule.clone(), settings));
    let scraped = serve_metrics(metrics, Arc::clone(&site), vestibule.now(), stop.requested());
    let housekeeping = tokio::spawn(keep_house(vestibule.clone()));
    let mut heads = HeadsFile::at(audit_heads);
    let sealing = seal_audit(vestibule.clone(), heads.clone());
    let sealing = tokio::spawn(sealing);
    let asked = stop.requested();
    let asked = async move {
        asked.await;
        tracing::info!("stopping");
    };
    let ended = end_courier(courier, stop.requested());
    let served = vestibule_web::serve(listener, site, asked);
    let (served, (), ()) = tokio::join!(served, ended, scraped);
    housekeeping.abort();
    sealing.abort();
    // Once it has stopped, its transaction is over, and so is its use of the file.
    let _ = sealing.await;
    let last = async {
        if let Err(error) = vestibule.seal_audit_at_end().await {
            tracing::warn!(%error, "the last audit events are sealed after the next start");
        }
        export_head(&vestibule, &mut heads).await;
    };
    if timeout(LAST_SEAL, last).await.is_err() {
        tracing::warn!("the last audit events are sealed after the next start");
    }
    let close = async {
        tending.end().await;
        vestibule.close().await;
    };
    if timeout(CLOSING, close).await.is_err() {
        tracing::warn!("the database was still busy when the process ended");
    }
    served.map_err(|error| anyhow!("serving failed: {error}"))
}

/// Serves what Prometheus reads, if it may. Its failure is nobody else's.
fn serve_metrics(
    listener: Option<TcpListener>,
    site: Arc<Site>,
    started: Timestamp,
    asked: impl Future<Output = ()> + Send + 'static,
) -> impl Future<Output = ()> {
    let of_process: MoreMetrics = Arc::new(move |text| process::write(text, started));
    let app = vestibule_web::metrics_app(site, of_process);
    async move {
        let Some(listener) = listener else { return };
        if let Err(error) = vestibule_web::serve_metrics(listener, app, asked).await {
            tracing::warn!(%error, "metrics are not served any more");
        }
    }
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

/// Seals audit events every second, and exports the head at the first of them and then each minute.
async fn seal_audit(vestibule: Vestibule, mut heads: HeadsFile) {
    let mut failed = false;
    loop {
        for sealing in 0..SEALINGS_A_HEAD {
            match vestibule.seal_audit().await {
                Ok(_) => failed = false,
                // While the database is away, once is enough.
                Err(error) if !failed => {
                    tracing::warn!(%error, "audit events are sealed when this is over");
                    failed = true;
                }
                Err(_) => {}
            }
            if sealing == 0 {
                export_head(&vestibule, &mut heads).await;
            }
            sleep(SEALING).await;
        }
    }
}

/// Exports the head, if it has moved, to the file and to the log.
async fn export_head(vestibule: &Vestibule, heads: &mut HeadsFile) {
    match vestibule.audit_head().await {
        Ok(head) => heads.export(head, vestibule.now()),
        Err(error) => tracing::debug!(%error, "the head of the audit trail is not exported"),
    }
}

async fn bind(listen: SocketAddr, key: Key) -> anyhow::Result<TcpListener> {
    TcpListener::bind(listen).await.map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => anyhow!(
            "the port is in use: another program listens on {listen}; stop it, or choose another \
             port with {}",
            key.flag()
        ),
        _ => anyhow!("cannot listen on {listen}: {error}"),
    })
}
