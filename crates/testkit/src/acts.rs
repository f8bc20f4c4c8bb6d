//! What people do in many stories, in the words of the stories.

use reqwest::Method;

use crate::app::TestApp;
use crate::client::{Answer, Client};

impl Client {
    /// Whether this browser is behind the second door, be it at the recovery codes that are still to
    /// be kept.
    pub async fn is_in(&self) -> bool {
        let answer = self.get("/").await;
        answer.status == 200 || answer.location().is_some_and(|to| to == RECOVERY_CODES)
    }

    /// Sends in e-mail and password.
    pub async fn sign_in(&self, email: &str, password: &str) -> Answer {
        self.post("/sign-in", &[("email", email), ("password", password)]).await
    }

    /// Sends in a security code at the second door.
    pub async fn give_code(&self, code: &str) -> Answer {
        self.post("/sign-in/code", &[("code", code)]).await
    }

    /// Sends in a form as a browser does from `page`, which it names as the referrer.
    pub async fn post_from(&self, page: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let referrer = format!("{}{page}", self.origin());
        let headers = [&self.own_page()[..], &[("referer", referrer.as_str())]].concat();
        self.send(Method::POST, path, Some(fields), &headers).await
    }
}

/// The page of the recovery codes that are still to be kept.
pub const RECOVERY_CODES: &str = "/settings/security/recovery-codes";

/// The recovery codes on their page.
pub fn codes_on(page: &Answer) -> Vec<String> {
    let codes = page.body.split("<li><code>").skip(1);
    codes.filter_map(|rest| Some(rest.split_once("</code>")?.0.to_owned())).collect()
}

impl TestApp {
    /// Notes the recovery codes that wait to be kept, if any do, and says that they are.
    pub async fn keep_codes(&self, who: &str, browser: &Client) {
        let page = browser.get(RECOVERY_CODES).await;
        if page.status != 200 {
            return;
        }
        self.kept.lock().unwrap().insert(who.to_owned(), codes_on(&page));
        let set = page.field("set").unwrap();
        let answer = browser.post(&format!("{RECOVERY_CODES}/kept"), &[("set", &set)]).await;
        assert_eq!(answer.leads_to(), "/", "{}", answer.text());
    }

    /// Says that the codes on a page are kept, and follows where it leads.
    pub async fn keep_shown(&self, browser: &Client, page: &Answer) -> Answer {
        page.must_show("Keep your recovery codes");
        let fields = page.carried_fields();
        let fields: Vec<(&str, &str)> =
            fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        browser.submit(&format!("{RECOVERY_CODES}/kept"), &fields).await
    }

    /// One of the recovery codes that a user has kept.
    pub fn recovery_code(&self, who: &str, index: usize) -> String {
        let kept = self.kept.lock().unwrap();
        kept.get(who).unwrap_or_else(|| panic!("{who} has kept no codes"))[index].clone()
    }

    /// Gives a fresh proof by a new code of the user's app.
    pub async fn prove(&self, who: &str, browser: &Client) {
        self.clock.next_code();
        let answer = browser.post("/proof", &[("code", &self.code(who))]).await;
        assert_eq!(answer.status, 303, "{who} should have proved it: {}", answer.text());
    }

    /// Sends a wrong code to the second door so many times, each after whatever wait there is.
    /// Answers what came of the last.
    pub async fn guess_codes(&self, browser: &Client, times: usize) -> Answer {
        let mut answer = None;
        for _ in 0..times {
            let guess = async || browser.give_code(&self.wrong_code()).await;
            answer = Some(self.after_the_wait(guess).await);
        }
        answer.expect("at least one guess")
    }

    /// Puts attempts into a user's budget, as somebody's who guessed on other days.
    pub async fn use_up_codes(&self, who: &str, attempts: i64) {
        let user = self.id(who).await;
        let mut tx = self.store.write().await.unwrap();
        assert!(tx.reserve_code_attempts(user, attempts).await.unwrap());
        tx.commit().await.unwrap();
    }

    /// Does something as soon as no wait is in its way: the clock moves on by what it asks for.
    pub async fn after_the_wait(&self, act: impl AsyncFn() -> Answer) -> Answer {
        loop {
            let answer = act().await;
            match answer.retry_after() {
                Some(wait) if answer.status == 429 => self.clock.advance(wait),
                _ => return answer,
            }
        }
    }

    /// Turns MFA on for a user without a factor, who then stays signed in.
    pub async fn sign_in_and_enrol(&self, who: &str) -> Client {
        let browser = self.sign_in(who).await;
        let answer = self.enrol(who, &browser).await;
        assert_eq!(answer.leads_to(), "/settings/security", "{}", answer.text());
        browser
    }

    /// The identifiers of the factors on the security page.
    pub async fn factor_ids(&self, browser: &Client) -> Vec<String> {
        let page = browser.get("/settings/security").await;
        assert_eq!(page.status, 200, "{}", page.text());
        between_all(&page.body, "action=\"/settings/security/factors/", "/name\"")
    }

    /// The identifiers of the other sessions on the security page.
    pub async fn other_session_ids(&self, browser: &Client) -> Vec<String> {
        let page = browser.get("/settings/security").await;
        assert_eq!(page.status, 200, "{}", page.text());
        between_all(&page.body, "action=\"/settings/security/sessions/", "/end\"")
    }
}

/// What stands between `before` and `after` wherever only an identifier does.
fn between_all(text: &str, before: &str, after: &str) -> Vec<String> {
    let parts = text.split(before).skip(1);
    let ids = parts.filter_map(|rest| {
        let id = rest.split(['/', '"']).next()?;
        rest[id.len()..].starts_with(after).then(|| id.to_owned())
    });
    ids.collect()
}
