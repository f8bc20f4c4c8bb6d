//! The configuration as text, for people to compare: TOML with the origin of each value.

use std::fmt::Write as _;
use std::num::NonZero;

use vestibule_flows::configured_applications::ConfiguredApplication;
use vestibule_mail::Encryption;
use vestibule_store::DatabaseUrl;

use super::applications::Written;
use super::key::Key;
use super::setting::Origin;
use super::{Config, LogFormat};

impl Config {
    /// Every setting as it counts, a line for each.
    pub(crate) fn show(&self) -> String {
        let mut shown = String::new();
        for key in Key::ALL {
            let origin = self.origins.iter().find(|(of, _)| *of == key).map(|(_, origin)| origin);
            let origin = origin.unwrap_or(&Origin::Default);
            let setting = format!("{} = {}", key.name(), self.value(key));
            // Writing to a string cannot fail.
            let _ = writeln!(shown, "{setting:<52}  # {origin}");
        }
        for written in &self.applications {
            let _ = writeln!(shown, "\n{}", show_application(written));
        }
        shown
    }

    fn value(&self, key: Key) -> String {
        match key {
            Key::Listen => quoted(&self.listen),
            Key::PublicUrl => match (&self.public_url, self.listen.port()) {
                (Some(url), _) => quoted(&url.origin().ascii_serialization()),
                (None, 0) => quoted(&"http://localhost:PORT"),
                (None, 80) => quoted(&"http://localhost"),
                (None, port) => quoted(&format!("http://localhost:{port}")),
            },
            Key::TrustedProxies => {
                let networks: Vec<String> = self.trusted_proxies.iter().map(quoted).collect();
                format!("[{}]", networks.join(", "))
            }
            Key::MetricsListen => {
                quoted(&self.metrics_listen.map_or(String::new(), |listen| listen.to_string()))
            }
            Key::DataDir => quoted(&self.data_dir.display()),
            Key::Database => quoted(&show_database(&self.database)),
            Key::SessionIdleMinutes => {
                (self.settings.session_limits.idle.as_secs() / 60).to_string()
            }
            Key::SessionTotalHours => {
                (self.settings.session_limits.total.as_secs() / 3600).to_string()
            }
            Key::PasswordMinimum => self.settings.password_minimum.to_string(),
            Key::SmtpHost => quoted(&self.smtp.as_ref().map_or("", |smtp| &smtp.host)),
            Key::SmtpPort => self.smtp.as_ref().map_or(465, |smtp| smtp.port).to_string(),
            Key::SmtpEncryption => quoted(&match self.smtp.as_ref().map(|smtp| smtp.encryption) {
                Some(Encryption::None) => "none",
                Some(Encryption::StartTls) => "starttls",
                Some(Encryption::Tls) | None => "tls",
            }),
            Key::SmtpUsername => {
                let login = self.smtp.as_ref().and_then(|smtp| smtp.credentials.as_ref());
                quoted(&login.map_or("", |login| &login.user))
            }
            // Never the password, wherever it came from.
            Key::SmtpPassword | Key::SmtpPasswordFile | Key::SmtpCaFile => {
                let is_set = self.origins.iter().any(|(of, _)| *of == key);
                quoted(&if is_set { "(set)" } else { "" })
            }
            Key::SmtpFrom => quoted(&self.smtp.as_ref().map_or("", |smtp| &smtp.from)),
            Key::AuditRetentionDays => {
                let kept = self.settings.audit_kept.unwrap_or_default();
                (kept.as_secs() / (24 * 3600)).to_string()
            }
            Key::Threads => self.threads.map_or(0, NonZero::get).to_string(),
            Key::GateMemory => self.settings.gate_memory.to_string(),
            Key::AuditHeads => quoted(&self.audit_heads.display()),
            Key::Log => quoted(&self.log),
            Key::LogFormat => quoted(&match self.log_format {
                LogFormat::Text => "text",
                LogFormat::Json => "json",
            }),
        }
    }
}

fn show_application(written: &Written) -> String {
    let ConfiguredApplication { application, account, users } = &written.configured;
    let users: Vec<String> = users.iter().map(quoted).collect();
    let mut lines = vec![
        format!("{:<52}  # {}", "[[applications]]", written.origin),
        format!("name = {}", quoted(&application.name)),
        format!("host = {}", quoted(&application.host)),
        format!("enter = {}", quoted(&application.enter.as_str())),
        format!("users = [{}]", users.join(", ")),
        format!("always_mfa = {}", application.always_mfa),
    ];
    lines.extend(account.as_ref().map(|account| format!("account = {}", quoted(account))));
    let minutes = application.max_age.map(|age| age.as_secs() / 60);
    lines.extend(minutes.map(|minutes| format!("max_age_minutes = {minutes}")));
    lines.join("\n")
}

fn quoted(text: &impl ToString) -> String {
    toml::Value::String(text.to_string()).to_string()
}

/// The address of a database without its password.
pub(crate) fn show_database(url: &DatabaseUrl) -> String {
    match url {
        DatabaseUrl::Sqlite(path) => format!("sqlite:{}", path.display()),
        DatabaseUrl::Postgres(options) => {
            let host = options.get_socket().map_or_else(
                || options.get_host().to_owned(),
                |socket| socket.display().to_string(),
            );
            let (user, port) = (options.get_username(), options.get_port());
            let database = options.get_database().unwrap_or(user);
            format!("postgres://{user}@{host}:{port}/{database}")
        }
    }
}
