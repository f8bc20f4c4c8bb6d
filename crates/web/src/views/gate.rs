//! Pages at a protected host, where nothing of ours can be loaded: each carries its own style.

use askama::Template;

/// The style of these pages; its hash stands in their Content-Security-Policy.
pub const GATE_STYLE: &str = include_str!("../../static/gate.css");

/// A short word at a protected host.
#[derive(Template)]
#[template(path = "gate.html")]
pub struct GatePage {
    /// What happened.
    pub title: &'static str,
    /// Why.
    pub why: String,
    /// What to do now.
    pub now: String,
    /// Where to go on, and what is said there.
    pub on: Option<(String, &'static str)>,
}

impl GatePage {
    /// The style as it stands in the page.
    pub fn style(&self) -> &'static str {
        GATE_STYLE
    }

    /// The page.
    pub fn html(&self) -> String {
        self.render().unwrap_or_default()
    }

    /// The same for programs.
    pub fn line(&self) -> String {
        format!("{}. {} {}\n", self.title, self.why, self.now)
    }

    fn of(title: &'static str, why: &str, now: &str) -> Self {
        Self { title, why: why.into(), now: now.into(), on: None }
    }

    fn lead_to(self, href: String, text: &'static str) -> Self {
        Self { on: Some((href, text)), ..self }
    }

    /// 401, for a program: a browser is led to the sign-in instead.
    pub fn sign_in_needed() -> Self {
        Self::of("Sign in first", "This application is protected.", "Open it in a browser.")
    }

    /// 403: signed in, and not let in.
    pub fn refused(home: String) -> Self {
        Self::of(
            "This application is not open to you",
            "You are signed in, and your account’s Admins have not let you in here.",
            "If you need it, ask an Admin of your account.",
        )
        .lead_to(home, "Go to the dashboard")
    }

    /// 403: a proxy asks about a host that nobody has set up.
    pub fn no_application(host: Option<&str>) -> Self {
        let host = host.map_or_else(|| "this host".to_owned(), |host| format!("the host {host}"));
        Self::of(
            "There is no application at this address",
            &format!("The proxy asked about {host}, and Vestibule knows no application there."),
            "An Admin compares it, port included, with Settings, Applications.",
        )
    }

    /// 403: whoever asks is not among the trusted proxies.
    pub fn untrusted() -> Self {
        Self::of(
            "This proxy is not trusted",
            "Vestibule was asked by an address that is not among its trusted_proxies.",
            "Whoever runs it adds the proxy’s address there.",
        )
    }

    /// 403: the proxy did not say what it must.
    pub fn malformed() -> Self {
        Self::of(
            "This request could not be read",
            "A header that the proxy must set is missing, doubled or not written as it should be.",
            "Whoever runs the proxy compares its configuration with docs/gate.md.",
        )
    }

    /// 503: the database is away.
    pub fn unknown() -> Self {
        Self::of(
            "Not available at this moment",
            "Vestibule cannot look up who you are.",
            "Try again in a few seconds.",
        )
    }

    /// 400: a hand-over that was used, has expired, or is another browser's.
    pub fn hand_over_over(return_to: String) -> Self {
        Self::of(
            "This way in has expired",
            "The link that led here was used already, is older than 30 seconds, or began in another \
             browser. A browser that keeps no cookies of this address cannot enter either.",
            "Go on to try once more.",
        )
        .lead_to(return_to, "Go on")
    }

    /// The states worth looking at.
    pub fn samples() -> Vec<(&'static str, Self)> {
        vec![
            ("sign-in-needed", Self::sign_in_needed()),
            ("refused", Self::refused("https://login.acme.example/".into())),
            ("no-application", Self::no_application(Some("wiki.acme.example:8443"))),
            ("untrusted", Self::untrusted()),
            ("malformed", Self::malformed()),
            ("unknown", Self::unknown()),
            ("hand-over-over", Self::hand_over_over("/reports?of=<you>".into())),
        ]
    }
}

/// Leads from our own host to a protected one: a new start, since browsers count a redirect after a
/// form as the form's own and let it lead nowhere else (CSP3, `form-action`).
#[derive(Template)]
#[template(path = "hand_over.html")]
pub struct HandOverPage {
    /// The surroundings.
    pub outside: super::Outside,
    /// What the application's host is.
    pub host: String,
    /// Where it leads.
    pub to: String,
}

impl HandOverPage {
    /// The states worth looking at.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let page = Self {
            outside: super::sample::outside_of("Acme Analytics"),
            host: "grafana.acme.example".into(),
            // A sample that led away could not be looked at.
            to: "#".into(),
        };
        vec![("leading", page)]
    }
}
