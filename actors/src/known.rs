//! What was configured, known without the store: rows that were copied beside the log, and the log from there on. With it
//! a start answers clicks also while the store is away.
//!
//! Always true: nothing is judged by it; the fold begins from the store alone, once that can be read. What is published
//! from here is not older than what was published when the process ended: every change is in the log.

use std::collections::{BTreeMap, HashMap};

use weir_engine::catalog::{Catalog, EntityKey, UnreadableBody};
use weir_engine::fact::{Fact, Kind};
use weir_engine::ids::TenantId;
use weir_engine::ports::EntityRow;
use weir_journal::{Cursors, Journal, ReadError};

/// Facts read at a time.
const BATCH: usize = 65_536;

/// Rows of entities as a store had them, and how far it was then: the copy holds every change before `offsets`.
#[derive(Debug, Clone)]
pub struct Known {
    /// The first fact of each partition that may not be in the rows.
    pub offsets: Cursors,
    /// The rows.
    pub entities: Vec<EntityRow>,
}

/// Why what is known cannot be brought up to date.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KnownError {
    /// The log.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// A row of another build.
    #[error(transparent)]
    Row(#[from] UnreadableBody),
}

/// A tenant's catalog, and the number after the last fact that changed it.
#[derive(Default)]
pub(crate) struct AsOf {
    pub(crate) catalog: Catalog,
    pub(crate) next: u64,
}

impl AsOf {
    /// Puts a row.
    ///
    /// # Errors
    /// [`UnreadableBody`].
    pub(crate) fn restore(&mut self, row: &EntityRow) -> Result<(), UnreadableBody> {
        self.catalog.restore(row)?;
        self.next = self.next.max(row.position.seq + 1);
        Ok(())
    }
}

impl Known {
    /// The catalogs of all tenants at the head of the log.
    pub(crate) async fn at_head(
        self,
        journal: &Journal,
    ) -> Result<BTreeMap<TenantId, AsOf>, KnownError> {
        let mut catalogs: BTreeMap<TenantId, AsOf> = BTreeMap::new();
        let mut changed: HashMap<(TenantId, EntityKey), u64> = HashMap::new();
        for row in &self.entities {
            catalogs.entry(row.tenant).or_default().restore(row)?;
            changed.insert((row.tenant, row.change.key), row.position.seq);
        }
        let (from, end) = (self.offsets.furthest(&journal.start()), journal.end());
        let mut reader = journal.read_from(from)?;
        while !reader.cursors().reaches(&end) {
            let batch = reader.next(BATCH).await?;
            let changes = batch
                .iter()
                .filter(|logged| logged.record.kind == Kind::ConfigChanged.code());
            for logged in changes {
                let (tenant, seq) = (logged.record.tenant, logged.position.seq);
                let Ok(Fact::ConfigChanged(change)) = Fact::read(&logged) else {
                    // Judged unreadable by the fold, too.
                    continue;
                };
                if changed
                    .get(&(tenant, change.key))
                    .is_some_and(|in_row| *in_row >= seq)
                {
                    continue;
                }
                let known = catalogs.entry(tenant).or_default();
                if known.catalog.apply(&change, logged.record.at).is_ok() {
                    known.next = seq + 1;
                }
            }
        }
        Ok(catalogs)
    }
}
