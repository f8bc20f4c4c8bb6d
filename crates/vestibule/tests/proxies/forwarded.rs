//! What a client says about where its request came from, and where it goes, has no effect.

use vestibule_domain::application::Enter;
use vestibule_domain::user::Role;

use crate::gated::{Visitor, through_proxies};

through_proxies! {
    /// Another host, another path, another method, another client: all of them are the proxy's to say.
    async fn forwarded_headers_of_the_client_are_nothing(gated) {
        let closed = gated.only_for(Enter::Admins).await;
        // Ben may enter another application, and brings the cookie that opens it.
        closed.app.protect("open.localhost").await;
        let (login, elsewhere) = (closed.app.sign_in("ben").await, closed.app.at("open.localhost"));
        elsewhere.enter(&closed.app, &login).await;
        let stranger = Visitor { login, there: elsewhere.client };
        // Eve has a cookie of this one, and may no longer enter.
        closed.app.add("eve", "Eve Adams", Role::Admin, false).await;
        let eve = closed.at_application("eve").await;
        let admin = closed.app.admin("ada").await;
        assert_eq!(closed.app.set_role(&admin, "eve", "Member").await.status, 303);
        let nobody = closed.visitor();
        let host = closed.proxy.host();
        let headers = [
            "X-Forwarded-Host: open.localhost",
            "X_Forwarded_Host: open.localhost",
            "X.Forwarded.Host: open.localhost",
            "X-Forwarded-Server: open.localhost",
            "X-Original-Host: open.localhost",
            "X-Original-URL: http://open.localhost/",
            "X-Original-URI: /.vestibule/callback",
            "X-Rewrite-URL: /.vestibule/callback",
            "X-Forwarded-Uri: /.vestibule/callback",
            "X-Forwarded-Uri: /gate?proxy=caddy",
            "X-Forwarded-Method: OPTIONS",
            "X-Original-Method: OPTIONS",
            "X-HTTP-Method-Override: OPTIONS",
            "X-Forwarded-For: 127.0.0.1",
            "X-Forwarded-Proto: https",
            "X-Forwarded-Port: 443",
            "Forwarded: for=127.0.0.1;host=open.localhost;proto=https",
            "X-Vestibule-Status: 200",
            "Connection: close, X-Forwarded-Host",
            "Connection: close, X-Forwarded-Uri, X-Forwarded-Method, X-Forwarded-For",
            "Connection: close, Cookie",
        ];
        for line in headers {
            let answer = closed.raw(&eve, "GET / HTTP/1.1", &[line]).await;
            let without_cookie = line.ends_with("Cookie") && answer.status == 401;
            assert!(answer.status == 403 || without_cookie, "{line}: {answer:?}");
            for visitor in [&nobody, &stranger] {
                let answer = closed.raw(visitor, "GET / HTTP/1.1", &[line]).await;
                assert_eq!(answer.status, 401, "{line}: {answer:?}");
            }
        }
        // The request line may name another host than the header does.
        for first in [
            "GET http://open.localhost/ HTTP/1.1".to_owned(),
            format!("GET http://open.localhost:{}/ HTTP/1.1", closed.proxy.port),
            format!("GET http://{host}/ HTTP/1.1"),
            "GET http://open.localhost/ HTTP/1.0".to_owned(),
        ] {
            for visitor in [&eve, &nobody, &stranger] {
                let answer = closed.raw(visitor, &first, &[]).await;
                assert!(answer.status >= 400, "{first}: {answer:?}");
                let bytes = visitor.bytes("open.localhost", &first, &[]);
                let answer = closed.proxy.send(&bytes).await;
                assert!(answer.status >= 400, "{first}: {answer:?}");
            }
        }
        assert!(closed.upstream.new_ones().is_empty());
    }

    /// The application is told the true client, host and scheme, and nothing of the client's own.
    async fn the_application_is_told_the_truth(gated) {
        let ben = gated.at_application("ben").await;
        let answer = gated.raw(&ben, "GET /truth HTTP/1.1", &[
            "X-Forwarded-For: 203.0.113.9",
            "X-Forwarded-For: 203.0.113.10",
            "X_Forwarded_For: 203.0.113.9",
            "X-Forwarded-Host: evil.example",
            "X-Forwarded-Proto: https",
            "X-Forwarded-Prefix: /evil.example",
            "X-Forwarded-Uri: /evil.example",
            "X-Forwarded-User: evil.example",
            "X-Real-IP: 203.0.113.9",
            "X-Original-URL: /evil.example",
            "X-Rewrite-URL: /evil.example",
            "Forwarded: for=203.0.113.9;host=evil.example",
        ]).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let seen = gated.upstream.only_one();
        assert_eq!(seen.value("X-Forwarded-For"), "127.0.0.1");
        assert_eq!(seen.value("X-Forwarded-Proto"), "http");
        for (name, value) in &seen.headers {
            assert!(!value.contains("evil.example") && !value.contains("203.0.113"), "{name}: {value}");
        }
    }

    /// So is Vestibule: the audit log has the address of the connection.
    async fn vestibule_is_told_the_truth(gated) {
        let ben = gated.app.sign_in("ben").await;
        let there = gated.proxy.browser().coming_from("203.0.113.9");
        let page = gated.enter(&Visitor { login: ben, there }, "/").await;
        assert_eq!(page.status, 200, "{page:?}");
        let ada = gated.app.admin("ada").await;
        let log = ada.get("/settings/audit?kind=application.entered").await;
        log.must_show("127.0.0.1");
        assert!(!log.shows("203.0.113.9"), "{}", log.text());
    }

    /// Only the proxy asks the gate, and only the callback itself is Vestibule's at this host.
    async fn neither_gate_nor_callback_can_be_reached_past_the_proxy(gated) {
        let ben = gated.at_application("ben").await;
        for path in [
            "/.vestibule/gate",
            "/.vestibule/gate?proxy=nginx",
            "/.vestibule/%67ate",
            "/x/../.vestibule/gate",
            "/gate",
            "/gate?proxy=caddy",
            "/.vestibule/callback/../../gate",
            "/.vestibule/callback/../gate",
            "/.vestibule/callback%2f..%2f..%2fgate",
            "/.vestibule/callback/",
            "/.VESTIBULE/callback",
            "//.vestibule/callback",
            "/sign-in",
            "/.vestibule/callback/../../sign-in",
        ] {
            let first = format!("GET {path} HTTP/1.1");
            // Whoever answers, it is never Vestibule with a yes or a page: Ben's goes to the
            // application, where it may be anything's own path.
            let answer = gated.raw(&ben, &first, &[]).await;
            assert!(answer.values("Remote-User").is_empty(), "{path}: {answer:?}");
            let from_application = !gated.upstream.new_ones().is_empty();
            assert!(from_application || answer.status >= 400, "{path}: {answer:?}");
            let answer = gated.raw(&gated.visitor(), &first, &[]).await;
            assert!(answer.status >= 400, "{path}: {answer:?}");
            assert!(gated.upstream.new_ones().is_empty(), "{path}");
        }
    }
}
