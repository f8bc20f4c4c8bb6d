//! What the serving process tells the commands beside it.

use crate::error::FlowError;
use crate::vestibule::Vestibule;

impl Vestibule {
    /// Notes the address that people open, for links of the command line.
    pub async fn note_public_url(&self, url: &str) -> Result<(), FlowError> {
        let mut tx = self.store.write().await?;
        let _changed = tx.note_public_url(url).await?;
        Ok(tx.commit().await?)
    }

    /// The address that `vestibule serve` was started with last.
    pub async fn public_url(&self) -> Result<Option<String>, FlowError> {
        Ok(self.store.read().await?.installation().await?.public_url)
    }
}
