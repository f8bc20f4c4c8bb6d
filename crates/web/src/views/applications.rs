//! `/settings/applications`: what stands behind the gate, one application, and a new one.

use askama::Template;
use vestibule_domain::application::Enter;

use super::{Asks, Field, Frame, Place, count, sample};

/// `/settings/applications`
#[derive(Template)]
#[template(path = "applications.html")]
pub struct ApplicationsPage {
    /// The surroundings.
    pub frame: Frame,
    /// The account's applications by name.
    pub rows: Vec<ApplicationRow>,
}

/// A line of the list.
#[derive(Clone)]
pub struct ApplicationRow {
    /// Names the application in URLs.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Its host.
    pub host: String,
    /// Who may enter.
    pub enter: Enter,
    /// How many users it names.
    pub named: u64,
    /// Whether it always asks for a security code.
    pub always_mfa: bool,
    /// How old the latest proof may be, in minutes.
    pub minutes: Option<u64>,
    /// Whether it comes from the configuration.
    pub configured: bool,
}

/// `/settings/applications/new`
#[derive(Template)]
#[template(path = "add_application.html")]
pub struct AddApplicationPage {
    /// The surroundings.
    pub frame: Frame,
    /// The new application.
    pub form: ApplicationForm,
    /// Which proof the act asks for.
    pub asks: Asks,
}

/// An application as its form holds it.
#[derive(Clone)]
pub struct ApplicationForm {
    /// What it is called.
    pub name: Field,
    /// Its host.
    pub host: Field,
    /// Who may enter.
    pub enter: Enter,
    /// Whether it always asks for a security code.
    pub always_mfa: bool,
    /// How old the latest proof may be, in minutes; empty where that does not matter.
    pub minutes: Field,
    /// A host that would be one.
    pub example: &'static str,
}

/// `/settings/applications/{id}`
#[derive(Template)]
#[template(path = "application.html")]
pub struct ApplicationPage {
    /// The surroundings.
    pub frame: Frame,
    /// Names the application in URLs.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Its host.
    pub host: String,
    /// Where people open it.
    pub url: String,
    /// Whether it comes from the configuration, so that nothing can be changed here.
    pub configured: bool,
    /// Whether it was added a moment ago.
    pub added: bool,
    /// Whether the word of any reverse proxy counts in this installation.
    pub trusts_a_proxy: bool,
    /// What it is, to be changed.
    pub form: ApplicationForm,
    /// Whom it names.
    pub named: Vec<NamedUser>,
    /// Who is to be named.
    pub email: Field,
    /// Which proof an act asks for.
    pub asks: Asks,
}

/// A user whom an application names.
#[derive(Clone)]
pub struct NamedUser {
    /// Names the user in forms.
    pub id: String,
    /// Display name.
    pub name: String,
    /// E-mail.
    pub email: String,
}

/// Who may enter, in words.
fn who(enter: Enter, named: u64) -> String {
    match (enter, named) {
        (Enter::Everyone, _) => "Everyone".into(),
        (Enter::Admins, 0) => "Admins".into(),
        (Enter::Admins, n) => format!("Admins and {}", count(n, "named user", "named users")),
        (Enter::Named, 0) => "Nobody yet".into(),
        (Enter::Named, n) => count(n, "named user", "named users"),
    }
}

impl ApplicationRow {
    fn who(&self) -> String {
        who(self.enter, self.named)
    }

    fn asks_for(&self) -> String {
        let proof =
            if self.always_mfa { "a security code, always" } else { "what the account asks for" };
        match self.minutes {
            Some(n) => format!("{proof}, again after {}", count(n, "minute", "minutes")),
            None => proof.to_owned(),
        }
    }
}

impl ApplicationForm {
    fn is_wrong(&self) -> bool {
        [&self.name, &self.host, &self.minutes].iter().any(|field| field.error.is_some())
    }

    fn enters(&self, word: &str) -> bool {
        self.enter.as_str() == word
    }

    /// Where the mending begins.
    fn focus(&self) -> &'static str {
        match (&self.name.error, &self.host.error, &self.minutes.error) {
            (Some(_), ..) => "name",
            (None, Some(_), _) => "host",
            (None, None, Some(_)) => "max_age_minutes",
            (None, None, None) => "",
        }
    }
}

impl AddApplicationPage {
    fn focus(&self) -> &'static str {
        if self.form.is_wrong() { self.form.focus() } else { "name" }
    }
}

impl ApplicationPage {
    fn focus(&self) -> &'static str {
        self.form.focus()
    }

    fn who(&self) -> String {
        who(self.form.enter, self.named.len() as u64)
    }
}

impl ApplicationsPage {
    /// The states worth looking at.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let row = |id: &str, name: &str, enter, named| ApplicationRow {
            id: id.into(),
            name: name.into(),
            host: format!("{}.acme.example", name.split(' ').next().unwrap_or_default())
                .to_lowercase(),
            enter,
            named,
            always_mfa: false,
            minutes: None,
            configured: false,
        };
        let page = |rows| Self { frame: sample::admin(Place::Applications), rows };
        let all = vec![
            row("1", "Grafana", Enter::Everyone, 0),
            ApplicationRow { always_mfa: true, ..row("2", "Payroll", Enter::Named, 3) },
            ApplicationRow {
                always_mfa: true,
                minutes: Some(15),
                configured: true,
                ..row("3", "Console of the database", Enter::Admins, 1)
            },
            ApplicationRow { minutes: Some(1), ..row("4", "Wiki", Enter::Named, 0) },
        ];
        let mut hostile = row("5", "x", Enter::Admins, 1_204);
        hostile.name = sample::HOSTILE.into();
        hostile.host = format!("{}.{}.example:65535", "a-long-name-".repeat(5), "b".repeat(63));
        let mut gone = page(vec![]);
        gone.frame.done = Some("The application is removed.".into());
        vec![
            ("some", page(all)),
            ("none", page(vec![])),
            ("removed", gone),
            ("hostile", page(vec![hostile, row("6", sample::LONG, Enter::Everyone, 0)])),
        ]
    }
}

fn sample_form() -> ApplicationForm {
    ApplicationForm {
        name: Field::holding("Payroll"),
        host: Field::holding("payroll.acme.example"),
        enter: Enter::Named,
        always_mfa: true,
        minutes: Field::holding("15"),
        example: "grafana.example.com",
    }
}

impl AddApplicationPage {
    /// The states worth looking at.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let page = |form| Self {
            frame: sample::admin(Place::Applications),
            form,
            asks: Asks::SecurityCode,
        };
        let new = || ApplicationForm {
            name: Field::default(),
            host: Field::default(),
            enter: Enter::Everyone,
            always_mfa: false,
            minutes: Field::default(),
            example: "app.localhost:8081",
        };
        vec![
            ("new", page(new())),
            (
                "wrong",
                page(ApplicationForm {
                    name: Field::wrong("", "Type a name."),
                    host: Field::wrong(
                        "https://grafana.acme.example/",
                        "Type the host alone, without https:// and without a path.",
                    ),
                    minutes: Field::wrong("-5", "Type a whole number from 1 to 1440."),
                    enter: Enter::Admins,
                    ..new()
                }),
            ),
            (
                "taken",
                page(ApplicationForm {
                    host: Field::wrong(
                        "payroll.acme.example",
                        "This host is taken: each stands for one application of the installation.",
                    ),
                    ..sample_form()
                }),
            ),
            ("hostile", page(ApplicationForm { name: Field::holding(sample::HOSTILE), ..new() })),
        ]
    }
}

impl ApplicationPage {
    /// The states worth looking at.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let user = |id: &str, name: &str| NamedUser {
            id: id.into(),
            name: name.into(),
            email: format!("user-{id}@acme.example"),
        };
        let page = || Self {
            frame: sample::admin(Place::Applications),
            id: "2".into(),
            name: "Payroll".into(),
            host: "payroll.acme.example".into(),
            url: "https://payroll.acme.example/".into(),
            configured: false,
            added: false,
            trusts_a_proxy: true,
            form: sample_form(),
            named: vec![user("2", "Ben Okafor"), user("3", "Cleo Marín")],
            email: Field::default(),
            asks: Asks::SecurityCode,
        };
        let mut added = sample::admin(Place::Applications);
        added.done = Some("The application is added.".into());
        let everyone = ApplicationForm {
            enter: Enter::Everyone,
            always_mfa: false,
            minutes: Field::default(),
            ..sample_form()
        };
        let admins = ApplicationForm { enter: Enter::Admins, ..sample_form() };
        vec![
            ("named", page()),
            ("nobody-named", Self { named: vec![], asks: Asks::Nothing, ..page() }),
            (
                "added",
                Self {
                    frame: added,
                    added: true,
                    trusts_a_proxy: false,
                    form: everyone.clone(),
                    named: vec![],
                    ..page()
                },
            ),
            ("admins", Self { form: admins.clone(), named: vec![], ..page() }),
            ("configured", Self { configured: true, ..page() }),
            (
                "configured-for-everyone",
                Self { configured: true, form: everyone, named: vec![], ..page() },
            ),
            (
                "wrong",
                Self {
                    form: ApplicationForm { name: Field::wrong("", "Type a name."), ..admins },
                    ..page()
                },
            ),
            (
                "nobody-of-that-email",
                Self {
                    email: Field::wrong(
                        "zoe@other.example",
                        "No user of this account has this email.",
                    ),
                    ..page()
                },
            ),
            (
                "hostile",
                Self {
                    frame: sample::hostile(Place::Applications),
                    name: sample::HOSTILE.into(),
                    named: vec![user("8", sample::HOSTILE), user("9", sample::LONG)],
                    email: Field::wrong(sample::HOSTILE, "Type an email address."),
                    ..page()
                },
            ),
        ]
    }
}
