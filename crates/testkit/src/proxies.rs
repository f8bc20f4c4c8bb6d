//! The real nginx and Caddy before an application, from the files in `examples/` as they are
//! written there, but for the addresses.

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::sleep;

use crate::client::Client;
use crate::leash::{Leash, Stop};
use crate::postgres::{free_port, unprivileged_user};
use crate::raw;

const START_TRIES: u32 = 5;
/// One look every 20 ms, half a minute in all.
const LOOKS: u32 = 1_500;
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// With `auth_request`.
    Nginx,
    /// With `forward_auth`.
    Caddy,
}

/// A running proxy before one application.
pub struct Proxy {
    /// Which it is.
    pub kind: Kind,
    /// Where it listens.
    pub port: u16,
    leash: Leash,
}

impl Proxy {
    /// Starts one: Vestibule and the application listen on these ports.
    ///
    /// # Panics
    /// With what to install where it is missing, and with its log where it does not start.
    pub async fn start(kind: Kind, vestibule: u16, application: u16) -> Self {
        // A free port may be taken by another process before the proxy binds it.
        for _ in 0..START_TRIES {
            let port = free_port();
            match Self::try_start(kind, port, vestibule, application).await {
                Ok(proxy) => return proxy,
                Err(log) if log.contains("ddress already in use") => {}
                Err(log) => panic!("{kind:?} did not start:\n{log}"),
            }
        }
        panic!("{kind:?} found no free port in {START_TRIES} tries");
    }

    async fn try_start(
        kind: Kind,
        port: u16,
        vestibule: u16,
        application: u16,
    ) -> Result<Self, String> {
        let folder = TempDir::with_prefix("vestibule-proxy-").unwrap();
        copy_with_ports(
            kind,
            folder.path(),
            &[
                ("127.0.0.1:8080", vestibule),
                ("127.0.0.1:8081", port),
                ("app.localhost:8081", port),
                ("127.0.0.1:9000", application),
            ],
        );
        // As root nginx lends its workers another user, who cannot enter a folder of root's.
        let user = unprivileged_user(folder.path());
        if let Some(user) = user {
            chown(folder.path(), Some(user.uid), Some(user.gid)).unwrap();
        }
        let mut command = kind.command(folder.path());
        for name in ["XDG_DATA_HOME", "XDG_CONFIG_HOME"] {
            command.env(name, folder.path());
        }
        let mut leash = Leash::start(command, user, Stop::Kill, folder).unwrap_or_else(|error| {
            panic!("{kind:?} does not run ({error}). On Debian: apt-get install nginx caddy")
        });
        for _ in 0..LOOKS {
            if leash.has_ended() {
                return Err(leash.log());
            }
            if is_ours(port).await {
                return Ok(Self { kind, port, leash });
            }
            sleep(LOOK_EVERY).await;
        }
        Err(format!("not ready after half a minute\n{}", leash.log()))
    }

    /// The application's name as Vestibule knows it.
    pub fn host(&self) -> String {
        format!("app.localhost:{}", self.port)
    }

    /// The application's address.
    pub fn url(&self) -> String {
        format!("http://{}", self.host())
    }

    /// A browser at the application that has been nowhere.
    pub fn browser(&self) -> Client {
        Client::new(&self.url())
    }

    /// Sends any bytes to it.
    pub async fn send(&self, bytes: &[u8]) -> raw::RawAnswer {
        raw::send(self.port, bytes).await
    }

    /// What it has logged, for the message of a failing test.
    pub fn log(&self) -> String {
        self.leash.log()
    }
}

impl Kind {
    fn files(self) -> &'static [&'static str] {
        match self {
            Self::Nginx => &[
                "nginx/nginx.conf",
                "nginx/vestibule-server.conf",
                "nginx/vestibule-location.conf",
            ],
            Self::Caddy => &["caddy/Caddyfile", "caddy/vestibule.caddy"],
        }
    }

    /// As the files themselves say.
    fn command(self, folder: &Path) -> Command {
        match self {
            Self::Nginx => {
                let mut command = Command::new(program("nginx"));
                command.arg("-p").arg(folder).arg("-c").arg(folder.join("nginx.conf"));
                command
            }
            Self::Caddy => {
                let mut command = Command::new(program("caddy"));
                command.args(["run", "--config"]).arg(folder.join("Caddyfile"));
                command
            }
        }
    }
}

/// Copies the example's files, each address with another port. Every address must be there, outside
/// comments, so that no example goes on under an address that is not the documentation's.
fn copy_with_ports(kind: Kind, folder: &Path, ports: &[(&str, u16)]) {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let mut in_force = String::new();
    for file in kind.files() {
        let path = examples.join(file);
        let mut text =
            fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        in_force.extend(text.lines().filter(|line| !line.trim_start().starts_with('#')));
        // The port alone, for Caddy names every address of it so.
        for (address, port) in ports {
            let from = address.split_once(':').unwrap().1;
            text = text.replace(&format!(":{from}"), &format!(":{port}"));
        }
        fs::write(folder.join(path.file_name().unwrap()), text).unwrap();
    }
    for (address, _) in ports {
        // Caddy binds the host apart from the port.
        let bound_apart = kind == Kind::Caddy && *address == "127.0.0.1:8081";
        assert!(in_force.contains(address) || bound_apart, "the example does not name {address}");
    }
}

/// The proxy itself answers 421 for a name that is not its own; whoever else has taken the port does
/// not.
async fn is_ours(port: u16) -> bool {
    if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        return false;
    }
    let ask = raw::request("GET / HTTP/1.1", "nobody.example", &["Connection: close"]);
    raw::send(port, &ask).await.status == 421
}

/// Debian keeps nginx where ordinary users do not look.
fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    let found = std::env::split_paths(&path).chain(more).map(|folder| folder.join(name));
    found.into_iter().find(|file| file.is_file()).unwrap_or_else(|| PathBuf::from(name))
}
