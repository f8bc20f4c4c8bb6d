//! People at work while something breaks, and what they were told: whoever was answered may rely on
//! it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;
use vestibule_testkit::{Client, Program};

use crate::asking::{Asker, Given};
use crate::draws::Draws;
use crate::installation::{Installation, Person};

/// People at work at a time, besides the Admin at the switch.
const AT_WORK: usize = 6;

/// How far an act came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Nobody asked for it.
    NotAsked,
    /// It was asked for, and there was no answer: it may have happened.
    Unanswered,
    /// It was answered as done.
    Done,
}

/// What somebody did in a round, and what they were told.
pub struct Deeds {
    /// Whose.
    pub person: usize,
    /// Their browser.
    pub browser: Client,
    /// The code that they gave at last, and whether it opened the door.
    pub code: String,
    /// Whether the door opened.
    pub signed_in: Act,
    /// Wrong codes that were answered as wrong.
    pub wrong: i64,
    /// Another name for themselves.
    pub name: String,
    /// Whether it was kept.
    pub renamed: Act,
    /// Whether they left.
    pub signed_out: Act,
}

/// What the switch was set to.
#[derive(Clone, Copy, Default)]
pub struct Switch {
    /// What was answered as set, and what was asked for after it without an answer.
    pub done: Option<bool>,
    /// What may be so as well.
    pub unanswered: Option<bool>,
}

/// Everybody, and whose turn it is.
pub struct Crowd {
    /// Where they live.
    pub place: Arc<Installation>,
    /// How they ask.
    pub asker: Asker,
    /// What the Admin did.
    pub switch: Mutex<Switch>,
    waiting: Mutex<VecDeque<usize>>,
    stop: AtomicBool,
    turns: AtomicU64,
    networks: AtomicU64,
}

impl Crowd {
    /// Everybody of an installation.
    pub fn of(place: Arc<Installation>) -> Arc<Self> {
        let waiting = (1..place.people.len()).collect();
        Arc::new(Self {
            place,
            asker: Asker::default(),
            switch: Mutex::default(),
            waiting: Mutex::new(waiting),
            stop: AtomicBool::new(false),
            turns: AtomicU64::new(0),
            networks: AtomicU64::new(0),
        })
    }

    /// A browser in a network that nobody was in before, as far as that goes.
    pub fn browser(&self, program: &Program) -> Client {
        let number = self.networks.fetch_add(1, Ordering::Relaxed);
        Installation::browser(program, usize::try_from(number).unwrap())
    }

    /// People who are done with may come again.
    pub fn back(&self, person: usize) {
        self.waiting.lock().unwrap().push_back(person);
    }

    /// Sends everybody to work; `Work::end` brings them home.
    pub fn work(self: &Arc<Self>, program: &Arc<Program>, seed: u64) -> Work {
        self.stop.store(false, Ordering::SeqCst);
        let mut tasks = JoinSet::new();
        for number in 0..AT_WORK {
            let (crowd, program) = (Arc::clone(self), Arc::clone(program));
            let mut draws = Draws::of(seed * 31 + number as u64);
            tasks.spawn(async move { crowd.take_turns(&program, &mut draws).await });
        }
        let (crowd, program) = (Arc::clone(self), Arc::clone(program));
        tasks.spawn(async move { crowd.turn_the_switch(&program).await });
        Work { crowd: Arc::clone(self), tasks }
    }

    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::SeqCst)
    }

    async fn take_turns(&self, program: &Program, draws: &mut Draws) -> Vec<Deeds> {
        let mut all = vec![];
        while self.goes_on() {
            let next = self.waiting.lock().unwrap().pop_front();
            let Some(person) = next else {
                sleep(Duration::from_millis(5)).await;
                continue;
            };
            match self.turn(program, person, draws).await {
                Some(deeds) => all.push(deeds),
                None => self.back(person),
            }
        }
        all
    }

    /// One person signs in, perhaps after a mistake, and changes something.
    async fn turn(&self, program: &Program, number: usize, draws: &mut Draws) -> Option<Deeds> {
        let person: &Person = &self.place.people[number];
        let code = person.code()?;
        let turn = self.turns.fetch_add(1, Ordering::Relaxed);
        let mut deeds = Deeds {
            person: number,
            browser: self.browser(program),
            code,
            signed_in: Act::NotAsked,
            wrong: 0,
            name: format!("Name of turn {turn}"),
            renamed: Act::NotAsked,
            signed_out: Act::NotAsked,
        };
        if draws.one_in(2) {
            let mistaken = self.browser(program);
            if self.asker.give_password(&mistaken, &person.credentials()).await {
                let given = self.asker.give_code(&mistaken, &person.wrong_code()).await;
                deeds.wrong += i64::from(given == Given::Refused);
            }
        }
        self.sign_in_and_change(person, &mut deeds, draws).await;
        Some(deeds)
    }

    async fn sign_in_and_change(&self, person: &Person, deeds: &mut Deeds, draws: &mut Draws) {
        let (asker, browser) = (&self.asker, deeds.browser.clone());
        if !asker.give_password(&browser, &person.credentials()).await {
            return;
        }
        deeds.signed_in = Act::Unanswered;
        match asker.give_code(&browser, &deeds.code).await {
            Given::Accepted => deeds.signed_in = Act::Done,
            Given::Refused | Given::NotCompared => {
                deeds.signed_in = Act::NotAsked;
                return;
            }
            Given::NoAnswer => return,
        }
        deeds.renamed = Act::Unanswered;
        let answer =
            asker.post(&browser, "/settings/security/name", &[("name", &deeds.name)]).await;
        if answer.is_none_or(|answer| answer.status != 303) {
            return;
        }
        deeds.renamed = Act::Done;
        if draws.one_in(3) {
            deeds.signed_out = Act::Unanswered;
            let answer = asker.post(&browser, "/sign-out", &[]).await;
            if answer.is_some_and(|answer| answer.status == 303) {
                deeds.signed_out = Act::Done;
            }
        }
    }

    /// The Admin turns the switch on and off.
    async fn turn_the_switch(&self, program: &Program) -> Vec<Deeds> {
        let admin = &self.place.people[0];
        while self.goes_on() {
            let browser = self.browser(program);
            let code = admin.code();
            let is_in = match code {
                Some(code) if self.asker.give_password(&browser, &admin.credentials()).await => {
                    self.asker.give_code(&browser, &code).await == Given::Accepted
                }
                _ => false,
            };
            while is_in && self.goes_on() {
                if !self.set_switch(&browser).await {
                    break;
                }
                sleep(Duration::from_millis(10)).await;
            }
            sleep(Duration::from_millis(20)).await;
        }
        vec![]
    }

    async fn set_switch(&self, browser: &Client) -> bool {
        let required = !self.switch.lock().unwrap().done.unwrap_or(false);
        self.switch.lock().unwrap().unanswered = Some(required);
        let word = if required { "true" } else { "false" };
        let answer = self.asker.post(browser, "/settings/account/mfa", &[("required", word)]).await;
        let done = answer.is_some_and(|answer| {
            answer.status == 303 && answer.location().is_some_and(|to| to.contains("done=turned"))
        });
        if done {
            *self.switch.lock().unwrap() = Switch { done: Some(required), unanswered: None };
        }
        done
    }
}

/// Everybody at work.
pub struct Work {
    crowd: Arc<Crowd>,
    tasks: JoinSet<Vec<Deeds>>,
}

impl Work {
    /// Brings everybody home; what they did.
    pub async fn end(self) -> Vec<Deeds> {
        self.crowd.stop.store(true, Ordering::SeqCst);
        self.tasks.join_all().await.into_iter().flatten().collect()
    }
}
