//! `/settings/account`: the switch, with what it will do beside it.

use askama::Template;
use vestibule_domain::clock_watch::ClockWarning;

use super::{Asks, Frame, Place, sample};

/// `/settings/account`
#[derive(Template)]
#[template(path = "account.html")]
pub struct AccountPage {
    /// The surroundings.
    pub frame: Frame,
    /// What is wrong with the server's clock.
    pub clock: Vec<ClockWarning>,
    /// Whether the switch is on.
    pub required: bool,
    /// Users who have a factor.
    pub with_factor: u64,
    /// Users who have none and are, or will be, led through enrolment.
    pub without_factor: u64,
    /// Sessions that are open now.
    pub open_sessions: u64,
    /// Whether the Admin who looks has a factor.
    pub viewer_has_factor: bool,
    /// Which proof the act asks for.
    pub asks: Asks,
}

impl AccountPage {
    fn users(&self) -> u64 {
        self.with_factor + self.without_factor
    }

    /// Part of the users who are ready, in percent of the bar. Neither part vanishes while it
    /// stands for somebody.
    fn ready_percent(&self) -> u64 {
        let whole = (self.with_factor.saturating_mul(100)) / self.users().max(1);
        match (self.with_factor, self.without_factor) {
            (0, _) => 0,
            (_, 0) => 100,
            _ => whole.clamp(1, 99),
        }
    }

    fn rest_percent(&self) -> u64 {
        100 - self.ready_percent()
    }

    /// The states worth looking at.
    pub fn samples() -> Vec<(&'static str, Self)> {
        let page = |required, with_factor, without_factor| Self {
            frame: sample::admin(Place::Account),
            clock: vec![],
            required,
            with_factor,
            without_factor,
            open_sessions: 51,
            viewer_has_factor: true,
            asks: Asks::SecurityCode,
        };
        let mut turned_on = sample::admin(Place::Account);
        turned_on.done = Some("MFA is on for everyone at Acme Analytics.".into());
        vec![
            ("off", page(false, 24, 14)),
            (
                "off-admin-without-factor",
                Self { viewer_has_factor: false, asks: Asks::Password, ..page(false, 1, 3) },
            ),
            ("off-everyone-ready", Self { asks: Asks::Nothing, ..page(false, 38, 0) }),
            (
                "off-nobody-ready",
                Self {
                    viewer_has_factor: false,
                    asks: Asks::Password,
                    open_sessions: 1,
                    ..page(false, 0, 1)
                },
            ),
            ("off-large", Self { open_sessions: 48_113, ..page(false, 99_997, 1) }),
            ("on", page(true, 24, 14)),
            ("just-on", Self { frame: turned_on, ..page(true, 24, 14) }),
            (
                "clock-jumped",
                Self { clock: vec![ClockWarning::Jumped { by: -7_203_000 }], ..page(true, 24, 14) },
            ),
            (
                "clock-not-set",
                Self {
                    clock: vec![ClockWarning::NotSet, ClockWarning::Differs { ahead: -86_400_000 }],
                    ..page(false, 24, 14)
                },
            ),
            ("on-everyone-ready", page(true, 38, 0)),
            ("hostile", Self { frame: sample::hostile(Place::Account), ..page(false, 24, 14) }),
        ]
    }
}

/// What happened to the clock, as a sentence.
fn sentence(warning: &ClockWarning) -> String {
    let text = warning.to_string().replace('\'', "’");
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).chain(['.']).collect()
}
