//! The names of all settings: the key in the file, and from it the variable and the flag.

/// A setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Listen,
    PublicUrl,
    TrustedProxies,
    MetricsListen,
    DataDir,
    Database,
    SessionIdleMinutes,
    SessionTotalHours,
    PasswordMinimum,
    AuditRetentionDays,
    AuditHeads,
    GateMemory,
    Threads,
    Log,
    LogFormat,
    SmtpHost,
    SmtpPort,
    SmtpEncryption,
    SmtpUsername,
    SmtpPassword,
    SmtpPasswordFile,
    SmtpFrom,
    SmtpCaFile,
}

impl Key {
    /// All of them, in the order in which they are shown.
    pub(crate) const ALL: [Self; 23] = [
        Self::Listen,
        Self::PublicUrl,
        Self::TrustedProxies,
        Self::MetricsListen,
        Self::DataDir,
        Self::Database,
        Self::SessionIdleMinutes,
        Self::SessionTotalHours,
        Self::PasswordMinimum,
        Self::AuditRetentionDays,
        Self::AuditHeads,
        Self::GateMemory,
        Self::Threads,
        Self::Log,
        Self::LogFormat,
        Self::SmtpHost,
        Self::SmtpPort,
        Self::SmtpEncryption,
        Self::SmtpUsername,
        Self::SmtpPassword,
        Self::SmtpPasswordFile,
        Self::SmtpFrom,
        Self::SmtpCaFile,
    ];

    /// The key in the file, after its table and a dot where it stands in one.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Listen => "listen",
            Self::PublicUrl => "public_url",
            Self::TrustedProxies => "trusted_proxies",
            Self::MetricsListen => "metrics_listen",
            Self::DataDir => "data_dir",
            Self::Database => "database",
            Self::SessionIdleMinutes => "session_idle_minutes",
            Self::SessionTotalHours => "session_total_hours",
            Self::PasswordMinimum => "password_minimum",
            Self::AuditRetentionDays => "audit_retention_days",
            Self::AuditHeads => "audit_heads",
            Self::GateMemory => "gate_memory",
            Self::Threads => "threads",
            Self::Log => "log",
            Self::LogFormat => "log_format",
            Self::SmtpHost => "smtp.host",
            Self::SmtpPort => "smtp.port",
            Self::SmtpEncryption => "smtp.encryption",
            Self::SmtpUsername => "smtp.username",
            Self::SmtpPassword => "smtp.password",
            Self::SmtpPasswordFile => "smtp.password_file",
            Self::SmtpFrom => "smtp.from",
            Self::SmtpCaFile => "smtp.ca_file",
        }
    }

    /// The setting of this name.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|key| key.name() == name)
    }

    /// The setting of this variable, less its beginning and in small letters.
    pub(crate) fn of_variable(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|key| key.name().replace('.', "_") == name)
    }

    /// Whether settings stand in a table of this name.
    pub(crate) fn is_table(name: &str) -> bool {
        Self::ALL
            .into_iter()
            .any(|key| key.name().split_once('.').is_some_and(|(table, _)| table == name))
    }

    /// The environment variable.
    pub(crate) fn variable(self) -> String {
        format!("VESTIBULE_{}", self.name().replace('.', "_").to_ascii_uppercase())
    }

    /// The flag, of those that have one.
    pub(crate) fn flag(self) -> String {
        format!("--{}", self.name().replace(['_', '.'], "-"))
    }

    /// The default, for help.
    pub(crate) const fn default(self) -> &'static str {
        match self {
            Self::Listen => "127.0.0.1:8080",
            Self::PublicUrl => "http://localhost:<port>",
            Self::TrustedProxies
            | Self::MetricsListen
            | Self::SmtpHost
            | Self::SmtpUsername
            | Self::SmtpPassword
            | Self::SmtpPasswordFile
            | Self::SmtpFrom
            | Self::SmtpCaFile => "none",
            Self::SmtpPort => "465",
            Self::SmtpEncryption => "tls",
            Self::DataDir => "./vestibule-data",
            Self::Database => "sqlite:<data-dir>/vestibule.db",
            Self::SessionIdleMinutes => "60",
            Self::SessionTotalHours => "24",
            Self::PasswordMinimum => "12",
            Self::AuditRetentionDays | Self::Threads => "0",
            Self::AuditHeads => "<data-dir>/audit-heads.jsonl",
            Self::GateMemory => "100000",
            Self::Log => "info",
            Self::LogFormat => "text",
        }
    }

    /// The setting that somebody may have meant by this name.
    pub(crate) fn nearest(name: &str) -> Option<Self> {
        let plain = |name: &str| name.replace('.', "_");
        let misspelt = nearest_of(Self::ALL.map(|key| plain(key.name())), &plain(name));
        let is_meant = |key: &Self| misspelt.as_ref() == Some(&plain(key.name()));
        Self::ALL.into_iter().find(is_meant).or_else(|| {
            // `database_url`, `log_level`: more said than needed.
            let longer = |key: &Self| name.starts_with(key.name());
            Self::ALL.into_iter().filter(longer).max_by_key(|key| key.name().len())
        })
    }
}

/// The one of these that somebody may have misspelt as `name`.
pub(super) fn nearest_of<T: AsRef<str>>(
    known: impl IntoIterator<Item = T>,
    name: &str,
) -> Option<T> {
    known
        .into_iter()
        .map(|known| (edits(name, known.as_ref()), known))
        .min_by_key(|(edits, _)| *edits)
        .filter(|(edits, _)| *edits <= name.len() / 3)
        .map(|(_, known)| known)
}

/// How many letters have to be added, dropped or changed (Levenshtein's distance).
fn edits(from: &str, to: &str) -> usize {
    // Distances between what was read of `from` and every beginning of `to`.
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (read, x) in from.bytes().enumerate() {
        let mut left = read + 1;
        let mut next = vec![left];
        for (above, y) in row.windows(2).zip(to.bytes()) {
            left = (above[0] + usize::from(x != y)).min(above[1] + 1).min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Key, edits};

    #[test]
    fn a_slip_of_the_finger_finds_its_key() {
        for (name, key) in [
            ("lisen", Key::Listen),
            ("public-url", Key::PublicUrl),
            ("trusted_proxy", Key::TrustedProxies),
            ("databse", Key::Database),
            ("database_url", Key::Database),
            ("log_formt", Key::LogFormat),
            ("session_idle_minute", Key::SessionIdleMinutes),
            ("log_level", Key::Log),
        ] {
            assert_eq!(Key::nearest(name), Some(key), "{name}");
        }
        for name in ["", "x", "server", "tls", "port"] {
            assert_eq!(Key::nearest(name), None, "{name}");
        }
    }

    #[test]
    fn edits_are_counted() {
        for (from, to, count) in
            [("", "", 0), ("", "abc", 3), ("abc", "", 3), ("kitten", "sitting", 3), ("ab", "ba", 2)]
        {
            assert_eq!(edits(from, to), count, "{from} {to}");
        }
    }
}
