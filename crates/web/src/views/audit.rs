//! `/settings/audit`: what happened, and its export.

use askama::Template;

use super::{Asks, Field, Frame, Place, When, sample};

/// `/settings/audit`
#[derive(Template)]
#[template(path = "audit.html")]
pub struct AuditPage {
    /// The surroundings.
    pub frame: Frame,
    /// What is looked for.
    pub search: AuditSearch,
    /// The events of this page, the newest first.
    pub rows: Vec<AuditRow>,
    /// Whether this is the first page.
    pub first_page: bool,
    /// Key of the next page (`after=…`).
    pub next: Option<String>,
}

/// What is looked for, as it stands in the form.
#[derive(Clone, Default)]
pub struct AuditSearch {
    /// The groups that can be chosen.
    pub groups: Vec<GroupChoice>,
    /// Whose events.
    pub email: Field,
    /// The first day.
    pub from: Field,
    /// The last day.
    pub until: Field,
    /// The same as a query; empty where nothing is looked for.
    pub query: String,
}

/// A group that can be chosen.
#[derive(Clone)]
pub struct GroupChoice {
    /// Its name in addresses.
    pub value: &'static str,
    /// What it is called.
    pub label: &'static str,
    /// Whether it is the one.
    pub chosen: bool,
}

/// An event.
#[derive(Clone)]
pub struct AuditRow {
    /// When.
    pub at: When,
    /// What happened, as a sentence.
    pub what: String,
    /// How often within a minute.
    pub count: u64,
    /// Who acted: an e-mail, or what stands for one.
    pub by: String,
    /// From which address; empty for the host.
    pub from: String,
}

impl AuditSearch {
    /// A search for everything, or for one group.
    fn sample(chosen: Option<usize>) -> Self {
        use super::audit_words::group;
        use vestibule_domain::audit::AuditGroup;
        let groups = AuditGroup::ALL.iter().enumerate().map(|(at, of)| GroupChoice {
            value: of.as_str(),
            label: group(*of),
            chosen: chosen == Some(at),
        });
        Self { groups: groups.collect(), ..Self::default() }
    }

    fn is_wrong(&self) -> bool {
        [&self.email, &self.from, &self.until].iter().any(|field| field.error.is_some())
    }

    /// `?` and the query, of a link that keeps the search.
    fn kept(&self) -> String {
        if self.query.is_empty() { String::new() } else { format!("?{}", self.query) }
    }

    /// The same with a key after it.
    fn kept_with(&self, after: &str) -> String {
        let and = if self.query.is_empty() { "" } else { "&" };
        format!("?{}{and}after={after}", self.query)
    }
}

impl AuditPage {
    /// The states worth looking at.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let row = |minutes, what: &str, by: &str, from: &str| AuditRow {
            at: sample::when(minutes),
            what: what.into(),
            count: 1,
            by: by.into(),
            from: from.into(),
        };
        let (ada, ben) = ("ada@acme.example", "ben@acme.example");
        let refused = AuditRow {
            count: 1_204,
            ..row(
                -6,
                "A sign-in as Ben Okafor was refused at the password",
                "not signed in",
                "203.0.113.9",
            )
        };
        let rows = vec![
            row(0, "Ada Lovelace turned the switch on: MFA for everyone", ada, "192.0.2.7"),
            row(-2, "Ada Lovelace gave a fresh proof before an act", ada, "192.0.2.7"),
            refused,
            row(-9, "Ben Okafor signed out", ben, "2001:db8:85a3:8d3:1319:8a2e:370:7348"),
            row(
                -50,
                "The host’s command line made a recover link for Cleo Marín",
                "the host’s command line",
                "",
            ),
        ];
        let page = |rows| Self {
            frame: sample::admin(Place::Audit),
            search: AuditSearch::sample(None),
            rows,
            first_page: true,
            next: None,
        };
        let found = AuditSearch {
            email: Field::holding(ben),
            from: Field::holding("2025-11-01"),
            query: "about=sign-in&email=ben%40acme.example&from=2025-11-01".into(),
            ..AuditSearch::sample(Some(0))
        };
        let wrong = AuditSearch {
            email: Field::wrong("nobody@acme.example", "Nobody has or had this email here."),
            from: Field::wrong("yesterday", "Type a day such as 2027-01-15."),
            query: "email=nobody%40acme.example&from=yesterday".into(),
            ..AuditSearch::sample(None)
        };
        let next = Some("1764064020000.0190c0de-0000-7000-8000-000000000001".to_owned());
        let many = (0..50).map(|_| rows[3].clone()).collect();
        let hostile = AuditRow {
            count: 2,
            ..row(
                0,
                sample::HOSTILE,
                "a.very.long.name.that.goes.on@a-long-department.acme-analytics.example",
                sample::HOSTILE,
            )
        };
        vec![
            ("first-page", Self { next: next.clone(), ..page(rows.clone()) }),
            ("middle", Self { first_page: false, next, search: found.clone(), ..page(many) }),
            ("nothing-yet", page(vec![])),
            ("nothing-found", Self { search: found, ..page(vec![]) }),
            ("wrong-search", Self { search: wrong, ..page(vec![]) }),
            (
                "hostile",
                Self {
                    frame: sample::hostile(Place::Audit),
                    ..page(vec![hostile, rows[0].clone()])
                },
            ),
        ]
    }
}

/// `/settings/audit/export`
#[derive(Template)]
#[template(path = "audit_export.html")]
pub struct AuditExportPage {
    /// The surroundings.
    pub frame: Frame,
    /// What is exported, in hidden fields.
    pub fields: Vec<(String, String)>,
    /// What is exported, in words; `None` for all of it.
    pub only: Option<String>,
    /// The search as a query, for the way back.
    pub back: String,
    /// Which proof the act asks for.
    pub asks: Asks,
}

impl AuditExportPage {
    /// The states worth looking at.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let page = |only: Option<&str>| Self {
            frame: sample::admin(Place::Audit),
            fields: vec![("about".into(), "sign-in".into())],
            only: only.map(str::to_owned),
            back: "?about=sign-in".into(),
            asks: Asks::Nothing,
        };
        vec![
            ("all", Self { back: String::new(), ..page(None) }),
            ("some", page(Some("Sign-ins and sessions, ben@acme.example, from 2025-11-01"))),
            (
                "hostile",
                Self { frame: sample::hostile(Place::Audit), ..page(Some(sample::HOSTILE)) },
            ),
        ]
    }
}
