//! The ghost: what the explorer knows from what it did itself, and what the design says must follow.
//!
//! It is an oracle of its own: it never asks `access` nor reads what the flows decided. Times are
//! milliseconds; epochs are counted here from the acts that the design says raise them.

use vestibule_domain::id::FactorId;
use vestibule_domain::token::Token;
use vestibule_domain::totp::TotpSecret;

use super::actions::ATTACKERS;

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
/// A time step of a security code.
pub(super) const STEP: i64 = 30 * SECOND;
const FRESH_FOR: i64 = 5 * MINUTE;
const KEY_SHOWN_FOR: i64 = 15 * MINUTE;
/// Attempts at security codes in the budget of a user.
pub(super) const BUDGET: i64 = 100;

#[derive(Clone)]
pub(super) struct Ghost {
    pub(super) now: i64,
    /// How often the clock was set back.
    pub(super) set_back: u8,
    /// How many wrong passwords were given.
    pub(super) mistakes: u8,
    /// How often randomness was drawn.
    pub(super) draws: u64,
    /// How many sessions have begun.
    pub(super) sessions: u64,
    /// The switch.
    pub(super) required: bool,
    /// Whose password the attacker knows.
    pub(super) victim: usize,
    pub(super) people: [Person; 2],
    pub(super) browsers: [Browser; 3],
}

#[derive(Clone)]
pub(super) struct Person {
    pub(super) is_admin: bool,
    pub(super) is_active: bool,
    pub(super) epoch: u32,
    /// Which of the passwords.
    pub(super) password: u8,
    pub(super) apps: Vec<App>,
    pub(super) codes: Option<Codes>,
    /// Attempts in the budget.
    pub(super) budget: i64,
    /// Attempts since the latest proof of this user, and when the latest was counted.
    pub(super) tries: (u32, i64),
    /// The latest link of each kind.
    pub(super) links: [Option<Link>; 3],
    /// One that another took the place of, or that was taken.
    pub(super) dead_links: Vec<(usize, Token)>,
}

/// An app that was enrolled.
#[derive(Clone)]
pub(super) struct App {
    pub(super) id: FactorId,
    pub(super) secret: TotpSecret,
    /// The steps whose code was accepted.
    pub(super) spent: Vec<i64>,
    /// Whether the attacker enrolled it: then its owner has no such phone.
    pub(super) is_attackers: bool,
}

/// The first two recovery codes of a set.
#[derive(Clone)]
pub(super) struct Codes {
    pub(super) texts: Vec<String>,
    pub(super) used: [bool; 2],
    pub(super) kept: bool,
    pub(super) are_attackers: bool,
}

#[derive(Clone)]
pub(super) struct Link {
    pub(super) token: Token,
    pub(super) epoch: u32,
    pub(super) until: i64,
    pub(super) taken: bool,
    /// One of `vestibule recover` that leaves the password.
    pub(super) keeps_password: bool,
}

#[derive(Clone, Default)]
pub(super) struct Browser {
    pub(super) cookie: Option<Cookie>,
    /// Cookies that it had and that must open nothing.
    pub(super) dead: Vec<Token>,
}

/// A session, as the one who has its cookie knows it.
#[derive(Clone)]
pub(super) struct Cookie {
    /// Which session: the same under every token that replaces this one.
    pub(super) session: u64,
    pub(super) token: Token,
    pub(super) who: usize,
    pub(super) created: i64,
    pub(super) seen: i64,
    pub(super) password: Given,
    pub(super) second: Option<(By, Given)>,
    pub(super) recovering: bool,
    pub(super) shown: Option<Shown>,
    /// Attempts of its own in the budget.
    pub(super) attempts: i64,
}

/// A proof: when it was given, and under which epoch.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Given {
    pub(super) at: i64,
    pub(super) epoch: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    App(FactorId),
    RecoveryCode,
}

/// A key that is shown and not confirmed.
#[derive(Clone)]
pub(super) struct Shown {
    pub(super) secret: TotpSecret,
    pub(super) epoch: u32,
    pub(super) until: i64,
}

/// What a session may have, by the design.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "a row of a matrix of yes and no")]
pub(super) struct May {
    pub(super) enter: bool,
    pub(super) act: bool,
    pub(super) administer: bool,
    pub(super) act_as_admin: bool,
    pub(super) give_code: bool,
    pub(super) give_password: bool,
    pub(super) enrol: bool,
}

impl Ghost {
    pub(super) fn new(now: i64, victim: usize, draws: u64) -> Self {
        let person = |is_admin| Person {
            is_admin,
            is_active: true,
            epoch: 1,
            password: 0,
            apps: vec![],
            codes: None,
            budget: 0,
            tries: (0, 0),
            links: [const { None }; 3],
            dead_links: vec![],
        };
        Self {
            now,
            set_back: 0,
            mistakes: 0,
            draws,
            sessions: 0,
            required: false,
            victim,
            people: [person(true), person(false)],
            browsers: Default::default(),
        }
    }

    pub(super) fn cookie(&self, browser: usize) -> Option<&Cookie> {
        self.browsers[browser].cookie.as_ref()
    }

    /// Design, sections 3 and 4: what this browser's session opens now.
    pub(super) fn may(&self, browser: usize) -> May {
        let Some(cookie) = self.cookie(browser) else { return May::default() };
        let person = &self.people[cookie.who];
        let counts = |given: Given| given.epoch == person.epoch;
        if !person.is_active || self.is_over(cookie) || !counts(cookie.password) {
            return May::default();
        }
        let has_app = !person.apps.is_empty();
        let second =
            cookie.second.map(|(_, given)| given).filter(|given| has_app && counts(*given));
        let enter = if has_app { second.is_some() } else { !self.required };
        let act = enter && self.is_fresh(second.unwrap_or(cookie.password));
        let may_see_key = self.is_fresh(cookie.password) || self.shown(cookie).is_some();
        let is_shown = self.shown(cookie).is_some();
        let outside = !enter && (!has_app || cookie.recovering);
        May {
            enter,
            act,
            administer: enter && person.is_admin,
            act_as_admin: act && person.is_admin,
            give_code: has_app && (enter || !cookie.recovering),
            give_password: (enter && !has_app) || (outside && !may_see_key),
            enrol: (enter && (act || is_shown)) || (outside && may_see_key),
        }
    }

    fn is_over(&self, cookie: &Cookie) -> bool {
        self.now >= cookie.created + 24 * HOUR
            || self.now >= cookie.seen + HOUR
            || cookie.created > self.now + MINUTE
            || cookie.seen > self.now + MINUTE
    }

    fn is_fresh(&self, given: Given) -> bool {
        (0..=FRESH_FOR).contains(&(self.now - given.at))
    }

    /// The key that is shown to this session and can still be confirmed.
    pub(super) fn shown<'a>(&self, cookie: &'a Cookie) -> Option<&'a Shown> {
        let epoch = self.people[cookie.who].epoch;
        cookie.shown.as_ref().filter(|shown| shown.epoch == epoch && shown.until > self.now)
    }

    pub(super) fn is_alive(&self, link: &Link, user: usize) -> bool {
        !link.taken && link.epoch == self.people[user].epoch && link.until > self.now
    }

    /// Whether a link waits to be taken: one at a time is enough to see what each of them does.
    pub(super) fn is_link_out(&self) -> bool {
        let links = |user: usize| self.people[user].links.iter().flatten();
        [0, 1].into_iter().any(|user| links(user).any(|link| self.is_alive(link, user)))
    }

    /// Rule 5: active and, while MFA is required, with a factor.
    pub(super) fn is_able_admin(&self, user: usize) -> bool {
        let person = &self.people[user];
        person.is_admin && person.is_active && (!self.required || !person.apps.is_empty())
    }

    pub(super) fn step(&self) -> i64 {
        self.now.div_euclid(STEP)
    }

    // What acts do.

    /// A request of this session, noted to the minute.
    pub(super) fn note_request(&mut self, browser: usize) {
        let now = self.now;
        let is_over = self.cookie(browser).is_some_and(|cookie| self.is_over(cookie));
        if let Some(cookie) = &mut self.browsers[browser].cookie
            && !is_over
            && now - cookie.seen >= MINUTE
        {
            cookie.seen = now;
        }
    }

    pub(super) fn begin_session(
        &mut self,
        browser: usize,
        who: usize,
        token: Token,
        recovering: bool,
    ) {
        let given = Given { at: self.now, epoch: self.people[who].epoch };
        self.end_session(browser);
        if self.people[who].apps.is_empty() {
            self.people[who].tries = (0, 0);
        }
        self.sessions += 1;
        self.browsers[browser].cookie = Some(Cookie {
            session: self.sessions,
            token,
            who,
            created: self.now,
            seen: self.now,
            password: given,
            second: None,
            recovering,
            shown: None,
            attempts: 0,
        });
    }

    pub(super) fn end_session(&mut self, browser: usize) {
        if let Some(cookie) = self.browsers[browser].cookie.take() {
            self.bury(browser, cookie.token);
        }
    }

    fn bury(&mut self, browser: usize, token: Token) {
        self.browsers[browser].dead = vec![token];
    }

    /// The session goes on under a new token.
    pub(super) fn replace_token(&mut self, browser: usize, token: Token) {
        if let Some(cookie) = &mut self.browsers[browser].cookie {
            let old = std::mem::replace(&mut cookie.token, token);
            self.bury(browser, old);
        }
    }

    /// Ends everything that was issued to the user of this session but the session itself, which
    /// keeps the proofs that count.
    pub(super) fn bump_and_reissue(&mut self, browser: usize, token: Token) {
        self.replace_token(browser, token);
        let Some(cookie) = &mut self.browsers[browser].cookie else { return };
        let old = self.people[cookie.who].epoch;
        self.people[cookie.who].epoch += 1;
        cookie.password.epoch = old + 1;
        if let Some((_, given)) = &mut cookie.second
            && given.epoch == old
        {
            given.epoch = old + 1;
        }
        cookie.attempts = 0;
        cookie.recovering = false;
    }

    pub(super) fn give_second(&mut self, browser: usize, by: By) {
        let now = self.now;
        if let Some(cookie) = &mut self.browsers[browser].cookie {
            let epoch = self.people[cookie.who].epoch;
            self.people[cookie.who].tries = (0, 0);
            cookie.second = Some((by, Given { at: now, epoch }));
            cookie.seen = now;
            cookie.attempts = 0;
        }
    }

    pub(super) fn give_password(&mut self, browser: usize) {
        let now = self.now;
        if let Some(cookie) = &mut self.browsers[browser].cookie {
            cookie.password = Given { at: now, epoch: self.people[cookie.who].epoch };
            cookie.seen = now;
        }
    }

    /// Counts an attempt at a security code, which costs one for each app.
    pub(super) fn count_attempt(&mut self, browser: usize) {
        if let Some(cookie) = &mut self.browsers[browser].cookie {
            let person = &mut self.people[cookie.who];
            let cost = i64::try_from(person.apps.len()).unwrap_or(1).max(1);
            person.budget += cost;
            person.tries = (person.tries.0 + 1, self.now);
            cookie.attempts += cost;
        }
    }

    /// An accepted code refunds the attempts of that same session and no other.
    pub(super) fn refund(&mut self, browser: usize) {
        if let Some(cookie) = &mut self.browsers[browser].cookie {
            let person = &mut self.people[cookie.who];
            person.budget -= cookie.attempts.min(person.budget);
            cookie.attempts = 0;
        }
    }

    /// Which password the user of this browser would choose next.
    pub(super) fn next_password(&self, browser: usize, user: usize) -> u8 {
        if browser == ATTACKERS { 3 } else { (self.people[user].password + 1) % 3 }
    }

    /// Whether the next attempt at a code of this user has to wait: five are free, then it is five
    /// seconds and twice as long each time, up to a quarter of an hour.
    pub(super) fn must_wait(&self, user: usize) -> bool {
        let (tries, latest) = self.people[user].tries;
        let Some(doublings) = tries.checked_sub(5) else { return false };
        let wait = ((5 * SECOND) << doublings.min(10)).min(15 * MINUTE);
        (0..wait).contains(&(self.now - latest))
    }

    pub(super) fn cost(&self, user: usize) -> i64 {
        i64::try_from(self.people[user].apps.len()).unwrap_or(1).max(1)
    }

    pub(super) fn key_until(&self) -> i64 {
        self.now + KEY_SHOWN_FOR
    }
}
