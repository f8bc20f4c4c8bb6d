//! The real nginx and Caddy before an application, from the files in `examples/` as they are
//! written there, but for the addresses.

use std::ffi::OsStr;
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

/// What Debian has around the files of `conf.d`, for a process of any user; and another site on the
/// same port, which passes on header names that ours must not see.
const NGINX_AROUND: &str = "daemon off;
pid nginx.pid;
error_log stderr warn;
events {}
http {
    access_log off;
    ssl_protocols TLSv1.2 TLSv1.3;
    client_body_temp_path tmp_body;
    proxy_temp_path tmp_proxy;
    fastcgi_temp_path tmp_fastcgi;
    uwsgi_temp_path tmp_uwsgi;
    scgi_temp_path tmp_scgi;
    server {
        listen 443 ssl;
        server_name neighbour.example.com;
        ssl_certificate     /etc/letsencrypt/live/app.example.com/fullchain.pem;
        ssl_certificate_key /etc/letsencrypt/live/app.example.com/privkey.pem;
        underscores_in_headers on;
        ignore_invalid_headers off;
        return 204;
    }
    include https.conf;
}
";

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
        Self::start_from(kind, kind.files(), vestibule, application).await
    }

    /// The same under https, from the example for that, with certificates that nobody trusts.
    pub async fn start_https(kind: Kind, vestibule: u16, application: u16) -> Self {
        Self::start_from(kind, kind.https_files(), vestibule, application).await
    }

    async fn start_from(kind: Kind, files: &[&str], vestibule: u16, application: u16) -> Self {
        // A free port may be taken by another process before the proxy binds it.
        for _ in 0..START_TRIES {
            let port = free_port();
            match Self::try_start(kind, files, port, vestibule, application).await {
                Ok(proxy) => return proxy,
                Err(log) if log.contains("ddress already in use") => {}
                Err(log) => panic!("{kind:?} did not start:\n{log}"),
            }
        }
        panic!("{kind:?} found no free port in {START_TRIES} tries");
    }

    async fn try_start(
        kind: Kind,
        files: &[&str],
        port: u16,
        vestibule: u16,
        application: u16,
    ) -> Result<Self, String> {
        let folder = TempDir::with_prefix("vestibule-proxy-").unwrap();
        let at = folder.path();
        let https = files == kind.https_files();
        let mut changes = vec![
            ("127.0.0.1:8080".to_owned(), format!("127.0.0.1:{vestibule}")),
            ("127.0.0.1:9000".to_owned(), format!("127.0.0.1:{application}")),
        ];
        if https {
            make_certificate(at);
            changes.extend(kind.https_changes(at, port));
        } else {
            changes.extend(kind.changes(port));
        }
        copy_with_changes(files, at, &changes);
        let mut main = Path::new(files[0]).file_name().unwrap();
        if https && kind == Kind::Nginx {
            main = OsStr::new("main.conf");
            let around = changes
                .iter()
                .fold(NGINX_AROUND.to_owned(), |text, (from, to)| text.replace(from, to));
            fs::write(at.join(main), around).unwrap();
        }
        // As root nginx lends its workers another user, who cannot enter a folder of root's.
        let user = unprivileged_user(at);
        if let Some(user) = user {
            let files = fs::read_dir(at).unwrap().map(|file| file.unwrap().path());
            for path in files.chain([at.to_owned()]) {
                chown(path, Some(user.uid), Some(user.gid)).unwrap();
            }
        }
        let mut command = kind.command(at, &at.join(main));
        for name in ["XDG_DATA_HOME", "XDG_CONFIG_HOME"] {
            command.env(name, at);
        }
        let mut leash = Leash::start(command, user, Stop::Kill, folder).unwrap_or_else(|error| {
            panic!("{kind:?} does not run ({error}). On Debian: apt-get install nginx caddy")
        });
        for _ in 0..LOOKS {
            if leash.has_ended() {
                return Err(leash.log());
            }
            if is_ours(port, https).await {
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
    /// The files of the example, the main one first.
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

    fn https_files(self) -> &'static [&'static str] {
        match self {
            Self::Nginx => &[
                "nginx/https.conf",
                "nginx/vestibule-server.conf",
                "nginx/vestibule-location.conf",
            ],
            Self::Caddy => &["caddy/Caddyfile.https", "caddy/vestibule.caddy"],
        }
    }

    /// The addresses of its own that stand in the files.
    fn changes(self, port: u16) -> Vec<(String, String)> {
        let to = |from: &str| (format!("{from}:8081"), format!("{from}:{port}"));
        match self {
            Self::Nginx => vec![to("127.0.0.1"), to("app.localhost")],
            Self::Caddy => vec![to("http://app.localhost"), to("http://")],
        }
    }

    /// Under https it listens on no port of everybody's, and has no certificate from outside.
    fn https_changes(self, folder: &Path, port: u16) -> Vec<(String, String)> {
        let certificate = |host: &str| {
            let live = format!("/etc/letsencrypt/live/{host}/");
            (live, format!("{}/", folder.display()))
        };
        match self {
            Self::Nginx => vec![
                ("listen 443 ssl".to_owned(), format!("listen 127.0.0.1:{port} ssl")),
                ("listen 80;".to_owned(), format!("listen unix:{}/http.sock;", folder.display())),
                certificate("login.example.com"),
                certificate("app.example.com"),
            ],
            Self::Caddy => vec![(
                "\tadmin off\n".to_owned(),
                format!(
                    "\tadmin off\n\thttps_port {port}\n\tdefault_bind 127.0.0.1\n\tlocal_certs\n\t\
                     skip_install_trust\n\tauto_https disable_redirects\n"
                ),
            )],
        }
    }

    /// As the files themselves say.
    fn command(self, folder: &Path, file: &Path) -> Command {
        match self {
            Self::Nginx => {
                let mut command = Command::new(program("nginx"));
                command.arg("-p").arg(folder).arg("-c").arg(file);
                command
            }
            Self::Caddy => {
                let mut command = Command::new(program("caddy"));
                command.args(["run", "--adapter", "caddyfile", "--config"]).arg(file);
                command
            }
        }
    }
}

/// Copies the example's files with these changes alone. Each must be one, outside comments, so that
/// no example goes on under addresses that are not the documentation's.
fn copy_with_changes(files: &[&str], folder: &Path, changes: &[(String, String)]) {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let mut made = vec![false; changes.len()];
    for file in files {
        let path = examples.join(file);
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let mut written = String::new();
        for line in text.split_inclusive('\n') {
            let mut line = line.to_owned();
            if !line.trim_start().starts_with('#') {
                for ((from, to), made) in changes.iter().zip(&mut made) {
                    *made |= line.contains(from);
                    line = line.replace(from, to);
                }
            }
            written.push_str(&line);
        }
        fs::write(folder.join(path.file_name().unwrap()), written).unwrap();
    }
    for ((from, _), made) in changes.iter().zip(made) {
        assert!(made, "the example does not name {from}");
    }
}

/// A certificate for both names of the example.
fn make_certificate(folder: &Path) {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args(["-nodes", "-days", "2", "-keyout", "privkey.pem", "-out", "fullchain.pem"])
        .args(["-subj", "/CN=login.example.com"])
        .args(["-addext", "subjectAltName=DNS:login.example.com,DNS:app.example.com"])
        .current_dir(folder)
        .output()
        .expect("openssl");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// On plain http the proxy itself answers 421 for a name that is not its own; whoever else has taken
/// the port does not.
async fn is_ours(port: u16, https: bool) -> bool {
    if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        return false;
    }
    let ask = |host| raw::request("GET /gate HTTP/1.1", host, &["Connection: close"]);
    if https {
        let answer = raw::send_tls(port, "login.example.com", &ask("login.example.com")).await;
        return answer.status == 404;
    }
    raw::send(port, &ask("nobody.example")).await.status == 421
}

/// Debian keeps nginx where ordinary users do not look.
fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    let found = std::env::split_paths(&path).chain(more).map(|folder| folder.join(name));
    found.into_iter().find(|file| file.is_file()).unwrap_or_else(|| PathBuf::from(name))
}
