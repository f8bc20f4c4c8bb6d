//! Away: PostgreSQL is stopped, hangs, or is cut off, again and again, while people and proxies go on
//! asking. Nothing opens that needs the database; afterwards everything works without a restart.

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use vestibule_testkit::cable::{Cable, CableEnd};
use vestibule_testkit::{Client, OwnPostgres, Program};

use crate::Report;
use crate::asking::{Asker, Given};
use crate::draws::Draws;
use crate::installation::{Installation, since, steady};
use crate::protected::Application;

/// Whoever asks at a time for each kind: more than the program has connections.
const ASKERS: usize = 20;
/// A pause between two questions of one asker.
const PAUSE: Duration = Duration::from_millis(20);
/// How long what the gate remembers may count.
const REMEMBERED: Duration = Duration::from_secs(1);

/// How the database goes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It is stopped, and started again.
    Stopped,
    /// It stands still, and goes on.
    Hanging,
    /// Connections are reset, and new ones too.
    Torn,
    /// Nothing comes through and nothing is said; what was connected is never heard of again.
    Silent,
}

/// All of them.
pub const TROUBLES: [Trouble; 4] =
    [Trouble::Stopped, Trouble::Hanging, Trouble::Torn, Trouble::Silent];

/// How it is run.
#[derive(Clone, Copy)]
pub struct Spells {
    /// In what ways the database goes away, one after the other.
    pub troubles: &'static [Trouble],
    /// How often.
    pub times: usize,
    /// Until when everything has to work again.
    pub healed_within: Duration,
    /// For the choices.
    pub seed: u64,
}

/// A question to the server, and its answer.
#[derive(Clone)]
struct Asked {
    what: What,
    from: Duration,
    to: Duration,
    status: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Page,
    Gate,
    Password,
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, from, to, status } = self;
        write!(f, "{what:?} asked at {from:.3?}, answered at {to:.3?} with {status}")
    }
}

struct Scene {
    place: Installation,
    program: Program,
    postgres: OwnPostgres,
    cable: CableEnd,
    asker: Asker,
    inside: Client,
    application: Application,
    networks: AtomicUsize,
}

/// Sends the database away so many times.
pub async fn run(binary: &Path, spells: Spells, report: &mut Report) {
    let Spells { troubles, times, healed_within, seed } = spells;
    let scene = Arc::new(Scene::make(binary).await);
    let mut draws = Draws::of(seed);
    let (mut answered, mut slowest, mut healed) = (0, Duration::ZERO, vec![]);
    for round in 0..times {
        let trouble = troubles[round % troubles.len()];
        let before = report.violations.len();
        let away = Duration::from_millis(1_500 + draws.below(1_500) as u64);
        let (history, spell) = scene.round(trouble, away, healed_within).await;
        let during = |asked: &&Asked| asked.from > spell.begins && asked.from < spell.ends;
        answered += history.iter().filter(during).filter(|asked| asked.status == 503).count();
        let waits = history.iter().filter(during).map(|asked| asked.to.saturating_sub(asked.from));
        slowest = slowest.max(waits.max().unwrap_or_default());
        check(trouble, &history, &spell, report);
        match spell.healed {
            Some(after) => healed.push(after),
            None => report.violation(format!(
                "{trouble:?} for {away:?}, the {}th time: {healed_within:?} after it was over, {} did not work",
                round + 1,
                scene.what_does_not_work().await,
            )),
        }
        eprintln!("away {} of {times}: {trouble:?}, healed after {:?}", round + 1, spell.healed);
        if report.violations.len() > before + 10 {
            break;
        }
    }
    let faults = scene.asker.faults();
    if !faults.is_empty() {
        report.violations.extend(faults.into_iter().take(3));
        let log = scene.program.errors(&scene.place.yard);
        report.violation(format!("the server's log: {}", log.join("\n")));
    }
    healed.sort();
    report.figure("PostgreSQL went away", times);
    report.figure("questions meanwhile that were answered with 503, none with a yes", answered);
    report.figure("longest wait for such an answer", format!("{} ms", slowest.as_millis()));
    let middle = healed.get(healed.len() / 2).copied().unwrap_or_default().as_millis();
    let worst = healed.last().copied().unwrap_or_default().as_millis();
    report.figure("healed after, median and longest", format!("{middle} ms, {worst} ms"));
}

/// When it was away, and how long it took afterwards.
struct Spell {
    begins: Duration,
    ends: Duration,
    healed: Option<Duration>,
}

/// Nothing that needs the database was answered with a yes while it was away.
fn check(trouble: Trouble, history: &[Asked], spell: &Spell, report: &mut Report) {
    let meanwhile =
        history.iter().filter(|asked| asked.from > spell.begins && asked.to < spell.ends);
    for asked in meanwhile {
        let remembered = asked.what == What::Gate && asked.from < spell.begins + REMEMBERED;
        let open = match asked.what {
            What::Page | What::Gate => asked.status == 200,
            What::Password => asked.status == 303,
        };
        if open && !remembered {
            report.violation(format!("{trouble:?} from {:.3?} on: {asked}", spell.begins));
        }
    }
}

impl Scene {
    async fn make(binary: &Path) -> Self {
        let postgres = OwnPostgres::start();
        let cable = CableEnd::to(postgres.port).await;
        let place = Installation::make(binary, Some(&postgres.url()), 8).await;
        let program = place.program("server", &postgres.url_at(cable.port));
        program.start(&place.yard);
        program.ready(&place.yard).await;
        let (asker, inside) = (Asker::default(), Installation::browser(&program, 1));
        let person = &place.people[1];
        assert!(asker.give_password(&inside, &person.credentials()).await);
        let code = person.code().unwrap();
        assert_eq!(asker.give_code(&inside, &code).await, Given::Accepted);
        let application = Application::enter(&program, &inside).await;
        let networks = AtomicUsize::new(10);
        Self { place, program, postgres, cable, asker, inside, application, networks }
    }

    async fn round(
        self: &Arc<Self>,
        trouble: Trouble,
        away: Duration,
        within: Duration,
    ) -> (Vec<Asked>, Spell) {
        let (stop, history) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let mut askers = JoinSet::new();
        for number in 0..=ASKERS * 2 {
            let (scene, stop, history) =
                (Arc::clone(self), Arc::clone(&stop), Arc::clone(&history));
            let what = match number {
                0 => What::Password,
                number if number <= ASKERS => What::Page,
                _ => What::Gate,
            };
            askers.spawn(async move { scene.ask_on(what, &stop, &history).await });
        }
        sleep(Duration::from_millis(300)).await;
        self.begin(trouble);
        // What was on its way has come through by then.
        sleep(Duration::from_millis(100)).await;
        let begins = steady();
        sleep(away).await;
        let ends = steady();
        self.end(trouble);
        let over = steady();
        // From here on it is not about crowds.
        stop.store(true, Ordering::SeqCst);
        let healed = timeout(within, self.until_all_works()).await.ok().map(|()| since(over));
        // Who asked while nothing came through may wait for another half minute.
        askers.shutdown().await;
        let history: Arc<Mutex<Vec<Asked>>> = history;
        let history = history.lock().unwrap().clone();
        (history, Spell { begins, ends, healed })
    }

    fn begin(&self, trouble: Trouble) {
        match trouble {
            Trouble::Stopped => self.postgres.stop(),
            Trouble::Hanging => self.postgres.freeze(),
            Trouble::Torn => self.cable.set(Cable::Torn),
            Trouble::Silent => self.cable.set(Cable::Silent),
        }
    }

    fn end(&self, trouble: Trouble) {
        match trouble {
            Trouble::Stopped => self.postgres.start_again(),
            Trouble::Hanging => self.postgres.thaw(),
            Trouble::Torn | Trouble::Silent => self.cable.set(Cable::Whole),
        }
    }

    async fn ask_on(&self, what: What, stop: &AtomicBool, history: &Mutex<Vec<Asked>>) {
        while !stop.load(Ordering::SeqCst) {
            let from = steady();
            let status = self.ask(what).await;
            history.lock().unwrap().push(Asked { what, from, to: steady(), status });
            sleep(PAUSE).await;
        }
    }

    /// The status of the answer, 0 where there is none.
    async fn ask(&self, what: What) -> u16 {
        let answer = match what {
            What::Page => self.asker.get(&self.inside, "/settings/security").await,
            What::Gate => self.application.load().await,
            What::Password => {
                // An attempt that got no answer is counted all the same: here each is of a network of
                // its own.
                let number = self.networks.fetch_add(1, Ordering::Relaxed);
                let browser = Installation::browser(&self.program, number);
                let fields = self.place.people[2].credentials();
                let fields: Vec<_> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
                self.asker.post(&browser, "/sign-in", &fields).await
            }
        };
        answer.map_or(0, |answer| answer.status.as_u16())
    }

    async fn until_all_works(&self) {
        for (what, works) in [(What::Page, 200), (What::Gate, 200), (What::Password, 303)] {
            // Whoever gets no answer for a while asks again.
            while timeout(Duration::from_secs(2), self.ask(what)).await != Ok(works) {
                sleep(PAUSE).await;
            }
        }
    }

    async fn what_does_not_work(&self) -> String {
        let mut not = vec![];
        for (what, works) in [(What::Page, 200), (What::Gate, 200), (What::Password, 303)] {
            let answer = timeout(Duration::from_secs(10), self.ask(what)).await;
            if answer != Ok(works) {
                not.push(format!("{what:?} ({answer:?})"));
            }
        }
        not.join(", ")
    }
}
