//! Removing what is over, while serving.

use crate::error::FlowError;
use crate::vestibule::Vestibule;

impl Vestibule {
    /// Removes ended sessions, old spent codes, expired enrolments and links, and audit events that
    /// are older than they are kept, in small batches, so that sign-ins come between them.
    pub async fn keep_house(&self) -> Result<(), FlowError> {
        self.trim_audit().await?;
        loop {
            let now = self.clock.now();
            let mut tx = self.store.write().await?;
            let more = tx.remove_what_is_over(self.settings.session_limits, now).await?;
            tx.commit().await?;
            if !more {
                return Ok(());
            }
            tokio::task::yield_now().await;
        }
    }
}
