//! A folder of its own for each test, the program started in it, and nobody's environment.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

/// What is still running after this hangs.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long the program may take to end.
const END: Duration = Duration::from_secs(5);

/// A folder to start the program in.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: TempDir::with_prefix("vestibule-test-").unwrap() }
    }

    /// A place where `vestibule serve` has been.
    pub(crate) fn with_data() -> Self {
        let place = Self::new();
        place.serve(&[]).stop("TERM");
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vestibule"));
        command
            .args(args)
            .current_dir(self.folder.path())
            .env_clear()
            .env("TMPDIR", self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        end_of(self.command(args).spawn().unwrap())
    }

    /// What a command that succeeds prints.
    pub(crate) fn answer(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// The one line of a command that fails, without its beginning.
    pub(crate) fn failure(&self, args: &[&str]) -> String {
        failure_of(self.command(args))
    }

    /// Starts `vestibule serve` on a free port, and waits until it listens.
    pub(crate) fn serve(&self, args: &[&str]) -> Running {
        let mut command = self.command(&[&["serve", "--listen", "127.0.0.1:0"], args].concat());
        // What a test expects needs not be told.
        command.env("VESTIBULE_LOG", "warn");
        Running::start(command)
    }
}

pub(crate) fn failure_of(mut command: Command) -> String {
    let output = end_of(command.spawn().unwrap());
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{command:?}: {error}");
    assert_eq!(text(&output.stdout), "", "{command:?}");
    assert_eq!(error.lines().count(), 1, "{command:?}: {error}");
    error.trim_end().strip_prefix("error: ").unwrap().to_owned()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Waits for the end of a process, and kills one that hangs.
fn end_of(child: Child) -> Output {
    let id = child.id();
    let (ended, end) = channel();
    thread::spawn(move || ended.send(child.wait_with_output()));
    end.recv_timeout(PATIENCE).map_or_else(
        |_| {
            signal(id, "KILL");
            panic!("the program did not end: {:?}", end.recv())
        },
        Result::unwrap,
    )
}

fn signal(id: u32, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &id.to_string()]).status().unwrap();
    assert!(sent.success(), "kill -s {name}");
}

/// A process that listens. It dies with the test.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
    /// The first line that it printed.
    pub(crate) first: String,
}

impl Running {
    /// Starts a command that goes on, its logs on the test's own stderr, and waits for its first
    /// line.
    pub(crate) fn start(mut command: Command) -> Self {
        command.stderr(Stdio::inherit());
        Self::start_as_is(command)
    }

    /// The same, its logs wherever the command sends them.
    pub(crate) fn start_as_is(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (printed, lines) = channel();
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let _ = printed.send(line);
            }
        });
        let mut running = Self { child, lines, first: String::new() };
        running.first = running.line();
        running
    }

    /// Its number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next line that it prints.
    pub(crate) fn line(&mut self) -> String {
        self.lines.recv_timeout(PATIENCE).unwrap_or_else(|_| {
            let status = self.child.try_wait();
            panic!("it printed nothing more: {status:?}")
        })
    }

    /// Asks it to stop, which has to happen in time. Answers its exit code and what else it printed.
    pub(crate) fn stop(mut self, name: &str) -> (Option<i32>, Vec<String>) {
        signal(self.child.id(), name);
        let mut printed = vec![];
        // Its stdout is closed when it ends, and not before.
        loop {
            match self.lines.recv_timeout(END) {
                Ok(line) => printed.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("SIG{name} did not end it in time"),
            }
        }
        (self.child.wait().unwrap().code(), printed)
    }

    /// Ends it as a power cut does.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// A connection to it.
    pub(crate) fn connect(url: &str) -> TcpStream {
        let connection = TcpStream::connect(authority(url).replace("localhost", "127.0.0.1"));
        let connection = connection.unwrap();
        connection.set_read_timeout(Some(PATIENCE)).unwrap();
        connection
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The status and the text of the answer to a request for `url`.
pub(crate) fn get(url: &str) -> (u16, String) {
    exchange(url, &format!("GET {} HTTP/1.1", path(url)), "")
}

/// What the gate answers to a proxy that asks about this host.
pub(crate) fn ask_gate(url: &str, host: &str) -> (u16, String) {
    let about = "X-Forwarded-Method: GET\r\nX-Forwarded-Uri: /";
    let head = format!("GET /gate?proxy=caddy HTTP/1.1\r\nX-Forwarded-Host: {host}\r\n{about}");
    exchange(url, &head, "")
}

/// The same with a cookie.
pub(crate) fn get_with(url: &str, cookie: &str) -> (u16, String) {
    exchange(url, &format!("GET {} HTTP/1.1\r\nCookie: {cookie}", path(url)), "")
}

/// The status and the text of the answer to a form that is sent from the page itself.
pub(crate) fn post(url: &str, form: &str) -> (u16, String) {
    let origin = format!("http://{}", authority(url));
    let head = format!(
        "POST {} HTTP/1.1\r\nOrigin: {origin}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}",
        path(url),
        form.len()
    );
    exchange(url, &head, form)
}

fn exchange(url: &str, head: &str, body: &str) -> (u16, String) {
    let mut connection = Running::connect(url);
    let host = authority(url);
    write!(connection, "{head}\r\nHost: {host}\r\nConnection: close\r\n\r\n{body}").unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer)
}

fn authority(url: &str) -> &str {
    url.strip_prefix("http://").unwrap().split('/').next().unwrap()
}

fn path(url: &str) -> String {
    let rest = url.strip_prefix("http://").unwrap().split_once('/');
    format!("/{}", rest.map_or("", |(_, path)| path))
}

/// The mode of a file, as `chmod` takes it.
pub(crate) fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Sets the mode of a file.
pub(crate) fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}
