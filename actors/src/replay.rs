//! A replay: the log folded from its start into an empty store, by the same fold and the same assembly as live.
//!
//! One thread, no actors: windows are judged tenant by tenant and committed one after the other. Always true:
//! it stops exactly at the given cursors; what it writes does not depend on the size of its windows.

use std::collections::BTreeMap;
use std::sync::Arc;

use weir_engine::ids::TenantId;
use weir_engine::judge::TenantState;
use weir_engine::ports::{ClickLookup, Commit, JudgedRange, LedgerStore, StoreError};
use weir_journal::{Cursors, ReadError, Reader};

use crate::projection::assembly::Assembly;
use crate::reader::WindowInMaking;
use crate::tenant::evidence::{self, Sources};
use crate::tenant::fold::TenantFold;
use crate::window::{Effects, FactAt, WindowHead};

/// Why a replay did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The log cannot be read.
    #[error("log cannot be read")]
    Log(#[from] ReadError),
    /// The store did not take what follows.
    #[error("store does not take it")]
    Store(#[from] StoreError),
    /// The log ends before the place that was asked for.
    #[error("the log ends before the store's offset")]
    Short,
}

/// What a replay did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Facts folded.
    pub facts: u64,
    /// Transactions.
    pub commits: u64,
}

/// Folds the log from where `reader` stands up to `until` into `ledger`, `batch` facts a transaction; `progress`
/// hears how many facts are done.
///
/// # Errors
/// [`ReplayError`].
pub async fn replay(
    mut reader: Reader,
    until: Cursors,
    clicks: &dyn ClickLookup,
    ledger: &dyn LedgerStore,
    batch: usize,
    mut progress: impl FnMut(u64),
) -> Result<Replayed, ReplayError> {
    let all: Vec<u16> = (0..weir_engine::ids::PARTITIONS).collect();
    let partitions = ledger.claim(&all).await?;
    let mut replaying = Replaying {
        sources: Sources { clicks, ledger },
        assembly: Assembly::new(&partitions, []),
        folds: BTreeMap::new(),
        windows: 0,
        done: Replayed::default(),
    };
    while !reader.cursors().reaches(&until) {
        let window = read_window(&mut reader, &until, batch)?;
        replaying.window(window).await?;
        progress(replaying.done.facts);
    }
    Ok(replaying.done)
}

/// Up to `batch` facts before `until`.
fn read_window(
    reader: &mut Reader,
    until: &Cursors,
    batch: usize,
) -> Result<WindowInMaking, ReplayError> {
    let mut window = WindowInMaking::default();
    while (window.facts as usize) < batch && !reader.cursors().reaches(until) {
        let facts = reader.try_next(batch - window.facts as usize)?;
        for logged in facts.ok_or(ReplayError::Short)?.iter() {
            let seq = logged.position.seq;
            if seq < until.0[usize::from(logged.position.partition)] {
                window.push(&logged);
            }
        }
    }
    Ok(window)
}

struct Replaying<'a> {
    sources: Sources<'a>,
    assembly: Assembly,
    folds: BTreeMap<TenantId, TenantFold>,
    windows: u64,
    done: Replayed,
}

impl Replaying<'_> {
    async fn window(&mut self, window: WindowInMaking) -> Result<(), ReplayError> {
        if window.facts == 0 {
            return Ok(());
        }
        self.windows += 1;
        self.assembly.window(WindowHead {
            number: self.windows,
            credits: 0,
            facts: window.facts,
            newest_at: window.newest_at,
            steps: window.steps(|_| 0),
            tenants: window.by_tenant.len(),
            is_urgent: false,
            refold_from: Vec::new(),
        });
        for (tenant, facts) in window.by_tenant {
            let effects = self.judge(tenant, facts).await;
            self.assembly.effects(effects);
        }
        if let Some((ready, commit)) = self.assembly.take() {
            self.commit(commit).await?;
            for (&partition, &(_, to)) in &ready.steps {
                let of_partition = |t: &TenantId| weir_engine::ids::partition_of(*t) == partition;
                let folds = self.folds.iter_mut().filter(|(t, _)| of_partition(t));
                folds.for_each(|(_, fold)| fold.recent.forget_below(to));
            }
            self.done.facts += ready.facts;
            self.done.commits += 1;
        }
        Ok(())
    }

    async fn judge(&mut self, tenant: TenantId, facts: Vec<FactAt>) -> Effects {
        let fold = self.folds.entry(tenant).or_insert_with(|| {
            TenantFold::new(TenantState::new(tenant), 0, JudgedRange::default())
        });
        let mut judged = Vec::with_capacity(facts.len());
        for fact in facts {
            let evidence = evidence::gather(self.sources, fold, &fact).await;
            judged.push(fold.judge(fact, evidence));
        }
        Effects {
            window: self.windows,
            tenant,
            refolded: 0,
            entities: fold.entity_rows(&judged),
            touched: fold.state.take_touched(),
            judged: Arc::new(judged),
            checkpoints: Vec::new(),
        }
    }

    async fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        self.sources
            .ledger
            .commit(commit)
            .await
            .map_err(|(error, _)| error)
    }
}
