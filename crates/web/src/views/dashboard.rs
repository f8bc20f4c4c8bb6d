//! `/`: who is signed in, how, and what they may do.

use askama::Template;

use super::{Frame, Place, Role, When, sample};

/// `/`
#[derive(Template)]
#[template(path = "dashboard.html")]
pub struct DashboardPage {
    /// The surroundings.
    pub frame: Frame,
    /// What the user was told and has not dismissed.
    pub notices: Vec<NoticeLine>,
    /// The applications that the user may enter.
    pub applications: Vec<ApplicationLink>,
    /// The user's e-mail.
    pub email: String,
    /// The user's role.
    pub role: Role,
    /// When the password was given.
    pub password_at: When,
    /// The second proof of this session.
    pub code: Option<CodeGiven>,
    /// Whether the user has a factor; without one the page invites to set one up.
    pub has_factor: bool,
    /// Whether any recovery code is left; who has a factor and none of these is reminded.
    pub has_recovery_codes: bool,
    /// When the session ends at the latest.
    pub ends: When,
    /// How long it may stand unused ("1 hour").
    pub idle: String,
}

/// Something that the user is told.
#[derive(Clone)]
pub struct NoticeLine {
    /// Names it in URLs.
    pub id: String,
    /// What happened.
    pub sentence: String,
    /// What to do if it was somebody else.
    pub advice: String,
    /// Whether it may be an attack.
    pub alarming: bool,
    /// When it happened.
    pub at: When,
    /// From where: browser and address, or the host.
    pub from: String,
}

/// An application that the user may enter.
#[derive(Clone)]
pub struct ApplicationLink {
    /// What it is called.
    pub name: String,
    /// Its host.
    pub host: String,
    /// Where it is opened.
    pub url: String,
}

/// A security code that was given.
#[derive(Clone)]
pub struct CodeGiven {
    /// Name of the app; `None` for a recovery code.
    pub factor: Option<String>,
    /// When.
    pub at: When,
}

impl DashboardPage {
    /// The states worth looking at.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let page = |frame, role, code: Option<&str>| Self {
            frame,
            notices: vec![],
            applications: vec![],
            email: "ada@acme.example".into(),
            role,
            password_at: sample::when(0),
            has_factor: code.is_some(),
            code: code.map(|factor| CodeGiven { factor: Some(factor.into()), at: sample::when(1) }),
            has_recovery_codes: true,
            ends: sample::when(24 * 60),
            idle: "1 hour".into(),
        };
        let application = |name: &str, host: &str| ApplicationLink {
            name: name.into(),
            host: host.into(),
            url: format!("https://{host}/"),
        };
        let some = vec![
            application("Grafana", "grafana.acme.example"),
            application("Wiki", "wiki.acme.example"),
            application(sample::LONG, "a-long-name-of-a-host.acme-analytics.example:8443"),
            application(sample::HOSTILE, "x.example"),
        ];
        let notice = |id: &str, sentence: &str, alarming| NoticeLine {
            id: id.into(),
            sentence: sentence.into(),
            advice: "If it was not you: change your password now.".into(),
            alarming,
            at: sample::when(-300),
            from: "Firefox on Linux, 192.0.2.14".into(),
        };
        let told = vec![
            notice("n1", "Somebody who knows your password is trying out security codes.", true),
            notice("n2", "The app “Ben’s phone” was added to your login.", false),
        ];
        let hostile =
            NoticeLine { from: sample::LONG.into(), ..notice("n1", sample::HOSTILE, true) };
        let mut finished = sample::member(Place::Dashboard);
        finished.done =
            Some("Your app is set up. From now on you sign in with a security code.".into());
        vec![
            ("admin", page(sample::admin(Place::Dashboard), Role::Admin, Some("Ada’s phone"))),
            ("admin-without-factor", page(sample::admin(Place::Dashboard), Role::Admin, None)),
            (
                "member",
                Self {
                    email: "ben@acme.example".into(),
                    ..page(sample::member(Place::Dashboard), Role::Member, None)
                },
            ),
            (
                "applications",
                Self {
                    applications: some.clone(),
                    ..page(sample::member(Place::Dashboard), Role::Member, Some("Ben’s phone"))
                },
            ),
            (
                "one-application",
                Self {
                    applications: some[..1].to_vec(),
                    ..page(sample::admin(Place::Dashboard), Role::Admin, Some("Ada’s phone"))
                },
            ),
            (
                "told",
                Self {
                    notices: told,
                    ..page(sample::member(Place::Dashboard), Role::Member, Some("Ben’s phone"))
                },
            ),
            (
                "enrolled",
                Self {
                    email: "ben@acme.example".into(),
                    ..page(finished, Role::Member, Some("Ben’s phone"))
                },
            ),
            (
                "by-recovery-code",
                Self {
                    code: Some(CodeGiven { factor: None, at: sample::when(1) }),
                    has_recovery_codes: false,
                    ..page(sample::admin(Place::Dashboard), Role::Admin, Some(""))
                },
            ),
            (
                "hostile",
                Self {
                    notices: vec![hostile],
                    email: "a.very.long.name.that.goes.on@a-long-department.acme-analytics.example"
                        .into(),
                    ..page(sample::hostile(Place::Dashboard), Role::Admin, Some(sample::HOSTILE))
                },
            ),
        ]
    }
}
