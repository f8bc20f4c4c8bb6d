//! Being asked to stop, by a signal.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Whether the process was asked to stop. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Takes these signals over: from now on they ask, and end nothing by themselves.
    pub(crate) fn on(signals: &[SignalKind]) -> io::Result<Self> {
        let (sender, receiver) = watch::channel(false);
        for kind in signals {
            let (mut signal, sender) = (signal(*kind)?, sender.clone());
            tokio::spawn(async move {
                signal.recv().await;
                sender.send_replace(true);
            });
        }
        Ok(Self(receiver))
    }

    /// Resolves once the process is asked to stop, at once if it was already.
    pub(crate) fn requested(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut receiver = self.0.clone();
        async move {
            // It fails when nobody can ask any more; then the runtime is ending.
            let _ = receiver.wait_for(|requested| *requested).await;
        }
    }
}
