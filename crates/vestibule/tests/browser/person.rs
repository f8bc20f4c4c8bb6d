//! Somebody at a browser, with a phone in the other hand.

use std::ops::Deref;
use std::time::Duration;

use tempfile::TempDir;
use vestibule_testkit::app::{email, password};
use vestibule_testkit::browser::{Browser, Options};
use vestibule_testkit::phone::Enrolled;
use vestibule_testkit::{MovableClock, TestApp};

const GOES_ON: &str = "Goes on by itself at the sixth digit.";

/// One person, at one browser.
pub(crate) struct Person {
    /// What stands before the `@` of the email.
    pub(crate) who: &'static str,
    /// The authenticator app, once it has seen a QR code.
    pub(crate) phone: Option<Enrolled>,
    browser: Browser,
    clock: MovableClock,
    url: String,
}

impl Deref for Person {
    type Target = Browser;

    fn deref(&self) -> &Browser {
        &self.browser
    }
}

impl Person {
    /// Somebody at a desktop, who has not been anywhere yet.
    pub(crate) async fn new(who: &'static str, app: &TestApp) -> Self {
        Self::at(Options::desktop(), who, app).await
    }

    /// Somebody with a certain screen.
    pub(crate) async fn at(options: Options, who: &'static str, app: &TestApp) -> Self {
        Self {
            who,
            phone: None,
            browser: Browser::start(options).await,
            clock: app.clock.clone(),
            url: app.url.clone(),
        }
    }

    /// Opens a page of the installation.
    pub(crate) async fn goes_to(&self, path: &str) {
        self.open(&format!("{}{path}", self.url)).await;
    }

    /// Where they are, as the address bar says it after the host.
    pub(crate) async fn place(&self) -> String {
        let url = self.browser.url().await;
        url.strip_prefix(&self.url).unwrap_or(&url).to_owned()
    }

    /// Waits until they are at a page.
    pub(crate) async fn arrives_at(&self, path: &str) {
        for _ in 0..100 {
            if self.place().await == path {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!(
            "{} is not at {path} but at {}:\n{}",
            self.who,
            self.place().await,
            self.text().await
        );
    }

    /// Fills in the sign-in page that is open.
    pub(crate) async fn gives_password(&self) {
        self.fill("Email", &email(self.who)).await;
        self.fill("Password", &password(self.who)).await;
        self.press("Sign in").await;
    }

    /// Signs in from the start with what is asked for; a new code is waited for first.
    pub(crate) async fn signs_in(&self) {
        self.goes_to("/sign-in").await;
        self.gives_password().await;
        if self.place().await == "/sign-in/code" {
            self.clock.next_code();
            self.types_code(&self.code(), "Continue").await;
        }
        self.arrives_at("/").await;
        self.sees("You are signed in").await;
    }

    /// Holds the phone to the screen. It is still the camera's picture that is read, never the
    /// page's markup.
    pub(crate) async fn scans(&mut self) {
        let folder = TempDir::new().unwrap();
        let picture = folder.path().join("screen.png");
        self.screenshot(&picture).await;
        self.phone = Some(Enrolled::scan(&picture));
    }

    /// What the phone shows now.
    pub(crate) fn code(&self) -> String {
        self.code_in(0)
    }

    /// What the phone shows in so many seconds.
    pub(crate) fn code_in(&self, seconds: i64) -> String {
        let phone = self.phone.as_ref().unwrap_or_else(|| panic!("{} has no app", self.who));
        phone.code_at(self.clock.now().millis() + seconds * 1_000)
    }

    /// Types a code, and presses the button unless the page goes on by itself.
    pub(crate) async fn types_code(&self, code: &str, button: &str) {
        if self.shows(GOES_ON).await {
            self.fill_and_go("Security code", code).await;
        } else {
            self.fill("Security code", code).await;
            self.press(button).await;
        }
    }

    /// Scans the key of the enrolment page that is open, confirms it with the next code, and says
    /// that the recovery codes are kept, which come with a first app.
    pub(crate) async fn enrols(&mut self, button: &str) {
        self.enrols_without_keeping(button).await;
        if self.shows("Keep your recovery codes").await {
            self.press("I have kept these codes").await;
        }
    }

    /// The same, up to the page that shows the recovery codes.
    pub(crate) async fn enrols_without_keeping(&mut self, button: &str) {
        self.scans().await;
        self.clock.next_code();
        self.types_code(&self.code(), button).await;
    }

    /// Fails if the browser complained: a violated policy, a script's mistake, a missing file.
    /// Answers of 4xx that the story provoked are named by their status.
    pub(crate) async fn has_no_complaints_but(&self, provoked: &[&str]) {
        let mut complaints = self.complaints().await;
        complaints.retain(|text| !provoked.iter().any(|status| text.contains(status)));
        assert_eq!(complaints, Vec::<String>::new(), "{}'s browser complains", self.who);
    }

    /// Fails if the browser complained about anything.
    pub(crate) async fn has_no_complaints(&self) {
        self.has_no_complaints_but(&[]).await;
    }
}
