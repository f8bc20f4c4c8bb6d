//! Nobody is locked out: from a state, whoever should get in does, and who cannot is helped back.

use super::actions::{ADA, ATTACKERS, Action, BEN, Move, OF_AN_ADMIN, OF_THE_HOST, Upon};
use super::ghost::{BUDGET, Ghost};
use super::play::{Broken, must};
use super::stage::{OF_THE_ATTACKER, Stage, State};

/// Requests until the dashboard opens.
const REQUESTS: usize = 6;
const NAMES: [&str; 2] = ["Ada", "Ben"];

/// How a try to get in ended.
enum Try {
    In,
    /// Without what it takes: somebody has to help.
    NeedsHelp,
}

impl Stage {
    /// Tries, from this state, all ways in and back.
    pub(super) async fn ways_are_open(&mut self, state: &State) -> Result<(), Broken> {
        for user in [ADA, BEN] {
            self.put(state).await?;
            let mut ghost = state.ghost.clone();
            if let Try::NeedsHelp = self.get_in(&mut ghost, user).await? {
                self.be_helped_by_admin(state, user).await?;
            }
            self.put(state).await?;
            self.be_helped_by_host(&mut state.ghost.clone(), user).await?;
        }
        Ok(())
    }

    /// The owner, with what the owner has, the waits passed by the clock.
    async fn get_in(&self, ghost: &mut Ghost, user: usize) -> Result<Try, Broken> {
        let person = &ghost.people[user];
        if !person.is_active || person.password == OF_THE_ATTACKER {
            return Ok(Try::NeedsHelp);
        }
        self.play(ghost, Action::Clock(Move::PastWaits)).await?;
        let mut requests = vec![];
        let mut doing = async |ghost: &mut Ghost, action: Action| {
            let said = self.play(ghost, action).await?;
            requests.push(format!("{action}: {said}"));
            Ok::<_, Broken>(requests.clone())
        };
        let mut told = doing(ghost, Action::SignIn { browser: user, user, right: true }).await?;
        while !ghost.may(user).enter {
            let Some(next) = next_proof(ghost, user) else { return Ok(Try::NeedsHelp) };
            told = doing(ghost, next).await?;
            must!(
                told.len() <= REQUESTS,
                "{} has the password and a second proof and does not get in: {}",
                NAMES[user],
                told.join("; ")
            );
        }
        must!(
            self.opens(ghost, user).await?,
            "{} does not get in: {}",
            NAMES[user],
            told.join("; ")
        );
        Ok(Try::In)
    }

    /// Whether the dashboard opens, as the program says.
    async fn opens(&self, ghost: &mut Ghost, browser: usize) -> Result<bool, Broken> {
        use vestibule_flows::authority::SignedIn;
        let current = self.current(ghost, browser).await?;
        let opens = current.is_some_and(|current| {
            super::play::granted(self.vestibule.authorise::<SignedIn>(&current)).is_some()
        });
        Ok(opens)
    }

    /// An able Admin who gets in brings back whoever does not.
    async fn be_helped_by_admin(&mut self, state: &State, user: usize) -> Result<(), Broken> {
        let admin = 1 - user;
        if !state.ghost.is_able_admin(admin) {
            return Ok(());
        }
        self.put(state).await?;
        let mut ghost = state.ghost.clone();
        if let Try::NeedsHelp = self.get_in(&mut ghost, admin).await? {
            return Ok(());
        }
        let help = |ghost: &Ghost| {
            let person = &ghost.people[user];
            if !person.is_active {
                Some(Upon::Enable)
            } else if !person.apps.is_empty() {
                Some(Upon::Reset)
            } else if !person.links[OF_AN_ADMIN]
                .as_ref()
                .is_some_and(|link| ghost.is_alive(link, user))
            {
                Some(Upon::MakePasswordLink)
            } else {
                None
            }
        };
        while let Some(act) = help(&ghost) {
            let said = self.play(&mut ghost, Action::Act { browser: admin, user, act }).await?;
            must!(
                said == "done" || said == "it is made",
                "an able Admin cannot help {}: {said}",
                NAMES[user]
            );
        }
        self.play(&mut ghost, Action::TakeLink { user, link: OF_AN_ADMIN }).await?;
        let back = self.get_in(&mut ghost, user).await?;
        must!(
            matches!(back, Try::In),
            "{} was helped by an Admin and does not get in",
            NAMES[user]
        );
        Ok(())
    }

    /// A link of `vestibule recover` brings back everybody who is active.
    async fn be_helped_by_host(&self, ghost: &mut Ghost, user: usize) -> Result<(), Broken> {
        if !ghost.people[user].is_active {
            return Ok(());
        }
        self.play(ghost, Action::Clock(Move::PastWaits)).await?;
        let mut told = vec![];
        for action in [
            Action::Recover { user, keeps_password: false },
            Action::TakeLink { user, link: OF_THE_HOST },
            Action::ShowKey { browser: user },
            Action::ConfirmKey { browser: user, right: true, for_switch: false },
        ] {
            let is_link = matches!(action, Action::Recover { .. } | Action::TakeLink { .. });
            if ghost.may(user).enter && !is_link {
                break;
            }
            told.push(format!("{action}: {}", self.play(ghost, action).await?));
        }
        must!(
            self.opens(ghost, user).await?,
            "{} was helped by the host and does not get in: {}",
            NAMES[user],
            told.join("; ")
        );
        must!(
            ghost.cookie(ATTACKERS).is_none_or(|cookie| cookie.who != user)
                || !ghost.may(ATTACKERS).enter,
            "the attacker is still in after {} was helped",
            NAMES[user]
        );
        Ok(())
    }
}

/// What the owner does next to get in.
fn next_proof(ghost: &Ghost, user: usize) -> Option<Action> {
    let browser = user;
    let cookie = ghost.cookie(browser)?;
    let (may, person) = (ghost.may(browser), &ghost.people[user]);
    if may.give_code {
        let fits = person.budget + ghost.cost(user) <= BUDGET;
        let good = |step: i64| {
            person
                .apps
                .iter()
                .position(|app| !app.is_attackers && !app.spent.contains(&(ghost.step() + step)))
        };
        let code = [0, 1, -1].into_iter().find_map(|step| good(step).map(|app| (app, step)));
        if let Some((app, step)) = code.filter(|_| fits) {
            return Some(Action::Code { browser, app, step });
        }
        let codes = person.codes.as_ref().filter(|codes| !codes.are_attackers)?;
        let code = codes.used.iter().position(|used| !used)?;
        return Some(Action::RecoveryCode { browser, code });
    }
    if may.enrol {
        let is_shown = ghost.shown(cookie).is_some();
        return Some(if is_shown {
            Action::ConfirmKey { browser, right: true, for_switch: false }
        } else {
            Action::ShowKey { browser }
        });
    }
    may.give_password.then_some(Action::PasswordAgain { browser, right: true })
}
