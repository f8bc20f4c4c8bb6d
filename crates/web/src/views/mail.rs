//! Pages that mail makes possible: a forgotten password, a new address.

use askama::Template;

use super::{Asks, Field, Frame, Outside, Place, sample};

/// `/sign-in/forgotten`
#[derive(Template)]
#[template(path = "forgotten.html")]
pub struct ForgottenPage {
    /// The surroundings.
    pub outside: Outside,
    /// What was typed before.
    pub email: Field,
    /// How far it has come.
    pub state: Forgotten,
}

/// How far somebody who forgot the password has come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Forgotten {
    /// The address is asked for.
    Asked,
    /// It was given: one page, whoever it belongs to.
    Heard,
    /// Too many from this network at this moment.
    TooMany,
    /// There is no mail server.
    NoMail,
}

/// `/address/{token}`: the link that came to a new address.
#[derive(Template)]
#[template(path = "address_link.html")]
pub struct AddressLinkPage {
    /// The surroundings.
    pub outside: Outside,
    /// The token of the link, and the new address; `None` for who is not signed in, or as somebody
    /// else.
    pub confirm: Option<(String, String)>,
}

/// `/settings/security/email`
#[derive(Template)]
#[template(path = "change_email.html")]
pub struct ChangeEmailPage {
    /// The surroundings.
    pub frame: Frame,
    /// The address now.
    pub email: String,
    /// The new one.
    pub new: Field,
    /// Where a mail went, if one was just asked for.
    pub heard: Option<String>,
    /// Which proof the act asks for.
    pub asks: Asks,
}

impl ForgottenPage {
    /// The states worth looking at.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let page = |state| Self { outside: sample::outside(), email: Field::default(), state };
        vec![
            ("new", page(Forgotten::Asked)),
            (
                "error",
                Self {
                    email: Field::wrong(
                        sample::HOSTILE,
                        "Type an email address such as name@company.example.",
                    ),
                    ..page(Forgotten::Asked)
                },
            ),
            ("heard", page(Forgotten::Heard)),
            ("too-many", page(Forgotten::TooMany)),
            ("no-mail", page(Forgotten::NoMail)),
        ]
    }
}

impl AddressLinkPage {
    /// The states worth looking at.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let page = |address: Option<&str>| Self {
            outside: sample::outside(),
            confirm: address.map(|address| ("kT0pJ9".into(), address.into())),
        };
        vec![
            ("confirm", page(Some("ben.okafor@acme.example"))),
            ("sign-in-first", page(None)),
            ("hostile", page(Some(sample::HOSTILE))),
        ]
    }
}

impl ChangeEmailPage {
    /// The states worth looking at.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let page = |new, heard: Option<&str>| Self {
            frame: sample::member(Place::Security),
            email: "ben@acme.example".into(),
            new,
            heard: heard.map(Into::into),
            asks: Asks::Nothing,
        };
        vec![
            ("new", page(Field::default(), None)),
            ("error", page(Field::wrong("ben@", "Type an email address."), None)),
            ("heard", page(Field::default(), Some("ben.okafor@acme.example"))),
        ]
    }
}
