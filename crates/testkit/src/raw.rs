//! Requests that no browser writes: any bytes on a socket, and what comes back.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::timeout;

/// Much longer than any answer takes.
const PATIENCE: Duration = Duration::from_secs(10);

/// Longer than an answer takes that comes at all.
const LONG_ENOUGH: Duration = Duration::from_secs(1);

/// What came back.
#[derive(Clone, Debug)]
pub struct RawAnswer {
    /// The status; 0 where nothing came that is an answer.
    pub status: u16,
    /// Status line and headers.
    pub head: String,
    /// What follows them.
    pub body: Vec<u8>,
}

/// Sends bytes to a port of this machine, and reads one answer or until the other side closes.
pub async fn send(port: u16, bytes: &[u8]) -> RawAnswer {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    // The other side may close before it has read everything.
    let _ = stream.write_all(bytes).await;
    read(&mut stream).await
}

/// The same for what may be no whole request: whoever waits for more of it is left.
pub async fn send_and_leave(port: u16, bytes: &[u8]) -> RawAnswer {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let _ = stream.write_all(bytes).await;
    match timeout(LONG_ENOUGH, stream.readable()).await {
        Ok(_) => read(&mut stream).await,
        Err(_) => answer(&[]),
    }
}

/// Sends a request that asks to close over TLS, to a server of this name, without looking at its
/// certificate.
pub async fn send_tls(port: u16, name: &str, bytes: &[u8]) -> RawAnswer {
    let mut client = Command::new("openssl")
        .args(["s_client", "-quiet", "-servername", name, "-connect", &format!("127.0.0.1:{port}")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("openssl");
    let mut stdin = client.stdin.take().unwrap();
    let _ = stdin.write_all(bytes).await;
    let _ = stdin.flush().await;
    let output = timeout(PATIENCE, client.wait_with_output()).await;
    answer(&output.map_or_else(|_| vec![], |output| output.unwrap().stdout))
}

/// Reads one answer from a connection that is kept.
pub async fn read(stream: &mut TcpStream) -> RawAnswer {
    let mut answer = Vec::new();
    // A reset ends it as well.
    let _ = timeout(PATIENCE, async {
        while !is_whole(&answer) && stream.read_buf(&mut answer).await.is_ok_and(|read| read > 0) {}
    })
    .await;
    self::answer(&answer)
}

fn answer(bytes: &[u8]) -> RawAnswer {
    let end = head_end(bytes).unwrap_or(bytes.len());
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    RawAnswer { status, head, body: bytes[end..].to_vec() }
}

impl RawAnswer {
    /// The values of a header, in order.
    pub fn values(&self, name: &str) -> Vec<&str> {
        let lines = self.head.split("\r\n").filter_map(|line| line.split_once(':'));
        lines
            .filter(|(of, _)| of.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
            .collect()
    }
}

/// A request's bytes: its first line, then the host, then whatever lines are given, as they are.
pub fn request(first: &str, host: &str, lines: &[&str]) -> Vec<u8> {
    let mut text = format!("{first}\r\nHost: {host}\r\n");
    for line in lines {
        text.push_str(line);
        text.push_str("\r\n");
    }
    text.push_str("\r\n");
    text.into_bytes()
}

/// Where the head of a message ends, its empty line included.
pub(crate) fn head_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

/// Whether an answer has all that its length promises; without a length it ends with the
/// connection.
fn is_whole(bytes: &[u8]) -> bool {
    let Some(end) = head_end(bytes) else { return false };
    let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
    if head.starts_with("http/1.1 101") {
        return true;
    }
    let length = head.split("\r\n").find_map(|line| line.strip_prefix("content-length:"));
    length
        .and_then(|length| length.trim().parse::<usize>().ok())
        .is_some_and(|length| bytes.len() >= end + length)
}
