//! The threads that hash passwords: as many as there are cores, behind a bounded queue, so that a
//! burst of sign-ins neither stops other requests nor exhausts the memory.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use vestibule_domain::password::HashMemory;

use crate::error::FlowError;

/// Hashes that wait at most. At 20 ms each on two cores, the last of them waits about two seconds.
const QUEUE: usize = 192;
/// How long a thread keeps its 19 MiB after the last hash.
const KEPT: Duration = Duration::from_secs(20);

type Job = Box<dyn FnOnce(&mut HashMemory) + Send>;

/// The way to the hashing threads. They end when the last of its clones is dropped.
#[derive(Clone)]
pub struct HashingQueue(SyncSender<Job>);

impl HashingQueue {
    /// Starts one thread for each core.
    pub fn start() -> std::io::Result<Self> {
        let (sender, receiver) = sync_channel::<Job>(QUEUE);
        let receiver = Arc::new(Mutex::new(receiver));
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        for number in 0..cores {
            let receiver = Arc::clone(&receiver);
            std::thread::Builder::new()
                .name(format!("hashing-{number}"))
                .spawn(move || work(&receiver))?;
        }
        Ok(Self(sender))
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
        self.0.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) | TrySendError::Disconnected(_) => FlowError::Busy,
        })?;
        answered.await.map_err(|_| FlowError::Busy)
    }
}

fn work(receiver: &Mutex<Receiver<Job>>) {
    let mut memory = HashMemory::default();
    loop {
        // The lock is held while waiting: the next job goes to whoever holds it.
        let next = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(KEPT);
        match next {
            Ok(job) => job(&mut memory),
            Err(RecvTimeoutError::Timeout) => memory = HashMemory::default(),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}
