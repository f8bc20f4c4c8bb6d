//! What people do with an installation, with every mistake that shows a secret to the program: each
//! secret that goes by is noted.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use vestibule_domain::time::Timestamp;
use vestibule_domain::totp::TotpSecret;
use vestibule_testkit::{Answer, Client, Mailbox, Method, RECOVERY_CODES, codes_on};

use super::canaries::{Canaries, base32_decoded};
use super::serving::Serving;

const HOST: &str = "app.localhost";
const ADA: &str = "ada-canary drinks tea below the glacier";
const EVE: &str = "eve-canary drinks tea below the glacier";

/// Who watches.
pub(super) struct Witness<'a> {
    pub(super) serving: &'a Serving,
    pub(super) mailbox: &'a Mailbox,
    pub(super) canaries: Canaries,
    /// What was answered with an error, or to somebody whose secret it is not.
    pub(super) answers: Vec<(String, Answer)>,
}

impl Witness<'_> {
    fn browser(&self) -> Client {
        Client::new(&self.serving.url)
    }

    async fn get(&mut self, browser: &Client, path: &str) -> Answer {
        let answer = browser.get(path).await;
        self.note(browser, path, &answer);
        answer
    }

    async fn post(&mut self, browser: &Client, path: &str, fields: &[(&str, &str)]) -> Answer {
        for (name, value) in fields {
            match *name {
                "password" => self.canaries.text("passwords", value),
                "code" if value.len() == 6 => self.canaries.code(value),
                _ => {}
            }
        }
        let answer = browser.post(path, fields).await;
        self.note(browser, path, &answer);
        answer
    }

    fn note(&mut self, browser: &Client, path: &str, answer: &Answer) {
        assert_ne!(answer.status, 500, "{path}: {}", answer.text());
        for name in ["vestibule", "vestibule-browser", "vestibule-gate", "vestibule-nonce"] {
            let kind = if name == "vestibule" { "session tokens" } else { "cookies of browsers" };
            if let Some(value) = browser.cookie_named(name) {
                self.canaries.token(kind, &value);
            }
        }
        if answer.status.is_client_error() {
            self.answers.push((path.to_owned(), answer.clone()));
        }
    }

    fn link(&mut self, link: &str) -> String {
        let link = link.trim();
        let kind = if link.contains("/setup/") { "set-up link" } else { "links" };
        self.canaries.token(kind, link.rsplit('/').next().unwrap());
        link.strip_prefix(self.serving.url.as_str()).unwrap_or(link).to_owned()
    }

    /// Opens the enrolment page, mistypes, and enrols.
    async fn enrol(&mut self, browser: &Client) -> Phone {
        let page = self.get(browser, "/enrolment").await;
        let seed = page.between("?secret=", "&");
        self.canaries.seed(&seed);
        let mut phone = Phone::new(&seed);
        self.post(browser, "/enrolment", &[("code", &phone.wrong())]).await;
        let enrolled = self.post(browser, "/enrolment", &[("code", &phone.code())]).await;
        assert_eq!(enrolled.status, 303, "{}", enrolled.text());
        let page = self.get(browser, RECOVERY_CODES).await;
        phone.kept = codes_on(&page);
        for code in &phone.kept {
            self.canaries.recovery_code(code);
        }
        if let Some(set) = page.field("set") {
            self.post(browser, &format!("{RECOVERY_CODES}/kept"), &[("set", &set)]).await;
        }
        phone
    }

    /// The link in the next mail that arrives.
    async fn mailed_link(&mut self) -> String {
        for _ in 0..600 {
            let mails = self.mailbox.new_ones();
            let text: Vec<String> = mails.into_iter().map(|mail| mail.text).collect();
            let text = text.concat();
            if let Some((_, rest)) = text.split_once(&format!("{}/", self.serving.url))
                && text.contains("/forgotten/")
            {
                let rest = rest.split_once("forgotten/").map_or(rest, |(_, token)| token);
                let token = rest.split_whitespace().next().unwrap();
                return self.link(&format!("/forgotten/{token}"));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("no mail came: {}", String::from_utf8_lossy(&self.serving.log()));
    }
}

/// A phone under the real clock: three codes are good at any time, each once.
struct Phone {
    secret: TotpSecret,
    used: i64,
    kept: Vec<String>,
}

impl Phone {
    fn new(seed: &str) -> Self {
        let secret = TotpSecret::from_bytes(&base32_decoded(seed)).unwrap();
        Self { secret, used: 0, kept: vec![] }
    }

    fn code(&mut self) -> String {
        let now = now().millis() / 30_000;
        let step = (now - 1).max(self.used + 1);
        assert!(step <= now + 1, "more codes than the phone shows");
        self.used = step;
        self.secret.code_at(Timestamp::from_millis(step * 30_000)).to_string()
    }

    fn wrong(&self) -> String {
        let near = |code: &String| {
            let steps = (-25..=25).map(|step| now().millis() + step * 30_000);
            steps.map(Timestamp::from_millis).any(|at| *self.secret.code_at(at) == *code)
        };
        (284_700..).map(|code| code.to_string()).find(|code| !near(code)).unwrap()
    }
}

fn now() -> Timestamp {
    #[expect(
        clippy::disallowed_methods,
        reason = "the program that runs beside has the real clock"
    )]
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
}

/// All of it.
pub(super) async fn live_through(w: &mut Witness<'_>) {
    let (ada, mut phone) = first_day(w).await;
    let eve = invited(w, &ada).await;
    through_the_gate(w, &ada).await;
    lost_and_found(w, &ada, &eve).await;
    clumsy_sign_ins(w, &mut phone).await;
    misplaced(w, &ada).await;
    // What somebody else sees in the end.
    for path in ["/", "/settings/security", "/settings/users", "/enrolment"] {
        let answer = eve.get(path).await;
        w.answers.push((format!("Eve at {path}"), answer));
    }
    w.post(&ada, "/sign-out", &[]).await;
}

async fn first_day(w: &mut Witness<'_>) -> (Client, Phone) {
    let ada = w.browser();
    let link = w.serving.setup.clone();
    let link = w.link(&link);
    let form = |email| [("account", "Acme"), ("name", "Ada"), ("email", email), ("password", ADA)];
    w.post(&ada, &link, &form("no address")).await;
    assert_eq!(w.post(&ada, &link, &form("ada@acme.example")).await.status, 303);
    let stranger = w.browser();
    for (email, password) in [
        ("ada@acme.example", "ada-canary drinks tea below the glacieR"),
        ("nobody@acme.example", "nobody-canary drinks tea below the ice"),
    ] {
        w.post(&stranger, "/sign-in", &[("email", email), ("password", password)]).await;
    }
    let phone = w.enrol(&ada).await;
    (ada, phone)
}

async fn invited(w: &mut Witness<'_>, ada: &Client) -> Client {
    let add = [("email", "eve@acme.example"), ("name", "Eve"), ("role", "Member")];
    let made = w.post(ada, "/settings/users", &add).await;
    assert_eq!(made.status, 200, "{}", made.text());
    let link = made.between("id=\"link\" type=\"text\" value=\"", "\"");
    let link = w.link(&link);
    let eve = w.browser();
    w.get(&eve, &link).await;
    w.post(&eve, &link, &[("name", ""), ("password", EVE)]).await;
    w.post(&eve, &link, &[("name", "Eve"), ("password", "eve.eve.eve.acme")]).await;
    assert_eq!(w.post(&eve, &link, &[("name", "Eve"), ("password", EVE)]).await.status, 303);
    w.post(&eve, &link, &[("name", "Eve"), ("password", EVE)]).await;
    w.enrol(&eve).await;
    eve
}

async fn through_the_gate(w: &mut Witness<'_>, ada: &Client) {
    let add = [("name", "Wiki"), ("host", HOST), ("enter", "everyone")];
    let added = w.post(ada, "/settings/applications", &add).await;
    assert_eq!(added.status, 303, "{}", added.text());
    let at = Client::behind(&w.serving.url, &format!("http://{HOST}"));
    let asked = [
        ("x-forwarded-host", HOST),
        ("x-forwarded-uri", "/reports"),
        ("x-forwarded-method", "GET"),
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "document"),
    ];
    let led = at.send(Method::GET, "/gate?proxy=caddy", None, &asked).await;
    w.note(&at, "/gate", &led);
    let to = led.location().unwrap_or_else(|| panic!("{led:?}"));
    let handed = w.get(ada, &to).await;
    let to = handed.location().or_else(|| handed.link("Go on")).unwrap();
    let path = to.split_once(HOST).unwrap().1;
    let code = path.split_once("?code=").unwrap().1.split('&').next().unwrap();
    w.canaries.token("hand-over codes", code);
    let arrived = at.send(Method::GET, path, None, &[("x-forwarded-host", HOST)]).await;
    w.note(&at, "callback", &arrived);
    let used = at.send(Method::GET, path, None, &[("x-forwarded-host", HOST)]).await;
    w.note(&at, "callback", &used);
    for _ in 0..3 {
        let page = at.send(Method::GET, "/gate?proxy=caddy", None, &asked).await;
        assert_eq!(page.status, 200, "{page:?}");
    }
}

/// A forgotten password, a link of the Admin's, and one of the host's command line.
async fn lost_and_found(w: &mut Witness<'_>, ada: &Client, eve: &Client) {
    w.post(&w.browser(), "/sign-in/forgotten", &[("email", "eve@acme.example")]).await;
    let link = w.mailed_link().await;
    let stranger = w.browser();
    w.get(&stranger, &link).await;
    w.post(&stranger, &link, &[("password", "an otter-canary sings in the hall")]).await;
    w.post(&stranger, &link, &[("password", "an otter-canary sings in the hall")]).await;
    let page = w.get(ada, "/settings/users?search=eve").await;
    let (_, rest) = page.body.rsplit_once("href=\"/settings/users/").unwrap();
    let path = format!("/settings/users/{}/password-link", &rest[..36]);
    let made = w.post(ada, &path, &[]).await;
    assert_eq!(made.status, 200, "{path}: {}", made.text());
    let link = w.link(&made.between("id=\"link\" type=\"text\" value=\"", "\""));
    w.post(&w.browser(), &link, &[("password", "another otter-canary sings along")]).await;
    let output = w.serving.run(&["recover", "eve@acme.example"]);
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = printed.lines().find(|line| line.contains("/recover/"));
    let link = w.link(line.unwrap_or_else(|| panic!("{output:?}")));
    w.get(eve, &link).await;
    let new = [("password", "a third otter-canary sings as well")];
    assert_eq!(w.post(eve, &link, &new).await.status, 303);
    w.enrol(eve).await;
}

async fn clumsy_sign_ins(w: &mut Witness<'_>, phone: &mut Phone) {
    let credentials = [("email", "ada@acme.example"), ("password", ADA)];
    let ada = w.browser();
    assert_eq!(w.post(&ada, "/sign-in", &credentials).await.status, 303);
    for code in [phone.wrong(), "12345".into(), phone.kept[1].replace(['A', 'B', 'C'], "D")] {
        w.post(&ada, "/sign-in/code", &[("code", &code)]).await;
    }
    let used = phone.kept[0].clone();
    assert_eq!(w.post(&ada, "/sign-in/code", &[("code", &used)]).await.status, 303);
    let ada = w.browser();
    w.post(&ada, "/sign-in", &credentials).await;
    w.post(&ada, "/sign-in/code", &[("code", &used)]).await;
    let code = phone.code();
    assert_eq!(w.post(&ada, "/sign-in/code", &[("code", &code)]).await.status, 303);
    let changed = [("password", "ada-canary drinks coffee on the ice")];
    assert_eq!(w.post(&ada, "/settings/security/password", &changed).await.status, 303);
    w.post(&ada, "/settings/security/email", &[("email", "ada.l@acme.example")]).await;
    w.post(&ada, "/sign-out", &[]).await;
}

/// Secrets where they do not belong: in addresses, in other fields, in bodies that are no forms.
async fn misplaced(w: &mut Witness<'_>, ada: &Client) {
    let token = ada.cookie().unwrap_or_default();
    let code = "704913";
    w.canaries.code(code);
    let password = "misplaced-canary drinks tea on the ice";
    w.canaries.text("passwords", password);
    let written = password.replace(' ', "%20");
    for path in [
        format!("/{token}"),
        format!("/{written}"),
        format!("/sign-in?password={written}&code={code}"),
        format!("/settings/users?search={token}"),
        format!("/static/{token}"),
    ] {
        let _shown_to_whom_it_belongs = w.browser().get(&path).await;
    }
    let own = ada.own_page();
    for (kind, body) in [
        ("application/json", format!("{{\"password\":\"{password}\",\"code\":\"{code}\"}}")),
        ("application/x-www-form-urlencoded", format!("password={password}&password={password}")),
        ("application/x-www-form-urlencoded", format!("password={password}&x=%ff")),
        ("multipart/form-data; boundary=b", format!("--b\r\n\r\n{password}\r\n--b--")),
    ] {
        let headers = [&own[..], &[("content-type", kind)]].concat();
        for path in ["/sign-in", "/proof", "/settings/security/password"] {
            let body = Some(body.clone().into_bytes());
            let answer = ada.send_bytes(Method::POST, path, body, &headers).await;
            w.note(ada, path, &answer);
        }
    }
    let headers = [("authorization", &*format!("Bearer {token}")), ("x-password", password)];
    ada.send(Method::GET, "/settings/account", None, &headers).await;
}
