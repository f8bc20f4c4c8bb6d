//! Links: of an Admin, of the host, by mail.

use vestibule_domain::link::{LinkPurpose, Recovers};
use vestibule_domain::time::Timestamp;
use vestibule_domain::token::Token;
use vestibule_flows::outbox::{Letter, NextMail};
use vestibule_flows::recover::{Recover, Recovered};

use super::super::actions::{BY_MAIL, OF_AN_ADMIN, OF_THE_HOST};
use super::super::ghost::{Ghost, Link};
use super::super::stage::{PASSWORDS, Stage};
use super::{Broken, Played, must, said};

impl Stage {
    pub(super) async fn recover(
        &self,
        ghost: &mut Ghost,
        user: usize,
        keeps_password: bool,
    ) -> Played {
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

    pub(super) async fn forgot(&self, ghost: &mut Ghost, user: usize) -> Played {
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

    pub(super) async fn take_link(&self, ghost: &mut Ghost, user: usize, kind: usize) -> Played {
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
        ghost.people[user].tries = (0, 0);
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

pub(super) fn put_link(
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
