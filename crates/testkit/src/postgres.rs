//! A throw-away PostgreSQL, started once for each test process from the installed server
//! binaries. It owns its folder, port and databases; it never touches a server that was there.
//!
//! Nothing is flushed to disk: the data die with the process anyway.

#![expect(clippy::expect_used, clippy::panic, reason = "a test without its server can only stop")]

use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::Duration;

use tempfile::TempDir;

use crate::leash::{Leash, Stop, User};

const START_TRIES: u32 = 5;
/// One look every 20 ms, a minute in all: `initdb` is slow on a busy machine.
const READY_LOOKS: u32 = 3_000;
const LOOK_EVERY: Duration = Duration::from_millis(20);

// `$1` the binaries, `$2` the folder, `$3` the port.
const SERVE: &str = r#"
set -e
"$1/initdb" -D "$2/data" -U app -A trust -E UTF8 --no-locale --no-sync
exec "$1/postgres" -D "$2/data" -p "$3" \
    -c listen_addresses=127.0.0.1 -c "unix_socket_directories=$2" \
    -c max_connections=200 -c shared_buffers=64MB \
    -c fsync=off -c synchronous_commit=off -c full_page_writes=off
"#;

/// A running server. It ends with the test process.
pub struct Postgres {
    leash: Leash,
    binaries: PathBuf,
    port: u16,
    databases: AtomicU64,
}

/// The server of this test process; the first call starts it, in one to two seconds.
///
/// # Panics
/// With what to install, when the server binaries are missing; with the server's log, when it
/// does not start.
pub fn shared() -> &'static Postgres {
    static SHARED: OnceLock<Postgres> = OnceLock::new();
    SHARED.get_or_init(Postgres::start)
}

impl Postgres {
    /// Creates an empty database and returns its address, `postgres://app@127.0.0.1:PORT/NAME`.
    ///
    /// # Panics
    /// When the server refuses.
    pub fn create_database(&self) -> String {
        self.create("template0")
    }

    /// Creates a copy of `template`, a database that [`create_database`](Self::create_database)
    /// returned (its address or its name). Much quicker than migrating again. All connections to
    /// the template must have been closed.
    ///
    /// # Panics
    /// When the server refuses, or somebody stays connected to the template.
    pub fn create_database_from(&self, template: &str) -> String {
        self.create(name_of(template))
    }

    /// Removes a database, connections and all. Worth it in tests that make hundreds: each takes
    /// about 8 MB of disk.
    ///
    /// # Panics
    /// When the server refuses.
    pub fn drop_database(&self, database: &str) {
        self.ask(&format!(r#"DROP DATABASE "{}" WITH (FORCE)"#, name_of(database)))
            .unwrap_or_else(|error| panic!("PostgreSQL did not drop {database}: {error}"));
    }

    /// Everything in a database, as `pg_dump` writes it.
    ///
    /// # Panics
    /// When it does not.
    pub fn dump_database(&self, database: &str) -> Vec<u8> {
        let output = Command::new(self.binaries.join("pg_dump"))
            .args(["--inserts", "--dbname", database])
            .output()
            .expect("pg_dump lies beside psql");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    /// Makes a new database of what `pg_dump` writes of another, as an operator does.
    ///
    /// # Panics
    /// When one of the two programs fails.
    pub fn copy_database(&self, database: &str) -> String {
        let (folder, copy) = (TempDir::new().expect("a temporary folder"), self.create_database());
        let dump = folder.path().join("dump");
        self.run("pg_dump", &["--format=custom", "--file"], &dump, database);
        self.run("pg_restore", &["--no-owner", "--exit-on-error"], &dump, &copy);
        copy
    }

    /// Runs one of PostgreSQL's programs on a file and a database.
    fn run(&self, program: &str, args: &[&str], file: &Path, database: &str) {
        let output = Command::new(self.binaries.join(program))
            .args(args)
            .arg(file)
            .args(["--dbname", database])
            .output()
            .expect("it lies beside psql");
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn create(&self, template: &str) -> String {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{number}");
        let statement = format!(r#"CREATE DATABASE "{name}" TEMPLATE "{template}""#);
        // A connection that was closed a moment ago may still be known to the server.
        for _ in 0..50 {
            match self.ask(&statement) {
                Ok(()) => return format!("postgres://app@127.0.0.1:{}/{name}", self.port),
                Err(error) if error.contains("being accessed by other users") => {
                    sleep(Duration::from_millis(100));
                }
                Err(error) => panic!("PostgreSQL did not create a database: {error}"),
            }
        }
        panic!("the template {template} is still in use: close its pool before copying it");
    }

    fn ask(&self, statement: &str) -> Result<(), String> {
        let output = Command::new(self.binaries.join("psql"))
            .args(["-X", "-q", "-h", "127.0.0.1", "-U", "app", "-d", "postgres", "-c", statement])
            .args(["-p", &self.port.to_string()])
            .output()
            .expect("psql lies beside the server");
        if output.status.success() {
            Ok(())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }

    fn start() -> Self {
        let binaries = find_binaries();
        // A free port may be taken by another process before the server binds it.
        for _ in 0..START_TRIES {
            match Self::try_start(&binaries) {
                Ok(server) => return server,
                Err(log) if log.contains("could not bind") => {}
                Err(log) => panic!("PostgreSQL did not start:\n{log}"),
            }
        }
        panic!("PostgreSQL found no free port in {START_TRIES} tries");
    }

    fn try_start(binaries: &Path) -> Result<Self, String> {
        let folder = TempDir::with_prefix("vestibule-postgres-").expect("a temporary folder");
        let user = unprivileged_user(folder.path());
        if let Some(user) = user {
            chown(folder.path(), Some(user.uid), Some(user.gid)).expect("root gives a folder away");
        }
        let port = free_port();

        let mut serve = Command::new("/bin/sh");
        serve.args(["-c", SERVE, "serve"]).arg(binaries).arg(folder.path()).arg(port.to_string());
        let mut leash = Leash::start(serve, user, Stop::Quit, folder).expect("a shell");

        for _ in 0..READY_LOOKS {
            if leash.has_ended() {
                return Err(leash.log());
            }
            if is_ready(leash.folder()) {
                return Ok(Self {
                    leash,
                    binaries: binaries.to_owned(),
                    port,
                    databases: AtomicU64::new(0),
                });
            }
            sleep(LOOK_EVERY);
        }
        Err(format!("not ready after a minute\n{}", leash.log()))
    }

    /// What the server has logged, for the message of a failing test.
    pub fn log(&self) -> String {
        self.leash.log()
    }
}

/// The server itself says so, in the last line of its lock file; a connection could reach another
/// server that took the port.
fn is_ready(folder: &Path) -> bool {
    std::fs::read_to_string(folder.join("data/postmaster.pid"))
        .is_ok_and(|lock| lock.lines().last().is_some_and(|line| line.trim() == "ready"))
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("the port that was bound").port()
}

fn name_of(database: &str) -> &str {
    database.rsplit('/').next().unwrap_or(database)
}

/// PostgreSQL refuses to run as root, so root lends it another user.
pub(crate) fn unprivileged_user(ours: &Path) -> Option<User> {
    let owner = std::fs::metadata(ours).expect("the folder was just made").uid();
    if owner != 0 {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").expect("a list of users");
    let find = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        let uid = fields.next()?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some(User { uid, gid })
    };
    Some(find("postgres").or_else(|| find("nobody")).expect("a user `postgres` or `nobody`"))
}

/// Debian keeps the server outside `$PATH`, in one folder for each version.
pub(crate) fn find_binaries() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(asked_of_pg_config())
        .chain(debian_versions())
        .find(|folder| {
            ["initdb", "postgres", "psql"].iter().all(|name| folder.join(name).is_file())
        })
        .unwrap_or_else(|| {
            panic!(
                "PostgreSQL's server binaries (initdb, postgres) were found neither in $PATH, nor \
                 by `pg_config --bindir`, nor in /usr/lib/postgresql/*/bin. \
                 On Debian: apt-get install postgresql"
            )
        })
}

fn asked_of_pg_config() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").output().ok()?;
    Some(PathBuf::from(String::from_utf8(output.stdout).ok()?.trim()))
}

/// The newest first.
fn debian_versions() -> Vec<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    versions.sort_by(|a, b| b.cmp(a));
    versions.into_iter().map(|(_, folder)| folder).collect()
}
