//! No log, page or database holds a secret (AT-90, AT-91).

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::fmt::layer;
use tracing_subscriber::layer::SubscriberExt as _;
use vestibule_testkit::app::{email, password};
use vestibule_testkit::client::encode;
use vestibule_testkit::{Answer, Client, RECOVERY_CODES, TestApp, codes_on, stories};

/// Everything that this process logs while a story listens, down to the last detail.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<Vec<u8>>>);

static LISTENING: AtomicUsize = AtomicUsize::new(0);

impl Log {
    pub(super) fn listen() -> Self {
        static LOG: OnceLock<Log> = OnceLock::new();
        LISTENING.fetch_add(1, Ordering::SeqCst);
        let log = LOG.get_or_init(|| {
            let log = Self::default();
            let writer = log.clone();
            let lines = layer().without_time().with_ansi(false).with_writer(move || writer.clone());
            let while_listening = dynamic_filter_fn(|_, _| LISTENING.load(Ordering::SeqCst) > 0);
            let all = tracing_subscriber::registry().with(while_listening).with(lines);
            tracing::subscriber::set_global_default(all).unwrap();
            log
        });
        log.clone()
    }

    pub(super) fn stop(&self) -> Vec<u8> {
        LISTENING.fetch_sub(1, Ordering::SeqCst);
        self.0.lock().unwrap().clone()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Sees what one installation answers, and notes every secret that goes by.
#[derive(Default)]
struct Witness {
    answers: Vec<(String, Answer)>,
    passwords: Vec<String>,
    codes: Vec<String>,
    keys: Vec<String>,
    sessions: Vec<String>,
    links: Vec<String>,
    recovery: Vec<String>,
}

impl Witness {
    async fn get(&mut self, browser: &Client, path: &str) -> Answer {
        let answer = browser.get(path).await;
        self.note(browser, path, answer)
    }

    async fn post(&mut self, browser: &Client, path: &str, fields: &[(&str, &str)]) -> Answer {
        for (name, value) in fields {
            match *name {
                "password" if value.len() > 7 => self.passwords.push((*value).to_owned()),
                "code" => self.codes.push((*value).to_owned()),
                _ => {}
            }
        }
        let answer = browser.post(path, fields).await;
        self.note(browser, path, answer)
    }

    fn note(&mut self, browser: &Client, path: &str, answer: Answer) -> Answer {
        assert!(answer.status.as_u16() != 500, "{path}: {}", answer.text());
        self.sessions.extend(browser.cookie());
        if answer.body.contains("?secret=") {
            self.keys.push(answer.between("?secret=", "&"));
        }
        self.answers.push((path.to_owned(), answer.clone()));
        answer
    }

    /// Looks at the recovery codes that wait to be kept, and keeps them.
    async fn keep_codes(&mut self, app: &TestApp, browser: &Client) {
        let page = self.get(browser, RECOVERY_CODES).await;
        let codes = codes_on(&page);
        assert_eq!(codes.len(), 10, "{}", page.text());
        self.recovery.extend(codes);
        self.must_not_be_in(&app.database_dump(), "the database, while codes wait to be kept");
        let set = page.field("set").unwrap();
        let kept = self.post(browser, &format!("{RECOVERY_CODES}/kept"), &[("set", &set)]).await;
        assert_eq!(kept.leads_to(), "/");
    }

    /// Gives a recovery code at the second door.
    async fn give_recovery_code(&mut self, browser: &Client, code: &str) -> Answer {
        let answer = browser.post("/sign-in/code", &[("code", code)]).await;
        self.note(browser, "/sign-in/code", answer)
    }

    /// The path of a link, whose token is a secret.
    fn link(&mut self, path: String) -> String {
        self.links.push(path.rsplit('/').next().unwrap().to_owned());
        path
    }

    /// Every form in which a secret may stand somewhere.
    fn forms(&self) -> Vec<Vec<u8>> {
        let mut forms: Vec<Vec<u8>> = Vec::new();
        for password in &self.passwords {
            let escaped = encode(&[("", password)])[1..].to_owned();
            forms.push(STANDARD.encode(password).into_bytes());
            forms.push(password.replace(' ', "+").into_bytes());
            forms.extend([
                password.clone().into_bytes(),
                escaped.into_bytes(),
                hex(password.as_bytes()),
            ]);
        }
        for key in &self.keys {
            let raw = base32(key);
            forms.push(key.to_lowercase().into_bytes());
            forms.push(groups(key).into_bytes());
            forms.extend([
                key.clone().into_bytes(),
                STANDARD.encode(&raw).into_bytes(),
                hex(&raw),
                raw,
            ]);
        }
        for code in &self.recovery {
            let letters = code.replace('-', "");
            forms.extend([code.clone().into_bytes(), code.replace('-', " ").into_bytes()]);
            forms.extend([letters.to_lowercase().into_bytes(), base32(&letters)]);
            forms.extend([hex(&base32(&letters)), letters.into_bytes()]);
        }
        for token in self.sessions.iter().chain(&self.links) {
            let raw = URL_SAFE_NO_PAD.decode(token).unwrap();
            forms.extend([
                token.clone().into_bytes(),
                STANDARD.encode(&raw).into_bytes(),
                hex(&raw),
                raw,
            ]);
        }
        forms
    }

    /// Fails when one of them stands in `bytes`.
    fn must_not_be_in(&self, bytes: &[u8], place: &str) {
        let text = letters(bytes);
        for form in self.forms() {
            let found = text.find(&letters(&form));
            assert!(found.is_none(), "{place} holds {:?}", around(&text, found.unwrap()));
        }
        for code in self.codes.iter().filter(|code| code.len() == 6) {
            let found = find_code(&text, code);
            assert!(found.is_none(), "{place} holds a code: {:?}", around(&text, found.unwrap()));
        }
    }

    /// Pages show a key where it is enrolled and a link where it is made; nothing else, nowhere.
    fn pages_must_be_clean(&self) {
        for (path, answer) in &self.answers {
            let Answer { status, headers, body } = answer;
            let location = headers.get("location").map_or("", |to| to.to_str().unwrap());
            for text in [body.as_str(), location] {
                let hidden = self.passwords.iter().chain(&self.codes).chain(&self.sessions);
                for secret in hidden.filter(|secret| secret.len() > 5) {
                    assert!(!text.contains(secret), "{status} {path} shows {secret}: {text}");
                }
                for key in self.keys.iter().filter(|_| path != "/enrolment") {
                    let shown = text.contains(key.as_str()) || text.contains(&groups(key));
                    assert!(!shown, "{status} {path} shows a key");
                }
                for code in self.recovery.iter().filter(|_| path != RECOVERY_CODES) {
                    let shown = text.contains(code) || text.contains(&code.replace('-', ""));
                    assert!(!shown, "{status} {path} shows a recovery code");
                }
                for token in self.links.iter().filter(|token| !path.ends_with(token.as_str())) {
                    let is_made = answer.shows("link is ready");
                    assert!(
                        is_made || !text.contains(token.as_str()),
                        "{status} {path} shows a link"
                    );
                }
            }
        }
    }
}

/// A letter for each byte: texts are searched much faster.
pub(super) fn letters(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// A code that is no part of a longer number, a fraction or an identifier.
fn find_code(text: &str, code: &str) -> Option<usize> {
    let before = |at: usize| text[..at].chars().next_back();
    let after = |at: usize| text[at + code.len()..].chars().next();
    let is_alone = |at: &usize| {
        !before(*at).is_some_and(|c| c.is_ascii_hexdigit() || c == '.')
            && !after(*at).is_some_and(|c| c.is_ascii_hexdigit())
    };
    text.match_indices(code).map(|(at, _)| at).find(is_alone)
}

fn around(text: &str, at: usize) -> String {
    let before: String = text[..at].chars().rev().take(60).collect();
    before.chars().rev().chain(text[at..].chars().take(60)).collect()
}

fn hex(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect()
}

fn groups(key: &str) -> String {
    let groups: Vec<_> = key.as_bytes().chunks(4).map(String::from_utf8_lossy).collect();
    groups.join(" ")
}

fn base32(text: &str) -> Vec<u8> {
    let (mut bits, mut held, mut bytes) = (0_u32, 0, Vec::new());
    for letter in text.bytes() {
        let value = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".find(char::from(letter)).unwrap();
        (bits, held) = (bits << 5 | u32::try_from(value).unwrap(), held + 5);
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).unwrap());
        }
    }
    bytes
}

const ADA: &str = "ada walks through a marble garden";
const EVE: &str = "eve walks through a marble garden";

/// Set-up with a mistake, a sign-in with a wrong password and an unknown address, an app enrolled.
async fn first_day(app: &TestApp, w: &mut Witness) -> Client {
    let ada = app.browser();
    let link = w.link(app.setup_path().await);
    let fields = [("account", "Acme"), ("name", "Ada"), ("email", "ada"), ("password", ADA)];
    w.post(&ada, &link, &fields).await;
    let good =
        [("account", "Acme"), ("name", "Ada"), ("email", "ada@acme.example"), ("password", ADA)];
    assert_eq!(w.post(&ada, &link, &good).await.leads_to(), "/");
    let stranger = app.browser();
    for (email, password) in [
        ("ada@acme.example", "ada walks through a marble gardem"),
        ("nobody@acme.example", "nobody walks through a garden"),
    ] {
        w.post(&stranger, "/sign-in", &[("email", email), ("password", password)]).await;
    }
    // In the wrong field it is shown again, and still stored and logged nowhere.
    stranger.post("/sign-in", &[("email", ADA), ("password", "x")]).await;
    let page = w.get(&ada, "/enrolment").await;
    app.scan("ada", &page);
    app.clock.next_code();
    w.must_not_be_in(&app.database_dump(), "the database, while an enrolment is pending");
    w.post(&ada, "/enrolment", &[("code", &app.wrong_code())]).await;
    let enrolled = w.post(&ada, "/enrolment", &[("code", &app.code("ada"))]).await;
    assert_eq!(enrolled.leads_to(), "/settings/security");
    w.keep_codes(app, &ada).await;
    ada
}

/// Wrong, used and out-of-time codes at the second door, then the right one.
async fn sign_in_clumsily(app: &TestApp, w: &mut Witness) -> Client {
    let ada = app.browser();
    w.post(&ada, "/sign-in", &[("email", "ada@acme.example"), ("password", ADA)]).await;
    w.must_not_be_in(&app.database_dump(), "the database, in the vestibule");
    let late = app.code_of("ada", app.clock.now().plus(std::time::Duration::from_mins(5)));
    for code in [app.wrong_code(), app.code("ada"), late, "12345".into()] {
        let refused = w.post(&ada, "/sign-in/code", &[("code", &code)]).await;
        assert!(refused.status.is_client_error());
    }
    let used = w.recovery[0].clone();
    let other = if used.ends_with('7') { '6' } else { '7' };
    for wrong in [format!("{}{other}", &used[..18]), used[..14].to_owned()] {
        assert!(w.give_recovery_code(&ada, &wrong).await.status.is_client_error());
    }
    assert_eq!(w.give_recovery_code(&ada, &used).await.status, 303);
    let ada = app.browser();
    w.post(&ada, "/sign-in", &[("email", "ada@acme.example"), ("password", ADA)]).await;
    assert_eq!(w.give_recovery_code(&ada, &used).await.status, 401);
    app.clock.next_code();
    let code = app.code("ada");
    assert_eq!(w.post(&ada, "/sign-in/code", &[("code", &code)]).await.leads_to(), "/");
    ada
}

/// The switch, an invitation, a password link, a recover link, each with a mistake on the way.
async fn busy_day(app: &TestApp, w: &mut Witness, ada: &Client) {
    app.clock.outlive_proofs();
    let add = [("email", "eve@acme.example"), ("name", "Eve"), ("role", "Member")];
    w.post(ada, "/settings/users", &add).await;
    app.clock.next_code();
    w.post(
        ada,
        "/proof",
        &[("act", "/settings/account/mfa"), ("required", "true"), ("code", &app.wrong_code())],
    )
    .await;
    w.post(ada, "/proof", &[("code", &app.code("ada"))]).await;
    w.post(ada, "/settings/account/mfa", &[("required", "true")]).await;
    let made = w.post(ada, "/settings/users", &add).await;
    let invitation = w.link(app.link_on(&made));
    let eve = app.browser();
    w.get(&eve, &invitation).await;
    w.post(&eve, &invitation, &[("name", ""), ("password", EVE)]).await;
    w.post(&eve, &invitation, &[("name", "Eve"), ("password", "password1234")]).await;
    assert_eq!(
        w.post(&eve, &invitation, &[("name", "Eve"), ("password", EVE)]).await.leads_to(),
        "/enrolment"
    );
    w.post(&eve, &invitation, &[("name", "Eve"), ("password", EVE)]).await;
    let page = w.get(&eve, "/enrolment").await;
    app.scan("eve", &page);
    w.must_not_be_in(&app.database_dump(), "the database, while an enrolment is pending");
    w.post(&eve, "/enrolment", &[("code", &app.code("eve"))]).await;
    w.keep_codes(app, &eve).await;
    let new = "an otter sings in the marble hall";
    w.post(&eve, "/settings/security/password", &[("password", new)]).await;
    let made = w.post(ada, &app.user_path("eve", "/password-link").await, &[]).await;
    let link = w.link(app.link_on(&made));
    w.post(&app.browser(), &link, &[("password", "another otter sings along")]).await;
    let link = w.link(app.recover_path("eve").await);
    w.post(&eve, &link, &[("password", "a third otter sings as well")]).await;
    let page = w.get(&eve, "/enrolment").await;
    app.scan("eve", &page);
    app.clock.next_code();
    assert_eq!(w.post(&eve, "/enrolment", &[("code", &app.code("eve"))]).await.leads_to(), "/");
    w.post(&eve, "/sign-out", &[]).await;
}

/// Secrets in places where they do not belong, and while the database is away.
async fn bad_day(app: &TestApp, w: &mut Witness, ada: &Client) {
    let token = ada.cookie().unwrap();
    for path in [
        format!("/{token}"),
        format!("/sign-in?password={ADA}&code=123456"),
        format!("/?token={token}"),
    ] {
        let _not_noted = app.browser().get(&path).await;
    }
    let link = w.link(app.recover_path("eve").await);
    app.store.close().await;
    app.clock.next_code();
    for (path, fields) in [
        ("/sign-in", &[("email", "ada@acme.example"), ("password", ADA)][..]),
        ("/sign-in/code", &[("code", &app.code("ada"))]),
        ("/proof", &[("code", &app.code("ada"))]),
        ("/settings/security/password", &[("password", "a fourth otter is late today")]),
        (&link, &[("password", "a fifth otter is late as well")]),
    ] {
        let answer = w.post(ada, path, fields).await;
        assert_eq!(answer.status, 503, "{path}: {}", answer.text());
        answer.must_show("Not available at this moment");
        assert!(answer.headers.contains_key("retry-after"));
    }
}

stories! {
    /// Known passwords, codes, keys and tokens are searched for in the database, in everything that
    /// was logged, and on every page.
    async fn at_90_secrets_stay_where_they_belong(empty app) {
        let log = Log::listen();
        let mut w = Witness::default();
        first_day(&app, &mut w).await;
        let ada = sign_in_clumsily(&app, &mut w).await;
        busy_day(&app, &mut w, &ada).await;
        w.must_not_be_in(&app.database_dump(), "the database");
        bad_day(&app, &mut w, &ada).await;
        let log = log.stop();
        let text = letters(&log);
        assert!(text.contains("/invitation/{token}"), "the log names routes");
        assert!(text.contains("not available"), "and failures");
        w.must_not_be_in(&log, "the log");
        w.pages_must_be_clean();
        assert!(
            w.keys.len() > 3 && w.links.len() > 3 && w.sessions.len() > 10 && w.codes.len() > 9
        );
    }

    /// AT-91: while sign-ins wait at the second door, before an enrolment, or with a form that waits
    /// for a fresh proof, what was typed so far is stored nowhere.
    async fn at_91_nothing_typed_is_stored_between_the_steps(app) {
        let log = Log::listen();
        let mut w = Witness::default();
        let ada = app.admin("ada").await;
        app.turn_switch(&ada, true).await;
        w.keys.push(app.phone("cleo").secret_base32);
        for (who, next) in [("cleo", "/sign-in/code"), ("ben", "/enrolment")] {
            let (browser, email, password) = (app.browser(), email(who), password(who));
            let fields = [("email", &*email), ("password", &*password)];
            assert_eq!(w.post(&browser, "/sign-in", &fields).await.leads_to(), next);
            w.get(&browser, next).await;
            w.post(&browser, next, &[("code", &app.wrong_code())]).await;
        }
        let (dinesh, link) = (app.browser(), w.link(app.recover_path("dinesh").await));
        w.post(&dinesh, &link, &[("password", "an otter sings in the marble hall")]).await;
        w.get(&dinesh, "/enrolment").await;
        app.clock.outlive_proofs();
        let new = [("password", "an otter sings below the bridge")];
        assert_eq!(w.post(&ada, "/settings/security/password", &new).await.status, 403);
        w.must_not_be_in(&app.database_dump(), "the database");
        w.must_not_be_in(&log.stop(), "the log");
        assert!(w.keys.len() > 2 && w.links.len() == 1 && w.passwords.len() == 4);
    }

    /// The search finds what is there: an address stands in the database, a page's route in the log.
    async fn the_search_would_find_them(empty app) {
        let mut w = Witness::default();
        first_day(&app, &mut w).await;
        assert!(letters(&app.database_dump()).contains("ada@acme.example"));
        let code = w.codes.iter().find(|code| code.len() == 6).unwrap();
        assert!(find_code(&format!("code={code} "), code).is_some());
        assert!(find_code(&format!("7{code} 0.{code}"), code).is_none());
        let key = base32(&w.keys[0]);
        assert_eq!(key.len(), 20, "160 bits (AT-92)");
    }
}
