//! Looking at a key and confirming it.

use vestibule_domain::totp::TotpSecret;
use vestibule_flows::FlowError;
use vestibule_flows::authority::{Fresh, SignedIn};
use vestibule_flows::enrolment::{AfterEnrolment, Confirmed};

use super::super::actions::ATTACKERS;
use super::super::ghost::{App, By, Codes, Ghost, Shown};
use super::super::stage::Stage;
use super::{Broken, Played, code_of, must, said};

impl Stage {
    pub(super) async fn show_key(&self, ghost: &mut Ghost, browser: usize) -> Played {
        let Some(who) = self.enrolling(ghost, browser).await? else {
            return said("no key is shown");
        };
        let shown = match self.vestibule.show_enrolment(&self.browsers[browser], &who).await {
            Err(FlowError::Busy) if !self.goes_on(ghost, browser) => return said("it is over"),
            shown => shown?,
        };
        if !self.goes_on(ghost, browser) {
            return said("a key is shown that is void");
        }
        let secret = app_of(&shown.key);
        let Some(cookie) = ghost.cookie(browser).cloned() else { return said("no session") };
        if let Some(known) = ghost.shown(&cookie) {
            must!(
                known.secret.expose_bytes() == secret.expose_bytes(),
                "another key is shown although the one before can still be confirmed"
            );
            return said("the same key is shown");
        }
        let new = Shown { secret, epoch: ghost.people[cookie.who].epoch, until: ghost.key_until() };
        if let Some(cookie) = &mut ghost.browsers[browser].cookie {
            cookie.shown = Some(new);
        }
        said("a key is shown")
    }

    pub(super) async fn confirm_key(
        &self,
        ghost: &mut Ghost,
        browser: usize,
        right: bool,
        for_switch: bool,
    ) -> Played {
        let Some(cookie) = ghost.cookie(browser).cloned() else { return said("no session") };
        let Some(shown) = cookie.shown.clone() else { return said("no key was shown") };
        let may = ghost.may(browser);
        let Some(who) = self.enrolling(ghost, browser).await? else {
            return said("it is not asked for");
        };
        let step = ghost.step();
        let typed = if right {
            code_of(&shown.secret, step)
        } else {
            let is_right =
                |typed: &String| (-22..=22).any(|by| code_of(&shown.secret, step + by) == *typed);
            let typed = (0..100_u32).map(|n| format!("{n:06}")).find(|typed| !is_right(typed));
            typed.unwrap_or_default()
        };
        let then = if for_switch { AfterEnrolment::TurnSwitchOn } else { AfterEnrolment::GoOn };
        let from = &self.browsers[browser];
        let is_alive = ghost.shown(&cookie).is_some();
        match self.vestibule.confirm_enrolment(from, &who, &typed, then).await? {
            Confirmed::Done { token, switch_turned_on } => {
                must!(right, "a wrong code confirmed a key");
                must!(is_alive, "a key was confirmed that is void");
                must!(self.stands(ghost, browser), "a key was confirmed for what had ended");
                let has_app = !ghost.people[cookie.who].apps.is_empty();
                must!(
                    may.enter || !has_app || cookie.recovering,
                    "an app was added from the vestibule beside another"
                );
                let replaces = !may.enter && cookie.recovering;
                ghost.bump_and_reissue(browser, token);
                if replaces {
                    ghost.people[cookie.who].apps.clear();
                }
                let is_first = ghost.people[cookie.who].apps.is_empty();
                let id = self.newest_app(ghost, browser, cookie.who).await?;
                ghost.people[cookie.who].apps.push(App {
                    id,
                    secret: shown.secret,
                    spent: vec![step],
                    is_attackers: browser == ATTACKERS,
                });
                ghost.give_second(browser, By::App(id));
                if let Some(cookie) = &mut ghost.browsers[browser].cookie {
                    cookie.shown = None;
                }
                if is_first {
                    self.read_codes(ghost, browser, cookie.who).await?;
                }
                if switch_turned_on {
                    must!(for_switch, "the switch was turned on unasked");
                    must!(ghost.may(browser).act_as_admin, "who is no Admin turned the switch on");
                    ghost.required = true;
                }
                said(if switch_turned_on { "confirmed; the switch is on" } else { "confirmed" })
            }
            Confirmed::Refused(why) => {
                must!(
                    !right || !is_alive || self.is_raced(),
                    "the right code of a shown key was refused: {why:?}"
                );
                said(format!("it is refused: {why:?}"))
            }
            Confirmed::Over => {
                must!(!is_alive || self.is_raced(), "a key that can be confirmed was not");
                said("the key is void")
            }
        }
    }

    /// The identifier of the app that was just confirmed.
    pub(super) async fn newest_app(
        &self,
        ghost: &mut Ghost,
        browser: usize,
        user: usize,
    ) -> Result<vestibule_domain::id::FactorId, Broken> {
        let Some(who) = self.asked::<SignedIn>(ghost, browser).await? else {
            return Err(Broken("who confirmed a key does not get in".to_owned()));
        };
        let factors = self.vestibule.own_security(&who).await?.factors;
        let known = &ghost.people[user].apps;
        let mut new = factors.iter().filter(|own| known.iter().all(|app| app.id != own.id));
        match (new.next(), new.next()) {
            (Some(new), None) => Ok(new.id),
            _ => Err(Broken("not exactly one app is new".to_owned())),
        }
    }

    /// Reads the recovery codes that were just made.
    pub(super) async fn read_codes(
        &self,
        ghost: &mut Ghost,
        browser: usize,
        user: usize,
    ) -> Result<(), Broken> {
        let Some(who) = self.asked::<Fresh<SignedIn>>(ghost, browser).await? else {
            return Err(Broken("who just gave a proof has no fresh one".to_owned()));
        };
        let Some(shown) = self.vestibule.unkept_recovery_codes(&who).await? else {
            return Err(Broken("no recovery codes came with the first app".to_owned()));
        };
        ghost.people[user].codes = Some(Codes {
            texts: shown.codes.iter().take(2).map(|code| code.to_string()).collect(),
            used: [false; 2],
            kept: false,
            are_attackers: browser == ATTACKERS,
        });
        Ok(())
    }
}

/// The app that a key is typed into (RFC 4648, base32).
fn app_of(key: &str) -> TotpSecret {
    let (mut bytes, mut buffer, mut bits) = (vec![], 0_u32, 0);
    for letter in key.bytes().filter(u8::is_ascii_alphanumeric) {
        let value = if letter.is_ascii_digit() { letter - b'2' + 26 } else { letter - b'A' };
        buffer = (buffer << 5) | u32::from(value);
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((buffer >> bits) & 0xff).unwrap_or(0));
        }
    }
    TotpSecret::from_bytes(&bytes).unwrap()
}
