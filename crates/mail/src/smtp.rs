//! The mail server: one connection a mail, each step of it with its own meaning when it fails.

use std::fmt::Display;
use std::time::Duration;

use lettre::address::Envelope;
use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::{Credentials as Login, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters,
};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use lettre::transport::smtp::{Error, response::Response};
use tokio::time::timeout;
use zeroize::Zeroizing;

/// What one mail may take in all by default.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// What a check of the server may take.
const CHECKING: Duration = Duration::from_secs(5);
/// What saying goodbye may take.
const GOODBYE: Duration = Duration::from_millis(500);

/// How the way to the server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// TLS from the first byte (RFC 8314).
    Tls,
    /// TLS after a plain greeting; without it nothing is sent.
    StartTls,
    /// None: for a server on the same machine alone.
    None,
}

/// The password for the mail server. It has neither `Debug` nor `Display`.
#[derive(Clone)]
pub struct Secret(pub Zeroizing<String>);

/// Who signs in to the mail server.
#[derive(Clone)]
pub struct Credentials {
    /// The name.
    pub user: String,
    /// The password.
    pub password: Secret,
}

/// What an operator sets about mail.
#[derive(Clone)]
pub struct SmtpSettings {
    /// The name of the server: its certificate must be for it.
    pub host: String,
    /// The port.
    pub port: u16,
    /// How the way there is protected.
    pub encryption: Encryption,
    /// Who signs in there, if it asks for it.
    pub credentials: Option<Credentials>,
    /// The sender: an address, or a name and an address.
    pub from: String,
    /// Further certificates that are trusted, as PEM: a company's own authority.
    pub authority: Option<Vec<u8>>,
    /// What one mail may take in all. The courier waits so long for a server that hangs, and nobody
    /// else does.
    pub patience: Duration,
}

/// What is wrong with a setting, as a sentence.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadSetting(pub String);

/// A mail server.
pub struct Smtp {
    settings: SmtpSettings,
    tls: Option<TlsParameters>,
    pub(crate) from: Mailbox,
    hello: ClientId,
}

/// Why a mail was not sent.
#[derive(Debug)]
pub(crate) enum NotSent {
    /// The server cannot be used now, by any mail.
    Server(String),
    /// The server does not take this mail now: its code.
    Later(String),
    /// The server never takes this mail: its code.
    Never(String),
}

impl Smtp {
    /// Understands the settings. `hello` is the name by which we greet the server.
    pub fn new(settings: SmtpSettings, hello: &str) -> Result<Self, BadSetting> {
        let from = settings.from.parse().map_err(|_| {
            BadSetting(format!(
                "{:?} is not a sender, such as login@example.com or Login <login@example.com>",
                settings.from
            ))
        })?;
        let tls = match settings.encryption {
            Encryption::None => None,
            Encryption::Tls | Encryption::StartTls => Some(tls_of(&settings)?),
        };
        Ok(Self { settings, tls, from, hello: ClientId::Domain(hello.to_owned()) })
    }

    /// `host:port`, for people.
    pub fn shown(&self) -> String {
        format!("{}:{}", self.settings.host, self.settings.port)
    }

    /// Whether the server can be reached, has the right certificate and lets us in. Sends nothing.
    pub async fn check(&self) -> Result<(), String> {
        match timeout(CHECKING, self.connect()).await {
            Ok(Ok(connection)) => {
                goodbye(connection).await;
                Ok(())
            }
            Ok(Err(why)) => Err(why),
            Err(_) => Err(format!("no answer within {} seconds", CHECKING.as_secs())),
        }
    }

    /// Hands a mail to the server.
    pub(crate) async fn send(&self, envelope: &Envelope, text: &[u8]) -> Result<(), NotSent> {
        match timeout(self.settings.patience, self.hand_over(envelope, text)).await {
            Ok(Ok(connection)) => {
                goodbye(connection).await;
                Ok(())
            }
            Ok(Err(why)) => Err(why),
            Err(_) => {
                let patience = self.settings.patience.as_secs();
                Err(NotSent::Server(format!("no answer within {patience} seconds")))
            }
        }
    }

    /// Until the server has said that it has the mail.
    async fn hand_over(
        &self,
        envelope: &Envelope,
        text: &[u8],
    ) -> Result<AsyncSmtpConnection, NotSent> {
        let mut connection = self.connect().await.map_err(NotSent::Server)?;
        let mut parameters = vec![];
        let addresses = envelope.from().into_iter().chain(envelope.to());
        if !addresses.into_iter().all(|address| AsRef::<str>::as_ref(address).is_ascii()) {
            if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
                return Err(NotSent::Never("the server takes ASCII addresses alone".into()));
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        let from = Mail::new(envelope.from().cloned(), parameters);
        // A sender that is refused is a mistake in the configuration, and no mail's fault.
        connection.command(from).await.map_err(|error| NotSent::Server(told(&error)))?;
        for to in envelope.to() {
            let answer = connection.command(Rcpt::new(to.clone(), vec![])).await;
            of_this_mail(answer)?;
        }
        of_this_mail(connection.command(Data).await)?;
        of_this_mail(connection.message(text).await)?;
        Ok(connection)
    }

    /// Connected, protected, signed in.
    async fn connect(&self) -> Result<AsyncSmtpConnection, String> {
        let server = (self.settings.host.as_str(), self.settings.port);
        let at_once = self.tls.clone().filter(|_| self.settings.encryption == Encryption::Tls);
        let connected =
            AsyncSmtpConnection::connect_tokio1(server, None, &self.hello, at_once, None).await;
        let mut connection = connected.map_err(|error| told(&error))?;
        if let (Encryption::StartTls, Some(tls)) = (self.settings.encryption, &self.tls) {
            connection.starttls(tls.clone(), &self.hello).await.map_err(|error| told(&error))?;
        }
        if let Some(Credentials { user, password }) = &self.settings.credentials {
            let login = Login::new(user.clone(), password.0.to_string());
            // The answer may repeat what was sent; its code says enough.
            connection.auth(DEFAULT_MECHANISMS, &login).await.map_err(|error| {
                match error.status() {
                    Some(code) => format!("user name or password are refused ({code})"),
                    None => told(&error),
                }
            })?;
        }
        Ok(connection)
    }
}

fn tls_of(settings: &SmtpSettings) -> Result<TlsParameters, BadSetting> {
    let mut builder = TlsParameters::builder(settings.host.clone())
        .certificate_store(CertificateStore::WebpkiRoots);
    if let Some(pem) = &settings.authority {
        // A file without any certificate would count as one that holds none.
        let begins = b"-----BEGIN CERTIFICATE-----";
        if !pem.windows(begins.len()).any(|part| part == begins) {
            return Err(BadSetting("the file holds no certificate in PEM".to_owned()));
        }
        let certificate = Certificate::from_pem(pem);
        let certificate = certificate
            .map_err(|_| BadSetting("the file holds no certificate in PEM".to_owned()))?;
        builder = builder.add_root_certificate(certificate);
    }
    builder.build().map_err(|error| BadSetting(told(&error)))
}

/// What an answer about a mail means.
fn of_this_mail(answer: Result<Response, Error>) -> Result<(), NotSent> {
    match answer {
        Ok(_) => Ok(()),
        // The words may hold the address; the code does not.
        Err(error) => Err(match error.status() {
            Some(code) if error.is_permanent() => NotSent::Never(code.to_string()),
            Some(code) => NotSent::Later(code.to_string()),
            None => NotSent::Server(told(&error)),
        }),
    }
}

/// The server has the mail; how it takes our leave does not matter.
async fn goodbye(mut connection: AsyncSmtpConnection) {
    let _ = timeout(GOODBYE, connection.quit()).await;
}

/// An error with its causes, on one line.
fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text: &dyn Display = inner;
        let inner_text = inner_text.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
