//! The configuration: flag before environment before file before default.
//!
//! A mistake is a line that names its key and where it stands. Nothing here opens anything but the
//! file.

mod applications;
mod file;
mod key;
mod layers;
mod setting;
mod show;
mod smtp;
#[cfg(test)]
mod tests;
mod values;

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::bail;
use ipnet::IpNet;
use tracing::level_filters::LevelFilter;
use url::Url;
use vestibule_domain::password::LOWEST_MINIMUM;
use vestibule_domain::session::SessionLimits;
use vestibule_flows::Settings;
use vestibule_flows::configured_applications::ConfiguredApplication;
use vestibule_mail::SmtpSettings;
use vestibule_store::DatabaseUrl;

use applications::Written;
pub(crate) use key::Key;
use layers::{Environment, Layers};
use setting::{Mistake, Mistakes, Origin, Setting};
pub(crate) use show::show_database;

/// How logs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For programs, one object a line.
    Json,
}

/// What holds for this process.
pub(crate) struct Config {
    /// The address and port to listen on.
    pub(crate) listen: SocketAddr,
    /// The address that people open, where it is configured.
    public_url: Option<Url>,
    /// The proxies whose word about a visitor's address counts.
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// The address and port that Prometheus reads, where it may.
    pub(crate) metrics_listen: Option<SocketAddr>,
    /// The folder of the key file and, by default, of the database.
    pub(crate) data_dir: PathBuf,
    /// The database.
    pub(crate) database: DatabaseUrl,
    /// The file to which the heads of the audit trail are exported.
    pub(crate) audit_heads: PathBuf,
    /// How many threads answer requests, where that is set.
    pub(crate) threads: Option<NonZero<usize>>,
    /// The rules that can be set.
    pub(crate) settings: Settings,
    /// The mail server, if there is one.
    pub(crate) smtp: Option<SmtpSettings>,
    /// How much is logged.
    pub(crate) log: LevelFilter,
    /// How it is logged.
    pub(crate) log_format: LogFormat,
    /// What stands behind the gate.
    applications: Vec<Written>,
    origins: Vec<(Key, Origin)>,
}

impl Config {
    /// Reads the file, if one is named, and the process's environment.
    pub(crate) fn load(path: Option<&Path>, flags: Vec<(Key, String)>) -> Result<Self, Mistakes> {
        let environment = std::env::vars_os()
            .map(|(name, text)| {
                (name.to_string_lossy().into_owned(), text.to_string_lossy().into_owned())
            })
            .collect();
        Self::from(path, flags, &environment)
    }

    /// Reads the file, if one is named, and this environment.
    pub(crate) fn from(
        path: Option<&Path>,
        flags: Vec<(Key, String)>,
        environment: &Environment,
    ) -> Result<Self, Mistakes> {
        Self::of(Layers::read(path, flags, environment))
    }

    /// Reads the text of a file, and this environment.
    #[cfg(feature = "fuzzing")]
    pub(crate) fn of_text(text: &str, environment: &Environment) -> Result<Self, Mistakes> {
        Self::of(Layers::of_text(text, environment))
    }

    fn of(layers: Layers) -> Result<Self, Mistakes> {
        let mut reader = Reader { layers, origins: vec![] };
        let mut config = reader.config();
        config.smtp = reader.smtp();
        config.settings.mail = config.smtp.is_some();
        config.applications = reader.applications(config.public_url.as_ref());
        let mut mistakes = reader.layers.mistakes;
        if mistakes.is_empty() {
            // Only of values that were understood.
            mistakes.extend(config.lacks_https());
            mistakes.extend(config.serves_metrics_to_all());
        }
        if mistakes.is_empty() {
            Ok(Self { origins: reader.origins, ..config })
        } else {
            Err(Mistakes(mistakes))
        }
    }

    /// The address that people open. Who listens on loopback alone needs to configure none.
    pub(crate) fn public_url(&self, port: u16) -> anyhow::Result<Url> {
        match &self.public_url {
            Some(url) => Ok(url.clone()),
            None => Ok(Url::parse(&format!("http://localhost:{port}"))?),
        }
    }

    /// The address that people open, where it is configured.
    pub(crate) fn configured_public_url(&self) -> Option<&Url> {
        self.public_url.as_ref()
    }

    /// The address for links that are made beside `vestibule serve`: the configured one, else the
    /// one that `vestibule serve` was started with.
    pub(crate) fn public_url_for_links(&self, served: Option<&str>) -> anyhow::Result<Url> {
        if self.public_url.is_none()
            && let Some(url) = served.and_then(|url| Url::parse(url).ok())
        {
            return Ok(url);
        }
        match self.listen.port() {
            0 if self.public_url.is_none() => {
                bail!(
                    "the link needs an address: name the one of `vestibule serve` with --public-url"
                )
            }
            port => self.public_url(port),
        }
    }

    /// The applications that stand behind the gate by configuration.
    pub(crate) fn applications(&self) -> Vec<ConfiguredApplication> {
        self.applications.iter().map(|written| written.configured.clone()).collect()
    }

    /// The file of the master key.
    pub(crate) fn key_file(&self) -> PathBuf {
        self.data_dir.join("master.key")
    }

    /// Where a master key lies that is to replace the present one.
    pub(crate) fn next_key_file(&self) -> PathBuf {
        self.data_dir.join("master.key.next")
    }

    /// Over a network, passwords travel by https alone.
    fn lacks_https(&self) -> Option<Mistake> {
        let https = self.public_url.as_ref().is_some_and(|url| url.scheme() == "https");
        if https || self.listen.ip().to_canonical().is_loopback() {
            return None;
        }
        Some(Mistake(format!(
            "listen: {} can be reached from other machines, so public_url must be the https:// \
             address that people open (of a reverse proxy with TLS)",
            self.listen
        )))
    }

    /// What is for Prometheus has a listener of its own.
    fn serves_metrics_to_all(&self) -> Option<Mistake> {
        let same = self.metrics_listen == Some(self.listen) && self.listen.port() != 0;
        same.then(|| {
            Mistake(format!(
                "metrics_listen: {} is where `listen` is; choose another port",
                self.listen
            ))
        })
    }
}

/// Reads key by key and gathers the mistakes, so that all are said at once.
struct Reader {
    layers: Layers,
    origins: Vec<(Key, Origin)>,
}

impl Reader {
    fn config(&mut self) -> Config {
        let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 8080));
        let listen = self.text(Key::Listen, values::listen).unwrap_or(loopback);
        let public_url = self.text(Key::PublicUrl, values::public_url);
        let trusted_proxies = self.read(Key::TrustedProxies, |setting| {
            setting.texts(Key::TrustedProxies.name(), values::network)
        });
        let metrics_listen = self.text(Key::MetricsListen, values::metrics_listen);
        let data_dir = self.text(Key::DataDir, values::path);
        let data_dir = data_dir.unwrap_or_else(|| "./vestibule-data".into());
        let database = self.text(Key::Database, values::database);
        let database =
            database.unwrap_or_else(|| DatabaseUrl::Sqlite(data_dir.join("vestibule.db")));
        let audit_heads = self.text(Key::AuditHeads, values::path);
        let audit_heads = audit_heads.unwrap_or_else(|| data_dir.join("audit-heads.jsonl"));
        Config {
            listen,
            public_url,
            trusted_proxies: trusted_proxies.unwrap_or_default(),
            metrics_listen: metrics_listen.flatten(),
            data_dir,
            database,
            audit_heads,
            threads: self.number(Key::Threads, 0..=1_024).and_then(|n| NonZero::new(n as usize)),
            settings: self.rules(),
            smtp: None,
            applications: vec![],
            log: self.text(Key::Log, values::log).unwrap_or(LevelFilter::INFO),
            log_format: self.text(Key::LogFormat, values::log_format).unwrap_or(LogFormat::Text),
            origins: vec![],
        }
    }

    fn rules(&mut self) -> Settings {
        let defaults = Settings::default();
        // NIST SP 800-63B-4 §2.1.3: even at AAL1 a session ends after 30 days.
        let idle = self.number(Key::SessionIdleMinutes, 1..=24 * 60);
        let total = self.number(Key::SessionTotalHours, 1..=30 * 24);
        // NIST §3.1.1.2: passwords of 64 characters must be allowed, so no more can be asked for.
        let lowest = u32::try_from(LOWEST_MINIMUM).unwrap_or(u32::MAX);
        let minimum = self.number(Key::PasswordMinimum, lowest..=64);
        // A hundred years are for ever.
        let kept = self.number(Key::AuditRetentionDays, 0..=36_500).filter(|days| *days > 0);
        let memory = self.number(Key::GateMemory, 1_000..=10_000_000);
        let limits = defaults.session_limits;
        Settings {
            session_limits: SessionLimits {
                idle: idle.map_or(limits.idle, |n| Duration::from_mins(n.into())),
                total: total.map_or(limits.total, |n| Duration::from_hours(n.into())),
            },
            password_minimum: minimum.map_or(defaults.password_minimum, |n| n as usize),
            audit_kept: kept.map(|days| Duration::from_hours(u64::from(days) * 24)),
            gate_memory: memory.map_or(defaults.gate_memory, |n| n as usize),
            ..defaults
        }
    }

    /// The applications. Who configures no public address stands at `localhost`.
    fn applications(&mut self, public_url: Option<&Url>) -> Vec<Written> {
        let default = Url::parse("http://localhost").ok();
        let is_default = self.layers.find(Key::PublicUrl).is_none();
        let own = public_url.or(default.as_ref().filter(|_| is_default));
        applications::read(&self.layers.applications, own, &mut self.layers.mistakes)
    }

    fn text<T>(&mut self, key: Key, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        self.read(key, |setting| setting.text(key.name(), parse))
    }

    fn number(&mut self, key: Key, range: std::ops::RangeInclusive<u32>) -> Option<u32> {
        self.read(key, |setting| setting.number(key.name(), range))
    }

    fn read<T>(
        &mut self,
        key: Key,
        understand: impl FnOnce(&Setting) -> Result<T, Mistake>,
    ) -> Option<T> {
        let setting = self.layers.find(key)?;
        self.origins.push((key, setting.origin.clone()));
        match understand(setting) {
            Ok(value) => Some(value),
            Err(mistake) => {
                self.layers.mistakes.push(mistake);
                None
            }
        }
    }
}

/// An environment for tests.
#[cfg(test)]
pub(crate) fn environment_of(variables: &[(&str, &str)]) -> Environment {
    variables.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}
