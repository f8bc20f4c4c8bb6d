//! The mail server: `[smtp]` in the file, `VESTIBULE_SMTP_…` in the environment.

use std::net::IpAddr;
use std::path::PathBuf;

use vestibule_mail::{Credentials, Encryption, PATIENCE, Secret, Smtp, SmtpSettings};
use zeroize::Zeroizing;

use super::setting::Mistake;
use super::{Key, Reader, values};

impl Reader {
    /// The mail server, if one is named. All that is wrong with it is gathered.
    pub(super) fn smtp(&mut self) -> Option<SmtpSettings> {
        let before = self.layers.mistakes.len();
        let host = self.text(Key::SmtpHost, values::text);
        let encryption = self.text(Key::SmtpEncryption, values::encryption);
        let encryption = encryption.unwrap_or(Encryption::Tls);
        let port = self.number(Key::SmtpPort, 1..=65_535);
        let port = port.and_then(|port| u16::try_from(port).ok()).unwrap_or(match encryption {
            Encryption::Tls => 465,
            Encryption::StartTls => 587,
            Encryption::None => 25,
        });
        let from = self.text(Key::SmtpFrom, values::text);
        let credentials = self.credentials();
        let authority = self.bytes_of(Key::SmtpCaFile);
        let Some(host) = host else {
            let given = Key::ALL
                .into_iter()
                .find(|key| key.name().starts_with("smtp.") && self.layers.find(*key).is_some());
            if let Some(given) = given.filter(|_| self.layers.mistakes.len() == before) {
                self.complain(given, "smtp.host is missing: without it no mail is sent");
            }
            return None;
        };
        if encryption == Encryption::None && !is_loopback(&host) {
            self.complain(
                Key::SmtpEncryption,
                "\"none\" is for a mail server on this machine alone, such as 127.0.0.1",
            );
        }
        if from.is_none() && self.layers.mistakes.len() == before {
            self.complain(Key::SmtpHost, "smtp.from is missing: the sender of all mails");
        }
        let patience = PATIENCE;
        let settings =
            SmtpSettings { host, port, encryption, credentials, from: from?, authority, patience };
        if let Err(problem) = Smtp::new(settings.clone(), "localhost") {
            let about_file = self.layers.find(Key::SmtpCaFile).is_some()
                && problem.to_string().contains("certificate");
            let key = if about_file { Key::SmtpCaFile } else { Key::SmtpFrom };
            self.complain(key, &problem.to_string());
        }
        (self.layers.mistakes.len() == before).then_some(settings)
    }

    fn credentials(&mut self) -> Option<Credentials> {
        let user = self.text(Key::SmtpUsername, values::text);
        let typed = self.text(Key::SmtpPassword, |text| Ok(Zeroizing::new(text.to_owned())));
        if typed.is_some() && self.layers.find(Key::SmtpPasswordFile).is_some() {
            self.complain(Key::SmtpPasswordFile, "smtp.password is set too: keep one of them");
        }
        let stored = self.bytes_of(Key::SmtpPasswordFile).and_then(|bytes| {
            let text = Zeroizing::new(String::from_utf8(bytes).ok()?);
            Some(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()))
        });
        let has_password = [Key::SmtpPassword, Key::SmtpPasswordFile]
            .into_iter()
            .find(|key| self.layers.find(*key).is_some());
        match (user, typed.or(stored)) {
            (Some(user), Some(password)) => Some(Credentials { user, password: Secret(password) }),
            (Some(_), None) if has_password.is_none() => {
                self.complain(Key::SmtpUsername, "smtp.password or smtp.password_file is missing");
                None
            }
            (None, Some(_)) => {
                let key = has_password.unwrap_or(Key::SmtpPassword);
                self.complain(key, "smtp.username is missing");
                None
            }
            _ => None,
        }
    }

    fn bytes_of(&mut self, key: Key) -> Option<Vec<u8>> {
        self.text(key, |path| {
            let shown = PathBuf::from(path);
            std::fs::read(&shown)
                .map_err(|error| format!("{} cannot be read: {error}", shown.display()))
        })
    }

    /// Says what is wrong where the setting stands.
    fn complain(&mut self, key: Key, problem: &str) {
        if let Some(setting) = self.layers.find(key) {
            let mistake = Mistake::of(&setting.origin, key.name(), problem);
            self.layers.mistakes.push(mistake);
        }
    }
}

/// Names are looked up by a resolver that may answer anything; `localhost` is this machine's.
fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}
