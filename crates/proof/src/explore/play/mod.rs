//! Doing an action as the pages do it, and holding what came of it against the ghost.
//!
//! `Ok` says in words what happened; `Err` says what must not have.

mod admins;
mod enrolment;
mod links;
mod proofs;
mod settings;

use vestibule_domain::time::Timestamp;
use vestibule_domain::totp::TotpSecret;
use vestibule_flows::FlowError;
use vestibule_flows::authority::{Authority, Current, Decision, Enrolling, Proving};

use super::actions::{Action, Move};
use super::ghost::{Ghost, STEP};
use super::stage::{Stage, Stand};

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
            return Err($crate::explore::play::Broken(format!($($says)+)));
        }
    };
}
pub(super) use must;

#[expect(clippy::unnecessary_wraps, reason = "it is what a story ends with")]
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
    ) -> Result<Option<A>, Broken> {
        let Some(current) = self.current(ghost, browser).await? else { return Ok(None) };
        let who = granted(self.vestibule.authorise::<A>(&current));
        self.let_another_between(ghost, browser).await?;
        Ok(who)
    }

    async fn proving(&self, ghost: &mut Ghost, browser: usize) -> Result<Option<Proving>, Broken> {
        let Some(current) = self.current(ghost, browser).await? else { return Ok(None) };
        let who = granted(self.vestibule.authorise_proof(&current));
        self.let_another_between(ghost, browser).await?;
        Ok(who)
    }

    async fn enrolling(
        &self,
        ghost: &mut Ghost,
        browser: usize,
    ) -> Result<Option<Enrolling>, Broken> {
        let Some(current) = self.current(ghost, browser).await? else { return Ok(None) };
        let who = granted(self.vestibule.authorise_enrolment(&current));
        self.let_another_between(ghost, browser).await?;
        Ok(who)
    }

    /// Where another request comes between the authority and the act: it is played here, whole.
    async fn let_another_between(&self, ghost: &mut Ghost, browser: usize) -> Result<(), Broken> {
        let Some(another) = self.between.take() else { return Ok(()) };
        let stood = stand(ghost, browser);
        Box::pin(self.play(ghost, another)).await?;
        *self.stood.borrow_mut() = Some(stood);
        Ok(())
    }

    /// Whether another came between.
    fn is_raced(&self) -> bool {
        self.stood.borrow().is_some()
    }

    /// Whether what the act stands on is as it was: nobody came between, or changed neither the epoch
    /// nor the cookie.
    fn stands(&self, ghost: &Ghost, browser: usize) -> bool {
        let stood = self.stood.borrow();
        stood.as_ref().is_none_or(|stood| *stood == stand(ghost, browser))
    }

    /// Whether the session that the act stands on goes on, be it under another token.
    fn goes_on(&self, ghost: &Ghost, browser: usize) -> bool {
        let (stood, now) = (self.stood.borrow(), stand(ghost, browser));
        stood.as_ref().is_none_or(|stood| (stood.session, stood.epoch) == (now.session, now.epoch))
    }

    /// Whether who began an Admin's act is still the Admin who did.
    fn is_still_admin(&self, ghost: &Ghost, who: usize) -> bool {
        let (stood, person) = (self.stood.borrow(), &ghost.people[who]);
        stood
            .as_ref()
            .is_none_or(|stood| stood.epoch == person.epoch && person.is_admin && person.is_active)
    }

    /// Does an action, while another comes between its authority and its act.
    pub(super) async fn play_race(
        &self,
        ghost: &mut Ghost,
        action: Action,
        between: Action,
    ) -> Played {
        self.between.set(Some(between));
        let said = self.play(ghost, action).await;
        self.between.set(None);
        self.stood.take();
        said
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
}

/// What the acts of a browser stand on.
fn stand(ghost: &Ghost, browser: usize) -> Stand {
    ghost.cookie(browser).map_or_else(Stand::default, |cookie| Stand {
        token: cookie.token.expose(),
        session: cookie.session,
        epoch: ghost.people[cookie.who].epoch,
    })
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
