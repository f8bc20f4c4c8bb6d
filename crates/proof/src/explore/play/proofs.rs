//! Giving proofs: the password, a security code, a recovery code.

use vestibule_flows::authority::ProofAsked;
use vestibule_flows::security_code::{CodeRefused, Proven};
use vestibule_flows::sign_in::SignIn;

use super::super::actions::ATTACKERS;
use super::super::ghost::{BUDGET, By, Ghost};
use super::super::stage::{OF_THE_ATTACKER, PASSWORDS, Stage};
use super::{Broken, Played, code_of, must, near, said};

impl Stage {
    pub(super) async fn sign_in(
        &self,
        ghost: &mut Ghost,
        browser: usize,
        user: usize,
        right: bool,
    ) -> Played {
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
                ghost.mistakes += 1;
                must!(!is_right, "the right password of an active user was refused");
                said("it is refused")
            }
            SignIn::Wait(left) => {
                // Five are free in each lane, and all lanes together have not seen so many.
                must!(ghost.mistakes >= 5, "somebody has to wait for what others did");
                said(format!("there is a wait of {} s", left.as_secs()))
            }
        }
    }

    pub(super) async fn code(
        &self,
        ghost: &mut Ghost,
        browser: usize,
        app: usize,
        step: i64,
    ) -> Played {
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
        let now = ghost.people[who].apps.iter().find(|app| app.id == given.id);
        let is_unspent = now.is_some_and(|app| !app.spent.contains(&step));
        let is_known = proving.by == ProofAsked::SecurityCode;
        match self.vestibule.give_code(from, &proving, &typed).await? {
            Proven::Accepted(token) => {
                must!(is_known, "a code was accepted where the password is asked for");
                must!(is_unspent, "a code was accepted twice");
                must!(!ghost.must_wait(who), "a code was accepted that had to wait");
                must!(self.stands(ghost, browser), "a code was accepted for what had ended");
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
                refused_code(ghost, (browser, who), why)?;
                let is_good = is_unspent && is_known;
                must!(
                    !is_good
                        || self.is_raced()
                        || matches!(why, CodeRefused::BudgetSpent | CodeRefused::Wait(_)),
                    "a good code was refused: {why:?}"
                );
                said(format!("it is refused: {why:?}"))
            }
        }
    }

    pub(super) async fn wrong_code(&self, ghost: &mut Ghost, browser: usize) -> Played {
        let Some(who) = ghost.cookie(browser).map(|cookie| cookie.who) else {
            return said("there is no session");
        };
        let is_right = |typed: &String| {
            let mut apps = ghost.people[who].apps.iter();
            apps.any(|app| near(ghost).any(|step| code_of(&app.secret, step) == *typed))
        };
        let typed = (0..100_u32).map(|n| format!("{n:06}")).find(|typed| !is_right(typed));
        let typed = typed.unwrap_or_default();
        let Some(proving) = self.proving(ghost, browser).await? else {
            return said("it is not asked for");
        };
        match self.vestibule.give_code(&self.browsers[browser], &proving, &typed).await? {
            Proven::Refused(why) => {
                refused_code(ghost, (browser, who), why)?;
                said(format!("it is refused: {why:?}"))
            }
            _ => Err(Broken("a wrong code was accepted".to_owned())),
        }
    }

    pub(super) async fn recovery_code(
        &self,
        ghost: &mut Ghost,
        browser: usize,
        code: usize,
    ) -> Played {
        let Some(who) = ghost.cookie(browser).map(|cookie| cookie.who) else {
            return said("there is no session");
        };
        let Some(codes) = ghost.people[who].codes.clone() else {
            return said("there are none");
        };
        let Some(proving) = self.proving(ghost, browser).await? else {
            return said("it is not asked for");
        };
        let now = ghost.people[who].codes.as_ref();
        let is_unused =
            now.is_some_and(|now| now.texts[code] == codes.texts[code] && !now.used[code]);
        let from = &self.browsers[browser];
        match self.vestibule.give_code(from, &proving, &codes.texts[code]).await? {
            Proven::AcceptedRecoveryCode(token) => {
                must!(is_unused, "a recovery code was accepted twice, or after its set was void");
                must!(self.stands(ghost, browser), "a code was accepted for what had ended");
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
                        || self.is_raced()
                        || proving.by != ProofAsked::SecurityCode
                        || matches!(why, CodeRefused::Wait(_)),
                    "a good recovery code was refused: {why:?}"
                );
                said(format!("it is refused: {why:?}"))
            }
        }
    }

    pub(super) async fn password_again(
        &self,
        ghost: &mut Ghost,
        browser: usize,
        right: bool,
    ) -> Played {
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
                must!(self.stands(ghost, browser), "a proof was accepted for what had ended");
                ghost.replace_token(browser, token);
                ghost.give_password(browser);
                said("it is accepted")
            }
            Proven::AcceptedRecoveryCode(_) => {
                Err(Broken("a password was taken for a recovery code".to_owned()))
            }
            Proven::Refused(why) => {
                ghost.mistakes += u8::from(!right && why == CodeRefused::WrongPassword);
                must!(
                    !is_right || self.is_raced() || matches!(why, CodeRefused::Wait(_)),
                    "the right password was refused: {why:?}"
                );
                said(format!("it is refused: {why:?}"))
            }
        }
    }
}

/// A refused security code is counted, unless it was not compared.
fn refused_code(
    ghost: &mut Ghost,
    (browser, who): (usize, usize),
    why: CodeRefused,
) -> Result<(), Broken> {
    let is_spent = ghost.people[who].budget + ghost.cost(who) > BUDGET;
    match why {
        CodeRefused::Wait(_) | CodeRefused::SessionOver | CodeRefused::NotACode => {}
        CodeRefused::BudgetSpent => {
            must!(is_spent, "the budget is said to be spent, and is not");
        }
        _ => {
            must!(!is_spent, "a code was compared although the budget is spent");
            must!(!ghost.must_wait(who), "a code was compared that had to wait");
            ghost.count_attempt(browser);
        }
    }
    Ok(())
}
