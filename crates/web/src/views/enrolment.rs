//! `/enrolment`: binding a new app, from the vestibule or from behind the second door.

use askama::Template;

use super::{CodeProblem, Outside, qr::Qr, sample};

/// `/enrolment`
#[derive(Template)]
#[template(path = "enrolment.html")]
pub struct EnrolmentPage {
    /// The surroundings.
    pub outside: Outside,
    /// Why the user enrols.
    pub kind: EnrolmentKind,
    /// Who enrols.
    pub email: String,
    /// Where to go afterwards.
    pub return_to: String,
    /// The key in Base32, without blanks.
    pub key: String,
    /// The same as an `otpauth://` address.
    pub otpauth_url: String,
    /// The same as a picture: `Qr::of(&otpauth_url)`.
    pub qr: Option<Qr>,
    /// Why the last code was not taken.
    pub problem: Option<CodeProblem>,
}

/// Why a user enrols.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum EnrolmentKind {
    /// In the vestibule: the account requires it.
    Required,
    /// In the vestibule, by a link of `vestibule recover`: the new app takes the old ones' place.
    Recovering,
    /// Behind the second door, of their own will: the first app.
    Voluntary,
    /// Behind the second door: one more app.
    Another,
    /// Behind the second door: an Admin without a factor who turns the switch on.
    TurningOn,
}

impl EnrolmentPage {
    /// Whether it stands between the doors.
    fn in_vestibule(&self) -> bool {
        matches!(self.kind, EnrolmentKind::Required | EnrolmentKind::Recovering)
    }

    /// Where to go without enrolling.
    fn cancel(&self) -> &'static str {
        if self.kind == EnrolmentKind::TurningOn {
            "/settings/account"
        } else {
            "/settings/security"
        }
    }

    fn heading(&self) -> String {
        match self.kind {
            EnrolmentKind::Required => format!("{} asks for a second proof", self.outside.brand),
            EnrolmentKind::Recovering => "Set up your new app".into(),
            EnrolmentKind::Voluntary => "Turn MFA on for yourself".into(),
            EnrolmentKind::Another => "Add another app".into(),
            EnrolmentKind::TurningOn => "Set up your own app first".into(),
        }
    }

    fn reason(&self) -> &'static str {
        match self.kind {
            EnrolmentKind::Required => {
                "Everyone here signs in with a password and a security code from an app. Setting it up \
                 takes about a minute; next time you only type the code."
            }
            EnrolmentKind::Recovering => {
                "The app you used before stops working once this one is confirmed, and not earlier."
            }
            EnrolmentKind::Voluntary => {
                "From then on you sign in with your password and a security code from an app. Setting it \
                 up takes about a minute."
            }
            EnrolmentKind::Another => {
                "Security codes of either app then let you in, so you have a way back when one is not at hand."
            }
            EnrolmentKind::TurningOn => {
                "So that you cannot lock yourself out. Once your app is confirmed, the switch is turned on \
                 for everyone."
            }
        }
    }

    fn button(&self) -> &'static str {
        match self.kind {
            EnrolmentKind::Required | EnrolmentKind::Recovering => "Finish and continue",
            EnrolmentKind::Voluntary => "Turn MFA on",
            EnrolmentKind::Another => "Add this app",
            EnrolmentKind::TurningOn => "Finish and turn on for everyone",
        }
    }

    /// The key in groups of four, as it is read and typed.
    fn groups(&self) -> Vec<String> {
        let letters: Vec<char> = self.key.chars().collect();
        letters.chunks(4).map(|group| group.iter().collect()).collect()
    }

    /// The states worth looking at.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let page = |kind, problem| {
            let url = "otpauth://totp/Acme%20Analytics:ben%40acme.example\
                       ?secret=JBSWY3DPEHPK3PXPK5XW4IDMKNSW6ZTU&issuer=Acme%20Analytics";
            Self {
                outside: sample::outside(),
                kind,
                email: "ben@acme.example".into(),
                return_to: "/".into(),
                key: "JBSWY3DPEHPK3PXPK5XW4IDMKNSW6ZTU".into(),
                otpauth_url: url.into(),
                qr: Qr::of(url),
                problem,
            }
        };
        let hostile_url =
            "otpauth://totp/Q%26A:b?secret=JBSWY3DPEHPK3PXPK5XW4IDMKNSW6ZTU&issuer=\"><script>";
        vec![
            ("required", page(EnrolmentKind::Required, None)),
            ("required-wrong", page(EnrolmentKind::Required, Some(CodeProblem::Wrong))),
            (
                "required-fast",
                page(EnrolmentKind::Required, Some(CodeProblem::Fast { minutes: 3 })),
            ),
            ("required-expired", page(EnrolmentKind::Required, Some(CodeProblem::KeyExpired))),
            ("required-used", page(EnrolmentKind::Required, Some(CodeProblem::AlreadyUsed))),
            ("budget-spent", page(EnrolmentKind::Another, Some(CodeProblem::BudgetSpent))),
            ("recovering", page(EnrolmentKind::Recovering, None)),
            ("voluntary", page(EnrolmentKind::Voluntary, None)),
            ("another", page(EnrolmentKind::Another, None)),
            ("turning-on", page(EnrolmentKind::TurningOn, None)),
            (
                "hostile",
                Self {
                    outside: sample::outside_of(sample::HOSTILE),
                    email: sample::LONG.into(),
                    otpauth_url: hostile_url.into(),
                    qr: Qr::of(hostile_url),
                    ..page(EnrolmentKind::Required, None)
                },
            ),
            ("no-qr", Self { qr: None, ..page(EnrolmentKind::Voluntary, None) }),
        ]
    }
}
