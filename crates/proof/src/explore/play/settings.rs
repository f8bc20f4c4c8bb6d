//! What users do about their own login.

use vestibule_flows::authority::{Fresh, SignedIn};
use vestibule_flows::own_settings::{FactorRemoval, PasswordChange, Reissued};

use super::super::ghost::{By, Ghost};
use super::super::stage::{PASSWORDS, Stage};
use super::{Broken, Played, must, said};

impl Stage {
    pub(super) async fn remove_app(&self, ghost: &mut Ghost, browser: usize, app: usize) -> Played {
        let Some(user) = ghost.cookie(browser).map(|cookie| cookie.who) else {
            return said("no session");
        };
        let id = ghost.people[user].apps[app].id;
        let Some(who) = self.asked::<Fresh<SignedIn>>(ghost, browser).await? else {
            return said("a fresh proof is asked for");
        };
        let is_last = ghost.people[user].apps.len() == 1;
        match self.vestibule.remove_factor(&self.browsers[browser], &who, id).await? {
            FactorRemoval::Done(token) => {
                must!(self.stands(ghost, browser), "an app was removed by what had ended");
                must!(!(ghost.required && is_last), "somebody opted out while MFA is required");
                ghost.bump_and_reissue(browser, token);
                ghost.people[user].apps.retain(|app| app.id != id);
                if is_last {
                    ghost.people[user].codes = None;
                }
                if let Some(cookie) = &mut ghost.browsers[browser].cookie
                    && cookie.second.is_some_and(|(by, _)| by == By::App(id))
                {
                    cookie.second = None;
                }
                said("it is removed")
            }
            FactorRemoval::LastOne => {
                must!(ghost.required && is_last, "an app that may go was kept");
                said("the last one stays")
            }
            FactorRemoval::NotFound | FactorRemoval::SessionOver => {
                must!(self.is_raced(), "an app was not removed although nobody came between");
                said("it is over")
            }
        }
    }

    pub(super) async fn change_password(&self, ghost: &mut Ghost, browser: usize) -> Played {
        let user = ghost.cookie(browser).map_or(0, |cookie| cookie.who);
        let Some(who) = self.asked::<Fresh<SignedIn>>(ghost, browser).await? else {
            return said("a fresh proof is asked for");
        };
        let next = ghost.next_password(browser, user);
        let text = PASSWORDS[usize::from(next)];
        match self.vestibule.change_password(&self.browsers[browser], &who, text).await? {
            PasswordChange::Done(token) => {
                must!(self.stands(ghost, browser), "a password was changed by what had ended");
                ghost.bump_and_reissue(browser, token);
                ghost.people[user].password = next;
                ghost.people[user].budget = 0;
                ghost.people[user].tries = (0, 0);
                ghost.give_password(browser);
                said("it is changed")
            }
            PasswordChange::Refused(why) => {
                must!(next == ghost.people[user].password, "a good password was refused: {why:?}");
                said(format!("it is refused: {why:?}"))
            }
            PasswordChange::SessionOver => {
                must!(self.is_raced(), "a password was not changed although nobody came between");
                said("it is over")
            }
        }
    }

    pub(super) async fn sign_out(&self, ghost: &mut Ghost, browser: usize) -> Played {
        let current = self.current(ghost, browser).await?;
        if let Some(current) = &current {
            self.vestibule.sign_out(&self.browsers[browser], current).await?;
        }
        ghost.end_session(browser);
        said("it is over")
    }

    pub(super) async fn sign_out_others(&self, ghost: &mut Ghost, browser: usize) -> Played {
        let Some(who) = self.asked::<Fresh<SignedIn>>(ghost, browser).await? else {
            return said("a fresh proof is asked for");
        };
        match self.vestibule.end_other_sessions(&self.browsers[browser], &who).await? {
            Reissued::Done(token) => {
                must!(self.stands(ghost, browser), "others were ended by what had ended");
                ghost.bump_and_reissue(browser, token);
                said("they are over")
            }
            Reissued::SessionOver => {
                must!(self.is_raced(), "others were not ended although nobody came between");
                said("it is over")
            }
        }
    }

    pub(super) async fn new_codes(&self, ghost: &mut Ghost, browser: usize) -> Played {
        let user = ghost.cookie(browser).map_or(0, |cookie| cookie.who);
        let Some(who) = self.asked::<Fresh<SignedIn>>(ghost, browser).await? else {
            return said("a fresh proof is asked for");
        };
        match self.vestibule.make_recovery_codes(&self.browsers[browser], &who).await? {
            Reissued::Done(token) => {
                must!(self.stands(ghost, browser), "codes were made by what had ended");
                ghost.bump_and_reissue(browser, token);
                self.read_codes(ghost, browser, user).await?;
                said("there are new ones")
            }
            Reissued::SessionOver => {
                let has_none = ghost.people[user].apps.is_empty();
                must!(has_none || self.is_raced(), "no new codes for who has an app");
                said("it is over")
            }
        }
    }

    pub(super) async fn keep_codes(&self, ghost: &mut Ghost, browser: usize) -> Played {
        let user = ghost.cookie(browser).map_or(0, |cookie| cookie.who);
        let Some(fresh) = self.asked::<Fresh<SignedIn>>(ghost, browser).await? else {
            return said("a fresh proof is asked for");
        };
        let Some(shown) = self.vestibule.unkept_recovery_codes(&fresh).await? else {
            return Err(Broken("codes that are not kept are not shown".to_owned()));
        };
        // What is used is struck out.
        if let Some(codes) = &ghost.people[user].codes {
            for (code, used) in codes.texts.iter().zip(codes.used) {
                let is_shown = shown.codes.iter().any(|shown| **shown == **code);
                must!(is_shown != used, "a recovery code is shown that is used, or is not shown");
            }
        }
        let who = fresh.authority();
        let kept =
            self.vestibule.keep_recovery_codes(&self.browsers[browser], who, shown.set).await?;
        must!(kept, "codes could not be kept although nobody came between");
        if let Some(codes) = &mut ghost.people[user].codes {
            codes.kept = true;
        }
        said("they are kept")
    }
}
