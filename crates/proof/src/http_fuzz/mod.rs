//! Requests made up from a grammar of the real routes, in process: no panic, no failure of the server's,
//! the headers of every answer, no door that opens for nobody, flat memory.
//!
//! Chapters of a thousand requests have accounts of their own, on one running Vestibule. The same seed
//! makes the same requests, but for tokens and identifiers, which are new each time: a chapter is
//! replayed from its beginning.

mod checks;
mod draws;
mod grammar;
mod routes;
mod sent;
mod values;
mod world;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::to_bytes;
use vestibule_flows::Settings;
use vestibule_testkit::app::CHEAP;
use vestibule_testkit::{Database, TestApp};

use crate::Report;
use draws::Draws;
use grammar::Grammar;
use sent::{Received, Sent};
use world::World;

/// The requests of a chapter.
const CHAPTER: u64 = 1_000;
/// What may be more in use at the end than after a tenth of the requests: a third, and 32 MiB for what
/// the allocator keeps.
const MORE_MEMORY: (f64, u64) = (4.0 / 3.0, 32 * 1024 * 1024);
/// Memory is compared in runs that have so many.
const LONG: u64 = 100_000;
/// A run that finds so much has said enough.
const ENOUGH: usize = 20;

/// A run.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// Where it runs.
    pub database: Database,
    /// What the choices follow from.
    pub seed: u64,
    /// How many requests.
    pub requests: u64,
    /// One request alone is to be shown: the chapter is played up to it.
    pub only: Option<u64>,
}

/// Sends them.
pub async fn run(run: Run) -> Report {
    let settings = Settings { hash_cost: CHEAP, mail: true, ..Settings::default() };
    let app = TestApp::https_with(run.database, settings).await;
    let mut tally = Tally::default();
    let (first, end) = match run.only {
        Some(number) => (number / CHAPTER, number + 1),
        None => (0, run.requests),
    };
    let mut number = first * CHAPTER;
    let mut early = None;
    while number < end && tally.violations.len() < ENOUGH {
        let chapter_end = end.min((number / CHAPTER + 1) * CHAPTER);
        play(&app, &run, number..chapter_end, &mut tally).await;
        number = chapter_end;
        if early.is_none() && number * 10 >= end {
            early = Some(resident());
        }
        if (number / CHAPTER).is_multiple_of(50) {
            eprintln!("{number} requests, {} MiB", resident() / 1024 / 1024);
        }
    }
    tally.report(&run, number, early.unwrap_or_default())
}

async fn play(app: &TestApp, run: &Run, numbers: std::ops::Range<u64>, tally: &mut Tally) {
    let chapter = numbers.start / CHAPTER;
    let mut draws = Draws::of(run.seed, chapter);
    let mut world = World::of(app, chapter).await;
    for number in numbers {
        pass_time(app, &mut draws);
        let sent = Grammar { app, world: &world, draws: &mut draws, earnest: true }.request();
        if run.only == Some(number) {
            eprintln!("{number}:\n{sent}\n");
        }
        let received = match answer(app, &sent).await {
            Ok(received) => received,
            Err(what) => {
                tally.violation(run, number, &sent, &what);
                continue;
            }
        };
        world.learn(sent.jar, &received);
        for what in checks::violations(&sent, &received, &world) {
            let what = format!("{what} ({})", received.status);
            tally.violation(run, number, &sent, &what);
        }
        if run.only == Some(number) {
            eprintln!("{} {:?}\n{}", received.status, received.headers, received.text());
        }
        tally.note(&sent, &received);
    }
    // As the program does beside serving.
    app.vestibule.keep_house().await.unwrap();
}

/// A few milliseconds, sometimes until the next code, seldom until proofs are old.
fn pass_time(app: &TestApp, draws: &mut Draws) {
    let seconds = match draws.below(1_000) {
        0..=149 => 30,
        150..=157 => 6 * 60,
        158 => 60 * 60,
        159 => return app.clock.set_back(Duration::from_secs(40)),
        _ => return app.clock.advance(Duration::from_millis(draws.below(200) as u64)),
    };
    app.clock.advance(Duration::from_secs(seconds));
}

/// The answer, or what went wrong where none came.
async fn answer(app: &TestApp, sent: &Sent) -> Result<Received, String> {
    let (site, request, peer) = (Arc::clone(&app.site), sent.request(), sent.peer);
    let to_gate = sent.to_gate;
    // A task of its own, so that a panic ends nothing but this request.
    let answered = tokio::spawn(async move {
        let response = if to_gate {
            site.ask_gate(&request.map(|_| ()), peer.ip()).await
        } else {
            site.ask_page(request, peer).await
        };
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.map_err(|error| error.to_string())?;
        Ok(Received::new(parts.status, parts.headers, &body))
    });
    answered.await.unwrap_or_else(|error| Err(format!("it panicked: {error}")))
}

/// What came of a run.
#[derive(Default)]
struct Tally {
    statuses: BTreeMap<u16, u64>,
    routes: BTreeMap<usize, u64>,
    inside: u64,
    yes: u64,
    violations: Vec<String>,
}

impl Tally {
    fn note(&mut self, sent: &Sent, received: &Received) {
        *self.statuses.entry(received.status.as_u16()).or_default() += 1;
        let went_through = received.status.as_u16() < 400;
        self.yes += u64::from(sent.to_gate && received.status == 200);
        if let Some(route) = sent.route.filter(|_| went_through) {
            *self.routes.entry(route).or_default() += 1;
            self.inside += u64::from(!routes::ROUTES[route].open && received.status == 200);
        }
    }

    fn violation(&mut self, run: &Run, number: u64, sent: &Sent, what: &str) {
        let replay = format!("--replay {}:{number}", run.seed);
        self.violations.push(format!("{what}: {replay}\n{sent}"));
    }

    fn report(self, run: &Run, requests: u64, early: u64) -> Report {
        let mut report = Report::default();
        let (late, mib) = (resident(), 1024 * 1024);
        report.figure("requests", requests);
        report.figure("seed", run.seed);
        report.figure(
            "routes answered with success",
            format!("{} of {}", self.routes.len(), routes::ROUTES.len()),
        );
        report.figure("pages behind a door", self.inside);
        report.figure("yes of the gate", self.yes);
        for (status, count) in &self.statuses {
            report.figure(&format!("answered {status}"), count);
        }
        report.figure("resident after a tenth, MiB", early / mib);
        report.figure("resident at the end, MiB", late / mib);
        report.violations = self.violations;
        #[expect(clippy::cast_precision_loss, reason = "a bound, not an account")]
        let bound = early as f64 * MORE_MEMORY.0 + MORE_MEMORY.1 as f64;
        #[expect(clippy::cast_precision_loss, reason = "a bound, not an account")]
        let grew = late as f64 > bound;
        if requests >= LONG && grew {
            report.violation(format!("memory grew from {} to {} MiB", early / mib, late / mib));
        }
        // A grammar that reaches nothing finds nothing.
        if run.only.is_none() && requests >= 1_000 && (self.inside * 50 < requests || self.yes == 0)
        {
            report.violation(format!(
                "only {} pages and {} of the gate were reached",
                self.inside, self.yes
            ));
        }
        report
    }
}

/// The memory of this process that is in use, in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or_default() * 1024
}
