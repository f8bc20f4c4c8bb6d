//! Breadth first: two threads, each with a database of its own, and one list of the states that were
//! seen.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use vestibule_flows::FlowError;

use super::actions::{self, Action};
use super::play::Broken;
use super::stage::{Stage, State};
use super::{Options, key, roots};

/// Stories that are told at most.
const TOLD: usize = 5;

/// How a state was reached: from which other, by which action; a beginning by none.
#[derive(Clone, Copy)]
struct Node {
    parent: u32,
    action: u16,
    depth: u16,
}

/// What must not have happened, and the way there.
pub(super) struct Violation {
    pub(super) path: Vec<u16>,
    pub(super) says: String,
}

#[derive(Default)]
pub(super) struct Seen {
    keys: HashSet<u128>,
    nodes: Vec<Node>,
    queue: VecDeque<(u32, State)>,
    /// States whose actions are being played.
    busy: usize,
    pub(super) expanded: usize,
    pub(super) transitions: u64,
    pub(super) ways_tried: u64,
    /// How often each action was played.
    pub(super) played: BTreeMap<u16, u64>,
    pub(super) violations: Vec<Violation>,
    over: bool,
}

impl Seen {
    pub(super) fn states(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn depth(&self) -> u16 {
        self.nodes.iter().map(|node| node.depth).max().unwrap_or(0)
    }

    /// Whether every action of every state was played.
    pub(super) fn is_exhausted(&self) -> bool {
        self.expanded == self.nodes.len()
    }

    /// The number of the beginning, then those of the actions.
    fn path(&self, mut node: u32) -> Vec<u16> {
        let mut path = vec![];
        loop {
            let Node { parent, action, depth } = self.nodes[node as usize];
            path.push(action);
            if depth == 0 {
                break;
            }
            node = parent;
        }
        path.reverse();
        path
    }

    fn add(&mut self, key: u128, node: Node) -> Option<u32> {
        if !self.keys.insert(key) {
            return None;
        }
        self.nodes.push(node);
        u32::try_from(self.nodes.len() - 1).ok()
    }

    fn is_enough(&self, options: &Options) -> bool {
        self.over || self.nodes.len() >= options.states || self.violations.len() >= TOLD
    }
}

/// Explores until there is enough, or nothing more.
#[expect(clippy::disallowed_methods, reason = "it is told to run for so many seconds")]
pub(super) fn explore(options: &Options) -> Seen {
    let (seen, began) = (Mutex::new(Seen::default()), Instant::now());
    let is_late = || began.elapsed() >= Duration::from_secs(options.seconds);
    std::thread::scope(|scope| {
        for number in 0..options.threads {
            let (seen, is_late) = (&seen, &is_late);
            scope.spawn(move || on_one_thread(Worker { number, options, seen, is_late }));
        }
    });
    seen.into_inner().unwrap()
}

struct Worker<'a> {
    number: usize,
    options: &'a Options,
    seen: &'a Mutex<Seen>,
    is_late: &'a (dyn Fn() -> bool + Sync),
}

fn on_one_thread(worker: Worker<'_>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut stage = Stage::furnish().await;
        let beginnings = roots::all(&mut stage).await;
        if worker.number == 0 {
            let mut seen = worker.seen.lock().unwrap();
            for (number, state) in (0_u16..).zip(beginnings) {
                let node = Node { parent: 0, action: number, depth: 0 };
                if let Some(at) = seen.add(key::of(&state, &stage.tables), node) {
                    seen.queue.push_back((at, state));
                }
            }
        }
        worker.run(&mut stage).await;
    });
}

impl Worker<'_> {
    async fn run(&self, stage: &mut Stage) {
        loop {
            let next = {
                let mut seen = self.seen.lock().unwrap();
                if (self.is_late)() {
                    seen.over = true;
                }
                if seen.is_enough(self.options) {
                    return;
                }
                let next = seen.queue.pop_front();
                if next.is_none() && seen.busy == 0 && !seen.nodes.is_empty() {
                    return;
                }
                seen.busy += usize::from(next.is_some());
                next
            };
            let Some((node, state)) = next else {
                // The other thread is about to find some.
                std::thread::yield_now();
                continue;
            };
            let result = self.expand(stage, node, &state).await;
            let mut seen = self.seen.lock().unwrap();
            seen.busy -= 1;
            match result {
                Ok(true) => seen.expanded += 1,
                Ok(false) => {}
                Err(broken) => {
                    let path = seen.path(node);
                    seen.violations.push(Violation { path, says: broken.0 });
                }
            }
        }
    }

    /// Plays every action of a state; `false` where there was enough before.
    async fn expand(&self, stage: &mut Stage, node: u32, state: &State) -> Result<bool, Broken> {
        stage.put(state).await?;
        let may = stage.probe(state).await?;
        let depth = self.seen.lock().unwrap().nodes[node as usize].depth;
        if node.is_multiple_of(self.options.ways_every) {
            stage.ways_are_open(state).await?;
            self.seen.lock().unwrap().ways_tried += 1;
        }
        for (number, action) in (0_u16..).zip(actions::all()) {
            if !action.is_possible(&state.ghost, &may) {
                continue;
            }
            let after = self.transition(stage, state, action).await;
            let mut seen = self.seen.lock().unwrap();
            seen.transitions += 1;
            *seen.played.entry(number).or_default() += 1;
            match after {
                Err(broken) => {
                    let mut path = seen.path(node);
                    path.push(number);
                    seen.violations.push(Violation { path, says: broken.0 });
                }
                Ok(after) => {
                    let key = key::of(&after, &stage.tables);
                    let new = Node { parent: node, action: number, depth: depth + 1 };
                    if let Some(at) = seen.add(key, new) {
                        drop(seen);
                        let probed = stage.probe(&after).await;
                        seen = self.seen.lock().unwrap();
                        match probed {
                            Ok(_) => seen.queue.push_back((at, after)),
                            Err(broken) => {
                                let path = seen.path(at);
                                seen.violations.push(Violation { path, says: broken.0 });
                            }
                        }
                    }
                }
            }
            if seen.is_enough(self.options) || (self.is_late)() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn transition(
        &self,
        stage: &mut Stage,
        state: &State,
        action: Action,
    ) -> Result<State, Broken> {
        stage.put(state).await?;
        step(stage, state, action).await.map(|(after, _)| after)
    }
}

/// One action, from a state that stands in the database.
pub(super) async fn step(
    stage: &mut Stage,
    state: &State,
    action: Action,
) -> Result<(State, String), Broken> {
    let mut ghost = state.ghost.clone();
    let said = stage.play(&mut ghost, action).await?;
    let rows = stage.look().await?.clone();
    stage.attacker_left_all_else_alone(action, state, &rows)?;
    let after: Result<State, FlowError> = stage.state(ghost, state).await;
    Ok((after?, said))
}
