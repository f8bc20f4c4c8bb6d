//! A mail server for the whole test run, started when a story first needs it: a real one, in a
//! process of its own. Each story has a sender of its own, and with it a mailbox.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use vestibule_mail::{Credentials, Encryption, Secret, SmtpSettings};

use crate::leash::{Leash, Stop};

/// Who signs in to it, and with what.
pub const LOGIN: (&str, &str) = ("vestibule", "a heron waits beside the mail server");

/// How it meets a sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// It takes everything.
    Good,
    /// It answers nothing after the greeting.
    Hang,
    /// It is not to be used now (421).
    Away,
    /// It wants to be asked again later (451).
    Busy,
    /// It knows no such address (550).
    Refuse,
    /// It takes nothing from this sender (550).
    RefuseSender,
    /// It breaks off after it was told the mail.
    BreakOff,
}

/// A mail that arrived.
#[derive(Clone, Debug)]
pub struct Received {
    /// The address it was delivered to.
    pub to: String,
    /// Its subject.
    pub subject: String,
    /// What names it for ever.
    pub message_id: String,
    /// All its headers.
    pub headers: Vec<String>,
    /// What is read without HTML.
    pub text: String,
    /// What is read with it.
    pub html: String,
    /// As it came.
    pub raw: String,
    /// Whether it came over TLS.
    pub tls: bool,
    /// Whether the sender had signed in.
    pub login: bool,
}

/// The mail that one sender has sent.
pub struct Mailbox {
    /// The sender.
    pub sender: String,
    read: AtomicUsize,
}

struct Server {
    // Held: the server ends with it.
    leash: Leash,
    ports: Value,
    authority: Vec<u8>,
}

fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let folder = TempDir::new().unwrap();
        for inner in ["mail", "behaviour"] {
            fs::create_dir(folder.path().join(inner)).unwrap();
        }
        make_certificates(&folder);
        fs::write(folder.path().join("server.py"), include_str!("smtp_server.py")).unwrap();
        let authority = fs::read(folder.path().join("authority.pem")).unwrap();
        let mut command = Command::new(python());
        command.arg(folder.path().join("server.py")).arg(folder.path()).args([LOGIN.0, LOGIN.1]);
        let mut leash = Leash::start(command, None, Stop::Kill, folder).unwrap();
        let ports = leash.folder().join("ports.json");
        let mut tries = 0;
        while !ports.exists() {
            tries += 1;
            assert!(
                !leash.has_ended() && tries < 3_000,
                "the mail server did not start (Debian's python3-aiosmtpd): {}",
                leash.log()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        let ports = serde_json::from_str(&fs::read_to_string(ports).unwrap()).unwrap();
        Server { leash, ports, authority }
    })
}

/// The Python that has the mail server: Debian's package is for Debian's own, which need not be the
/// first on the search path.
fn python() -> &'static str {
    let has_it = |python: &&str| {
        let tried = Command::new(python).args(["-c", "import aiosmtpd"]).output();
        tried.is_ok_and(|tried| tried.status.success())
    };
    ["/usr/bin/python3", "python3"]
        .into_iter()
        .find(has_it)
        .expect("a Python with aiosmtpd (Debian's python3-aiosmtpd)")
}

/// An authority of our own, and a certificate for `localhost`.
fn make_certificates(folder: &TempDir) {
    let new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
    let common = ["-nodes", "-days", "2", "-sha256"];
    let openssl = |rest: &[&str]| {
        let made = Command::new("openssl")
            .args(new)
            .args(common)
            .args(rest)
            .current_dir(folder.path())
            .output()
            .expect("openssl");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    };
    openssl(&[
        "-keyout",
        "authority.key",
        "-out",
        "authority.pem",
        "-subj",
        "/CN=Acme test authority",
        "-addext",
        "keyUsage=critical,keyCertSign",
    ]);
    openssl(&[
        "-CA",
        "authority.pem",
        "-CAkey",
        "authority.key",
        "-keyout",
        "server.key",
        "-out",
        "server.pem",
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=DNS:localhost",
        "-addext",
        "basicConstraints=critical,CA:FALSE",
    ]);
}

impl Mailbox {
    /// An empty one, of a sender of its own.
    pub fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let sender = format!("login-{number}-{}@acme.example", std::process::id());
        Self { sender, read: AtomicUsize::new(0) }
    }

    /// The settings with which this sender sends.
    pub fn settings(&self, encryption: Encryption) -> SmtpSettings {
        let kind = match encryption {
            Encryption::None => "plain",
            Encryption::StartTls => "starttls",
            Encryption::Tls => "tls",
        };
        let with_tls = encryption != Encryption::None;
        let password = || Secret(LOGIN.1.to_owned().into());
        SmtpSettings {
            host: "localhost".to_owned(),
            port: u16::try_from(server().ports[kind].as_u64().unwrap()).unwrap(),
            encryption,
            credentials: with_tls
                .then(|| Credentials { user: LOGIN.0.to_owned(), password: password() }),
            from: format!("Acme login <{}>", self.sender),
            authority: with_tls.then(|| server().authority.clone()),
            patience: Duration::from_secs(1),
        }
    }

    /// From now on the server behaves so towards this sender.
    pub fn behave(&self, behaviour: Behaviour) {
        let path = server().leash.folder().join("behaviour").join(&self.sender);
        let word = match behaviour {
            Behaviour::Good => "",
            Behaviour::Hang => "hang",
            Behaviour::Away => "away",
            Behaviour::Busy => "busy",
            Behaviour::Refuse => "refuse",
            Behaviour::RefuseSender => "refuse the sender",
            Behaviour::BreakOff => "break off",
        };
        fs::write(path, word).unwrap();
    }

    /// Whether somebody hangs, or hung, in a connection of this sender's.
    pub fn has_hung(&self) -> bool {
        let name = format!("{}.hanging", self.sender);
        server().leash.folder().join("behaviour").join(name).exists()
    }

    /// The file of the authority that has signed the server's certificate.
    pub fn authority_file() -> PathBuf {
        server().leash.folder().join("authority.pem")
    }

    /// Every mail that has arrived, in order.
    pub fn all(&self) -> Vec<Received> {
        let folder: PathBuf = server().leash.folder().join("mail").join(&self.sender);
        let Ok(entries) = fs::read_dir(folder) else { return vec![] };
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| path.extension().is_some_and(|end| end == "json"));
        paths.sort();
        paths.iter().map(|path| Received::read(&fs::read_to_string(path).unwrap())).collect()
    }

    /// Those that have arrived since this was asked last.
    pub fn new_ones(&self) -> Vec<Received> {
        let all = self.all();
        let read = self.read.swap(all.len(), Ordering::SeqCst);
        all[read..].to_vec()
    }
}

impl Default for Mailbox {
    fn default() -> Self {
        Self::new()
    }
}

impl Received {
    fn read(text: &str) -> Self {
        let value: Value = serde_json::from_str(text).unwrap();
        let text = |key: &str| value[key].as_str().unwrap().to_owned();
        let headers = value["headers"].as_array().unwrap();
        assert_eq!(value["to"].as_array().unwrap().len(), 1, "one mail, one reader");
        Self {
            to: value["to"][0].as_str().unwrap().to_owned(),
            subject: text("subject"),
            message_id: text("message_id"),
            headers: headers.iter().map(|line| line.as_str().unwrap().to_owned()).collect(),
            text: text("text"),
            html: text("html"),
            raw: text("raw"),
            tls: value["tls"].as_bool().unwrap(),
            login: value["login"].as_bool().unwrap(),
        }
    }

    /// The address that it leads to; it stands in both parts.
    #[track_caller]
    pub fn link(&self) -> String {
        let found = self.text.lines().find(|line| line.starts_with("http"));
        let link = found.unwrap_or_else(|| panic!("no link: {}", self.text)).to_owned();
        assert!(self.html.contains(&format!("href=\"{link}\"")), "{}", self.html);
        link
    }
}
