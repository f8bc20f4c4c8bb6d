//! Who is there in a chapter, what they hold, and what answers add to it.

use std::collections::HashSet;

use axum::http::HeaderMap;
use vestibule_domain::user::Role;
use vestibule_testkit::app::{email, password};
use vestibule_testkit::{Client, TestApp};

use super::sent::Received;

/// The session's cookie, the one by which a browser is known, and the gate's.
pub(super) const SESSION: &str = "__Host-vestibule";
pub(super) const BROWSER: &str = "__Host-vestibule-browser";
pub(super) const GATE: &str = "__Host-vestibule-gate";
pub(super) const NONCE: &str = "__Host-vestibule-nonce";
/// More would only be older.
const MOST: usize = 64;

/// A browser of somebody.
pub(super) struct Jar {
    pub(super) who: String,
    pub(super) session: Option<String>,
    pub(super) browser: Option<String>,
    /// The step that it was led to, which a person would take next.
    pub(super) next: Option<&'static str>,
}

/// The steps that somebody is led to.
const STEPS: [&str; 5] =
    ["/sign-in", "/sign-in/code", "/enrolment", "/proof", "/settings/security/recovery-codes/kept"];

/// A chapter's accounts, with two applications.
pub(super) struct World {
    pub(super) people: Vec<String>,
    pub(super) jars: Vec<Jar>,
    /// Sessions that were handed out and were replaced since, or ended.
    pub(super) stale: Vec<String>,
    /// Every session's value that was ever handed out.
    pub(super) issued: HashSet<String>,
    /// Paths of links.
    pub(super) links: Vec<String>,
    pub(super) ids: Vec<String>,
    pub(super) recovery_codes: Vec<String>,
    /// The set of codes that waits to be kept.
    pub(super) set: Option<String>,
    pub(super) hosts: Vec<String>,
    /// Cookies of the gate that were handed out.
    pub(super) gate: Vec<String>,
    pub(super) nonces: Vec<String>,
    /// Codes and addresses of hand-overs.
    pub(super) hand_overs: Vec<String>,
}

impl World {
    /// Puts two accounts there: one with everybody, one whose Admin is a stranger to the first.
    pub(super) async fn of(app: &TestApp, chapter: u64) -> Self {
        let name = |who: &str| format!("{who}-{chapter}");
        let [ada, ben, cleo, una, eve] = ["ada", "ben", "cleo", "una", "eve"].map(name);
        let acme = app.add_account(&format!("Acme {chapter}")).await;
        let other = app.add_account(&format!("Umbrella {chapter}")).await;
        let mut ids = vec![];
        for (account, who, role, factor) in [
            (acme, &ada, Role::Admin, false),
            (acme, &ben, Role::Member, false),
            (acme, &cleo, Role::Member, true),
            (other, &una, Role::Admin, true),
        ] {
            let id = app.add_to(account, who, who, role, factor).await;
            ids.push(id.to_string());
        }
        let admin = app.sign_in_and_enrol(&ada).await;
        let mut world = Self {
            set: None,
            recovery_codes: (0..3).map(|at| app.recovery_code(&ada, at)).collect(),
            hosts: ["wiki", "ops"].map(|host| format!("{host}-{chapter}.acme.example")).to_vec(),
            people: vec![ada.clone(), ben.clone(), cleo.clone(), una.clone()],
            jars: vec![],
            stale: vec![],
            issued: HashSet::new(),
            links: vec![],
            gate: vec![],
            nonces: vec![],
            hand_overs: vec![],
            ids,
        };
        for (host, enter) in world.hosts.iter().zip(["everyone", "admins"]) {
            let fields = [("name", host.as_str()), ("host", host), ("enter", enter)];
            let added = admin.post("/settings/applications", &fields).await;
            world.ids.extend(added.leads_to().rsplit('/').next().map(str::to_owned));
        }
        world.links.push(app.invite(&admin, &eve, "Member").await);
        world.links.push(app.password_link(&admin, &ben).await);
        world.links.push(app.recover_path(&cleo).await);
        let at = app.at(&world.hosts[0]);
        at.enter(app, &admin).await;
        world.gate.extend(at.client.cookie_named(GATE));
        world.nonces.extend(at.client.cookie_named(NONCE));
        world.people.push(eve);
        for (who, client) in [
            (&ada, admin),
            (&ben, app.sign_in(&ben).await),
            (&cleo, app.sign_in(&cleo).await),
            (&cleo, app.give_password(&cleo).await),
            (&una, app.sign_in(&una).await),
        ] {
            world.keep(who, &client);
        }
        // Two browsers that have been nowhere.
        for who in [&ada, &ben] {
            world.jars.push(Jar { who: who.clone(), session: None, browser: None, next: None });
        }
        world
    }

    fn keep(&mut self, who: &str, client: &Client) {
        let session = client.cookie();
        self.issued.extend(session.clone());
        let browser = client.cookie_named(BROWSER);
        self.jars.push(Jar { who: who.to_owned(), session, browser, next: None });
    }

    /// E-mail and password of somebody.
    pub(super) fn credentials(who: &str) -> (String, String) {
        (email(who), password(who))
    }

    /// Learns from an answer what a browser keeps, and what a page leads to.
    pub(super) fn learn(&mut self, jar: Option<usize>, received: &Received) {
        for (name, value) in cookies(&received.headers) {
            match name.as_str() {
                SESSION => self.keep_session(jar, value),
                GATE => note(&mut self.gate, value),
                NONCE => note(&mut self.nonces, value),
                _ => {}
            }
        }
        let location = received.headers.get("location").and_then(|to| to.to_str().ok());
        if let Some(jar) = jar {
            self.lead_on(jar, location.unwrap_or_default(), received.text());
        }
        // By a redirect, or by a page with a link.
        let places = [location.unwrap_or_default(), received.text()];
        for (at, place) in places.iter().enumerate() {
            if let Some((before, rest)) = place.split_once("/.vestibule/callback?") {
                let host = before.rsplit('/').next().unwrap_or_default();
                let query = rest.split('"').next().unwrap_or_default();
                let query = if at == 0 { query.to_owned() } else { query.replace("&#38;", "&") };
                note(&mut self.hand_overs, format!("{host}/.vestibule/callback?{query}"));
            }
        }
        if let Some((_, rest)) = received.text().split_once("id=\"link\" type=\"text\" value=\"")
            && let Some(path) =
                rest.split('"').next().and_then(|link| link.split(".example").nth(1))
        {
            note(&mut self.links, path.to_owned());
        }
        for place in ["/settings/users/", "/factors/", "/sessions/", "/applications/", "/notices/"]
        {
            for rest in received.text().split(place).skip(1).take(4) {
                let id: String = rest.chars().take(36).collect();
                if id.len() == 36 && id.matches('-').count() == 4 && !self.ids.contains(&id) {
                    note(&mut self.ids, id);
                }
            }
        }
    }

    /// Notes the step that a browser was led to, and that its session is over where it starts again.
    fn lead_on(&mut self, jar: usize, location: &str, page: &str) {
        let path = location.split('?').next().unwrap_or_default();
        let codes = path == "/settings/security/recovery-codes";
        let (kept, jar) = (STEPS[4], &mut self.jars[jar]);
        jar.next = STEPS.into_iter().find(|step| *step == path || (codes && *step == kept));
        if page.contains("Confirm that it is you") {
            jar.next = Some("/proof");
        }
        if let Some(set) = page.split("name=\"set\" value=\"").nth(1) {
            self.set = set.split('"').next().map(str::to_owned);
            jar.next = Some(kept);
        }
        if path == "/sign-in"
            && let Some(over) = jar.session.take()
        {
            note(&mut self.stale, over);
        }
    }

    fn keep_session(&mut self, jar: Option<usize>, value: String) {
        let Some(jar) = jar.map(|at| &mut self.jars[at]) else {
            self.issued.insert(value);
            return;
        };
        let taken = value.is_empty();
        let old = std::mem::replace(&mut jar.session, (!taken).then(|| value.clone()));
        if let Some(old) = old {
            note(&mut self.stale, old);
        }
        if !taken {
            self.issued.insert(value);
        }
    }
}

fn note(all: &mut Vec<String>, new: String) {
    if all.len() >= MOST {
        all.remove(0);
    }
    all.push(new);
}

/// Names and values of the cookies that an answer sets.
pub(super) fn cookies(headers: &HeaderMap) -> Vec<(String, String)> {
    let lines = headers.get_all("set-cookie").iter().filter_map(|line| line.to_str().ok());
    lines
        .filter_map(|line| line.split(';').next()?.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
