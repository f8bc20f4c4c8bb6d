//! Exhaustive exploration: from furnished accounts, every request that a page can make and every move
//! of the clock, over the shipping flows and the shipping SQL on a database in memory. States are told
//! apart by what they hold (`key`); what must hold is known by the `ghost`.
//!
//! What Vestibule remembers in the process cannot leak from one state into another: the gate is not
//! asked, counts of users are remembered only where a process watches the database, and the keys are
//! the same in every state.

#![expect(clippy::similar_names, reason = "states are put on a stage; what is used is a user's")]

mod actions;
mod ghost;
mod key;
mod play;
mod probe;
mod replay;
mod roots;
mod search;
mod stage;
mod ways;

use crate::Report;
use replay::Replay;

/// How far it goes.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Until so many states were found.
    pub states: usize,
    /// Or so many seconds have passed.
    pub seconds: u64,
    /// On so many threads.
    pub threads: usize,
    /// Actions that are taken on walks at random first.
    pub walked: u64,
    /// From every how many-th state races are played: one request between another's authority and act.
    pub races_every: u32,
    /// From every how many-th state all ways in and back are tried.
    pub ways_every: u32,
}

/// Explores, and says what was found.
pub fn report(options: &Options) -> Report {
    let seen = search::explore(options);
    let mut report = Report::default();
    report.figure("states", seen.states());
    report.figure("states all of whose actions were played", seen.expanded);
    report.figure("transitions", seen.transitions);
    report.figure("depth", seen.depth());
    report.figure("states from which all ways in and back were tried", seen.ways_tried);
    report.figure("transitions that were races of two requests", seen.races);
    report.figure("actions taken on random walks", seen.steps_walked);
    report.figure("states met on random walks alone", seen.met_besides());
    let all = actions::all();
    let never: Vec<String> = (0_u16..)
        .zip(&all)
        .filter(|(number, _)| !seen.played.contains_key(number))
        .map(|(_, action)| action.to_string())
        .collect();
    report.figure("actions", all.len());
    report.figure("actions that were never possible", never.len());
    if seen.is_exhausted() {
        report.note("Every state that can be reached was reached.");
    }
    if !never.is_empty() {
        report.note(format!("Never possible: {}.", never.join("; ")));
    }
    report.note(format!("Left out of what tells states apart: {}.", key::left_out().join("; ")));
    if seen.violations.is_empty() {
        return report;
    }
    alone(async {
        let mut replay = Replay::begin().await;
        for (number, violation) in seen.violations.iter().enumerate() {
            let mut path = violation.path.clone();
            // One short story says more than five long ones.
            if number == 0 {
                path = replay.shorten(&path).await;
            }
            let (story, _) = replay.tell(&path).await;
            let path: Vec<String> = path.iter().map(ToString::to_string).collect();
            let path = path.join(",");
            let says = &violation.says;
            report.violation(format!("{says}\n{story}replay with: explore --replay {path}"));
        }
    });
    report
}

/// Plays a path again: the story, and whether all of it holds.
pub fn replay(path: &[u16]) -> (String, bool) {
    alone(async { Replay::begin().await.tell(path).await })
}

fn alone<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(work)
}
