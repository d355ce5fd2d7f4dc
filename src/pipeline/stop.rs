//! The wish to stop, as a signal gives it: heard between chunks and while waiting for the network.

use std::sync::Arc;

use tokio::sync::watch;

use crate::model::{Fault, FaultKind, Stage};

/// Shared by everyone who works; see [`Stop::ask`].
#[derive(Clone)]
pub struct Stop {
    asked: watch::Receiver<bool>,
    ask: Arc<watch::Sender<bool>>,
}

impl Default for Stop {
    fn default() -> Self {
        let (ask, asked) = watch::channel(false);
        Stop { asked, ask: Arc::new(ask) }
    }
}

impl Stop {
    /// Asks everyone to stop at the next safe point.
    pub fn ask(&self) {
        self.ask.send_replace(true);
    }

    pub fn is_asked(&self) -> bool {
        *self.asked.borrow()
    }

    /// # Errors
    /// [`FaultKind::Cancelled`] once stopping was asked for.
    pub fn check(&self) -> Result<(), Fault> {
        if self.is_asked() { Err(Stop::fault()) } else { Ok(()) }
    }

    /// Waits for the wish, or for the work to be done.
    pub async fn or<T>(&self, work: impl Future<Output = T>) -> Result<T, Fault> {
        let mut asked = self.asked.clone();
        tokio::select! {
            result = work => Ok(result),
            _ = asked.wait_for(|asked| *asked) => Err(Stop::fault()),
        }
    }

    fn fault() -> Fault {
        Fault::new(FaultKind::Cancelled, Stage::Commit, "stopped by a signal; what was finished stays")
            .advise("run the same command again: it goes on where this one stopped")
    }
}
