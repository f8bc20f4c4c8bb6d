//! The threads that hash passwords: as many as there are cores, behind a bounded queue, so that a
//! burst of sign-ins neither stops other requests nor exhausts the memory.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use vestibule_domain::password::HashMemory;

use crate::error::FlowError;

/// Hashes that wait at most. At 20 ms each on two cores, the last of them waits about two seconds.
const LONGEST: usize = 192;
/// How long a thread keeps its 19 MiB after its last hash.
const KEPT: Duration = Duration::from_secs(20);

type Job = Box<dyn FnOnce(&mut HashMemory) + Send>;

/// The way to the hashing threads. They end when the last of its clones is dropped.
#[derive(Clone)]
pub struct HashingQueue(Arc<Door>);

/// Closes the queue when nobody can send any more.
struct Door(Arc<Queue>);

#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    closed: bool,
}

impl HashingQueue {
    /// Starts one thread for each core.
    pub fn start() -> std::io::Result<Self> {
        let queue = Arc::<Queue>::default();
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        for number in 0..cores {
            let queue = Arc::clone(&queue);
            std::thread::Builder::new()
                .name(format!("hashing-{number}"))
                .spawn(move || work(&queue))?;
        }
        Ok(Self(Arc::new(Door(queue))))
    }

    /// Runs `job` on one of the threads with the memory that it keeps for hashes.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut HashMemory) -> T + Send + 'static,
    ) -> Result<T, FlowError> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |memory| {
            // Whoever asked may have gone away meanwhile.
            let _ = answer.send(job(memory));
        });
        let queue = &self.0.0;
        {
            let mut waiting = queue.lock();
            if waiting.jobs.len() >= LONGEST {
                return Err(FlowError::Busy);
            }
            waiting.jobs.push_back(job);
        }
        queue.changed.notify_one();
        answered.await.map_err(|_| FlowError::Busy)
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

fn work(queue: &Queue) {
    let mut memory = HashMemory::default();
    let mut waiting = queue.lock();
    loop {
        if let Some(job) = waiting.jobs.pop_front() {
            drop(waiting);
            job(&mut memory);
            waiting = queue.lock();
        } else if waiting.closed {
            return;
        } else {
            let (again, timeout) =
                queue.changed.wait_timeout(waiting, KEPT).unwrap_or_else(PoisonError::into_inner);
            waiting = again;
            if timeout.timed_out() && waiting.jobs.is_empty() {
                memory = HashMemory::default();
            }
        }
    }
}
