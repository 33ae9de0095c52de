//! Which run of the fold an actor belongs to, so that a new run begins when the old one is really gone.

use std::sync::Arc;
use std::time::Duration;

/// Held by every actor of a run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Generation(Arc<()>);

impl Generation {
    /// Waits until only the caller holds it; gives up after `patience` and says so.
    pub(crate) async fn is_gone(&self, patience: Duration) -> bool {
        let until = tokio::time::Instant::now() + patience;
        while Arc::strong_count(&self.0) > 1 {
            if tokio::time::Instant::now() >= until {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        true
    }
}
