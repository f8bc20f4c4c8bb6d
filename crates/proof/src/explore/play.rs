//! Doing an action as the pages do it, and holding what came of it against the ghost.
//!
//! `Ok` says in words what happened; `Err` says what must not have.

use vestibule_domain::link::{LinkPurpose, Recovers};
use vestibule_domain::policy::Policy;
use vestibule_domain::time::Timestamp;
use vestibule_domain::token::Token;
use vestibule_domain::totp::TotpSecret;
use vestibule_domain::user::Role;
use vestibule_flows::FlowError;
use vestibule_flows::authority::{
    Admin, Authority, Current, Decision, Enrolling, Fresh, ProofAsked, Proving, SignedIn,
};
use vestibule_flows::enrolment::{AfterEnrolment, Confirmed};
use vestibule_flows::outbox::{Letter, NextMail};
use vestibule_flows::own_settings::{FactorRemoval, PasswordChange, Reissued};
use vestibule_flows::policy::PolicySet;
use vestibule_flows::recover::{Recover, Recovered};
use vestibule_flows::security_code::{CodeRefused, Proven};
use vestibule_flows::sign_in::SignIn;
use vestibule_flows::users::{UserAct, UserChanged};

use super::actions::{ATTACKERS, Action, BY_MAIL, Move, OF_AN_ADMIN, OF_THE_HOST, Upon};
use super::ghost::{App, BUDGET, By, Codes, Ghost, Link, STEP, Shown};
use super::stage::{OF_THE_ATTACKER, PASSWORDS, Stage};

/// What must not have happened.
pub(super) struct Broken(pub(super) String);

impl From<FlowError> for Broken {
    fn from(error: FlowError) -> Self {
        Self(format!("the program failed: {error}"))
    }
}

pub(super) type Played = Result<String, Broken>;

/// Breaks off where what must hold does not.
macro_rules! must {
    ($holds:expr, $($says:tt)+) => {
        if !$holds {
            return Err(Broken(format!($($says)+)));
        }
    };
}
pub(super) use must;

fn said(text: impl Into<String>) -> Played {
    Ok(text.into())
}

impl Stage {
    /// The session of a browser's cookie, as every request begins.
    pub(super) async fn current(
        &self,
        ghost: &mut Ghost,
        browser: usize,
    ) -> Result<Option<Current>, FlowError> {
        let Some(cookie) = ghost.cookie(browser) else { return Ok(None) };
        let found = self.vestibule.current(&cookie.token.clone()).await?;
        ghost.note_request(browser);
        Ok(found)
    }

    /// An authority, where it is granted.
    async fn asked<A: Authority>(
        &self,
        ghost: &mut Ghost,
        browser: usize,
    ) -> Result<Option<A>, FlowError> {
        let Some(current) = self.current(ghost, browser).await? else { return Ok(None) };
        Ok(granted(self.vestibule.authorise::<A>(&current)))
    }

    async fn proving(
        &self,
        ghost: &mut Ghost,
        browser: usize,
    ) -> Result<Option<Proving>, FlowError> {
        let Some(current) = self.current(ghost, browser).await? else { return Ok(None) };
        Ok(granted(self.vestibule.authorise_proof(&current)))
    }

    async fn enrolling(
        &self,
        ghost: &mut Ghost,
        browser: usize,
    ) -> Result<Option<Enrolling>, FlowError> {
        let Some(current) = self.current(ghost, browser).await? else { return Ok(None) };
        Ok(granted(self.vestibule.authorise_enrolment(&current)))
    }

    /// Does an action.
    pub(super) async fn play(&self, ghost: &mut Ghost, action: Action) -> Played {
        match action {
            Action::SignIn { browser, user, right } => {
                self.sign_in(ghost, browser, user, right).await
            }
            Action::Code { browser, app, step } => self.code(ghost, browser, app, step).await,
            Action::WrongCode { browser } => self.wrong_code(ghost, browser).await,
            Action::RecoveryCode { browser, code } => {
                self.recovery_code(ghost, browser, code).await
            }
            Action::PasswordAgain { browser, right } => {
                self.password_again(ghost, browser, right).await
            }
            Action::ShowKey { browser } => self.show_key(ghost, browser).await,
            Action::ConfirmKey { browser, right, for_switch } => {
                self.confirm_key(ghost, browser, right, for_switch).await
            }
            Action::RemoveApp { browser, app } => self.remove_app(ghost, browser, app).await,
            Action::Switch { browser, on } => self.switch(ghost, browser, on).await,
            Action::ChangePassword { browser } => self.change_password(ghost, browser).await,
            Action::SignOut { browser } => self.sign_out(ghost, browser).await,
            Action::SignOutOthers { browser } => self.sign_out_others(ghost, browser).await,
            Action::NewCodes { browser } => self.new_codes(ghost, browser).await,
            Action::KeepCodes { browser } => self.keep_codes(ghost, browser).await,
            Action::Act { browser, user, act } => self.act_upon(ghost, browser, user, act).await,
            Action::Recover { user, keeps_password } => {
                self.recover(ghost, user, keeps_password).await
            }
            Action::Forgot { user } => self.forgot(ghost, user).await,
            Action::TakeLink { user, link } => self.take_link(ghost, user, link).await,
            Action::Clock(by) => {
                ghost.now += by.millis();
                ghost.set_back += u8::from(by == Move::StepBack);
                self.set_clock(ghost.now);
                said("so it does")
            }
        }
    }

    async fn sign_in(&self, ghost: &mut Ghost, browser: usize, user: usize, right: bool) -> Played {
        let person = &ghost.people[user];
        let typed = match (right, browser == ATTACKERS) {
            // The one that was leaked, or the one that the attacker set.
            (true, true) if person.password != OF_THE_ATTACKER => Some(0),
            (true, _) => Some(person.password),
            (false, _) => None,
        };
        let is_right = typed == Some(person.password) && person.is_active;
        let text = typed.map_or("a wrong password", |typed| PASSWORDS[usize::from(typed)]);
        let before = self.current(ghost, browser).await?;
        let (from, email) = (&self.browsers[browser], self.emails[user].as_str());
        match self.vestibule.sign_in(from, email, text, before.as_ref()).await? {
            SignIn::Begun(token) => {
                must!(is_right, "a session began without the right password of an active user");
                ghost.begin_session(browser, user, token, false);
                said("a session begins")
            }
            SignIn::Refused => {
                ghost.mistakes += u8::from(typed.is_none());
                must!(!is_right, "the right password of an active user was refused");
                said("it is refused")
            }
            SignIn::Wait(left) => said(format!("there is a wait of {} s", left.as_secs())),
        }
    }

    async fn code(&self, ghost: &mut Ghost, browser: usize, app: usize, step: i64) -> Played {
        let Some(who) = ghost.cookie(browser).map(|cookie| cookie.who) else {
            return said("there is no session");
        };
        let Some(given) = ghost.people[who].apps.get(app).cloned() else {
            return said("there is no such app");
        };
        let step = ghost.step() + step;
        let typed = code_of(&given.secret, step);
        if ghost.people[who].apps.iter().any(|other| {
            near(ghost).any(|near| {
                (other.id, near) != (given.id, step) && code_of(&other.secret, near) == typed
            })
        }) {
            return said("two apps show the same code by chance: not played");
        }
        let Some(proving) = self.proving(ghost, browser).await? else {
            return said("it is not asked for");
        };
        let from = &self.browsers[browser];
        let is_unspent = !given.spent.contains(&step);
        let is_known = proving.by == ProofAsked::SecurityCode;
        match self.vestibule.give_code(from, &proving, &typed).await? {
            Proven::Accepted(token) => {
                must!(is_known, "a code was accepted where the password is asked for");
                must!(is_unspent, "a code was accepted twice");
                must!(
                    ghost.people[who].budget + ghost.cost(who) <= BUDGET,
                    "a code was accepted although the budget is spent"
                );
                ghost.count_attempt(browser);
                ghost.refund(browser);
                ghost.replace_token(browser, token);
                ghost.give_second(browser, By::App(given.id));
                let apps = &mut ghost.people[who].apps;
                if let Some(app) = apps.iter_mut().find(|app| app.id == given.id) {
                    app.spent.push(step);
                }
                said("it is accepted")
            }
            Proven::AcceptedRecoveryCode(_) => {
                Err(Broken("a security code was taken for a recovery code".to_owned()))
            }
            Proven::Refused(why) => {
                self.refused_code(ghost, browser, why)?;
                let is_good = is_unspent && is_known;
                must!(
                    !is_good || matches!(why, CodeRefused::BudgetSpent | CodeRefused::Wait(_)),
                    "a good code was refused: {why:?}"
                );
                said(format!("it is refused: {why:?}"))
            }
        }
    }

    async fn wrong_code(&self, ghost: &mut Ghost, browser: usize) -> Played {
        let Some(who) = ghost.cookie(browser).map(|cookie| cookie.who) else {
            return said("there is no session");
        };
        let is_right = |typed: &String| {
            let mut apps = ghost.people[who].apps.iter();
            apps.any(|app| near(ghost).any(|step| code_of(&app.secret, step) == *typed))
        };
        let typed = (0..).map(|n: u32| format!("{n:06}")).find(|typed| !is_right(typed));
        let typed = typed.unwrap_or_default();
        let Some(proving) = self.proving(ghost, browser).await? else {
            return said("it is not asked for");
        };
        match self.vestibule.give_code(&self.browsers[browser], &proving, &typed).await? {
            Proven::Refused(why) => {
                self.refused_code(ghost, browser, why)?;
                said(format!("it is refused: {why:?}"))
            }
            _ => Err(Broken("a wrong code was accepted".to_owned())),
        }
    }

    /// A refused security code is counted, unless it was not compared.
    fn refused_code(
        &self,
        ghost: &mut Ghost,
        browser: usize,
        why: CodeRefused,
    ) -> Result<(), Broken> {
        let who = ghost.cookie(browser).map_or(0, |cookie| cookie.who);
        let is_spent = ghost.people[who].budget + ghost.cost(who) > BUDGET;
        match why {
            CodeRefused::Wait(_) | CodeRefused::SessionOver | CodeRefused::NotACode => {}
            CodeRefused::BudgetSpent => {
                must!(is_spent, "the budget is said to be spent, and is not");
            }
            _ => {
                must!(!is_spent, "a code was compared although the budget is spent");
                ghost.count_attempt(browser);
            }
        }
        Ok(())
    }

    async fn recovery_code(&self, ghost: &mut Ghost, browser: usize, code: usize) -> Played {
        let Some(who) = ghost.cookie(browser).map(|cookie| cookie.who) else {
            return said("there is no session");
        };
        let Some(codes) = ghost.people[who].codes.clone() else {
            return said("there are none");
        };
        let Some(proving) = self.proving(ghost, browser).await? else {
            return said("it is not asked for");
        };
        let is_unused = !codes.used[code];
        let from = &self.browsers[browser];
        match self.vestibule.give_code(from, &proving, &codes.codes[code]).await? {
            Proven::AcceptedRecoveryCode(token) => {
                must!(is_unused, "a recovery code was accepted twice");
                if let Some(codes) = &mut ghost.people[who].codes {
                    codes.used[code] = true;
                }
                ghost.bump_and_reissue(browser, token);
                ghost.give_second(browser, By::RecoveryCode);
                said("it is accepted")
            }
            Proven::Accepted(_) => {
                Err(Broken("a recovery code was taken for a security code".to_owned()))
            }
            Proven::Refused(why) => {
                must!(
                    !is_unused
                        || proving.by != ProofAsked::SecurityCode
                        || matches!(why, CodeRefused::Wait(_)),
                    "a good recovery code was refused: {why:?}"
                );
                said(format!("it is refused: {why:?}"))
            }
        }
    }

    async fn password_again(&self, ghost: &mut Ghost, browser: usize, right: bool) -> Played {
        let Some(who) = ghost.cookie(browser).map(|cookie| cookie.who) else {
            return said("there is no session");
        };
        let Some(proving) = self.proving(ghost, browser).await? else {
            return said("it is not asked for");
        };
        if proving.by != ProofAsked::Password {
            return said("a code is asked for");
        }
        let password = ghost.people[who].password;
        let typed = if browser == ATTACKERS && password != OF_THE_ATTACKER { 0 } else { password };
        let is_right = right && typed == password;
        let text = if right { PASSWORDS[usize::from(typed)] } else { "a wrong password" };
        match self.vestibule.give_password(&self.browsers[browser], &proving, text).await? {
            Proven::Accepted(token) => {
                must!(is_right, "a wrong password was accepted");
                ghost.replace_token(browser, token);
                ghost.give_password(browser);
                said("it is accepted")
            }
            Proven::AcceptedRecoveryCode(_) => {
                Err(Broken("a password was taken for a recovery code".to_owned()))
            }
            Proven::Refused(why) => {
                must!(
                    !is_right || matches!(why, CodeRefused::Wait(_)),
                    "the right password was refused: {why:?}"
                );
                said(format!("it is refused: {why:?}"))
            }
        }
    }

    async fn show_key(&self, ghost: &mut Ghost, browser: usize) -> Played {
        let Some(who) = self.enrolling(ghost, browser).await? else {
            return said("no key is shown");
        };
        let shown = self.vestibule.show_enrolment(&self.browsers[browser], &who).await?;
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

    async fn confirm_key(
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
            let typed = (0..).map(|n: u32| format!("{n:06}")).find(|typed| !is_right(typed));
            typed.unwrap_or_default()
        };
        let then = if for_switch { AfterEnrolment::TurnSwitchOn } else { AfterEnrolment::GoOn };
        let from = &self.browsers[browser];
        let is_alive = ghost.shown(&cookie).is_some();
        match self.vestibule.confirm_enrolment(from, &who, &typed, then).await? {
            Confirmed::Done { token, switch_turned_on } => {
                must!(right, "a wrong code confirmed a key");
                must!(is_alive, "a key was confirmed that is void");
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
                must!(!right || !is_alive, "the right code of a shown key was refused: {why:?}");
                said(format!("it is refused: {why:?}"))
            }
            Confirmed::Over => {
                must!(!is_alive, "a key that can be confirmed was not");
                said("the key is void")
            }
        }
    }

    /// The identifier of the app that was just confirmed.
    async fn newest_app(
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
    async fn read_codes(
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
            codes: shown.codes.iter().take(2).map(|code| code.to_string()).collect(),
            used: [false; 2],
            kept: false,
            are_attackers: browser == ATTACKERS,
        });
        Ok(())
    }

    async fn remove_app(&self, ghost: &mut Ghost, browser: usize, app: usize) -> Played {
        let Some(who) = self.asked::<Fresh<SignedIn>>(ghost, browser).await? else {
            return said("a fresh proof is asked for");
        };
        let Some(user) = ghost.cookie(browser).map(|cookie| cookie.who) else {
            return said("no session");
        };
        let id = ghost.people[user].apps[app].id;
        let is_last = ghost.people[user].apps.len() == 1;
        match self.vestibule.remove_factor(&self.browsers[browser], &who, id).await? {
            FactorRemoval::Done(token) => {
                must!(!(ghost.required && is_last), "somebody opted out while MFA is required");
                ghost.bump_and_reissue(browser, token);
                ghost.people[user].apps.remove(app);
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
                Err(Broken("an app was not removed although nobody came between".to_owned()))
            }
        }
    }

    async fn switch(&self, ghost: &mut Ghost, browser: usize, on: bool) -> Played {
        let Some(who) = self.asked::<Fresh<Admin>>(ghost, browser).await? else {
            return said("a fresh proof of an Admin is asked for");
        };
        let user = ghost.cookie(browser).map_or(0, |cookie| cookie.who);
        let policy = Policy::from_required(on);
        match self.vestibule.set_policy(&self.browsers[browser], &who, policy).await? {
            PolicySet::Done => {
                must!(
                    !on || !ghost.people[user].apps.is_empty(),
                    "an Admin without a factor turned the switch on"
                );
                ghost.required = on;
                said("so it is")
            }
            PolicySet::NeedsFactor => {
                must!(on && ghost.people[user].apps.is_empty(), "the switch was refused");
                said("a factor is needed first")
            }
            PolicySet::NotAdmin => Err(Broken("an Admin is said to be none".to_owned())),
        }
    }

    async fn change_password(&self, ghost: &mut Ghost, browser: usize) -> Played {
        let Some(who) = self.asked::<Fresh<SignedIn>>(ghost, browser).await? else {
            return said("a fresh proof is asked for");
        };
        let user = ghost.cookie(browser).map_or(0, |cookie| cookie.who);
        let next = ghost.next_password(browser, user);
        let text = PASSWORDS[usize::from(next)];
        match self.vestibule.change_password(&self.browsers[browser], &who, text).await? {
            PasswordChange::Done(token) => {
                ghost.bump_and_reissue(browser, token);
                ghost.people[user].password = next;
                ghost.people[user].budget = 0;
                ghost.give_password(browser);
                said("it is changed")
            }
            PasswordChange::Refused(why) => {
                must!(next == ghost.people[user].password, "a good password was refused: {why:?}");
                said(format!("it is refused: {why:?}"))
            }
            PasswordChange::SessionOver => {
                Err(Broken("a password was not changed although nobody came between".to_owned()))
            }
        }
    }

    async fn sign_out(&self, ghost: &mut Ghost, browser: usize) -> Played {
        let current = self.current(ghost, browser).await?;
        if let Some(current) = &current {
            self.vestibule.sign_out(&self.browsers[browser], current).await?;
        }
        ghost.end_session(browser);
        said("it is over")
    }

    async fn sign_out_others(&self, ghost: &mut Ghost, browser: usize) -> Played {
        let Some(who) = self.asked::<Fresh<SignedIn>>(ghost, browser).await? else {
            return said("a fresh proof is asked for");
        };
        match self.vestibule.end_other_sessions(&self.browsers[browser], &who).await? {
            Reissued::Done(token) => {
                ghost.bump_and_reissue(browser, token);
                said("they are over")
            }
            Reissued::SessionOver => {
                Err(Broken("others were not ended although nobody came between".to_owned()))
            }
        }
    }

    async fn new_codes(&self, ghost: &mut Ghost, browser: usize) -> Played {
        let Some(who) = self.asked::<Fresh<SignedIn>>(ghost, browser).await? else {
            return said("a fresh proof is asked for");
        };
        let user = ghost.cookie(browser).map_or(0, |cookie| cookie.who);
        match self.vestibule.make_recovery_codes(&self.browsers[browser], &who).await? {
            Reissued::Done(token) => {
                ghost.bump_and_reissue(browser, token);
                self.read_codes(ghost, browser, user).await?;
                said("there are new ones")
            }
            Reissued::SessionOver => {
                must!(ghost.people[user].apps.is_empty(), "no new codes for who has an app");
                said("there is nothing that they could stand in for")
            }
        }
    }

    async fn keep_codes(&self, ghost: &mut Ghost, browser: usize) -> Played {
        let user = ghost.cookie(browser).map_or(0, |cookie| cookie.who);
        let Some(fresh) = self.asked::<Fresh<SignedIn>>(ghost, browser).await? else {
            return said("a fresh proof is asked for");
        };
        let Some(shown) = self.vestibule.unkept_recovery_codes(&fresh).await? else {
            return Err(Broken("codes that are not kept are not shown".to_owned()));
        };
        // What is used is struck out.
        if let Some(codes) = &ghost.people[user].codes {
            for (code, used) in codes.codes.iter().zip(codes.used) {
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

    async fn act_upon(&self, ghost: &mut Ghost, browser: usize, user: usize, act: Upon) -> Played {
        let Some(who) = self.asked::<Fresh<Admin>>(ghost, browser).await? else {
            return said("a fresh proof of an Admin is asked for");
        };
        let (from, target) = (&self.browsers[browser], self.users[user]);
        if act == Upon::MakePasswordLink {
            let made = self.vestibule.make_password_link(from, &who, target).await?;
            let Some(made) = made else {
                return Err(Broken("no password link for an active user".to_owned()));
            };
            put_link(ghost, user, OF_AN_ADMIN, made.token, made.expires, false);
            return said("it is made");
        }
        let change = match act {
            Upon::Reset => UserAct::ResetFactors,
            Upon::Disable => UserAct::Disable,
            Upon::Enable => UserAct::Enable,
            Upon::MakeAdmin => UserAct::SetRole(Role::Admin),
            Upon::MakeMember | Upon::MakePasswordLink => UserAct::SetRole(Role::Member),
        };
        let is_oneself = ghost.cookie(browser).is_some_and(|cookie| cookie.who == user);
        match self.vestibule.change_user(from, &who, target, change).await? {
            UserChanged::Done => {
                let person = &mut ghost.people[user];
                match act {
                    Upon::Reset => {
                        must!(!is_oneself, "somebody reset their own factors");
                        person.epoch += 1;
                        person.apps.clear();
                        person.codes = None;
                    }
                    Upon::Disable => {
                        person.epoch += 1;
                        person.is_active = false;
                    }
                    Upon::Enable => person.is_active = true,
                    Upon::MakeAdmin => person.is_admin = true,
                    Upon::MakeMember => person.is_admin = false,
                    Upon::MakePasswordLink => {}
                }
                said("done")
            }
            UserChanged::LastAdmin => {
                must!(
                    !ghost.is_able_admin(1 - user),
                    "an act was refused for the last Admin, and there is another"
                );
                said("the last Admin is kept")
            }
            UserChanged::Oneself => {
                must!(is_oneself, "another is taken for oneself");
                said("nobody resets their own factors")
            }
            why @ (UserChanged::NotAdmin | UserChanged::NotFound) => {
                Err(Broken(format!("an act was refused although nobody came between: {why:?}")))
            }
        }
    }

    async fn recover(&self, ghost: &mut Ghost, user: usize, keeps_password: bool) -> Played {
        let recovers = if keeps_password { Recovers::Factors } else { Recovers::Everything };
        match self.vestibule.make_recover_link(&self.emails[user], recovers).await? {
            Recover::Made(made) => {
                must!(ghost.people[user].is_active, "a recover link for a disabled user");
                put_link(ghost, user, OF_THE_HOST, made.token, made.expires, keeps_password);
                said("it is made")
            }
            Recover::Disabled => {
                must!(!ghost.people[user].is_active, "no recover link for an active user");
                said("the user is disabled")
            }
            Recover::Unknown | Recover::NoPassword => {
                Err(Broken("no recover link for a user with a password".to_owned()))
            }
        }
    }

    async fn forgot(&self, ghost: &mut Ghost, user: usize) -> Played {
        let email = self.emails[user].as_str();
        let heard = self.vestibule.forgot_password(&self.browsers[user], email).await?;
        // The courier sends all that waits.
        loop {
            match self.vestibule.next_mail().await? {
                NextMail::None => return said(format!("{heard:?}, and no link comes")),
                NextMail::Skipped => {}
                NextMail::Mail(mail) => {
                    if let Letter::NewPassword(token) = &mail.letter {
                        must!(ghost.people[user].is_active, "a link was mailed to who is disabled");
                        let until = Timestamp::from_millis(ghost.now)
                            .plus(LinkPurpose::Forgotten.lifetime());
                        put_link(ghost, user, BY_MAIL, token.clone(), until, false);
                        self.vestibule.mail_sent(&mail).await?;
                        return said("a link comes");
                    }
                    self.vestibule.mail_sent(&mail).await?;
                }
            }
        }
    }

    async fn take_link(&self, ghost: &mut Ghost, user: usize, kind: usize) -> Played {
        let Some(link) = ghost.people[user].links[kind].clone() else { return said("no link") };
        let next = ghost.next_password(user, user);
        let current = ghost.people[user].password;
        let typed = PASSWORDS[usize::from(if link.keeps_password { current } else { next })];
        let from = &self.browsers[user];
        let begun = match kind {
            OF_THE_HOST => {
                let before = self.current(ghost, user).await?;
                match self.vestibule.use_recover_link(from, &link.token, typed).await? {
                    Ok(Recovered::Begun(token)) => {
                        // As the page does: the session before it ends.
                        if let Some(before) = before {
                            self.vestibule.sign_out(from, &before).await?;
                        }
                        Some(Some(token))
                    }
                    Ok(Recovered::PasswordSet) => Some(None),
                    Err(_) => None,
                }
            }
            OF_AN_ADMIN => {
                let used = self.vestibule.use_password_link(from, &link.token, typed).await?;
                used.is_ok().then_some(None)
            }
            _ => {
                let used = self.vestibule.use_forgotten_link(from, &link.token, typed).await?;
                used.is_ok().then_some(None)
            }
        };
        let is_alive = ghost.is_alive(&link, user);
        let Some(begun) = begun else {
            must!(!is_alive || link.keeps_password, "a good link was refused");
            return said("it is refused");
        };
        must!(!link.taken, "a link was taken twice");
        must!(is_alive, "a void link was taken");
        if let Some(link) = &mut ghost.people[user].links[kind] {
            link.taken = true;
        }
        ghost.people[user].epoch += 1;
        if !link.keeps_password {
            ghost.people[user].password = next;
            if kind != BY_MAIL {
                ghost.people[user].budget = 0;
            }
        }
        match begun {
            Some(token) => {
                ghost.begin_session(user, user, token, true);
                said("a session begins that may enrol anew")
            }
            None => said("the password is changed"),
        }
    }
}

fn put_link(
    ghost: &mut Ghost,
    user: usize,
    kind: usize,
    token: Token,
    until: Timestamp,
    keeps_password: bool,
) {
    let epoch = ghost.people[user].epoch;
    let new = Link { token, epoch, until: until.millis(), taken: false, keeps_password };
    let person = &mut ghost.people[user];
    if let Some(old) = person.links[kind].replace(new) {
        // One that was mailed does not void the one before.
        if kind != BY_MAIL {
            person.dead_links = vec![(kind, old.token)];
        }
    }
}

pub(super) fn granted<A>(decision: Decision<A>) -> Option<A> {
    match decision {
        Decision::Granted(authority) => Some(authority),
        Decision::Needs(_) | Decision::Refused(_) => None,
    }
}

/// The code that an app shows in a step.
pub(super) fn code_of(secret: &TotpSecret, step: i64) -> String {
    secret.code_at(Timestamp::from_millis(step * STEP)).to_string()
}

/// The steps whose code is good now, if it is not spent.
fn near(ghost: &Ghost) -> impl Iterator<Item = i64> {
    let here = ghost.step();
    here - 1..=here + 1
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
