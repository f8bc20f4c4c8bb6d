//! A protected host, seen from a browser: the proxy asks the gate, and does what it says.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use vestibule_domain::application::{Enter, Host, Rules};
use vestibule_domain::name::Name;

use crate::app::TestApp;
use crate::client::{Answer, Client};

/// A browser at a protected host. It has a cookie jar of its own, as every host has.
#[derive(Clone)]
pub struct Protected {
    /// The host's cookies.
    pub client: Client,
    host: String,
    dialect: &'static str,
}

/// What a page load looks like to a proxy.
const PAGE_LOAD: [(&str, &str); 2] =
    [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];

impl TestApp {
    /// Puts an application of the furnished account behind the gate, open to everyone in it.
    pub async fn protect(&self, host: &str) -> Rules {
        let account = self.account.unwrap();
        let rules = Rules { account, enter: Enter::Everyone, always_mfa: false, max_age: None };
        self.protect_with(host, rules).await;
        rules
    }

    /// Puts an application with these rules behind the gate.
    pub async fn protect_with(&self, host: &str, rules: Rules) {
        let parsed = Host::parse(host, self.public_url.starts_with("https:")).unwrap();
        let name = Name::parse(&format!("Application at {host}")).unwrap();
        self.vestibule.furnish_application(&name, &parsed, rules).await.unwrap();
    }

    /// A browser at a protected host, behind a proxy that speaks Caddy's dialect.
    pub fn at(&self, host: &str) -> Protected {
        Protected {
            client: Client::behind(&self.url, &format!("https://{host}")),
            host: host.to_owned(),
            dialect: "caddy",
        }
    }
}

impl Protected {
    /// The same browser behind another proxy.
    #[must_use]
    pub fn through(&self, dialect: &'static str) -> Self {
        Self { dialect, ..self.clone() }
    }

    /// The same browser, whose proxy asks another node.
    #[must_use]
    pub fn on(&self, node: &TestApp) -> Self {
        Self { client: self.client.on(&node.url), ..self.clone() }
    }

    /// Loads a page until it is let in from what the gate remembers, which counts from the moment at
    /// which the database was heard of; answers how often that was.
    pub async fn until_remembered(&self, app: &TestApp) -> i64 {
        let from_memory = "vestibule_gate_seconds_count{outcome=\"granted\",source=\"memory\"}";
        for loads in 0..1_000 {
            if app.counted(from_memory).await > 0 {
                return loads;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
            assert_eq!(self.load("/").await.status, 200);
        }
        panic!("nothing is remembered");
    }

    /// Its cookies at another host, where they do not belong.
    #[must_use]
    pub fn elsewhere(&self, host: &str) -> Self {
        Self { client: self.client.stolen(), host: host.to_owned(), ..self.clone() }
    }

    /// What the gate says of anything.
    pub async fn ask(&self, method: &str, uri: &str, headers: &[(&str, &str)]) -> Answer {
        let path = format!("/gate?proxy={}", self.dialect);
        let asked = [
            ("x-forwarded-host", self.host.as_str()),
            ("x-forwarded-uri", uri),
            ("x-forwarded-method", method),
        ];
        let headers: Vec<(&str, &str)> = asked.iter().chain(headers).copied().collect();
        self.client.send(Method::GET, &path, None, &headers).await
    }

    /// What the gate says of a page that is loaded.
    pub async fn load(&self, uri: &str) -> Answer {
        self.ask("GET", uri, &PAGE_LOAD).await
    }

    /// What the gate says of a script's request.
    pub async fn fetch(&self, uri: &str) -> Answer {
        let script = [("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty")];
        self.ask("GET", uri, &script).await
    }

    /// Whether a page load goes through to the application.
    pub async fn is_open(&self) -> bool {
        match self.load("/").await.status {
            StatusCode::OK => true,
            StatusCode::FOUND | StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => false,
            other => panic!("the gate should know: {other}"),
        }
    }

    /// Where a page load leads who is not let in: a path of Vestibule's own host.
    pub async fn led_to(&self, app: &TestApp, uri: &str) -> String {
        let answer = self.load(uri).await;
        assert_eq!(answer.status, 302, "{answer:?}");
        let location = answer.location().unwrap();
        let path = location.strip_prefix(&app.public_url);
        path.unwrap_or_else(|| panic!("leads away: {location}")).to_owned()
    }

    /// Brings what the own host hands over: the path and query of the callback, and the cookie there.
    pub async fn arrive(&self, answer: &Answer) -> Answer {
        let to = match answer.location() {
            Some(to) => to,
            None => answer.link("Go on").unwrap_or_else(|| panic!("leads nowhere: {answer:?}")),
        };
        let path = to.split_once(&self.host).unwrap_or_else(|| panic!("leads to {to}")).1;
        self.client.send(Method::GET, path, None, &[("x-forwarded-host", &self.host)]).await
    }

    /// Loads a page, goes through the hand-over with a browser that is signed in, and arrives at the
    /// same page.
    pub async fn enter(&self, app: &TestApp, browser: &Client) -> Answer {
        let to = self.led_to(app, "/reports?of=today").await;
        let handed = browser.get(&to).await;
        let arrived = self.arrive(&handed).await;
        assert_eq!(arrived.location().as_deref(), Some("/reports?of=today"), "{arrived:?}");
        let page = self.load("/reports?of=today").await;
        assert_eq!(page.status, 200, "{page:?}");
        page
    }

    /// Loads a page until the gate no longer answers `was`, for at most five seconds: another node
    /// has heard of a change then.
    pub async fn until_not(&self, was: u16) -> Answer {
        for _ in 0..500 {
            let answer = self.load("/").await;
            if answer.status != was {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the gate still answers {was}");
    }
}
