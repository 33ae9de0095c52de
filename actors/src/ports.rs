//! What the actors need from the world, as ports of the engine and the log.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use weir_engine::ids::UnixMs;
use weir_engine::ports::{CatalogStore, ClickLookup, LedgerStore};
pub use weir_journal::{Journal, Lane};

use crate::tenant::evidence::Sources;

/// The log, the store, the look-up of clicks and the clock.
#[derive(Clone)]
pub struct Ports {
    /// The log, to be read.
    pub journal: Journal,
    /// The log, to be written by actors.
    pub lane: Lane,
    /// Clicks by id.
    pub clicks: Arc<dyn ClickLookup>,
    /// The transaction.
    pub ledger: Arc<dyn LedgerStore>,
    /// Entities at start.
    pub catalog: Arc<dyn CatalogStore>,
    /// The time of facts that actors write.
    pub clock: Clock,
}

impl Ports {
    pub(crate) fn sources(&self) -> Sources<'_> {
        Sources {
            clicks: self.clicks.as_ref(),
            ledger: self.ledger.as_ref(),
        }
    }
}

/// A source of the time of day.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> UnixMs + Send + Sync>);

impl Clock {
    /// The clock of the machine.
    #[must_use]
    pub fn system() -> Self {
        Self::from(|| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH);
            UnixMs(since.map_or(0, |d| d.as_millis() as u64))
        })
    }

    /// A clock that is told what to say.
    pub fn from(now: impl Fn() -> UnixMs + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// What time it is.
    #[must_use]
    pub fn now(&self) -> UnixMs {
        (self.0)()
    }
}
