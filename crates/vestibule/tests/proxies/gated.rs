//! An application behind a real proxy, and the people at it.

use vestibule_domain::application::{Enter, Rules};
use vestibule_testkit::app::{email, password};
use vestibule_testkit::proxies::{Kind, Proxy};
use vestibule_testkit::raw::{self, RawAnswer};
use vestibule_testkit::upstream::Upstream;
use vestibule_testkit::{Answer, Client, Database, Method, TestApp};

/// What a browser sends when somebody opens an address.
pub(crate) const PAGE_LOAD: [(&str, &str); 3] = [
    ("accept", "text/html,application/xhtml+xml,*/*;q=0.8"),
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-dest", "document"),
];

/// What a script of a page sends.
pub(crate) const SCRIPT: [(&str, &str); 3] =
    [("accept", "application/json"), ("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty")];

/// "Acme Analytics" with an application behind a proxy.
pub(crate) struct Gated {
    pub(crate) app: TestApp,
    pub(crate) proxy: Proxy,
    pub(crate) upstream: Upstream,
    database: Database,
}

/// One browser, which keeps the cookies of the two hosts apart.
pub(crate) struct Visitor {
    /// At Vestibule.
    pub(crate) login: Client,
    /// At the application.
    pub(crate) there: Client,
}

impl Gated {
    /// Whoever belongs to the account may enter.
    pub(crate) async fn start(kind: Kind, database: Database) -> Self {
        Self::start_for(kind, database, Enter::Everyone).await
    }

    /// Another one like this, for these users alone.
    pub(crate) async fn only_for(&self, enter: Enter) -> Self {
        Self::start_for(self.proxy.kind, self.database, enter).await
    }

    async fn start_for(kind: Kind, database: Database, enter: Enter) -> Self {
        let app = TestApp::behind_proxies(database).await;
        let upstream = Upstream::start().await;
        let proxy = Proxy::start(kind, app.port(), upstream.port).await;
        let account = app.account.unwrap();
        let rules = Rules { account, enter, always_mfa: false, max_age: None };
        app.protect_with(&proxy.host(), rules).await;
        Self { app, proxy, upstream, database }
    }

    /// Somebody who has been nowhere.
    pub(crate) fn visitor(&self) -> Visitor {
        Visitor { login: self.app.browser(), there: self.proxy.browser() }
    }

    /// Somebody who has signed in and is at the application.
    pub(crate) async fn at_application(&self, who: &str) -> Visitor {
        let visitor = Visitor { login: self.app.sign_in(who).await, there: self.proxy.browser() };
        let page = self.enter(&visitor, "/").await;
        assert_eq!(page.status, 200, "{who}: {page:?}");
        self.upstream.new_ones();
        visitor
    }

    /// Follows wherever the application leads, through Vestibule and back.
    pub(crate) async fn enter(&self, visitor: &Visitor, path: &str) -> Answer {
        let answer = visitor.open(path).await;
        self.follow(visitor, answer).await
    }

    /// The same, from an answer that leads on. A path without a host belongs to whoever answered.
    pub(crate) async fn follow(&self, visitor: &Visitor, mut answer: Answer) -> Answer {
        let mut at_application = false;
        for _ in 0..10 {
            let Some(next) = answer.location().or_else(|| going_on(&answer)) else { return answer };
            if next.starts_with("http") {
                at_application = next.starts_with(&self.proxy.url());
            }
            answer = if at_application {
                visitor.open(&next).await
            } else {
                visitor.login.get(&next).await
            };
        }
        panic!("leads in a circle: {answer:?}");
    }

    /// From the application to the page that asks for the password.
    pub(crate) async fn led_to_sign_in(&self, visitor: &Visitor, path: &str) -> Answer {
        let first = visitor.open(path).await;
        assert_eq!(first.status, 302, "{first:?}");
        let hand_over = first.location().unwrap();
        assert!(hand_over.starts_with(&format!("{}/hand-over?", self.app.url)), "{hand_over}");
        let page = self.follow(visitor, first).await;
        page.must_show("Sign in");
        page
    }

    /// Gives the password on that page, and follows.
    pub(crate) async fn sign_in(&self, visitor: &Visitor, page: &Answer, who: &str) -> Answer {
        let (email, password) = (email(who), password(who));
        let mut fields = vec![("email", email.as_str()), ("password", password.as_str())];
        let return_to = page.field("return_to");
        fields.extend(return_to.as_deref().map(|to| ("return_to", to)));
        let answer = visitor.login.post("/sign-in", &fields).await;
        self.follow(visitor, answer).await
    }

    /// Sends a request of bytes with a visitor's cookies, and closes.
    pub(crate) async fn raw(&self, visitor: &Visitor, first: &str, lines: &[&str]) -> RawAnswer {
        self.proxy.send(&self.bytes(visitor, first, lines)).await
    }

    /// Its bytes.
    pub(crate) fn bytes(&self, visitor: &Visitor, first: &str, lines: &[&str]) -> Vec<u8> {
        visitor.bytes(&self.proxy.host(), first, lines)
    }
}

/// Where the page leads by itself that hands a session over.
fn going_on(answer: &Answer) -> Option<String> {
    answer.body.contains("http-equiv=\"refresh\"").then(|| answer.link("Go on"))?
}

impl Visitor {
    /// A request of bytes with the cookies of the application.
    pub(crate) fn bytes(&self, host: &str, first: &str, lines: &[&str]) -> Vec<u8> {
        let cookies = self.there.cookie_header();
        let cookies = cookies.map(|cookies| format!("Cookie: {cookies}"));
        let mut all: Vec<&str> = cookies.as_deref().into_iter().collect();
        all.extend(lines);
        if !lines.iter().any(|line| line.to_lowercase().starts_with("connection:")) {
            all.push("Connection: close");
        }
        raw::request(first, host, &all)
    }

    /// Opens an address of the application, as a person does.
    pub(crate) async fn open(&self, path: &str) -> Answer {
        self.there.send(Method::GET, path, None, &PAGE_LOAD).await
    }

    /// Asks as a script of the application's page does.
    pub(crate) async fn fetch(&self, path: &str) -> Answer {
        self.there.send(Method::GET, path, None, &SCRIPT).await
    }
}

/// Runs each story through both proxies, on both databases.
macro_rules! through_proxies {
    ($($(#[$doc:meta])* async fn $name:ident($gated:ident) $body:block)*) => { $(
        $(#[$doc])*
        mod $name {
            #[allow(unused_imports, reason = "not every story needs everything")]
            use super::*;
            use vestibule_testkit::Database::{Postgres, Sqlite};
            use vestibule_testkit::proxies::Kind::{Caddy, Nginx};

            async fn story($gated: $crate::gated::Gated) $body

            $crate::gated::through_proxies!(@one nginx_on_sqlite, Nginx, Sqlite);
            $crate::gated::through_proxies!(@one nginx_on_postgres, Nginx, Postgres);
            $crate::gated::through_proxies!(@one caddy_on_sqlite, Caddy, Sqlite);
            $crate::gated::through_proxies!(@one caddy_on_postgres, Caddy, Postgres);
        }
    )* };
    (@one $name:ident, $kind:ident, $database:ident) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            story($crate::gated::Gated::start($kind, $database).await).await;
        }
    };
}
pub(crate) use through_proxies;
