//! Breadth first: two threads, each with a database of its own, and one list of the states that were
//! seen.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use vestibule_flows::FlowError;

use super::actions::{self, Action, Deed};
use super::ghost::May;
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
    pub(super) races: u64,
    pub(super) steps_walked: u64,
    /// States that were met on walks.
    met: HashSet<u128>,
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

    /// States that were met on walks alone.
    pub(super) fn met_besides(&self) -> usize {
        self.met.difference(&self.keys).count()
    }

    fn note(&mut self, number: u16) {
        self.transitions += 1;
        if number >= 1_000 {
            self.races += 1;
        } else {
            *self.played.entry(number).or_default() += 1;
        }
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
            scope.spawn(move || {
                let all = actions::all();
                on_one_thread(&Worker { number, all, options, seen, is_late });
            });
        }
    });
    seen.into_inner().unwrap()
}

struct Worker<'a> {
    number: usize,
    all: Vec<Action>,
    options: &'a Options,
    seen: &'a Mutex<Seen>,
    is_late: &'a (dyn Fn() -> bool + Sync),
}

fn on_one_thread(worker: &Worker<'_>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut stage = Stage::furnish().await;
        let beginnings = roots::all(&mut stage).await;
        worker.walk(&mut stage, &beginnings).await;
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
                if next.is_none() && seen.busy == 0 && seen.expanded > 0 {
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
        let may = self.probed(stage, state).await?;
        if node.is_multiple_of(self.options.ways_every) {
            stage.ways_are_open(state).await?;
            self.seen.lock().unwrap().ways_tried += 1;
        }
        let mut deeds = possible(&self.all, state, &may);
        if node.is_multiple_of(self.options.races_every) {
            deeds.extend(races(&self.all, &deeds));
        }
        for number in deeds {
            let after = self.transition(stage, state, number).await;
            let mut path = vec![];
            let found = {
                let mut seen = self.seen.lock().unwrap();
                seen.note(number);
                let depth = seen.nodes[node as usize].depth + 1;
                let new = Node { parent: node, action: number, depth };
                after.map(|after| {
                    let at = seen.add(key::of(&after, &stage.tables), new);
                    at.map(|at| (at, after))
                })
            };
            let probed = match found {
                Ok(Some((at, after))) => match stage.probe(&after).await {
                    Ok(_) => {
                        self.seen.lock().unwrap().queue.push_back((at, after));
                        Ok(())
                    }
                    Err(broken) => Err(broken),
                },
                Ok(None) => Ok(()),
                Err(broken) => Err(broken),
            };
            let mut seen = self.seen.lock().unwrap();
            if let Err(broken) = probed {
                path.extend(seen.path(node));
                path.push(number);
                seen.violations.push(Violation { path, says: broken.0 });
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
        number: u16,
    ) -> Result<State, Broken> {
        let deed = Deed::of(number, &self.all).unwrap();
        stage.put(state).await?;
        step(stage, state, deed).await.map(|(after, _)| after)
    }

    /// Walks at random, far beyond what breadth first reaches, holding every state against the same
    /// rules.
    async fn walk(&self, stage: &mut Stage, beginnings: &[State]) {
        let mut dice = Dice(0x9E37_79B9_7F4A_7C15 ^ (self.number as u64 + 1));
        let share = self.options.walked / self.options.threads as u64;
        let mut steps = 0;
        while steps < share {
            let first = dice.below(beginnings.len());
            let mut state = beginnings[first].clone();
            let mut path = vec![u16::try_from(first).unwrap()];
            let mut may = match self.probed(stage, &state).await {
                Ok(may) => may,
                Err(broken) => return self.tell(path, broken),
            };
            for _ in 0..WALK {
                steps += 1;
                let number = self.wander(&state, &may, &mut dice);
                path.push(number);
                let after = self.transition(stage, &state, number).await;
                let after = match after {
                    Ok(after) => stage.probe(&after).await.map(|may| (after, may)),
                    Err(broken) => Err(broken),
                };
                (state, may) = match after {
                    Ok(after) => after,
                    Err(broken) => return self.tell(path, broken),
                };
                let mut seen = self.seen.lock().unwrap();
                seen.note(number);
                seen.steps_walked += 1;
                seen.met.insert(key::of(&state, &stage.tables));
                if (self.is_late)() || seen.violations.len() >= TOLD {
                    return;
                }
            }
            if let Err(broken) = stage.ways_are_open(&state).await {
                return self.tell(path, broken);
            }
            self.seen.lock().unwrap().ways_tried += 1;
        }
    }

    async fn probed(&self, stage: &mut Stage, state: &State) -> Result<[May; 3], Broken> {
        stage.put(state).await?;
        stage.probe(state).await
    }

    /// What is done next on a walk.
    fn wander(&self, state: &State, may: &[May; 3], dice: &mut Dice) -> u16 {
        let deeds = possible(&self.all, state, may);
        let races = if dice.below(5) == 0 { races(&self.all, &deeds) } else { vec![] };
        if races.is_empty() {
            deeds[dice.below(deeds.len())]
        } else {
            races[dice.below(races.len())]
        }
    }

    fn tell(&self, path: Vec<u16>, broken: Broken) {
        self.seen.lock().unwrap().violations.push(Violation { path, says: broken.0 });
    }
}

/// The length of a walk.
const WALK: usize = 150;

/// The numbers of the actions that can be done.
fn possible(all: &[Action], state: &State, may: &[May; 3]) -> Vec<u16> {
    let numbered = (0_u16..).zip(all);
    let is_possible = |(_, action): &(u16, &Action)| action.is_possible(&state.ghost, may);
    numbered.filter(is_possible).map(|(number, _)| number).collect()
}

/// The numbers of the races between them.
fn races(all: &[Action], possible: &[u16]) -> Vec<u16> {
    let of = |number: u16| all[usize::from(number)];
    let firsts = possible.iter().filter(|first| of(**first).can_be_raced());
    firsts
        .flat_map(|first| possible.iter().map(move |between| (*first, *between)))
        .filter(|(_, between)| !matches!(of(*between), Action::Clock(_)))
        .map(|(first, between)| Deed::race(first, between, all))
        .collect()
}

/// xorshift64: the same walks each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 11) % end.max(1) as u64).unwrap_or(0)
    }
}

/// One deed, from a state that stands in the database.
pub(super) async fn step(
    stage: &mut Stage,
    state: &State,
    deed: Deed,
) -> Result<(State, String), Broken> {
    let mut ghost = state.ghost.clone();
    let said = match deed {
        Deed::One(action) => stage.play(&mut ghost, action).await?,
        Deed::Race(action, between) => stage.play_race(&mut ghost, action, between).await?,
    };
    let rows = stage.look().await?.clone();
    if let Deed::One(action) = deed {
        stage.attacker_left_all_else_alone(action, state, &rows)?;
    }
    let after: Result<State, FlowError> = stage.state(ghost, state).await;
    Ok((after?, said))
}
