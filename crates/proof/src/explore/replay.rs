//! Playing a path again: to tell it as a story, and to find a shorter one that ends as badly.

use std::fmt::Write as _;

use super::actions::{self, Action, Deed};
use super::play::Broken;
use super::stage::{Stage, State};
use super::{roots, search};

/// Plays paths.
pub(super) struct Replay {
    stage: Stage,
    beginnings: Vec<State>,
    all: Vec<Action>,
}

/// How a path ends.
enum End {
    Holds,
    /// In what must not happen.
    Badly,
    /// Before its end: what comes next cannot be done there.
    Impossible,
}

impl Replay {
    pub(super) async fn begin() -> Self {
        let mut stage = Stage::furnish().await;
        let beginnings = roots::all(&mut stage).await;
        Self { stage, beginnings, all: actions::all() }
    }

    /// The story of a path, and whether all of it holds.
    pub(super) async fn tell(&mut self, path: &[u16]) -> (String, bool) {
        let mut story = String::new();
        let end = self.play(path, &mut story, true).await;
        if matches!(end, End::Impossible) {
            story.push_str("  That cannot be done there.\n");
        }
        (story, matches!(end, End::Holds))
    }

    /// A path that still ends badly, and of which nothing can be left out.
    pub(super) async fn shorten(&mut self, path: &[u16]) -> Vec<u16> {
        let with_ways = !self.is_bad(path, false).await;
        let (mut path, mut before) = (path.to_vec(), usize::MAX);
        while path.len() < before {
            before = path.len();
            self.leave_out(&mut path, with_ways).await;
            self.part_races(&mut path, with_ways).await;
        }
        path
    }

    async fn leave_out(&mut self, path: &mut Vec<u16>, with_ways: bool) {
        let mut size = path.len() / 2;
        while size > 0 {
            let mut at = 1;
            while at < path.len() {
                let mut shorter = path.clone();
                shorter.drain(at..(at + size).min(path.len()));
                if self.is_bad(&shorter, with_ways).await {
                    *path = shorter;
                } else {
                    at += size;
                }
            }
            size /= 2;
        }
    }

    /// One of two requests alone, where that is enough.
    async fn part_races(&mut self, path: &mut [u16], with_ways: bool) {
        for at in 1..path.len() {
            for alone in Deed::parts(path[at], &self.all) {
                let mut simpler = path.to_vec();
                simpler[at] = alone;
                if self.is_bad(&simpler, with_ways).await {
                    path[at] = alone;
                    break;
                }
            }
        }
    }

    async fn is_bad(&mut self, path: &[u16], with_ways: bool) -> bool {
        matches!(self.play(path, &mut String::new(), with_ways).await, End::Badly)
    }

    async fn play(&mut self, path: &[u16], story: &mut String, with_ways: bool) -> End {
        let Some((first, path)) = path.split_first() else { return End::Impossible };
        let Some(mut state) = self.beginnings.get(usize::from(*first)).cloned() else {
            return End::Impossible;
        };
        let _ = writeln!(story, "  It begins: {}.", roots::NAMES[usize::from(*first)]);
        for number in path {
            let Some(deed) = Deed::of(*number, &self.all) else { return End::Impossible };
            let _ = write!(story, "  {deed}: ");
            match self.step(&state, deed).await {
                Ok(Some((after, said))) => {
                    let _ = writeln!(story, "{said}.");
                    state = after;
                }
                Ok(None) => return End::Impossible,
                Err(broken) => {
                    let _ = writeln!(story, "{}.", broken.0);
                    return End::Badly;
                }
            }
        }
        if with_ways && let Err(broken) = self.stage.ways_are_open(&state).await {
            let _ = writeln!(story, "  Then all ways in and back are tried: {}.", broken.0);
            return End::Badly;
        }
        End::Holds
    }

    /// One step, and what must hold after it; `None` where it cannot be done.
    async fn step(&mut self, state: &State, deed: Deed) -> Result<Option<(State, String)>, Broken> {
        let stage = &mut self.stage;
        stage.put(state).await?;
        let may = stage.probe(state).await?;
        let (Deed::One(action) | Deed::Race(action, _)) = deed;
        let between = if let Deed::Race(_, between) = deed { between } else { action };
        if ![action, between].iter().all(|action| action.is_possible(&state.ghost, &may)) {
            return Ok(None);
        }
        stage.put(state).await?;
        let (after, said) = search::step(stage, state, deed).await?;
        stage.probe(&after).await?;
        Ok(Some((after, said)))
    }
}
