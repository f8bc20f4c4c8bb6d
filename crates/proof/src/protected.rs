//! A protected host of a running program, as its proxy asks about it.

use std::time::Duration;

use tokio::time::timeout;
use vestibule_testkit::{Answer, Client, Method, Program};

/// The host that installations have an application at.
pub const HOST: &str = "app.localhost";
/// Longer than the gate takes to say that it cannot know.
const PATIENCE: Duration = Duration::from_secs(20);

/// A browser that has entered an application.
#[derive(Clone)]
pub struct Application {
    /// Its cookies at the protected host.
    pub client: Client,
}

impl Application {
    /// Enters by the hand-over, with a browser that is signed in.
    pub async fn enter(program: &Program, browser: &Client) -> Self {
        let it = Self { client: Client::new(&program.url).coming_from("10.0.0.9") };
        let code = it.code(browser).await;
        let arrived = it.arrive(&code).await.expect("an answer");
        assert_eq!(arrived.status, 303, "{arrived:?}");
        it
    }

    /// A browser that stands before the application.
    pub fn outside(program: &Program, number: usize) -> Self {
        let address = format!("10.77.{}.{}", number / 250, number % 250);
        Self { client: Client::new(&program.url).coming_from(&address) }
    }

    /// Asks for a page, is led to the own host, and answers where that sends back to: path and query
    /// at the protected host, with the code of the hand-over.
    pub async fn code(&self, browser: &Client) -> String {
        let led = self.load().await.expect("an answer");
        let location = led.location().unwrap_or_else(|| panic!("leads nowhere: {led:?}"));
        let path = format!("/hand-over{}", location.split_once("/hand-over").unwrap().1);
        let handed = browser.get(&path).await;
        let to = handed.location().or_else(|| handed.link("Go on"));
        let to = to.unwrap_or_else(|| panic!("leads nowhere: {handed:?}"));
        to.split_once(HOST).unwrap().1.trim_start_matches(|c| c != '/').to_owned()
    }

    /// Comes back with a code.
    pub async fn arrive(&self, path: &str) -> Option<Answer> {
        let sent = self.client.try_send(Method::GET, path, None, &[("x-forwarded-host", HOST)]);
        timeout(PATIENCE, sent).await.ok()?.ok()
    }

    /// What the gate says of a page that is loaded.
    pub async fn load(&self) -> Option<Answer> {
        self.load_at(&self.client).await
    }

    /// The same, asked of another node.
    pub async fn load_on(&self, program: &Program) -> Option<Answer> {
        self.load_at(&self.client.on(&program.url)).await
    }

    async fn load_at(&self, client: &Client) -> Option<Answer> {
        let headers = [
            ("x-forwarded-host", HOST),
            ("x-forwarded-uri", "/"),
            ("x-forwarded-method", "GET"),
            ("x-forwarded-proto", "http"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "document"),
        ];
        let sent = client.try_send(Method::GET, "/gate?proxy=caddy", None, &headers);
        timeout(PATIENCE, sent).await.ok()?.ok()
    }
}
