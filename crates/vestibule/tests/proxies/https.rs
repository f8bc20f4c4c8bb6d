//! The examples' form for real use: https, with Vestibule behind the same proxy.

use vestibule_testkit::proxies::{Kind, Proxy};
use vestibule_testkit::raw::{self, RawAnswer};
use vestibule_testkit::upstream::Upstream;
use vestibule_testkit::{Database, TestApp};

const LOGIN: &str = "login.example.com";
const APP: &str = "app.example.com";

async fn get(proxy: &Proxy, host: &str, path: &str, lines: &[&str]) -> RawAnswer {
    let all = [&["Connection: close"][..], lines].concat();
    let ask = raw::request(&format!("GET {path} HTTP/1.1"), host, &all);
    raw::send_tls(proxy.port, host, &ask).await
}

/// The cookie that an answer sets, as it is sent back.
#[track_caller]
fn cookie(answer: &RawAnswer, name: &str) -> String {
    let set = answer.values("Set-Cookie");
    let cookie = set.iter().find(|cookie| cookie.starts_with(&format!("{name}=")));
    let cookie = cookie.unwrap_or_else(|| panic!("no {name}: {answer:?}"));
    for attribute in ["; Secure", "; HttpOnly", "; Path=/"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
    format!("Cookie: {}", cookie.split(';').next().unwrap())
}

async fn handed_over(kind: Kind) {
    let app = TestApp::behind_https_proxies(Database::Sqlite).await;
    let upstream = Upstream::start().await;
    let proxy = Proxy::start_https(kind, app.port(), upstream.port).await;
    app.protect(APP).await;

    // The gate is the proxies' to ask; all else of Vestibule is there.
    for path in ["/gate", "/gate?proxy=nginx", "/gate/", "/x/../gate", "//gate", "/%67ate"] {
        let forged = [
            "X-Forwarded-Host: app.example.com",
            "X-Forwarded-Uri: /",
            "X-Forwarded-Method: GET",
            "Accept: text/html",
        ];
        let answer = get(&proxy, LOGIN, path, &forged).await;
        assert_eq!(answer.status, 404, "{path}: {answer:?}");
    }
    assert_eq!(get(&proxy, LOGIN, "/sign-in", &[]).await.status, 200);

    let page_load = ["Accept: text/html", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"];
    let first = get(&proxy, APP, "/start?x=1", &page_load).await;
    assert_eq!(first.status, 302, "{first:?}");
    let hand_over = first.values("Location")[0].to_owned();
    let path = hand_over.strip_prefix("https://login.example.com").unwrap();
    let nonce = cookie(&first, "__Host-vestibule-nonce");

    // The sign-in itself is the same as ever.
    let ben = app.sign_in("ben").await;
    let handed = ben.get(path).await;
    let callback = handed.location().or_else(|| handed.link("Go on")).unwrap();
    let path = callback.strip_prefix("https://app.example.com").unwrap();
    // Whoever has the code without the nonce has nothing.
    let stolen = get(&proxy, APP, path, &page_load).await;
    assert_eq!(stolen.status, 400, "{stolen:?}");

    let handed = ben.get(hand_over.strip_prefix("https://login.example.com").unwrap()).await;
    let callback = handed.location().or_else(|| handed.link("Go on")).unwrap();
    let path = callback.strip_prefix("https://app.example.com").unwrap();
    let taken = get(&proxy, APP, path, &[&nonce]).await;
    assert_eq!((taken.status, taken.values("Location")), (303, vec!["/start?x=1"]), "{taken:?}");
    let gate = cookie(&taken, "__Host-vestibule-gate");
    let page = get(&proxy, APP, "/start?x=1", &[&gate]).await;
    assert_eq!(page.status, 200, "{page:?}");
    let seen = upstream.only_one();
    assert_eq!(seen.value("Remote-User"), "ben@acme.example");
    assert_eq!(seen.value("X-Forwarded-Proto"), "https");
    assert_eq!(seen.value("X-Forwarded-Host"), APP);

    // nginx takes which names it drops from the site that the handshake names, before it reads `Host`.
    let smuggled = ["Connection: close", &gate, "Remote_User: ada@acme.example"];
    let hosts = format!("\r\nHost: {APP}\r\n");
    let ask = raw::request("GET /start HTTP/1.1", APP, &smuggled);
    let late = String::from_utf8(ask).unwrap().replacen(&hosts, "\r\n", 1);
    let late = late.replacen("\r\n\r\n", &format!("{hosts}\r\n"), 1);
    for name in ["neighbour.example.com", LOGIN, APP] {
        let answer = raw::send_tls(proxy.port, name, late.as_bytes()).await;
        for seen in upstream.new_ones() {
            assert_eq!(seen.value("Remote-User"), "ben@acme.example");
        }
        if kind == Kind::Nginx || name == APP {
            assert_eq!(answer.status == 200, name == APP, "{name}: {answer:?}");
        }
    }

    assert_eq!(ben.post("/sign-out", &[]).await.status, 303);
    assert_eq!(get(&proxy, APP, "/api", &[&gate]).await.status, 401);
    assert!(upstream.new_ones().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nginx_hands_over_under_https() {
    handed_over(Kind::Nginx).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn caddy_hands_over_under_https() {
    handed_over(Kind::Caddy).await;
}
