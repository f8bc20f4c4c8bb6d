//! What goes on beside the requests while serving: this process says that it is there, learns new
//! keys, tends the old ones, watches the clock, hears what others change, writes when sessions
//! were seen at the gate, and brings in the configured applications.

use std::path::PathBuf;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::sleep;
use vestibule_domain::id::NodeId;
use vestibule_flows::Vestibule;
use vestibule_flows::nodes::{ServingNode, Tended};

use crate::config::Config;
use crate::configuring::Configuring;
use crate::key_file;
use crate::serving::Door;

const TURN: Duration = Duration::from_secs(1);
/// A pause between batches that are sealed anew, for requests to come between.
const BETWEEN_BATCHES: Duration = Duration::from_millis(10);
const CLOCK: Duration = Duration::from_secs(5);

/// The tasks. Dropping it does not end them; [`Tending::end`] does.
pub(crate) struct Tending {
    vestibule: Vestibule,
    node: NodeId,
    tasks: [JoinHandle<()>; 5],
}

impl Tending {
    /// Makes this process known before anybody is served, so that no command can overlook it.
    pub(crate) async fn start(
        vestibule: &Vestibule,
        config: &Config,
        door: &Door,
    ) -> anyhow::Result<Self> {
        let label = format!("{} ({})", host(), door.local_addr()?);
        let mut tender = Tender {
            node: vestibule.node(&label),
            files: [config.key_file(), config.next_key_file()],
            vestibule: vestibule.clone(),
            said: String::new(),
        };
        vestibule.note_public_url(&door.shown()).await?;
        tender.node.tend().await?;
        tender.warn_of_an_old_file().await;
        warn_of_the_clock(vestibule).await;
        let configuring = Configuring::start(vestibule, config).await;
        Ok(Self {
            vestibule: vestibule.clone(),
            node: tender.node.id(),
            tasks: [
                tokio::spawn(tender.tend()),
                tokio::spawn(watch_clock(vestibule.clone())),
                tokio::spawn(hear_changes(vestibule.clone())),
                tokio::spawn(write_seen(vestibule.clone())),
                tokio::spawn(configuring.go_on()),
            ],
        })
    }

    /// Ends the tasks, and says that this process is no more.
    pub(crate) async fn end(self) {
        for task in self.tasks {
            task.abort();
            // It ends by being cancelled.
            let _ = task.await;
        }
        if let Err(error) = self.vestibule.write_seen().await {
            tracing::debug!(%error, "the latest requests at the gate are not noted");
        }
        if let Err(error) = self.vestibule.leave(self.node).await {
            tracing::debug!(%error, "others will notice by themselves that this node has ended");
        }
    }
}

fn host() -> String {
    // Where there is none, the address tells machines apart.
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    if name.trim().is_empty() { "this machine".to_owned() } else { name.trim().to_owned() }
}

struct Tender {
    vestibule: Vestibule,
    node: ServingNode,
    /// The key file, and the one that is to replace it.
    files: [PathBuf; 2],
    /// What is wrong and was said already.
    said: String,
}

impl Tender {
    async fn tend(mut self) {
        loop {
            let wrong = self.read_key_files();
            let tended = self.node.tend().await;
            let pause = match &tended {
                Ok(tended) if tended.resealed.done > 0 => BETWEEN_BATCHES,
                _ => TURN,
            };
            self.say(wrong, tended);
            sleep(pause).await;
        }
    }

    /// Holds what the files hold; answers what is wrong with one.
    fn read_key_files(&self) -> Option<String> {
        let mut wrong = None;
        for file in &self.files {
            match key_file::read(file) {
                Ok(Some(key)) => self.vestibule.hold_master_key(&key),
                // It was read at the start, and is in memory.
                Ok(None) => {}
                Err(error) => wrong = Some(error.to_string()),
            }
        }
        wrong
    }

    fn say(&mut self, wrong: Option<String>, tended: Result<Tended, vestibule_flows::FlowError>) {
        let trouble = match tended {
            Ok(tended) => {
                for number in &tended.retired {
                    tracing::info!(number, "an old data key was removed: nothing needs it");
                }
                match (wrong, tended.lacks, tended.resealed.unreadable) {
                    (Some(wrong), ..) => wrong,
                    (None, Some(id), _) => format!(
                        "the data keys are wrapped by the master key {id}, which this node does \
                         not hold: put its file in {}",
                        self.files[0].display(),
                    ),
                    (None, None, 0) => String::new(),
                    (None, None, count) => format!(
                        "{count} sealed secrets do not open; their old data key is kept, and their \
                         users need a reset"
                    ),
                }
            }
            Err(error) => format!("the keys could not be tended, which is tried again: {error}"),
        };
        if trouble != self.said {
            if !trouble.is_empty() {
                tracing::warn!("{trouble}");
            }
            self.said = trouble;
        }
    }

    /// After `vestibule keys rewrap`, the new file should take the place of the old.
    async fn warn_of_an_old_file(&self) {
        let [file, next] = &self.files;
        let held = |path| key_file::read(path).ok().flatten().map(|key| key.id());
        let Ok((Some(wraps), _)) = self.vestibule.master_key().await else { return };
        if held(next) == Some(wraps.clone()) && held(file) != Some(wraps) {
            tracing::warn!(
                "the data needs the key in {next}: run `mv {next} {file}`",
                next = next.display(),
                file = file.display(),
            );
        }
    }
}

async fn watch_clock(vestibule: Vestibule) {
    loop {
        sleep(CLOCK).await;
        warn_of_the_clock(&vestibule).await;
    }
}

async fn hear_changes(vestibule: Vestibule) {
    vestibule.hear_changes().await;
}

async fn write_seen(vestibule: Vestibule) {
    loop {
        sleep(TURN).await;
        if let Err(error) = vestibule.write_seen().await {
            tracing::debug!(%error, "when sessions were seen at the gate is written later");
        }
    }
}

/// Once per change.
async fn warn_of_the_clock(vestibule: &Vestibule) {
    let Some(warnings) = vestibule.watch_clock().await else { return };
    if warnings.is_empty() {
        tracing::info!("nothing is wrong with the clock any more");
    }
    for warning in warnings {
        tracing::warn!(
            "{warning}: security codes may be refused, sessions may end; let the clock follow a \
             time server"
        );
    }
}
