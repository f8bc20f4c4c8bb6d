//! The applications of the configuration, brought into the database at the start and, as far as
//! something was missing for it, while serving.

use tokio::time::sleep;
use vestibule_flows::Vestibule;
use vestibule_flows::configured_applications::{ConfiguredApplication, EVERY, Occasion};

use crate::config::Config;

/// What is to be brought in, and how far that has come.
pub(crate) struct Configuring {
    vestibule: Vestibule,
    wanted: Vec<ConfiguredApplication>,
    /// What comes next: another start, until one has gone through.
    next: Occasion,
    /// What stands in the way and was said already.
    said: Vec<String>,
}

impl Configuring {
    /// Brings them in before anybody is served.
    pub(crate) async fn start(vestibule: &Vestibule, config: &Config) -> Self {
        let mut configuring = Self {
            vestibule: vestibule.clone(),
            wanted: config.applications(),
            next: Occasion::Start,
            said: vec![],
        };
        configuring.bring_in().await;
        configuring
    }

    /// Looks for what was missing, from time to time.
    pub(crate) async fn go_on(mut self) {
        while self.next == Occasion::Start || !self.wanted.is_empty() {
            sleep(EVERY).await;
            self.bring_in().await;
        }
    }

    async fn bring_in(&mut self) {
        let trouble = match self.vestibule.configure_applications(&self.wanted, self.next).await {
            Ok(trouble) => {
                self.next = Occasion::Serving;
                trouble
            }
            Err(error) => {
                vec![format!("the configured applications are looked at again soon: {error}")]
            }
        };
        for line in trouble.iter().filter(|line| !self.said.contains(line)) {
            tracing::warn!("{line}");
        }
        self.said = trouble;
    }
}
