//! An application behind a gate, which remembers every request byte for byte. It does what
//! `examples/upstream/upstream.py` does, and echoes what comes over a websocket.

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::leash::{Leash, Stop};

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its method.
    pub method: String,
    /// Path and query, as the request line has them.
    pub target: String,
    /// Its headers in order, spelt as they came.
    pub headers: Vec<(String, String)>,
    /// Its body, out of the chunks if it came in any.
    pub body: Vec<u8>,
}

/// The names of the headers that say who it is.
pub const IDENTITY: [&str; 6] = [
    "Remote-User",
    "Remote-Id",
    "Remote-Name",
    "Remote-Account",
    "Remote-Role",
    "Remote-Assurance",
];

/// A running application.
pub struct Upstream {
    /// Where it listens.
    pub port: u16,
    seen: Arc<Mutex<Vec<Seen>>>,
    server: JoinHandle<()>,
}

impl Upstream {
    /// Starts one.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let remembers = Arc::clone(&seen);
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let seen = Arc::clone(&remembers);
                tokio::spawn(async move { serve(stream, &seen).await });
            }
        });
        Self { port, seen, server }
    }

    /// The requests that have arrived since this was asked last.
    pub fn new_ones(&self) -> Vec<Seen> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }

    /// The one request that has arrived since.
    #[track_caller]
    pub fn only_one(&self) -> Seen {
        let mut seen = self.new_ones();
        assert_eq!(seen.len(), 1, "one request should have arrived: {seen:?}");
        seen.remove(0)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Seen {
    /// The values of the headers whose name an application may take for `name`: of any case, and with
    /// anything for a hyphen (CGI and WSGI make `Remote_User`, `remote.user` and `Remote-User` one).
    pub fn taken_for(&self, name: &str) -> Vec<&str> {
        let loose =
            |name: &str| name.replace(|c: char| !c.is_ascii_alphanumeric(), "_").to_lowercase();
        let meant = loose(name);
        let same = self.headers.iter().filter(|(of, _)| loose(of) == meant);
        same.map(|(_, value)| value.as_str()).collect()
    }

    /// The value of a header that is there once, and cannot be taken for another.
    #[track_caller]
    pub fn value(&self, name: &str) -> &str {
        let values = self.taken_for(name);
        assert_eq!(values.len(), 1, "{name} should be there once: {self:?}");
        values[0]
    }

    /// What the six headers say, decoded.
    #[track_caller]
    pub fn identity(&self) -> [String; 6] {
        IDENTITY.map(|name| {
            percent_encoding::percent_decode_str(self.value(name))
                .decode_utf8()
                .unwrap()
                .into_owned()
        })
    }
}

async fn serve(stream: TcpStream, seen: &Mutex<Vec<Seen>>) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream).await {
        let wants = |name: &str, word: &str| {
            request.headers.iter().any(|(of, value)| {
                of.eq_ignore_ascii_case(name) && value.to_lowercase().contains(word)
            })
        };
        let (upgrade, close) = (wants("upgrade", "websocket"), wants("connection", "close"));
        let name = request.taken_for("Remote-Name").first().copied().unwrap_or_default().to_owned();
        let head_only = request.method == "HEAD";
        seen.lock().unwrap().push(request);
        if upgrade {
            let answer = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
            let _ = stream.write_all(answer.as_bytes()).await;
            return echo(stream).await;
        }
        let page = format!("<!doctype html><h1>Hello {name}</h1>");
        let mut answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n",
            page.len()
        );
        if !head_only {
            answer.push_str(&page);
        }
        if stream.write_all(answer.as_bytes()).await.is_err() || close {
            return;
        }
    }
}

async fn echo(mut stream: BufReader<TcpStream>) {
    let mut bytes = [0; 1024];
    while let Ok(read @ 1..) = stream.read(&mut bytes).await {
        let _ = stream.write_all(&bytes[..read]).await;
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Seen> {
    let first = line(stream).await?;
    let mut words = first.split(' ').map(str::to_owned);
    let (method, target) = (words.next()?, words.next()?);
    let mut headers = vec![];
    loop {
        let line = line(stream).await?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let of = |name: &str| {
        headers.iter().find(|(of, _): &&(String, String)| of.eq_ignore_ascii_case(name))
    };
    let body = if of("transfer-encoding").is_some() {
        chunks(stream).await?
    } else {
        let length = of("content-length").map_or(0, |(_, value)| value.parse().unwrap());
        exactly(stream, length).await?
    };
    Some(Seen { method, target, headers, body })
}

async fn line(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = Vec::new();
    if stream.read_until(b'\n', &mut line).await.ok()? == 0 {
        return None;
    }
    // Whatever bytes they are, each is a character of its own.
    let text: String = line.iter().map(|byte| char::from(*byte)).collect();
    Some(text.trim_end_matches(['\r', '\n']).to_owned())
}

async fn exactly(stream: &mut BufReader<TcpStream>, length: usize) -> Option<Vec<u8>> {
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(body)
}

async fn chunks(stream: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut body = vec![];
    loop {
        let size = line(stream).await?;
        let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
        if size == 0 {
            while !line(stream).await?.is_empty() {}
            return Some(body);
        }
        body.extend(exactly(stream, size).await?);
        line(stream).await?;
    }
}

/// The example itself, in Python.
pub struct PythonUpstream {
    /// Where it listens.
    pub port: u16,
    _leash: Leash,
}

impl PythonUpstream {
    /// Starts it on a free port.
    pub async fn start() -> Self {
        let file =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/upstream/upstream.py");
        for _ in 0..5 {
            let port = crate::postgres::free_port();
            let mut command = Command::new("python3");
            command.arg(file.canonicalize().unwrap()).arg(port.to_string());
            let folder = TempDir::with_prefix("vestibule-upstream-").unwrap();
            let mut leash = Leash::start(command, None, Stop::Kill, folder).expect("python3 runs");
            while !leash.has_ended() {
                if leash.log().contains("http://")
                    && TcpStream::connect(("127.0.0.1", port)).await.is_ok()
                {
                    return Self { port, _leash: leash };
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            assert!(leash.log().contains("in use"), "{}", leash.log());
        }
        panic!("no port is free");
    }
}
