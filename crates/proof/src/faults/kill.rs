//! Kill: under load, the server or PostgreSQL is ended as by a power cut, and started again. Whatever
//! was answered holds afterwards, and no spent code is taken.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;
use vestibule_domain::policy::Policy;
use vestibule_testkit::{OwnPostgres, Program};

use super::load::{Act, Crowd, Deeds};
use crate::Report;
use crate::asking::Given;
use crate::draws::Draws;
use crate::installation::{Installation, since, steady};

/// What is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Victim {
    /// Vestibule on a SQLite file.
    OnSqlite,
    /// Vestibule on PostgreSQL.
    OnPostgres,
    /// PostgreSQL, while Vestibule goes on.
    Postgres,
}

impl Victim {
    fn named(self) -> &'static str {
        match self {
            Self::OnSqlite => "the server on SQLite",
            Self::OnPostgres => "the server on PostgreSQL",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// How it is run.
#[derive(Clone, Copy)]
pub struct Kills {
    /// What is killed.
    pub victim: Victim,
    /// How often.
    pub times: u32,
    /// People with an app; each gives a code every half minute at most.
    pub people: usize,
    /// How long it may take to be ready again.
    pub ready_within: Duration,
    /// For the choices.
    pub seed: u64,
}

/// What was found over all rounds.
#[derive(Default)]
struct Found {
    sign_ins: u64,
    renamed: u64,
    signed_out: u64,
    wrong: u64,
    switched: u64,
    unanswered: u64,
    of_them_done: u64,
    replayed: u64,
    ready: Vec<Duration>,
    counted: BTreeMap<usize, i64>,
}

struct Scene {
    kills: Kills,
    place: Arc<Installation>,
    crowd: Arc<Crowd>,
    program: Arc<Program>,
    postgres: Option<OwnPostgres>,
}

/// Kills it, and looks at what is left.
pub async fn run(binary: &Path, kills: Kills, report: &mut Report) {
    let postgres = (kills.victim != Victim::OnSqlite).then(OwnPostgres::start);
    let database = postgres.as_ref().map(OwnPostgres::url);
    let place = Installation::make(binary, database.as_deref(), kills.people).await;
    let place = Arc::new(place);
    let program = Arc::new(place.program("server", &place.database));
    program.start(&place.yard);
    program.ready(&place.yard).await;
    let crowd = Crowd::of(Arc::clone(&place));
    let scene = Scene { kills, place, crowd, program, postgres };
    let (mut found, mut draws) = (Found::default(), Draws::of(kills.seed));
    for round in 1..=kills.times {
        let before = report.violations.len();
        scene.round(round, &mut draws, &mut found, report).await;
        eprintln!("{}: killed {round} of {}", kills.victim.named(), kills.times);
        if report.violations.len() > before + 10 {
            break;
        }
    }
    scene.at_the_end(&found, report);
}

impl Scene {
    async fn round(&self, round: u32, draws: &mut Draws, found: &mut Found, report: &mut Report) {
        let work = self.crowd.work(&self.program, self.kills.seed * 1_000 + u64::from(round));
        sleep(Duration::from_millis(300 + draws.below(1_200) as u64)).await;
        let (deeds, took) = if self.kills.victim == Victim::Postgres {
            let postgres = self.postgres.as_ref().unwrap();
            postgres.kill();
            let deeds = work.end().await;
            postgres.start_again();
            (deeds, self.until_ready().await)
        } else {
            self.program.kill();
            let deeds = work.end().await;
            let from = steady();
            self.program.start(&self.place.yard);
            self.program.ready(&self.place.yard).await;
            (deeds, since(from))
        };
        found.ready.push(took);
        if took > self.kills.ready_within {
            report.violation(format!(
                "{} was killed for the {round}th time, and ready again after {took:?}",
                self.kills.victim.named()
            ));
        }
        self.look(round, deeds, found, report).await;
    }

    async fn until_ready(&self) -> Duration {
        let from = steady();
        self.program.ready(&self.place.yard).await;
        since(from)
    }

    /// Looks at everything that was answered in a round.
    async fn look(&self, round: u32, deeds: Vec<Deeds>, found: &mut Found, report: &mut Report) {
        let mut looking = JoinSet::new();
        for deeds in deeds {
            found.count(&deeds);
            let (crowd, program) = (Arc::clone(&self.crowd), Arc::clone(&self.program));
            looking.spawn(async move { look_at(&crowd, &program, deeds).await });
        }
        let mut people = vec![];
        for seen in looking.join_all().await {
            *found.counted.entry(seen.person).or_default() += seen.wrong;
            found.replayed += u64::from(seen.replayed);
            found.of_them_done += u64::from(seen.was_done_unanswered);
            let violations = seen.violations.into_iter();
            let whom = self.kills.victim.named();
            report.violations.extend(
                violations.map(|story| format!("{whom}, killed for the {round}th time: {story}")),
            );
            people.push(seen.person);
        }
        self.look_at_counts(round, &people, found, report).await;
        self.look_at_switch(round, found, report).await;
        if round.is_multiple_of(10) {
            self.verify_audit(report);
        }
        for person in people {
            self.crowd.back(person);
        }
    }

    async fn look_at_counts(
        &self,
        round: u32,
        people: &[usize],
        found: &Found,
        report: &mut Report,
    ) {
        let store = self.place.look().await;
        for person in people {
            let counted = found.counted.get(person).copied().unwrap_or_default();
            let id = self.place.people[*person].id;
            let stands = store.read().await.unwrap().code_attempts(id).await.unwrap();
            if stands < counted {
                report.violation(format!(
                    "{}, killed for the {round}th time: {} was told {counted} times that a code was \
                     wrong, and {stands} attempts are counted",
                    self.kills.victim.named(),
                    self.place.people[*person].who
                ));
            }
        }
        store.close().await;
    }

    async fn look_at_switch(&self, round: u32, found: &mut Found, report: &mut Report) {
        let mut switch = self.crowd.switch.lock().unwrap().to_owned();
        let store = self.place.look().await;
        let account = store.read().await.unwrap().account(self.place.account).await.unwrap();
        store.close().await;
        let required = account.unwrap().policy == Policy::Required;
        found.switched += u64::from(switch.done.is_some());
        if switch.done.is_some_and(|done| done != required) && switch.unanswered != Some(required) {
            report.violation(format!(
                "killed for the {round}th time: the switch was answered as {:?}, nothing else was \
                 asked for, and it is {required}",
                switch.done
            ));
        }
        switch.done = Some(required);
        switch.unanswered = None;
        *self.crowd.switch.lock().unwrap() = switch;
    }

    fn verify_audit(&self, report: &mut Report) {
        if let Err(said) = self.place.verify_audit(&self.program) {
            report.violation(format!("the audit chain does not verify: {said}"));
        }
    }

    fn at_the_end(&self, found: &Found, report: &mut Report) {
        self.verify_audit(report);
        report.violations.extend(self.crowd.asker.faults().into_iter().take(5));
        let whom = self.kills.victim.named();
        let mut figure =
            |what: &str, value: String| report.figure(&format!("{whom}: {what}"), value);
        figure("killed", found.ready.len().to_string());
        figure("sign-ins answered, each still there", found.sign_ins.to_string());
        figure("spent codes given again, none taken", found.replayed.to_string());
        figure("wrong codes answered, each still counted", found.wrong.to_string());
        figure("names changed, each still there", found.renamed.to_string());
        figure("sign-outs answered, each still so", found.signed_out.to_string());
        figure("rounds after which the switch stood as answered", found.switched.to_string());
        let unanswered =
            format!("{}, of which {} had happened", found.unanswered, found.of_them_done);
        figure("sign-ins without an answer", unanswered);
        figure("answers by status, 0 for none", self.crowd.asker.statuses());
        let mut ready = found.ready.clone();
        ready.sort();
        let middle = ready.get(ready.len() / 2).copied().unwrap_or_default().as_millis();
        let worst = ready.last().copied().unwrap_or_default().as_millis();
        figure("ready again after, median and longest", format!("{middle} ms, {worst} ms"));
    }
}

impl Found {
    fn count(&mut self, deeds: &Deeds) {
        self.sign_ins += u64::from(deeds.signed_in == Act::Done);
        self.renamed += u64::from(deeds.renamed == Act::Done);
        self.signed_out += u64::from(deeds.signed_out == Act::Done);
        self.unanswered += u64::from(deeds.signed_in == Act::Unanswered);
        self.wrong += u64::try_from(deeds.wrong).unwrap();
    }
}

/// What is left of somebody's deeds.
struct Seen {
    person: usize,
    wrong: i64,
    replayed: bool,
    was_done_unanswered: bool,
    violations: Vec<String>,
}

async fn look_at(crowd: &Crowd, program: &Program, deeds: Deeds) -> Seen {
    let (person, asker) = (&crowd.place.people[deeds.person], &crowd.asker);
    let mut seen = Seen {
        person: deeds.person,
        wrong: deeds.wrong,
        replayed: false,
        was_done_unanswered: false,
        violations: vec![],
    };
    let mut tell = |what: &str| {
        let (signed_in, renamed, signed_out) = (deeds.signed_in, deeds.renamed, deeds.signed_out);
        seen.violations.push(format!(
            "{what}. {}: sign-in {signed_in:?}, name {renamed:?}, sign-out {signed_out:?}",
            person.who
        ));
    };
    if deeds.signed_in == Act::Done {
        match (asker.is_in(&deeds.browser).await, deeds.signed_out) {
            (Some(true), Act::Done) => tell("who signed out is in again"),
            (Some(false), Act::NotAsked) => tell("a sign-in that was answered is lost"),
            (None, _) => tell("after the restart, there is no answer"),
            _ => {}
        }
    }
    if deeds.renamed == Act::Done && deeds.signed_out == Act::NotAsked {
        let page = asker.get(&deeds.browser, "/settings/security").await;
        let field = format!("value=\"{}\"", deeds.name);
        if page.is_none_or(|page| !page.body.contains(&field)) {
            tell(&format!("the name {} was kept, and is not there", deeds.name));
        }
    }
    if deeds.signed_in == Act::NotAsked {
        return seen;
    }
    // Whoever saw the code and holds the password tries it at once.
    for try_number in 1..=2 {
        let thief = crowd.browser(program);
        if !asker.give_password(&thief, &person.credentials()).await {
            tell("after the restart, the password is not taken");
            break;
        }
        let given = asker.give_code(&thief, &deeds.code).await;
        let must_be_spent = deeds.signed_in == Act::Done || try_number == 2;
        seen.wrong += i64::from(given == Given::Refused);
        match given {
            Given::Accepted if must_be_spent => tell("a spent code was taken again"),
            Given::NoAnswer => tell("after the restart, a code has no answer"),
            // Unanswered, and not done either: it is good once.
            Given::Accepted => continue,
            Given::Refused | Given::NotCompared => {}
        }
        seen.replayed = must_be_spent;
        seen.was_done_unanswered = !must_be_spent;
        break;
    }
    seen
}
