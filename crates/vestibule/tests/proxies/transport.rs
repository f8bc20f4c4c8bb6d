//! What an application needs besides: bodies, methods, connections that are kept, websockets.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use vestibule_testkit::{Method, raw};

use crate::gated::{SCRIPT, through_proxies};

through_proxies! {
    /// A body reaches the application whole, whatever its size and form; Vestibule sees none of it.
    async fn bodies_arrive_whole(gated) {
        let ben = gated.at_application("ben").await;
        for size in [0, 1, 70_000, 3_000_000] {
            let body: Vec<u8> = (0..size).map(|at| u8::try_from(at % 251).unwrap()).collect();
            for method in [Method::POST, Method::PUT] {
                let sent = Some(body.clone());
                let answer = ben.there.send_bytes(method.clone(), "/upload", sent, &SCRIPT).await;
                assert_eq!(answer.status, 200, "{method} {size}: {answer:?}");
                let seen = gated.upstream.only_one();
                assert_eq!((seen.method.as_str(), seen.body.len()), (method.as_str(), size));
                assert!(seen.body == body, "{method} {size}");
                assert_eq!(seen.value("Remote-User"), "ben@acme.example");
            }
        }
        let mut chunked = gated.bytes(&ben, "POST /chunks HTTP/1.1", &["Transfer-Encoding: chunked"]);
        chunked.extend(b"5\r\nhello\r\n7\r\n, gate!\r\n0\r\n\r\n");
        assert_eq!(gated.proxy.send(&chunked).await.status, 200);
        assert_eq!(gated.upstream.only_one().body, b"hello, gate!");
    }

    /// Whoever asks first whether a body is wanted is told so after the gate's yes, and not before.
    async fn a_body_is_asked_for_after_the_yes(gated) {
        let lines = ["Expect: 100-continue", "Content-Length: 5"];
        let mut asks = gated.bytes(&gated.at_application("ben").await, "PUT /e HTTP/1.1", &lines);
        asks.extend(b"hello");
        let answer = gated.proxy.send(&asks).await;
        let all = format!("{}{}", answer.head, String::from_utf8_lossy(&answer.body));
        assert!(all.contains("HTTP/1.1 200"), "{answer:?}");
        assert_eq!(gated.upstream.only_one().body, b"hello");
        let answer = gated.raw(&gated.visitor(), "PUT /e HTTP/1.1", &lines).await;
        assert_eq!(answer.status, 401, "{answer:?}");
        assert!(gated.upstream.new_ones().is_empty());
    }

    /// A body that nobody may send is not waited for, and nothing of it goes on.
    async fn a_body_without_a_session_goes_nowhere(gated) {
        let nobody = gated.visitor();
        let sent = Some(vec![b'x'; 300_000]);
        let answer = nobody.there.send_bytes(Method::POST, "/upload", sent, &SCRIPT).await;
        assert_eq!(answer.status, 401, "{answer:?}");
        assert!(gated.upstream.new_ones().is_empty());
    }

    /// Every method goes through as it is, and none without a session.
    async fn every_method_passes(gated) {
        let ben = gated.at_application("ben").await;
        let nobody = gated.visitor();
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let answer = ben.there.send(method.clone(), "/m", None, &SCRIPT).await;
            assert_eq!(answer.status, 200, "{method}: {answer:?}");
            assert_eq!(gated.upstream.only_one().method, method.as_str());
            let answer = nobody.there.send(method.clone(), "/m", None, &SCRIPT).await;
            assert_eq!(answer.status, 401, "{method}: {answer:?}");
            assert!(gated.upstream.new_ones().is_empty());
        }
    }

    /// Each request of a connection that is kept is asked about by itself: who comes first opens
    /// nothing for who comes next.
    async fn a_kept_connection_keeps_nobody_in(gated) {
        let ben = gated.at_application("ben").await;
        let mut stream = TcpStream::connect(("127.0.0.1", gated.proxy.port)).await.unwrap();
        let kept = ["Connection: keep-alive"];
        for (visitor, status) in
            [(&ben, 200), (&gated.visitor(), 401), (&ben, 200), (&gated.visitor(), 401)]
        {
            stream.write_all(&gated.bytes(visitor, "GET / HTTP/1.1", &kept)).await.unwrap();
            let answer = raw::read(&mut stream).await;
            assert_eq!(answer.status, status, "{answer:?}");
        }
        assert_eq!(gated.upstream.new_ones().len(), 2);
    }

    /// A websocket opens for who may enter, and for nobody else. Nothing else is tunnelled.
    async fn websockets_pass(gated) {
        let ben = gated.at_application("ben").await;
        let lines = [
            "Connection: keep-alive, Upgrade, Remote-User",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ];
        let mut stream = TcpStream::connect(("127.0.0.1", gated.proxy.port)).await.unwrap();
        stream.write_all(&gated.bytes(&ben, "GET /socket HTTP/1.1", &lines)).await.unwrap();
        let answer = raw::read(&mut stream).await;
        assert_eq!(answer.status, 101, "{answer:?}");
        assert_eq!(gated.upstream.only_one().value("Remote-User"), "ben@acme.example");
        stream.write_all(b"marco").await.unwrap();
        let mut back = [0; 5];
        stream.read_exact(&mut back).await.unwrap();
        assert_eq!(&back, b"marco");

        let answer = gated.raw(&gated.visitor(), "GET /socket HTTP/1.1", &lines).await;
        assert_eq!(answer.status, 401, "{answer:?}");
        assert!(gated.upstream.new_ones().is_empty());

        for upgrade in [
            &["Upgrade: h2c"][..],
            &["Upgrade: h2c", "Upgrade: websocket"],
            &["Upgrade: h2c, websocket"],
        ] {
            let lines = [&["Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABkAAQ"], upgrade];
            gated.raw(&ben, "GET /socket HTTP/1.1", &lines.concat()).await;
            for seen in gated.upstream.new_ones() {
                assert!(seen.taken_for("Upgrade").iter().all(|value| *value == "websocket"), "{seen:?}");
            }
        }
    }
}
