//! The threads that hash passwords: as many as there are cores, behind a bounded queue, so that a
//! burst of sign-ins neither stops other requests nor exhausts the memory.
//!
//! The queue is fair: networks take turns, and when it is full the network that has most of it
//! gives way. Whoever floods it waits behind themselves.
//!
//! The threads are of lower priority than those that answer requests, unless it is asked otherwise.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use vestibule_domain::password::HashMemory;
use vestibule_metrics::{Counter, Histogram, Stopwatch};

use crate::error::FlowError;
use crate::visitor::Visitor;

/// Hashes that wait at most. At 20 ms each on two cores, the last of them waits about two seconds.
const LONGEST: usize = 192;
/// Of these, how many of one network: an office behind one address signs in at nine o'clock.
const LONGEST_OF_ONE: usize = 96;
/// How long a thread keeps its 19 MiB after its last hash.
const KEPT: Duration = Duration::from_secs(20);

/// How much the hashing threads give way to others, from 0 to 19. At 10 a thread that answers requests
/// weighs nine times as much as one that hashes (sched(7), "The nice value": each step is a factor of
/// about 1.25), and takes its core at once when it wakes up; where nothing else is to be done, hashes
/// take as long as ever.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// Who waits, and for how long.
struct Job {
    waits: Stopwatch,
    run: Box<dyn FnOnce(&mut HashMemory) + Send>,
}

/// The way to the hashing threads. They end when the last of its clones is dropped.
#[derive(Clone)]
pub struct HashingQueue(Arc<Door>);

/// Closes the queue when nobody can send any more.
struct Door(Arc<Queue>);

struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
    metrics: HashingMetrics,
}

/// What is measured here.
#[derive(Debug)]
pub(crate) struct HashingMetrics {
    pub(crate) threads: usize,
    /// How long jobs waited until a thread took them.
    pub(crate) waits: Histogram,
    /// How long they took it.
    pub(crate) hashes: Histogram,
    /// How many were turned away, for the queue was full.
    pub(crate) refused: Counter,
}

#[derive(Default)]
struct Waiting {
    /// The networks that wait, the next one first, each with its jobs.
    networks: VecDeque<(String, VecDeque<Job>)>,
    length: usize,
    /// Threads that hash.
    busy: usize,
    closed: bool,
}

impl Waiting {
    /// Lets a job wait; `false` where there is no room for one more of this network.
    fn push(&mut self, network: String, job: Job) -> bool {
        let of_this = self.networks.iter().find(|(known, _)| *known == network);
        let waiting = of_this.map_or(0, |(_, jobs)| jobs.len());
        if waiting >= LONGEST_OF_ONE || (self.length >= LONGEST && !self.make_room(waiting)) {
            return false;
        }
        match self.networks.iter_mut().find(|(known, _)| *known == network) {
            Some((_, jobs)) => jobs.push_back(job),
            None => self.networks.push_back((network, VecDeque::from([job]))),
        }
        self.length += 1;
        true
    }

    /// Whether there is room for one more of this network.
    fn has_room(&self, network: &str) -> bool {
        let waiting = |(known, jobs): &(String, VecDeque<Job>)| {
            if known == network { jobs.len() } else { 0 }
        };
        let own = self.networks.iter().map(waiting).sum::<usize>();
        let most = self.networks.iter().map(|(_, jobs)| jobs.len()).max().unwrap_or(0);
        own < LONGEST_OF_ONE && (self.length < LONGEST || most > own + 1)
    }

    /// Turns away the latest of the network that waits with most, if these are more than `own`.
    fn make_room(&mut self, own: usize) -> bool {
        let most = self.networks.iter_mut().max_by_key(|(_, jobs)| jobs.len());
        let Some((_, jobs)) = most.filter(|(_, jobs)| jobs.len() > own + 1) else { return false };
        // Whoever waits for it is told that the queue is full, and counts that.
        jobs.pop_back();
        self.length -= 1;
        true
    }

    /// The next job: the networks take turns.
    fn pop(&mut self) -> Option<Job> {
        let (network, mut jobs) = self.networks.pop_front()?;
        let job = jobs.pop_front();
        if !jobs.is_empty() {
            self.networks.push_back((network, jobs));
        }
        self.length -= usize::from(job.is_some());
        job
    }
}

/// Whether hashes give way to what else the machine does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// They do: requests that need none are answered at once.
    Low,
    /// They do not: for tests, where a whole suite would go first.
    Usual,
}

impl HashingQueue {
    /// Starts one thread for each core.
    pub fn start(priority: Priority) -> std::io::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let metrics = HashingMetrics {
            threads: cores,
            waits: Histogram::of_waits(),
            hashes: Histogram::of_waits(),
            refused: Counter::default(),
        };
        let (waiting, changed) = (Mutex::default(), Condvar::default());
        let queue = Arc::new(Queue { waiting, changed, metrics });
        for number in 0..cores {
            let queue = Arc::clone(&queue);
            std::thread::Builder::new().name(format!("hashing-{number}")).spawn(move || {
                if priority == Priority::Low {
                    give_way(number == 0);
                }
                work(&queue);
            })?;
        }
        Ok(Self(Arc::new(Door(queue))))
    }

    /// Refuses whoever's hash would not be taken at this moment.
    pub(crate) fn room_for(&self, from: &Visitor) -> Result<(), FlowError> {
        let has_room = self.0.0.lock().has_room(&from.network());
        if has_room { Ok(()) } else { Err(self.refuse()) }
    }

    fn refuse(&self) -> FlowError {
        self.metrics().refused.inc();
        FlowError::Busy
    }

    pub(crate) fn metrics(&self) -> &HashingMetrics {
        &self.0.0.metrics
    }

    /// How many jobs wait, and how many threads are at one.
    pub(crate) fn length_and_busy(&self) -> (usize, usize) {
        let waiting = self.0.0.lock();
        (waiting.length, waiting.busy)
    }

    /// Runs `job` on one of the threads with the memory that it keeps for hashes.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        from: &Visitor,
        job: impl FnOnce(&mut HashMemory) -> T + Send + 'static,
    ) -> Result<T, FlowError> {
        let (answer, answered) = oneshot::channel();
        let queue = Arc::clone(&self.0.0);
        let run = Box::new(move |memory: &mut HashMemory| {
            // Whoever asked may have gone away meanwhile; then nothing is hashed.
            if !answer.is_closed() {
                let hash = Stopwatch::start();
                let done = job(memory);
                queue.metrics.hashes.note(hash);
                let _ = answer.send(done);
            }
        });
        let queue = &self.0.0;
        if !queue.lock().push(from.network(), Job { waits: Stopwatch::start(), run }) {
            return Err(self.refuse());
        }
        queue.changed.notify_one();
        answered.await.map_err(|_| self.refuse())
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.changed.notify_all();
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lowers the priority of this thread, so that a request that needs no hash is answered at once while
/// every core hashes.
///
/// POSIX knows one nice value a process, and elsewhere this would slow all of it down. On Linux each
/// thread has its own: setpriority(2), "C library/kernel differences".
#[cfg(target_os = "linux")]
fn give_way(is_first: bool) {
    let this = rustix::thread::gettid();
    // Anybody may lower their own priority, unless a sandbox forbids the call as such.
    if let Err(error) = rustix::process::setpriority_process(Some(this), NICENESS)
        && is_first
    {
        tracing::debug!(%error, "the hashing threads are of no lower priority than others");
    }
}

#[cfg(not(target_os = "linux"))]
fn give_way(_: bool) {}

fn work(queue: &Queue) {
    let mut memory = HashMemory::default();
    let mut waiting = queue.lock();
    loop {
        if let Some(job) = waiting.pop() {
            waiting.busy += 1;
            drop(waiting);
            queue.metrics.waits.note(job.waits);
            // One that panics is one answer less, not one thread less.
            if catch_unwind(AssertUnwindSafe(|| (job.run)(&mut memory))).is_err() {
                memory = HashMemory::default();
            }
            waiting = queue.lock();
            waiting.busy -= 1;
        } else if waiting.closed {
            return;
        } else {
            let (again, timeout) =
                queue.changed.wait_timeout(waiting, KEPT).unwrap_or_else(PoisonError::into_inner);
            waiting = again;
            if timeout.timed_out() && waiting.length == 0 {
                memory = HashMemory::default();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use vestibule_metrics::Stopwatch;

    use super::{Job, LONGEST, LONGEST_OF_ONE, Waiting};

    fn fill(waiting: &mut Waiting, network: &str, jobs: usize) -> usize {
        let job = || Job { waits: Stopwatch::start(), run: Box::new(|_| ()) };
        (0..jobs).filter(|_| waiting.push(network.into(), job())).count()
    }

    #[test]
    fn networks_take_turns_and_whoever_floods_gives_way() {
        let mut waiting = Waiting::default();
        assert_eq!(fill(&mut waiting, "flood", 1_000), LONGEST_OF_ONE);
        assert_eq!(fill(&mut waiting, "flood too", 1_000), LONGEST - LONGEST_OF_ONE);
        assert!(!waiting.has_room("flood") && waiting.has_room("owner"));
        assert_eq!(fill(&mut waiting, "owner", 2), 2);
        assert_eq!(waiting.length, LONGEST);

        // The owner comes third although 190 were there before.
        let turns: Vec<String> = (0..3)
            .map(|_| {
                let next = waiting.networks.front().map(|(network, _)| network.clone());
                waiting.pop();
                next.unwrap_or_default()
            })
            .collect();
        assert_eq!(turns, ["flood", "flood too", "owner"]);
        while waiting.pop().is_some() {}
        assert_eq!(waiting.length, 0);
    }
}
