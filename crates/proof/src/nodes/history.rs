//! A history: people sign in, look, enter an application and leave on both nodes, while the nodes are
//! frozen, killed and cut off from the database. Every request is written down; `check` looks at it.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use vestibule_testkit::cable::Cable;
use vestibule_testkit::{Answer, Client};

use super::Nodes;
use super::check::{Asked, What, violations};
use crate::Report;
use crate::asking::Given;
use crate::draws::Draws;
use crate::installation::steady;
use crate::protected::{Application, HOST};

/// People at work at a time.
const AT_WORK: usize = 8;
/// Everybody: each gives a code every half minute at most.
const PEOPLE: usize = 160;
/// How often each session is looked at before and after its end.
const LOOKS: usize = 10;
/// Whoever gets no answer within this goes on.
const PATIENCE: Duration = Duration::from_secs(8);

struct Scene {
    nodes: Nodes,
    history: Mutex<Vec<Asked>>,
    waiting: Mutex<VecDeque<usize>>,
    requests: usize,
    sessions: AtomicUsize,
    networks: AtomicUsize,
    stop: AtomicBool,
}

/// A session, and what it is at the application.
struct Session {
    number: usize,
    browser: Client,
    application: Option<Application>,
}

/// Plays a history of so many requests, and checks it.
pub async fn run(binary: &Path, requests: usize, seed: u64, report: &mut Report) {
    let scene = Arc::new(Scene {
        nodes: Nodes::start(binary, PEOPLE.min(requests / 20) + 1).await,
        history: Mutex::default(),
        waiting: Mutex::default(),
        requests,
        sessions: AtomicUsize::new(0),
        networks: AtomicUsize::new(0),
        stop: AtomicBool::new(false),
    });
    scene.waiting.lock().unwrap().extend(1..scene.nodes.place.people.len());
    let mut work = JoinSet::new();
    for number in 0..AT_WORK {
        let (scene, mut draws) = (Arc::clone(&scene), Draws::of(seed * 31 + number as u64));
        work.spawn(async move { scene.work(&mut draws).await });
    }
    let (beside, mut draws) = (Arc::clone(&scene), Draws::of(seed));
    let breaking = tokio::spawn(async move { beside.trouble(&mut draws).await });
    work.join_all().await;
    scene.stop.store(true, Ordering::SeqCst);
    let happened = breaking.await.unwrap();
    let history = scene.history.lock().unwrap().clone();
    report.violations.extend(violations(&history).into_iter().take(10));
    report.violations.extend(scene.nodes.asker.faults().into_iter().take(5));
    if let Err(said) = scene.nodes.place.verify_audit(&scene.nodes.nodes[0]) {
        report.violation(format!("after the history, the audit chain does not verify: {said}"));
    }
    tell(&history, &happened, report);
}

fn tell(history: &[Asked], troubles: &[&'static str], report: &mut Report) {
    let count = |yes: Option<bool>, is: fn(&What) -> bool| {
        history.iter().filter(|asked| asked.yes == yes && is(&asked.what)).count()
    };
    let looks = |what: &What| matches!(what, What::Page(_) | What::Gate(_));
    let each = ["frozen", "killed", "cut off, silent", "cut off, torn"].map(|kind| {
        format!("{kind}: {}", troubles.iter().filter(|trouble| **trouble == kind).count())
    });
    report.figure("history: requests", history.len());
    report.figure("history: nodes meanwhile", each.join("; "));
    report.figure(
        "history: codes accepted",
        count(Some(true), |what| matches!(what, What::Code(..))),
    );
    report.figure(
        "history: codes refused",
        count(Some(false), |what| matches!(what, What::Code(..))),
    );
    report.figure(
        "history: sessions ended",
        count(Some(true), |what| matches!(what, What::Revocation(..))),
    );
    report.figure("history: looks answered with yes", count(Some(true), looks));
    report.figure("history: looks answered with no", count(Some(false), looks));
    report.figure("history: without an answer, or with 503", count(None, |_| true));
}

impl Scene {
    fn goes_on(&self) -> bool {
        self.history.lock().unwrap().len() < self.requests
    }

    /// Asks, and writes down what and when.
    async fn note(
        &self,
        what: What,
        node: usize,
        asked: impl Future<Output = Option<bool>>,
    ) -> Option<bool> {
        let from = steady();
        let yes = timeout(PATIENCE, asked).await.ok().flatten();
        self.history.lock().unwrap().push(Asked { what, node, from, to: steady(), yes });
        yes
    }

    async fn work(&self, draws: &mut Draws) {
        while self.goes_on() {
            let next = self.waiting.lock().unwrap().pop_front();
            let Some(person) = next else {
                sleep(Duration::from_millis(10)).await;
                continue;
            };
            match self.nodes.place.people[person].code() {
                Some(code) => self.live(person, &code, draws).await,
                None => sleep(Duration::from_millis(5)).await,
            }
            self.waiting.lock().unwrap().push_back(person);
        }
    }

    /// One person's life: two sessions that give the same code, looks, an end, looks again.
    async fn live(&self, person: usize, code: &str, draws: &mut Draws) {
        let nodes = [draws.below(2), draws.below(2)];
        let (one, other) = tokio::join!(
            self.sign_in(person, code, nodes[0]),
            self.sign_in(person, code, nodes[1])
        );
        let sessions: Vec<Session> = [one, other].into_iter().flatten().collect();
        for session in &sessions {
            self.look(session, draws).await;
        }
        let Some(session) = sessions.first() else { return };
        let (node, kind) = (draws.below(2), draws.below(3));
        let ended = match kind {
            0 => self.change_password(person, session, node).await,
            _ => self.sign_out(session, node).await,
        };
        if ended != Some(true) {
            return;
        }
        for _ in 0..3 {
            self.look(session, draws).await;
            sleep(Duration::from_millis(400)).await;
        }
    }

    async fn sign_in(&self, person: usize, code: &str, node: usize) -> Option<Session> {
        let network = self.networks.fetch_add(1, Ordering::Relaxed);
        let (browser, asker) = (self.nodes.browser(node, network), &self.nodes.asker);
        let credentials = self.nodes.place.people[person].credentials();
        let first = async { Some(asker.give_password(&browser, &credentials).await) };
        if self.note(What::Other, node, first).await != Some(true) {
            return None;
        }
        let given = async {
            match asker.give_code(&browser, code).await {
                Given::Accepted => Some(true),
                Given::Refused | Given::NotCompared => Some(false),
                Given::NoAnswer => None,
            }
        };
        let what = What::Code(person, code.to_owned());
        if self.note(what, node, given).await != Some(true) {
            return None;
        }
        let number = self.sessions.fetch_add(1, Ordering::Relaxed);
        let application = self.enter(&browser, node, network).await;
        Some(Session { number, browser, application })
    }

    /// Enters the application, if the nodes let it.
    async fn enter(&self, browser: &Client, node: usize, network: usize) -> Option<Application> {
        let application = Application::outside(&self.nodes.nodes[node], network);
        let led = application.load().await?.location()?;
        let path = format!("/hand-over{}", led.split_once("/hand-over")?.1);
        let handed = self.nodes.asker.get(browser, &path).await?;
        let to = handed.location().or_else(|| handed.link("Go on"))?;
        let back = to.split_once(HOST)?.1.trim_start_matches(|c| c != '/').to_owned();
        let arrived = application.arrive(&back).await?;
        (arrived.status == 303).then_some(application)
    }

    /// Looks at both nodes, at pages and through the gate.
    async fn look(&self, session: &Session, draws: &mut Draws) {
        for _ in 0..LOOKS {
            let (node, number) = (draws.below(2), session.number);
            let program = &self.nodes.nodes[node];
            match &session.application {
                Some(application) if draws.one_in(2) => {
                    let asked = async {
                        let answer = application.load_on(program).await?;
                        (answer.status != 503).then_some(answer.status == 200)
                    };
                    self.note(What::Gate(number), node, asked).await;
                }
                _ => {
                    let browser = session.browser.stolen().on(&program.url);
                    let asked = self.nodes.asker.is_in(&browser);
                    self.note(What::Page(number), node, asked).await;
                }
            }
        }
    }

    async fn sign_out(&self, session: &Session, node: usize) -> Option<bool> {
        // The browser forgets its cookie; whoever has a copy of it keeps that.
        let browser = session.browser.stolen().on(&self.nodes.nodes[node].url);
        let asked = async {
            let answer = self.nodes.asker.post(&browser, "/sign-out", &[]).await;
            done(answer, |answer| answer.status == 303)
        };
        self.note(What::Revocation(session.number, "sign-out"), node, asked).await
    }

    /// A new password ends what was open: the acting session goes on under another value.
    async fn change_password(&self, person: usize, session: &Session, node: usize) -> Option<bool> {
        let browser = session.browser.stolen().on(&self.nodes.nodes[node].url);
        let [_, (_, password)] = self.nodes.place.people[person].credentials();
        let fields = [("password", password.as_str())];
        let asked = async {
            let path = "/settings/security/password";
            let answer = self.nodes.asker.post(&browser, path, &fields).await;
            let is_done = |answer: &Answer| {
                answer.status == 303
                    && answer.location().is_some_and(|to| to.contains("done=password-changed"))
            };
            done(answer, is_done)
        };
        self.note(What::Revocation(session.number, "new password"), node, asked).await
    }

    /// What happens to the nodes, one thing after the other.
    async fn trouble(&self, draws: &mut Draws) -> Vec<&'static str> {
        let mut all = vec![];
        while !self.stop.load(Ordering::SeqCst) {
            sleep(Duration::from_millis(500 + draws.below(1_500) as u64)).await;
            let node = draws.below(2);
            let (program, cable) = (&self.nodes.nodes[node], &self.nodes.cables[node]);
            let lasts = Duration::from_millis(300 + draws.below(2_200) as u64);
            all.push(match draws.below(4) {
                0 => {
                    program.freeze();
                    sleep(lasts).await;
                    program.thaw();
                    "frozen"
                }
                1 => {
                    program.kill();
                    sleep(lasts / 4).await;
                    program.start(&self.nodes.place.yard);
                    program.ready(&self.nodes.place.yard).await;
                    "killed"
                }
                kind => {
                    cable.set(if kind == 2 { Cable::Silent } else { Cable::Torn });
                    sleep(lasts).await;
                    cable.set(Cable::Whole);
                    if kind == 2 { "cut off, silent" } else { "cut off, torn" }
                }
            });
        }
        all
    }
}

fn done(answer: Option<Answer>, is_done: impl Fn(&Answer) -> bool) -> Option<bool> {
    answer.filter(|answer| answer.status != 503).map(|answer| is_done(&answer))
}
