//! A real Chromium, driven through chromedriver, in the words of a story: `open`, `fill`,
//! `press`, `sees`. It owns the browser, its driver and their profile; it knows no page of ours.
//!
//! Controls are found by their accessible names as Chromium computes them, so a story that passes
//! is also one that a screen reader can follow. Nothing but [`Browser::axe`] needs the page's
//! JavaScript, so the same stories run with it switched off.

#![expect(clippy::expect_used, clippy::panic, reason = "a story without its browser can only stop")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::common::capabilities::chromium::ChromiumLikeCapabilities as _;
use thirtyfour::common::command::FormatRequestData;
use thirtyfour::common::log::LoggingPrefsLogLevel;
use thirtyfour::error::WebDriverError;
use thirtyfour::session::http::CmdResponse;
use thirtyfour::{By, DesiredCapabilities, RequestData, SessionId, WebDriver, WebElement};
use tokio::time::sleep;

use crate::leash::{Leash, Stop};

/// One look every 50 ms, ten seconds in all.
const LOOKS: u32 = 200;
const START_TRIES: u32 = 5;
const LOOKS_FOR_NEXT_PAGE: u32 = 60;
const LOOK_EVERY: Duration = Duration::from_millis(50);

const BUTTONS_AND_LINKS: &str =
    "button, a[href], input[type=submit], summary, [role=button], [role=link], [role=switch]";
const FIELDS: &str = "input:not([type=hidden]):not([type=submit]), textarea, select";
const SWITCHES: &str = "[role=switch]";

/// What the person has before them. Starts as a desktop with a light theme.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a setting of a browser, none depends on another"
)]
pub struct Options {
    phone: bool,
    narrow: bool,
    dark: bool,
    without_javascript: bool,
    forced_colours: bool,
    reduced_motion: bool,
}

impl Options {
    /// 1280 × 860.
    pub fn desktop() -> Self {
        Self::default()
    }

    /// 390 × 844 with two pixels to the point, and a finger in place of a mouse.
    pub fn phone() -> Self {
        Self { phone: true, ..Self::default() }
    }

    /// 320 × 640: the narrowest phone, and a desktop window enlarged to 400 %.
    pub fn narrow() -> Self {
        Self { narrow: true, ..Self::phone() }
    }

    /// Asks for the dark theme.
    #[must_use]
    pub fn dark(self) -> Self {
        Self { dark: true, ..self }
    }

    /// Switches the pages' JavaScript off.
    #[must_use]
    pub fn without_javascript(self) -> Self {
        Self { without_javascript: true, ..self }
    }

    /// The high-contrast mode of some operating systems.
    #[must_use]
    pub fn forced_colours(self) -> Self {
        Self { forced_colours: true, ..self }
    }

    /// Asks for less movement.
    #[must_use]
    pub fn reduced_motion(self) -> Self {
        Self { reduced_motion: true, ..self }
    }

    fn size(self) -> (u32, u32) {
        match (self.narrow, self.phone) {
            (true, _) => (320, 640),
            (false, true) => (390, 844),
            (false, false) => (1280, 860),
        }
    }
}

/// One person's browser, with a profile of its own. Dropping it ends every process it started.
pub struct Browser {
    driver: WebDriver,
    _leash: Leash,
}

impl Browser {
    /// Starts a browser with a fresh profile.
    ///
    /// # Panics
    /// With what to install, when Chromium or its driver is missing.
    pub async fn start(options: Options) -> Self {
        let (leash, port) = start_driver().await;
        // A proxy from the environment would be asked for an address of this machine.
        let client = reqwest::Client::builder().no_proxy().build().expect("an HTTP client");
        let driver = WebDriver::builder(
            format!("http://127.0.0.1:{port}"),
            capabilities(&leash.folder().join("profile"), options),
        )
        .client(client)
        .await
        .unwrap_or_else(|error| {
            panic!(
                "Chromium did not start: {error}\nOn Debian: apt-get install chromium\n{}",
                leash.log()
            )
        });
        let browser = Self { driver, _leash: leash };
        browser.show_as(options).await;
        browser
    }

    /// Changes size, theme and the rest under the page that is open. JavaScript follows at the
    /// next page.
    ///
    /// # Panics
    /// When the browser refuses.
    pub async fn show_as(&self, options: Options) {
        let (width, height) = options.size();
        let scale = if options.phone { 2 } else { 1 };
        // The window of a browser cannot be as narrow as a phone; its emulated screen can.
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            json!({ "width": width, "height": height, "deviceScaleFactor": scale, "mobile": options.phone }),
        )
        .await;
        self.devtools("Emulation.setTouchEmulationEnabled", json!({ "enabled": options.phone }))
            .await;
        let choose = |on, yes, no| if on { yes } else { no };
        self.devtools(
            "Emulation.setEmulatedMedia",
            json!({ "features": [
                { "name": "prefers-color-scheme", "value": choose(options.dark, "dark", "light") },
                { "name": "forced-colors", "value": choose(options.forced_colours, "active", "none") },
                { "name": "prefers-reduced-motion", "value": choose(options.reduced_motion, "reduce", "no-preference") },
            ] }),
        )
        .await;
        self.devtools(
            "Emulation.setScriptExecutionDisabled",
            json!({ "value": options.without_javascript }),
        )
        .await;
    }

    /// Opens an address and waits until its page has loaded.
    ///
    /// # Panics
    /// When nothing answers there.
    pub async fn open(&self, url: &str) {
        self.driver.goto(url).await.unwrap_or_else(|error| panic!("opening {url}: {error}"));
    }

    /// Loads the page again.
    ///
    /// # Panics
    /// When nothing answers any more.
    pub async fn reload(&self) {
        self.driver.refresh().await.unwrap_or_else(|error| panic!("loading again: {error}"));
    }

    /// The address in the address bar.
    ///
    /// # Panics
    /// When the browser is gone.
    pub async fn url(&self) -> String {
        self.driver.current_url().await.expect("an open page has an address").into()
    }

    /// The text that a person can see on the page.
    pub async fn text(&self) -> String {
        // Between two pages there is none.
        match self.driver.find(By::Tag("body")).await {
            Ok(body) => body.text().await.unwrap_or_default(),
            Err(_) => String::new(),
        }
    }

    /// Writes `value` into the field labelled `label`, in place of what it held; in a list,
    /// chooses the entry `value`.
    ///
    /// # Panics
    /// When no such field shows up within ten seconds, or it takes no input.
    pub async fn fill(&self, label: &str, value: &str) {
        let field = self.find("field", FIELDS, label).await;
        write(&field, value).await.unwrap_or_else(|error| panic!("filling {label:?}: {error}"));
    }

    /// Like [`fill`](Self::fill), for a field that sends its form by itself: waits for the page
    /// that follows.
    ///
    /// # Panics
    /// As `fill` does.
    pub async fn fill_and_go(&self, label: &str, value: &str) {
        let before = self.driver.find(By::Tag("html")).await;
        self.fill(label, value).await;
        if let Ok(before) = before {
            self.wait_for_the_page_after(&before).await;
        }
    }

    /// Puts the focus into the field labelled `label`, as a mouse or a finger does.
    ///
    /// # Panics
    /// When no such field shows up within ten seconds, or something lies above it.
    pub async fn press_into(&self, label: &str) {
        let field = self.find("field", FIELDS, label).await;
        field.click().await.unwrap_or_else(|error| panic!("pressing into {label:?}: {error}"));
    }

    /// Types into whatever has the focus, as a keyboard does. A line end is the Enter key.
    ///
    /// # Panics
    /// When nothing on the page has the focus.
    pub async fn type_keys(&self, keys: &str) {
        let focused = self.driver.active_element().await.expect("something has the focus");
        // WebDriver's own letter for Enter.
        focused.send_keys(keys.replace('\n', "\u{e007}")).await.expect("it takes keys");
    }

    /// The accessible name of what has the focus; of the page itself it is empty.
    ///
    /// # Panics
    /// When the browser is gone.
    pub async fn focus(&self) -> String {
        let focused = self.driver.active_element().await.expect("something has the focus");
        if focused.tag_name().await.is_ok_and(|tag| tag == "body") {
            return String::new();
        }
        one_line(&self.accessible_name(&focused).await.expect("a name"))
    }

    /// What the field labelled `label` holds.
    ///
    /// # Panics
    /// When no such field shows up within ten seconds.
    pub async fn value(&self, label: &str) -> String {
        let field = self.find("field", FIELDS, label).await;
        field.value().await.expect("a field has a value").unwrap_or_default()
    }

    /// Presses the button, link or switch with the accessible name `name` and waits for the page
    /// that follows, if one does.
    ///
    /// # Panics
    /// When nothing of that name shows up within ten seconds, or it cannot be clicked.
    pub async fn press(&self, name: &str) {
        let control = self.find("button, link or switch", BUTTONS_AND_LINKS, name).await;
        let before = self.driver.find(By::Tag("html")).await;
        let leads_on = leads_on(&control).await.unwrap_or(false);
        control.click().await.unwrap_or_else(|error| panic!("pressing {name:?}: {error}"));
        if let (true, Ok(before)) = (leads_on, before) {
            self.wait_for_the_page_after(&before).await;
        }
    }

    /// Waits until the page shows `text`; spaces and line breaks count alike.
    ///
    /// # Panics
    /// When it does not within ten seconds; the message holds what it shows instead.
    pub async fn sees(&self, text: &str) {
        let sought = one_line(text);
        for _ in 0..LOOKS {
            if one_line(&self.text().await).contains(&sought) {
                return;
            }
            sleep(LOOK_EVERY).await;
        }
        panic!("{text:?} is not on the page.\n{}", self.describe().await);
    }

    /// Whether the page shows `text` now. For what must *not* be seen, after something that
    /// [`sees`](Self::sees) has waited for.
    pub async fn shows(&self, text: &str) -> bool {
        one_line(&self.text().await).contains(&one_line(text))
    }

    /// Whether the switch with the accessible name `name` is on.
    ///
    /// # Panics
    /// When no such switch shows up within ten seconds, or it does not say whether it is on.
    pub async fn role_switch(&self, name: &str) -> bool {
        let control = self.find("switch", SWITCHES, name).await;
        let state = match control.attr("aria-checked").await.expect("an attribute can be read") {
            Some(state) => state,
            None => {
                control.is_selected().await.expect("a checkbox is one or the other").to_string()
            }
        };
        match state.as_str() {
            "true" => true,
            "false" => false,
            other => panic!("the switch {name:?} has aria-checked={other:?}"),
        }
    }

    /// Saves the whole page, also what must be scrolled to, as a PNG.
    ///
    /// # Panics
    /// When it cannot be taken or saved.
    pub async fn screenshot(&self, path: impl AsRef<Path>) {
        let metrics = self.devtools("Page.getLayoutMetrics", json!({})).await;
        let size = &metrics["cssContentSize"];
        self.capture_top(path.as_ref(), &size["width"], &size["height"], 1.0).await;
    }

    /// Saves the uppermost `height` points of the page as a PNG, `scale` times as large.
    ///
    /// # Panics
    /// When it cannot be taken or saved.
    pub async fn screenshot_of_top(&self, path: impl AsRef<Path>, height: f64, scale: f64) {
        let metrics = self.devtools("Page.getLayoutMetrics", json!({})).await;
        let width = &metrics["cssContentSize"]["width"];
        self.capture_top(path.as_ref(), width, &height.into(), scale).await;
    }

    /// Saves what is on the screen as a PNG.
    ///
    /// # Panics
    /// When it cannot be taken or saved.
    pub async fn screenshot_of_screen(&self, path: impl AsRef<Path>) {
        self.capture(path.as_ref(), json!({})).await;
    }

    /// What axe-core finds wrong with the page for people with disabilities, one line for each
    /// violation and element; nothing when all is well. Needs the page's JavaScript.
    ///
    /// # Panics
    /// When axe-core is missing or does not run.
    pub async fn axe(&self) -> Vec<String> {
        let tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
        self.run_axe(json!({ "type": "tag", "values": tags })).await
    }

    /// The part of [`axe`](Self::axe) that another theme changes.
    ///
    /// # Panics
    /// When axe-core is missing or does not run.
    pub async fn axe_contrast(&self) -> Vec<String> {
        self.run_axe(json!({ "type": "rule", "values": ["color-contrast"] })).await
    }

    async fn run_axe(&self, only: Value) -> Vec<String> {
        if self.evaluate("return !window.axe").await == true {
            let path = axe_path();
            let axe = std::fs::read_to_string(&path).unwrap_or_else(|error| {
                panic!(
                    "axe-core is not at {} ({error}). `scripts/test` brings it; or set \
                     VESTIBULE_AXE to an axe.min.js",
                    path.display()
                )
            });
            self.driver.execute(axe, vec![]).await.expect("axe-core loads");
        }
        let run = r#"
            const [only, done] = arguments;
            axe.run(document, { runOnly: only, resultTypes: ["violations"] })
                .then(result => done(result.violations), error => done(String(error)));
        "#;
        let violations = self.driver.execute_async(run, vec![only]).await;
        let violations = violations.expect("axe-core answers").json().clone();
        let violations =
            violations.as_array().unwrap_or_else(|| panic!("axe-core failed: {violations}"));
        violations.iter().flat_map(readable).collect()
    }

    /// What a script says that is run in the page as a function's body; the page's own JavaScript
    /// may be off.
    ///
    /// # Panics
    /// When it throws.
    pub async fn evaluate(&self, script: &str) -> Value {
        let answer = self.driver.execute(script, vec![]).await;
        answer.unwrap_or_else(|error| panic!("{script}: {error}")).json().clone()
    }

    /// Runs a script in every page that is opened from now on, before the page's own.
    ///
    /// # Panics
    /// When the browser refuses.
    pub async fn before_each_page(&self, script: &str) {
        let source = json!({ "source": script });
        self.devtools("Page.addScriptToEvaluateOnNewDocument", source).await;
    }

    /// Sets the clock of the pages that are opened from now on, and stops it.
    ///
    /// # Panics
    /// When the browser refuses.
    pub async fn set_clock(&self, unix_ms: i64) {
        self.before_each_page(&format!("Date.now = () => {unix_ms};")).await;
    }

    /// What the browser has complained about since the last time this was asked: errors and
    /// warnings of the console, such as a violated Content-Security-Policy or an answer of 4xx.
    ///
    /// # Panics
    /// When the browser is gone.
    pub async fn complaints(&self) -> Vec<String> {
        let log = self.driver.browser_log().await.expect("the driver keeps a log");
        log.into_iter().map(|entry| entry.message).collect()
    }

    /// The driver itself, for what has no word here.
    pub fn driver(&self) -> &WebDriver {
        &self.driver
    }

    /// Ends the browser without holding up other tasks; dropping it does the same, waiting.
    ///
    /// # Panics
    /// When ending it panics.
    pub async fn quit(self) {
        tokio::task::spawn_blocking(move || drop(self)).await.expect("the browser ends");
    }

    /// The driver waits for the navigation that a click started, but not always where the page
    /// has no JavaScript. A form that the browser refuses to send leads nowhere.
    async fn wait_for_the_page_after(&self, before: &WebElement) {
        for _ in 0..LOOKS_FOR_NEXT_PAGE {
            if before.tag_name().await.is_err() {
                return self.wait_until_loaded().await;
            }
            sleep(LOOK_EVERY).await;
        }
    }

    async fn wait_until_loaded(&self) {
        for _ in 0..LOOKS {
            let state = self.driver.execute("return document.readyState", vec![]).await;
            if state.is_ok_and(|state| state.json() == "complete") {
                return;
            }
            sleep(LOOK_EVERY).await;
        }
        panic!("the page does not finish loading.\n{}", self.describe().await);
    }

    async fn find(&self, kind: &str, selector: &str, name: &str) -> WebElement {
        for _ in 0..LOOKS {
            match self.named(selector, name).await {
                Ok(found) if found.len() == 1 => return found.into_iter().next().expect("one"),
                Ok(found) if found.len() > 1 => panic!(
                    "{} controls are called {name:?}, so which?\n{}",
                    found.len(),
                    self.describe().await
                ),
                // None yet, or the page changed while it was looked at.
                Ok(_) | Err(_) => sleep(LOOK_EVERY).await,
            }
        }
        let names = self.names(selector).await.unwrap_or_default();
        panic!("no {kind} is called {name:?}; there are {names:?}.\n{}", self.describe().await);
    }

    async fn named(&self, selector: &str, name: &str) -> Result<Vec<WebElement>, WebDriverError> {
        let mut found = vec![];
        for element in self.driver.find_all(By::Css(selector)).await? {
            if one_line(&self.accessible_name(&element).await?) == name
                && element.is_displayed().await?
            {
                found.push(element);
            }
        }
        Ok(found)
    }

    async fn names(&self, selector: &str) -> Result<Vec<String>, WebDriverError> {
        let mut names = vec![];
        for element in self.driver.find_all(By::Css(selector)).await? {
            names.push(self.accessible_name(&element).await?);
        }
        Ok(names)
    }

    async fn accessible_name(&self, element: &WebElement) -> Result<String, WebDriverError> {
        let endpoint = format!("/element/{}/computedlabel", element.element_id());
        let answer =
            self.driver.cmd(Raw { method: http::Method::GET, endpoint, body: None }).await?;
        answer.value()
    }

    async fn capture_top(&self, path: &Path, width: &Value, height: &Value, scale: f64) {
        let clip = json!({ "x": 0, "y": 0, "scale": scale, "width": width, "height": height });
        self.capture(path, json!({ "captureBeyondViewport": true, "clip": clip })).await;
    }

    async fn capture(&self, path: &Path, options: Value) {
        let picture = self.devtools("Page.captureScreenshot", options).await;
        let picture = picture["data"].as_str().expect("a picture");
        let picture = BASE64_STANDARD.decode(picture).expect("base64");
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).expect("a folder for the picture");
        }
        std::fs::write(path, picture)
            .unwrap_or_else(|error| panic!("saving {}: {error}", path.display()));
    }

    /// A command of Chromium's own protocol, for what WebDriver does not know.
    async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let body = json!({ "cmd": command, "params": parameters });
        let endpoint = "/goog/cdp/execute".to_owned();
        let answer =
            self.driver.cmd(Raw { method: http::Method::POST, endpoint, body: Some(body) }).await;
        answer.and_then(CmdResponse::value).unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    async fn describe(&self) -> String {
        format!("The page is {}:\n{}", self.url().await, self.text().await)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Otherwise its last handle would ask the driver to end the session and block on the
        // answer; the leash ends both at once.
        let _ = self.driver.clone().leak();
    }
}

/// A WebDriver command sent as it is.
#[derive(Debug)]
struct Raw {
    method: http::Method,
    endpoint: String,
    body: Option<Value>,
}

impl FormatRequestData for Raw {
    fn format_request(&self, session: &SessionId) -> RequestData {
        let request =
            RequestData::new(self.method.clone(), format!("/session/{session}{}", self.endpoint));
        match &self.body {
            Some(body) => request.add_body(body.clone()),
            None => request,
        }
    }
}

async fn start_driver() -> (Leash, u16) {
    let mut log = String::new();
    for _ in 0..START_TRIES {
        match try_start_driver().await {
            Ok(started) => return started,
            Err(what_it_said) => log = what_it_said,
        }
    }
    panic!("chromedriver did not start in {START_TRIES} tries:\n{log}");
}

/// The driver finds a free port itself and says which. It looks for one that is free over IPv6
/// and then wants the same over IPv4, which another test may hold: worth another try.
async fn try_start_driver() -> Result<(Leash, u16), String> {
    let folder = TempDir::with_prefix("vestibule-browser-").expect("a temporary folder");
    let mut command = Command::new("chromedriver");
    command.arg("--port=0");
    let mut leash = Leash::start(command, None, Stop::Kill, folder).unwrap_or_else(|error| {
        panic!(
            "chromedriver does not run ({error}). On Debian: apt-get install chromium \
             chromium-driver"
        )
    });
    for _ in 0..LOOKS {
        if let Some(port) = port_in(&leash.log()) {
            return Ok((leash, port));
        }
        if leash.has_ended() {
            break;
        }
        sleep(LOOK_EVERY / 5).await;
    }
    Err(leash.log())
}

fn port_in(log: &str) -> Option<u16> {
    let (_, after) = log.split_once("started successfully on port ")?;
    let (port, _) = after.split_once('.')?;
    port.parse().ok()
}

fn capabilities(profile: &Path, options: Options) -> thirtyfour::ChromeCapabilities {
    let (width, height) = options.size();
    let mut capabilities = DesiredCapabilities::chrome();
    let arguments = [
        "--headless=new",
        // As root Chromium starts no session without it; the pages are our own.
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        // Containers have little of it.
        "--disable-dev-shm-usage",
        "--no-proxy-server",
        "--hide-scrollbars",
        &format!("--window-size={width},{height}"),
        &format!("--user-data-dir={}", profile.display()),
    ];
    for argument in arguments {
        capabilities.add_arg(argument).expect("a word");
    }
    capabilities
        .set_logging_prefs("browser", LoggingPrefsLogLevel::Warning)
        .expect("a level that the driver knows");
    capabilities
}

async fn write(field: &WebElement, value: &str) -> Result<(), WebDriverError> {
    if field.tag_name().await? == "select" {
        for option in field.find_all(By::Tag("option")).await? {
            if one_line(&option.text().await?) == value {
                return option.click().await;
            }
        }
        return Err(WebDriverError::RequestFailed(format!("no entry {value:?}")));
    }
    field.clear().await?;
    field.send_keys(value).await
}

/// Whether the control is of a kind that opens another page: a link or what sends a form.
async fn leads_on(control: &WebElement) -> Result<bool, WebDriverError> {
    Ok(match control.tag_name().await?.as_str() {
        "a" => control.prop("href").await?.is_some_and(|href| href.starts_with("http")),
        "button" | "input" => control.prop("type").await?.as_deref() == Some("submit"),
        _ => false,
    })
}

fn readable(violation: &Value) -> Vec<String> {
    let word = |name: &str| violation[name].as_str().unwrap_or("?").to_owned();
    let rule = format!("{} ({}): {}", word("id"), word("impact"), word("help"));
    let nodes = violation["nodes"].as_array().map(Vec::as_slice).unwrap_or_default();
    nodes
        .iter()
        .map(|node| {
            let summary = one_line(node["failureSummary"].as_str().unwrap_or_default());
            format!("{rule} at {}. {summary}", node["html"])
        })
        .collect()
}

fn axe_path() -> PathBuf {
    std::env::var_os("VESTIBULE_AXE").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/axe/axe.min.js"),
        PathBuf::from,
    )
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
