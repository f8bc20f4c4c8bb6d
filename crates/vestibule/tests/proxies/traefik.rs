//! Traefik, which cannot be had here: what its forwardAuth sends (from its source, `writeHeader` in
//! `pkg/middlewares/auth/forward.go` of version 3, with the settings of `examples/traefik/`), put to
//! the gate in process, and what it would make of the answers.

use vestibule_testkit::{Answer, Client, Method, stories};

use crate::gated::{PAGE_LOAD, SCRIPT};

const HOST: &str = "app.localhost:8081";

/// What Traefik asks for a client's request: of its headers those in `authRequestHeaders`, and what
/// Traefik itself says in place of anything that the client said.
async fn asks(there: &Client, method: &str, uri: &str, of_client: &[(&str, &str)]) -> Answer {
    let mut headers: Vec<(&str, &str)> = of_client
        .iter()
        .copied()
        .filter(|(name, _)| ["accept", "sec-fetch-mode", "sec-fetch-dest"].contains(name))
        .collect();
    headers.extend([
        ("x-forwarded-for", "198.51.100.7"),
        ("x-forwarded-method", method),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", HOST),
        ("x-forwarded-uri", uri),
        ("accept-encoding", "gzip"),
    ]);
    there.send(Method::GET, "/gate?proxy=traefik", None, &headers).await
}

stories! {
    /// Led to the sign-in, handed over, let in, signed out.
    async fn traefik_replayed(behind_proxies app) {
        app.protect(HOST).await;
        let (there, ben) = (app.at(HOST).client, app.sign_in("ben").await);
        let script = asks(&there, "GET", "/api", &SCRIPT).await;
        assert_eq!(script.status, 401, "{script:?}");
        assert!(script.location().is_none());
        let post = asks(&there, "POST", "/save", &PAGE_LOAD).await;
        assert_eq!(post.status, 401, "{post:?}");

        // Traefik passes status, Location and Set-Cookie on.
        let page = asks(&there, "GET", "/start?x=1", &PAGE_LOAD).await;
        assert_eq!(page.status, 302, "{page:?}");
        let handed = ben.get(&page.location().unwrap()).await;
        let callback = handed.location().or_else(|| handed.link("Go on")).unwrap();
        let path = callback.strip_prefix("http://app.localhost:8081").unwrap();
        assert!(path.starts_with("/.vestibule/callback?"), "{path}");
        // The router `callback` sends this to Vestibule, with Traefik's own headers.
        let handed = there
            .send(Method::GET, path, None, &[
                ("x-forwarded-for", "198.51.100.7"),
                ("x-forwarded-host", HOST),
                ("x-forwarded-port", "8081"),
                ("x-forwarded-proto", "http"),
                ("x-forwarded-server", "traefik"),
                ("x-real-ip", "198.51.100.7"),
            ])
            .await;
        assert_eq!((handed.status.as_u16(), handed.location().as_deref()), (303, Some("/start?x=1")));

        let yes = asks(&there, "POST", "/save", &SCRIPT).await;
        assert_eq!(yes.status, 200, "{yes:?}");
        // What `authResponseHeadersRegex` copies.
        let copied = yes.headers.keys().filter(|name| name.as_str().starts_with("remote"));
        assert_eq!(copied.count(), 6, "{yes:?}");
        assert_eq!(yes.headers["remote-user"], "ben@acme.example");

        assert_eq!(ben.post("/sign-out", &[]).await.status, 303);
        assert_eq!(asks(&there, "GET", "/api", &SCRIPT).await.status, 401);
    }
}
