//! A PostgreSQL of one's own that can be killed, frozen and started again. Unlike the shared one it
//! keeps what it is given: its settings are those that it is shipped with.

use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::Mutex;
use std::thread::sleep;
use std::time::Duration;

use rustix::process::Signal;
use std::os::unix::fs::chown;
use tempfile::TempDir;

use crate::leash::{User, of_user};
use crate::postgres::{find_binaries, free_port, unprivileged_user};
use crate::yard::{Yard, signal};

const LOOK_EVERY: Duration = Duration::from_millis(5);
/// A minute in all.
const READY_LOOKS: u32 = 12_000;

/// A server of one's own. It ends with the test process.
pub struct OwnPostgres {
    /// Where it listens.
    pub port: u16,
    yard: Yard,
    binaries: PathBuf,
    user: Option<User>,
    server: Mutex<Option<Child>>,
}

impl OwnPostgres {
    /// Makes one and starts it.
    pub fn start() -> Self {
        let folder = TempDir::with_prefix("vestibule-postgres-").unwrap();
        let user = unprivileged_user(folder.path());
        if let Some(user) = user {
            chown(folder.path(), Some(user.uid), Some(user.gid)).unwrap();
        }
        let (yard, binaries) = (Yard::of_user(folder, user), find_binaries());
        let server = Self { port: free_port(), yard, binaries, user, server: Mutex::default() };
        let mut initdb = server.command("initdb");
        initdb.args(["-U", "app", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"]);
        let made = server.yard.start(&mut initdb, "log").wait().unwrap();
        assert!(made.success(), "initdb: {}", server.log());
        server.start_again();
        server
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.binaries.join(program));
        of_user(&mut command, self.user).arg("-D").arg(self.yard.path("data"));
        command.env("HOME", self.yard.folder());
        command
    }

    /// The address of its one database.
    pub fn url(&self) -> String {
        self.url_at(self.port)
    }

    /// The same by way of another port, such as a cable's.
    pub fn url_at(&self, port: u16) -> String {
        format!("postgres://app@127.0.0.1:{port}/postgres")
    }

    /// Runs a statement as its superuser.
    pub fn sql(&self, statement: &str) {
        let mut psql = Command::new(self.binaries.join("psql"));
        let output = psql.args(["-X", "-q", "-d", &self.url(), "-c", statement]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.yard.path("log")).unwrap_or_default()
    }

    /// Starts it on what it holds, and waits until it takes connections.
    pub fn start_again(&self) {
        for _ in 0..READY_LOOKS {
            let mut server = self.server.lock().unwrap();
            // Whoever was killed may leave memory behind for a moment, which a new one waits for.
            let has_ended = |child: &mut Child| child.try_wait().unwrap().is_some();
            if server.as_mut().is_none_or(has_ended) {
                *server = Some(self.serve());
            }
            let running = server.as_ref().map_or(0, Child::id);
            drop(server);
            if self.is_ready(running) {
                return;
            }
            sleep(LOOK_EVERY);
        }
        panic!("PostgreSQL does not start: {}", self.log());
    }

    fn serve(&self) -> Child {
        let mut serve = self.command("postgres");
        let sockets = format!("unix_socket_directories={}", self.yard.folder().display());
        serve.args(["-p", &self.port.to_string(), "-c", "listen_addresses=127.0.0.1"]);
        serve.args(["-c", &sockets, "-c", "max_connections=200"]);
        self.yard.start(&mut serve, "log")
    }

    /// The server itself says so, in its lock file, which holds its number as well.
    fn is_ready(&self, process: u32) -> bool {
        let lock = std::fs::read_to_string(self.yard.path("data/postmaster.pid"));
        lock.is_ok_and(|lock| {
            lock.lines().next() == Some(&process.to_string())
                && lock.lines().last().is_some_and(|line| line.trim() == "ready")
        })
    }

    /// Its processes, the first of which starts the others.
    fn processes(&self) -> Vec<u32> {
        let Some(first) = self.server.lock().unwrap().as_ref().map(Child::id) else {
            return vec![];
        };
        let children = std::fs::read_to_string(format!("/proc/{first}/task/{first}/children"));
        let children = children.unwrap_or_default();
        let children = children.split_whitespace().filter_map(|id| id.parse().ok());
        std::iter::once(first).chain(children).collect()
    }

    /// Ends all of it as a power cut does.
    pub fn kill(&self) {
        // A server that stands still starts nobody while the others are killed.
        self.freeze();
        self.signal(Signal::KILL);
        self.wait();
    }

    /// Stops it as an operator does who is in a hurry: whoever is connected is thrown out.
    pub fn stop(&self) {
        if let Some(first) = self.processes().first() {
            signal(*first, Signal::INT);
        }
        self.wait();
    }

    fn wait(&self) {
        if let Some(mut server) = self.server.lock().unwrap().take() {
            let _ = server.wait();
        }
    }

    /// Has all of it stand still: it holds its connections, and answers nothing.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Has it go on.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, which: Signal) {
        for process in self.processes() {
            signal(process, which);
        }
    }
}

impl Drop for OwnPostgres {
    fn drop(&mut self) {
        self.kill();
    }
}
