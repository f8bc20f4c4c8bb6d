//! Watching the server's clock, while serving.

use std::sync::PoisonError;

use vestibule_domain::clock_watch::{ClockWarning, Look, surely_ahead};
use vestibule_domain::time::Timestamp;

use crate::error::FlowError;
use crate::vestibule::Vestibule;

impl Vestibule {
    /// Looks at all clocks; answers what is wrong where that has changed. A database that does not
    /// answer is no trouble of the clock.
    pub async fn watch_clock(&self) -> Option<Vec<ClockWarning>> {
        let (ahead_of_database, newest_entry) = self.other_times().await.unwrap_or_default();
        let (now, steady) = (self.clock.now(), self.clock.steady());
        let mut watch = self.clock_watch.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = watch.look(Look { now, steady, ahead_of_database, newest_entry });
        changed.then(|| watch.warnings().to_vec())
    }

    async fn other_times(&self) -> Result<(Option<i64>, Option<Timestamp>), FlowError> {
        let newest_entry = self.store.read().await?.newest_event().await?;
        let before = self.clock.now();
        let database = self.store.database_time().await?;
        let after = self.clock.now();
        Ok((database.map(|time| surely_ahead(before, time, after)), newest_entry))
    }

    /// What was wrong with the clock at the last look, the worst first.
    pub fn clock_warnings(&self) -> Vec<ClockWarning> {
        self.clock_watch.lock().unwrap_or_else(PoisonError::into_inner).warnings().to_vec()
    }
}
