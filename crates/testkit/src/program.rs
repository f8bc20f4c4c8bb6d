//! The program `vestibule` itself, as a process that can be killed, stopped and started again at the
//! same address.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::sync::Mutex;
use std::time::Duration;

use rustix::process::Signal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::postgres::free_port;
use crate::yard::{Yard, signal};

/// How often is asked whether it is ready.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// How long one such question may take.
const ONE_LOOK: Duration = Duration::from_secs(1);

/// `vestibule serve` in a yard.
pub struct Program {
    /// Where it listens.
    pub url: String,
    port: u16,
    name: String,
    binary: PathBuf,
    /// What stands before it on the command line, such as `strace` with its flags.
    wrapper: Vec<OsString>,
    arguments: Vec<OsString>,
    environment: Vec<(String, String)>,
    child: Mutex<Option<Child>>,
}

impl Program {
    /// A program that is not started yet, on a port of its own. Its log is `NAME.log` in the yard.
    pub fn new(name: &str, binary: &Path, arguments: &[&str]) -> Self {
        let port = free_port();
        let listen = format!("127.0.0.1:{port}");
        let listens = ["--listen", listen.as_str()];
        let arguments = listens.iter().chain(arguments).map(Into::into);
        Self {
            url: format!("http://localhost:{port}"),
            port,
            name: name.to_owned(),
            binary: binary.to_owned(),
            wrapper: vec![],
            arguments: arguments.collect(),
            environment: vec![],
            child: Mutex::default(),
        }
    }

    /// The same, started by another program.
    #[must_use]
    pub fn under<T: Into<OsString>>(mut self, wrapper: impl IntoIterator<Item = T>) -> Self {
        self.wrapper = wrapper.into_iter().map(Into::into).collect();
        self
    }

    /// The same, with a variable in its environment.
    #[must_use]
    pub fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts it. Whether it is ready has to be asked.
    pub fn start(&self, yard: &Yard) {
        let mut words = self.wrapper.clone();
        words.push(self.binary.clone().into());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).arg("serve").args(&self.arguments).env_clear();
        command.env("VESTIBULE_LOG", "warn").env("TMPDIR", yard.folder());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let child = yard.start(&mut command, &format!("{}.log", self.name));
        *self.child.lock().unwrap() = Some(child);
    }

    /// Runs another command of it to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        Command::new(&self.binary).args(arguments).env_clear().output().unwrap()
    }

    /// What `/readyz` answers; `None` where nobody does.
    pub async fn readiness(&self) -> Option<u16> {
        let asked = async {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.ok()?;
            let request = "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
            stream.write_all(request.as_bytes()).await.ok()?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.ok()?;
            answer.split(' ').nth(1)?.parse().ok()
        };
        timeout(ONE_LOOK, asked).await.ok().flatten()
    }

    /// Waits until it is ready, for a minute at most.
    pub async fn ready(&self, yard: &Yard) {
        let asked = async {
            while self.readiness().await != Some(200) {
                assert!(!self.has_ended(), "{} has ended\n{}", self.name, self.log(yard));
                sleep(LOOK_EVERY).await;
            }
        };
        let ready = timeout(Duration::from_mins(1), asked).await;
        assert!(ready.is_ok(), "{} is not ready after a minute\n{}", self.name, self.log(yard));
    }

    fn has_ended(&self) -> bool {
        let mut child = self.child.lock().unwrap();
        child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_some())
    }

    /// The end of what it has logged.
    pub fn log(&self, yard: &Yard) -> String {
        let log = std::fs::read(yard.path(&format!("{}.log", self.name))).unwrap_or_default();
        let from = log.len().saturating_sub(4_000);
        String::from_utf8_lossy(&log[from..]).into_owned()
    }

    /// What it has logged as errors of its own.
    pub fn errors(&self, yard: &Yard) -> Vec<String> {
        let log = std::fs::read(yard.path(&format!("{}.log", self.name))).unwrap_or_default();
        let log = String::from_utf8_lossy(&log).into_owned();
        log.lines().filter(|line| line.contains("ERROR")).take(5).map(ToOwned::to_owned).collect()
    }

    /// Its process number.
    pub fn id(&self) -> Option<u32> {
        let started = self.child.lock().unwrap().as_ref().map(Child::id)?;
        if self.wrapper.is_empty() {
            return Some(started);
        }
        // What stands before it has it for a child.
        let children = std::fs::read_to_string(format!("/proc/{started}/task/{started}/children"));
        children.ok()?.split_whitespace().next()?.parse().ok()
    }

    fn send(&self, which: Signal) {
        if let Some(id) = self.id() {
            signal(id, which);
        }
    }

    /// Ends it as a power cut does.
    pub fn kill(&self) {
        if let Some(mut child) = self.child.lock().unwrap().take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Asks it to stop, and waits for its end.
    pub fn stop(&self) {
        self.send(Signal::TERM);
        if let Some(mut child) = self.child.lock().unwrap().take() {
            let _ = child.wait();
        }
    }

    /// Has it stand still, as a machine that swaps or a virtual one that is moved.
    pub fn freeze(&self) {
        self.send(Signal::STOP);
    }

    /// Has it go on.
    pub fn thaw(&self) {
        self.send(Signal::CONT);
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}
