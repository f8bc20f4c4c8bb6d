//! Requests that no browser writes: bytes on a socket.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use vestibule_testkit::{TestApp, stories};

/// What comes back for these bytes until the server closes. Whoever `leaves` closes first.
async fn send(app: &TestApp, bytes: Vec<u8>, leaves: bool) -> String {
    let address = app.url.strip_prefix("http://").unwrap().replace("localhost", "127.0.0.1");
    let exchange = move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        // The server may close before it has read everything.
        let _ = stream.write_all(&bytes);
        if leaves {
            let _ = stream.shutdown(std::net::Shutdown::Write);
        }
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    };
    tokio::task::spawn_blocking(exchange).await.unwrap()
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}

stories! {
    /// Odd targets and broken messages: refused or told, never a failure of ours, and the next
    /// request is served.
    async fn broken_requests_break_nothing(app) {
        let host = app.url.strip_prefix("http://").unwrap().to_owned();
        let long = "a".repeat(100_000);
        let head = |line: &str, more: &str| {
            format!("{line}\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n").into_bytes()
        };
        let post = |more: &str| {
            head(
                "POST /sign-in HTTP/1.1",
                &format!(
                    "Sec-Fetch-Site: same-origin\r\nContent-Type: application/x-www-form-urlencoded\r\n{more}"
                ),
            )
        };
        let with_body = |more: &str, body: &str| [post(more), body.as_bytes().to_vec()].concat();
        for (what, leaves, bytes) in [
            ("absolute form", false, head("GET http://evil.example/sign-in HTTP/1.1", "")),
            ("asterisk form", false, head("OPTIONS * HTTP/1.1", "")),
            ("asterisk form, read", false, head("GET * HTTP/1.1", "")),
            ("authority form", false, head("CONNECT evil.example:443 HTTP/1.1", "")),
            ("no slash", false, head("GET sign-in HTTP/1.1", "")),
            ("two slashes", false, head("GET //evil.example HTTP/1.1", "")),
            ("a fragment", false, head("GET /sign-in#x HTTP/1.1", "")),
            ("a space", false, head("GET /sign in HTTP/1.1", "")),
            (
                "raw bytes",
                false,
                [b"GET /\xff\xfe HTTP/1.1\r\n".to_vec(), head("Host: x", "")].concat(),
            ),
            ("a long path", false, head(&format!("GET /{long} HTTP/1.1"), "")),
            (
                "a long header",
                false,
                head("GET /sign-in HTTP/1.1", &format!("X: {long}{long}{long}{long}{long}\r\n")),
            ),
            ("many headers", false, head("GET /sign-in HTTP/1.1", &"X: y\r\n".repeat(500))),
            ("HTTP/1.0 without a host", false, b"GET /sign-in HTTP/1.0\r\n\r\n".to_vec()),
            (
                "HTTP/1.1 without a host",
                false,
                b"GET /sign-in HTTP/1.1\r\nConnection: close\r\n\r\n".to_vec(),
            ),
            ("two hosts", false, head("GET /sign-in HTTP/1.1", "Host: evil.example\r\n")),
            ("HTTP/9", false, head("GET /sign-in HTTP/9.9", "")),
            ("HTTP/2 without asking", true, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()),
            ("a folded header", false, head("GET /sign-in HTTP/1.1", "X: a\r\n b\r\n")),
            ("a body cut short", true, with_body("Content-Length: 50\r\n", "email=a")),
            (
                "two lengths",
                false,
                with_body("Content-Length: 7\r\nContent-Length: 3\r\n", "email=a"),
            ),
            ("a negative length", false, with_body("Content-Length: -1\r\n", "email=a")),
            ("a huge length", true, with_body("Content-Length: 99999999999\r\n", "email=a")),
            (
                "length and chunks",
                false,
                with_body("Content-Length: 7\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
            ),
            (
                "broken chunks",
                false,
                with_body("Transfer-Encoding: chunked\r\n", "zz\r\nemail=a\r\n"),
            ),
            ("chunks cut short", true, with_body("Transfer-Encoding: chunked\r\n", "7\r\nema")),
            (
                "gzip",
                false,
                with_body("Content-Encoding: gzip\r\nContent-Length: 7\r\n", "email=a"),
            ),
            ("a read with a body", true, head("GET /sign-in HTTP/1.1", "Content-Length: 7\r\n")),
            ("nothing", true, Vec::new()),
            ("noise", true, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec()),
        ] {
            // Some of them would have the server wait for more.
            let answer = send(&app, bytes, leaves).await;
            assert!((200..500).contains(&status(&answer)) || leaves, "{what}: {answer}");
            let location = answer.lines().find(|line| line.starts_with("location: "));
            assert!(location.is_none_or(|to| !to.contains("evil")), "{what}: {location:?}");
            assert!(!answer.contains("panicked"), "{what}: {answer}");
        }
        assert_eq!(app.browser().get("/sign-in").await.status, 200);
        assert_eq!(app.give_password("ben").await.get("/").await.status, 200);
    }

    /// A form in chunks is a form; more than 64 KiB of it is too much, whatever it says beforehand.
    async fn a_form_in_chunks_is_bounded(app) {
        let host = app.url.strip_prefix("http://").unwrap();
        let head = format!(
            "POST /sign-in HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nOrigin: {}\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n",
            app.url
        );
        let password = vestibule_testkit::app::password("ben").replace(' ', "+");
        let body = format!("email=ben%40acme.example&password={password}");
        let good = format!("{head}{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
        assert_eq!(status(&send(&app, good.into_bytes(), false).await), 303);
        let chunk = format!("{:x}\r\n{}\r\n", 1024, "x".repeat(1024));
        let much = format!("{head}2\r\na=\r\n{}0\r\n\r\n", chunk.repeat(64));
        assert_eq!(status(&send(&app, much.into_bytes(), false).await), 413);
    }
}
