//! What Admins do: the switch, and acts upon users.

use vestibule_domain::policy::Policy;
use vestibule_domain::user::Role;
use vestibule_flows::authority::{Admin, Fresh};
use vestibule_flows::policy::PolicySet;
use vestibule_flows::users::{UserAct, UserChanged};

use super::super::actions::{OF_AN_ADMIN, Upon};
use super::super::ghost::Ghost;
use super::super::stage::Stage;
use super::links::put_link;
use super::{Played, must, said};

impl Stage {
    pub(super) async fn switch(&self, ghost: &mut Ghost, browser: usize, on: bool) -> Played {
        let user = ghost.cookie(browser).map_or(0, |cookie| cookie.who);
        let Some(who) = self.asked::<Fresh<Admin>>(ghost, browser).await? else {
            return said("a fresh proof of an Admin is asked for");
        };
        let policy = Policy::from_required(on);
        match self.vestibule.set_policy(&self.browsers[browser], &who, policy).await? {
            PolicySet::Done => {
                must!(self.is_still_admin(ghost, user), "who is no Admin set the switch");
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
            PolicySet::NotAdmin => {
                must!(self.is_raced(), "an Admin is said to be none");
                said("it is over")
            }
        }
    }

    pub(super) async fn act_upon(
        &self,
        ghost: &mut Ghost,
        browser: usize,
        user: usize,
        act: Upon,
    ) -> Played {
        let actor = ghost.cookie(browser).map_or(0, |cookie| cookie.who);
        let Some(who) = self.asked::<Fresh<Admin>>(ghost, browser).await? else {
            return said("a fresh proof of an Admin is asked for");
        };
        let is_admin = self.is_still_admin(ghost, actor);
        let (from, target) = (&self.browsers[browser], self.users[user]);
        if act == Upon::MakePasswordLink {
            let made = self.vestibule.make_password_link(from, &who, target).await?;
            let Some(made) = made else {
                must!(self.is_raced(), "no password link for an active user");
                return said("it is over");
            };
            must!(is_admin, "who is no Admin any more made a link");
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
        let is_oneself = actor == user;
        match self.vestibule.change_user(from, &who, target, change).await? {
            UserChanged::Done => {
                must!(is_admin, "who is no Admin any more acted upon a user");
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
                must!(self.is_raced(), "an act was refused although nobody came between: {why:?}");
                said("it is over")
            }
        }
    }
}
