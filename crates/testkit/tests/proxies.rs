//! The proxies of the examples, and the application behind them, without any Vestibule.

use serde_json::Value;
use vestibule_testkit::proxies::{Kind, Proxy};
use vestibule_testkit::raw;
use vestibule_testkit::upstream::{PythonUpstream, Upstream};

/// Nothing listens on port 1 of any machine.
const NOBODY: u16 = 1;

#[tokio::test]
async fn without_vestibule_nothing_reaches_the_application() {
    for (kind, status) in [(Kind::Nginx, 503), (Kind::Caddy, 502)] {
        let upstream = Upstream::start().await;
        let proxy = Proxy::start(kind, NOBODY, upstream.port).await;
        for path in
            ["/", "/.vestibule/gate", "/gate", "/.vestibule/callback", "/../.vestibule/gate"]
        {
            let ask = raw::request(
                &format!("GET {path} HTTP/1.1"),
                &proxy.host(),
                &["Connection: close"],
            );
            let answer = proxy.send(&ask).await;
            assert!(answer.status >= 400, "{kind:?} {path}: {answer:?}");
            if path == "/" {
                assert_eq!(answer.status, status, "{kind:?}: {answer:?}");
            }
        }
        assert!(upstream.new_ones().is_empty(), "{}", proxy.log());
    }
}

#[tokio::test]
async fn the_example_tells_who_it_was_told() {
    let upstream = PythonUpstream::start().await;
    let page = raw::request(
        "GET /any HTTP/1.1",
        "app.localhost",
        &["Remote-Name: J%C3%BCrgen %3Cb%3E", "Connection: close"],
    );
    let page = raw::send(upstream.port, &page).await;
    let text = String::from_utf8(page.body).unwrap();
    assert!(text.contains("Hello Jürgen &lt;b&gt;"), "{text}");

    let body = "3\r\nabc\r\n0\r\nRemote-User: trailer\r\n\r\n";
    let mut ask = raw::request(
        "POST /headers?x HTTP/1.1",
        "app.localhost",
        &[
            "Remote-User: a",
            "remote_user: b",
            "Remote-User: c",
            "Transfer-Encoding: chunked",
            "Connection: close",
        ],
    );
    ask.extend(body.bytes());
    let seen = raw::send(upstream.port, &ask).await;
    let seen: Value = serde_json::from_slice(&seen.body).unwrap();
    assert_eq!(
        (seen["method"].as_str(), seen["target"].as_str()),
        (Some("POST"), Some("/headers?x"))
    );
    assert_eq!(seen["body_bytes"], 3);
    let headers = seen["headers"].as_array().unwrap();
    let users: Vec<String> = headers
        .iter()
        .filter(|pair| pair[0].as_str().unwrap().to_lowercase().contains("user"))
        .map(|pair| format!("{}={}", pair[0].as_str().unwrap(), pair[1].as_str().unwrap()))
        .collect();
    assert_eq!(users, ["Remote-User=a", "remote_user=b", "Remote-User=c"]);
}

/// The form for real use: https, and Vestibule behind the same proxy, where nobody asks the gate.
#[tokio::test]
async fn under_https_the_gate_is_nobodys() {
    for (kind, status) in [(Kind::Nginx, 503), (Kind::Caddy, 502)] {
        let upstream = Upstream::start().await;
        let proxy = Proxy::start_https(kind, NOBODY, upstream.port).await;
        for (host, path, status) in [
            ("login.example.com", "/gate", 404),
            ("login.example.com", "/gate?proxy=nginx", 404),
            ("login.example.com", "/x/../gate", 404),
            ("login.example.com", "//gate", 404),
            ("login.example.com", "/%67ate", 404),
            ("login.example.com", "/sign-in", 502),
            ("app.example.com", "/", status),
        ] {
            let ask = raw::request(&format!("GET {path} HTTP/1.1"), host, &["Connection: close"]);
            let answer = raw::send_tls(proxy.port, host, &ask).await;
            assert_eq!(answer.status, status, "{kind:?} {host}{path}: {answer:?}\n{}", proxy.log());
        }
        assert!(upstream.new_ones().is_empty());
    }
}
