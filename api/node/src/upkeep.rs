//! What a running server does by the clock: segments past retention go, the books are checked.
//!
//! Always true: nothing here is waited for by a click, a postback or the fold: the books are read in a snapshot
//! of their own, segments go that every durable reader has passed, the index too. Nothing is given up before the fold has
//! reached the head of the log, so that a verdict that a crash left unstored is judged again by the same clicks.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use weir_actors::Mesh;
use weir_engine::ports::{PartitionState, SearchIndex};
use weir_journal::{Cursors, Journal, Removed};

use crate::data_folder::DataFolder;
use crate::settings::Retention;
use crate::state::{State, known};

/// How often the books are checked.
const CHECK_EVERY: Duration = Duration::from_secs(3600);
/// How often old segments are looked for.
const GIVE_UP_EVERY: Duration = Duration::from_secs(600);
/// Micros that the books are off; 0 while all is well.
const DRIFT_MICROS: &str = "weir_ledger_drift_micros";
/// Invariants of ledger and reports that the last check found broken.
const VIOLATIONS: &str = "weir_books_violations";

/// The work under way.
pub struct Upkeep(Vec<JoinHandle<()>>);

impl Upkeep {
    /// Begins when the fold has reached the head of the log.
    pub fn start(
        mesh: &Mesh,
        journal: &Journal,
        stores: &Stores,
        folder: &DataFolder,
        retention: Retention,
    ) -> Self {
        let state = &stores.state;
        let runtime = tokio::runtime::Handle::current();
        let (books, running) = (state.clone(), runtime.clone());
        let mut tasks = vec![repeat(mesh.clone(), CHECK_EVERY, move || {
            running.block_on(check_books(&books));
        })];
        if let State::Mysql(_) = state {
            tasks.push(known::keep(state.clone(), mesh.clone(), folder.clone()));
        }
        if let Some(age) = retention.age() {
            let (journal, stores) = (journal.clone(), stores.clone());
            tasks.push(repeat(mesh.clone(), GIVE_UP_EVERY, move || {
                match runtime.block_on(stores.give_up(&journal, age)) {
                    Ok(_) => {}
                    Err(error) => tracing::warn!(error = &*error, "old segments could not go"),
                }
            }));
        }
        Self(tasks)
    }

    /// Begins nothing more; what is under way comes to its end.
    pub fn stop(&self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

/// Does `work` on a thread of its own, again and again.
fn repeat(mesh: Mesh, every: Duration, work: impl Fn() + Send + Sync + 'static) -> JoinHandle<()> {
    let work = Arc::new(work);
    tokio::spawn(async move {
        mesh.at_head().await;
        loop {
            let once = Arc::clone(&work);
            if tokio::task::spawn_blocking(move || once()).await.is_err() {
                tracing::error!("upkeep panicked; it is tried again later");
            }
            tokio::time::sleep(every).await;
        }
    })
}

/// Checks the books in a snapshot and says what it found: on the metrics, and each violation in the log.
async fn check_books(state: &State) {
    match state.checked().await {
        Ok(books) => {
            let found = books.read;
            metrics::gauge!(DRIFT_MICROS).set(found.drift_micros as f64);
            metrics::gauge!(VIOLATIONS).set(found.violations.len() as f64);
            for found in found.violations {
                let (invariant, says, what) = (found.invariant, found.says, &found.what);
                tracing::error!(tenant = %found.tenant, invariant, says, what, "the books do not hold");
            }
        }
        Err(error) => tracing::warn!(%error, "the books could not be checked"),
    }
}

/// What must have a fact before its segment may go.
#[derive(Clone)]
pub struct Stores {
    /// The system of record.
    pub state: State,
    /// The index.
    pub index: Option<Arc<dyn SearchIndex>>,
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;

impl Stores {
    /// Removes segments that are older than `age` and that every durable reader has passed; while one cannot be asked,
    /// none goes.
    async fn give_up(&self, journal: &Journal, age: Duration) -> Result<Removed, AnyError> {
        let mut passed = passed(&self.state.ledger().offsets().await?);
        if let Some(index) = &self.index {
            let live = index.live().await?;
            let cursor = index.cursor(live).await?.unwrap_or_default();
            passed = passed.nearest(&cursor.offsets.into_iter().collect());
        }
        Ok(journal.remove_before(passed, age)?)
    }
}

/// What nobody reads again: the next start refolds from the last checkpoints on.
fn passed(partitions: &[PartitionState]) -> Cursors {
    let read_again = |p: &PartitionState| (p.partition, p.refold_from.min(p.next_offset));
    partitions.iter().map(read_again).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_embedded::Embedded;
    use weir_engine::ids::{TenantId, UnixMs, partition_of};
    use weir_engine::ports::{Advance, Append, Commit, LedgerStore};
    use weir_engine::record::Record;

    const TENANT: TenantId = TenantId(1);
    const DAY: Duration = Duration::from_secs(86_400);

    /// A journal of three segments whose facts are from 2024, and a store that knows none of them.
    async fn old_facts(folder: &std::path::Path) -> (Journal, Embedded) {
        let options = weir_journal::Options {
            segment_bytes: 32 << 10,
            ..weir_journal::Options::default()
        };
        let journal = Journal::open(folder, &options).unwrap();
        let record = Record {
            tenant: TENANT,
            at: UnixMs(weir_engine::click_id::EPOCH_MS),
            kind: 200,
            version: 1,
            click_id: None,
            open: &[7; 900],
            private_key: 0,
            private: &[],
            texts: ["", ""],
        };
        for _ in 0..2 {
            for _ in 0..3 {
                journal.shared_lane().append(&record).await.unwrap();
            }
            journal.turn().unwrap();
        }
        while weir_journal::info(folder).unwrap().sealed < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        (journal, Embedded::open(folder.join("state.db")).unwrap())
    }

    async fn store_has(store: &Embedded, to: u64, refold_from: u64) {
        let partition = partition_of(TENANT);
        let claimed = store.claim(&[partition]).await.unwrap()[0];
        let advance = Advance {
            partition,
            from: claimed.next_offset,
            to,
            epoch: claimed.epoch,
            refold_from: Some(refold_from),
        };
        let commit = Commit {
            advances: vec![advance],
            ..Commit::default()
        };
        assert!(store.commit(commit).await.is_ok());
    }

    #[tokio::test]
    async fn old_segments_go_when_the_store_has_them_and_no_start_reads_them_again() {
        let folder = tempfile::tempdir().unwrap();
        let (journal, store) = old_facts(folder.path()).await;
        let store = Arc::new(store);
        let stores = Stores {
            state: State::Embedded(Arc::clone(&store)),
            index: None,
        };
        let gone = async |age| stores.give_up(&journal, age).await.unwrap().segments;
        assert_eq!(gone(DAY).await, 0, "the store has nothing");
        store_has(&store, 6, 2).await;
        assert_eq!(gone(DAY).await, 0, "the next start refolds from the first");
        store_has(&store, 6, 4).await;
        assert_eq!(gone(DAY * 36_500).await, 0, "too young");
        assert_eq!(gone(DAY).await, 1, "the second is refolded in part");
        store_has(&store, 6, 6).await;
        assert_eq!(gone(DAY).await, 1);
        assert_eq!(journal.start().total(), 6);
        journal.close().unwrap();
        let options = weir_journal::Options {
            must_reach: passed(&store.offsets().await.unwrap()),
            ..weir_journal::Options::default()
        };
        let again = Journal::open(folder.path(), &options).unwrap();
        assert!(again.read_from(options.must_reach).is_ok());
    }

    #[test]
    fn retention_is_off_or_days() {
        use crate::settings::RetentionWord;
        assert_eq!(Retention::Word(RetentionWord::Off).age(), None);
        assert_eq!(Retention::Days(2).age(), Some(DAY * 2));
    }
}
