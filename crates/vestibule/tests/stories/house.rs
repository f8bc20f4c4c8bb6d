//! The furnished account with somebody at every door: where stories knock at all routes.

use vestibule_domain::user::Role;
use vestibule_testkit::{Answer, Client, TestApp};

use crate::routes::{Door, Route};

/// Somebody at every door, and everything that an identifier or a link can name.
pub(crate) struct House {
    /// The Admin, with a factor and a fresh proof.
    pub(crate) ada: Client,
    /// In the vestibule, with a factor.
    cleo: Client,
    /// Signed in with the password, before the key of an app.
    ben: Client,
    /// In another browser, too.
    ben_elsewhere: Client,
    application: String,
    factor: String,
    session: String,
    users: Vec<(&'static str, String)>,
    links: Vec<String>,
}

impl House {
    pub(crate) async fn of(app: &TestApp) -> Self {
        let ada = app.admin("ada").await;
        app.add("hal", "Hal Hooper", Role::Member, true).await;
        let eve = app.invite(&ada, "eve", "Member").await;
        app.act(&ada, "dinesh", "/disable").await;
        app.sign_in("ada").await;
        let fields = [("name", "Payroll"), ("host", "payroll.localhost"), ("enter", "named")];
        let added = ada.post("/settings/applications", &fields).await;
        let security = ada.get("/settings/security").await;
        let mut users = Vec::new();
        for who in ["ben", "cleo", "dinesh", "eve"] {
            users.push((who, app.id(who).await.to_string()));
        }
        let ben = app.sign_in("ben").await;
        assert_eq!(ben.get("/enrolment").await.status, 200);
        let ben_elsewhere = app.sign_in("ben").await;
        let links = vec![eve, app.password_link(&ada, "ben").await, app.recover_path("cleo").await];
        Self {
            application: added.leads_to().replace("/settings/applications/", ""),
            factor: security.between("/settings/security/factors/", "/"),
            session: app.other_session_ids(&ada).await.remove(0),
            cleo: app.give_password("cleo").await,
            ada,
            ben,
            ben_elsewhere,
            users,
            links,
        }
    }

    /// The path of a route, with an identifier or a token that is good for it.
    pub(crate) fn path(&self, route: &Route) -> String {
        if let Some(purpose) = route.path.strip_suffix("{token}") {
            let link = self.links.iter().find(|link| link.starts_with(purpose));
            return link.cloned().unwrap_or_else(|| route.path.replace("{token}", &"A".repeat(43)));
        }
        let whom = match route.path.rsplit_once("{id}").map(|(_, act)| act) {
            Some("/enable") => "dinesh",
            Some("/factors/reset") => "cleo",
            Some("/invitation" | "/invitation/cancel") => "eve",
            _ => "ben",
        };
        let user = &self.users.iter().find(|(who, _)| *who == whom).unwrap().1;
        let id = match route.path {
            path if path.contains("/applications/{id}") => &self.application,
            path if path.contains("/factors/{id}") => &self.factor,
            path if path.contains("/sessions/{id}") => &self.session,
            _ => user,
        };
        route.path.replace("{id}", id)
    }

    /// The path of a route, with an identifier that nothing has, or a token that opens nothing.
    pub(crate) fn path_for_nobody(route: &Route, nobodys: &str) -> String {
        route.path.replace("{id}", nobodys).replace("{token}", &"A".repeat(43))
    }

    /// Whose form the route would take.
    pub(crate) fn caller(&self, app: &TestApp, route: &Route) -> Client {
        match (route.door, route.path) {
            (Door::Open, "/sign-out") => self.ben_elsewhere.clone(),
            (Door::Open | Door::Link, _) => app.browser(),
            (Door::Vestibule, "/sign-in/code") => self.cleo.clone(),
            (Door::Vestibule, "/enrolment") => self.ben.clone(),
            _ => self.ada.clone(),
        }
    }

    /// What an Admin sees, and that everybody stands where they stood, each link still good.
    pub(crate) async fn picture(&self, app: &TestApp) -> Vec<String> {
        let mut picture = app.picture(&self.ada).await;
        picture.push(format!("cleo at {}", self.cleo.get("/").await.leads_to()));
        for (who, browser) in [("ben", &self.ben), ("elsewhere", &self.ben_elsewhere)] {
            picture.push(format!("{who}: {}", browser.get("/settings/security").await.text()));
        }
        picture.push(self.ben.get("/enrolment").await.text());
        for link in &self.links {
            picture.push(app.browser().get(link).await.text());
        }
        picture
    }
}

/// Fails unless the answer is a page that tells what is the matter, with the headers of all pages.
#[track_caller]
pub(crate) fn must_be_told(answer: &Answer, what: &str) {
    assert!(answer.status.is_client_error(), "{what}: {} {}", answer.status, answer.text());
    assert_eq!(
        answer.body.matches("<h1").count(),
        1,
        "{what}: {} {:?}",
        answer.status,
        answer.body
    );
    assert!(answer.body.starts_with("<!doctype html>"), "{what}: {}", answer.body);
    for leak in ["panicked", "src/", ".rs", "sqlx", "SELECT", "Error {", "RUST_BACKTRACE"] {
        assert!(!answer.text().contains(leak), "{what}: {}", answer.text());
    }
    must_be_dressed(answer, what);
}

/// Fails unless the answer has the headers that every answer has.
#[track_caller]
pub(crate) fn must_be_dressed(answer: &Answer, what: &str) {
    let header = |name: &str| {
        let mut values = answer.headers.get_all(name).iter();
        let value = values.next().unwrap_or_else(|| panic!("{what}: no {name}: {answer:?}"));
        assert!(values.next().is_none(), "{what}: {name} twice");
        value.to_str().unwrap()
    };
    let policy = header("content-security-policy");
    for directive in [
        "default-src 'none'",
        "script-src 'self'",
        "frame-ancestors 'none'",
        "form-action 'self'",
        "base-uri 'none'",
    ] {
        assert!(policy.contains(directive), "{what}: {policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains('*'), "{what}: {policy}");
    assert_eq!(header("x-content-type-options"), "nosniff", "{what}");
    assert_eq!(header("x-frame-options"), "DENY", "{what}");
    assert_eq!(header("cross-origin-opener-policy"), "same-origin", "{what}");
    assert_eq!(header("cross-origin-resource-policy"), "same-origin", "{what}");
    assert!(["same-origin", "no-referrer"].contains(&header("referrer-policy")), "{what}");
    assert!(!header("permissions-policy").is_empty() && !header("x-request-id").is_empty());
    let is_static = header("cache-control").contains("immutable");
    assert!(is_static || header("cache-control") == "no-store", "{what}");
    assert!(answer.headers.get("server").is_none(), "{what}: who is asked to say what it runs?");
}
