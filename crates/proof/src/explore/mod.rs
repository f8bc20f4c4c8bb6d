//! Exhaustive exploration: from furnished accounts, every request that a page can make and every move
//! of the clock, over the shipping flows and the shipping SQL on a database in memory. States are told
//! apart by what they hold ([`key`]); what must hold is known by the [`ghost`].
//!
//! What Vestibule remembers in the process cannot leak from one state into another: the gate is not
//! asked, counts of users are remembered only where a process watches the database, and the keys are
//! the same in every state.

mod actions;
mod ghost;
mod key;
mod play;
mod probe;
mod roots;
mod search;
mod stage;
mod ways;

use std::fmt::Write as _;

use crate::Report;
use stage::Stage;

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
    for violation in &seen.violations {
        let path: Vec<String> = violation.path.iter().map(ToString::to_string).collect();
        let (story, _) = replay(&violation.path);
        let path = path.join(",");
        report
            .violation(format!("{}\n{story}replay with: explore --replay {path}", violation.says));
    }
    report
}

/// Plays a path again: the story, and whether all of it holds.
pub fn replay(path: &[u16]) -> (String, bool) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut stage = Stage::furnish().await;
        let beginnings = roots::all(&mut stage).await;
        let Some((first, path)) = path.split_first() else { return (String::new(), true) };
        let Some(mut state) = beginnings.into_iter().nth(usize::from(*first)) else {
            return (format!("there is no beginning {first}"), false);
        };
        let mut story = format!("  It begins: {}.\n", roots::NAMES[usize::from(*first)]);
        let all = actions::all();
        for number in path {
            let Some(deed) = actions::Deed::of(*number, &all) else {
                return (format!("{story}there is no action {number}"), false);
            };
            let _ = write!(story, "  {deed}: ");
            stage.put(&state).await.unwrap();
            let stepped = match search::step(&mut stage, &state, deed).await {
                Ok((after, said)) => {
                    stage.put(&after).await.unwrap();
                    let probed = stage.probe(&after).await;
                    state = after;
                    probed.map(|_| said)
                }
                Err(broken) => Err(broken),
            };
            match stepped {
                Ok(said) => {
                    let _ = writeln!(story, "{said}.");
                }
                Err(broken) => {
                    let _ = writeln!(story, "{}.", broken.0);
                    return (story, false);
                }
            }
        }
        if let Err(broken) = stage.ways_are_open(&state).await {
            let _ = writeln!(story, "  Then all ways in and back are tried: {}.", broken.0);
            return (story, false);
        }
        (story, true)
    })
}
