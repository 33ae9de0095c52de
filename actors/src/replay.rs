//! A replay: the log folded from its start into an empty store, by the same fold and the same assembly as live.
//!
//! One thread, no actors: windows are judged tenant by tenant and committed one after the other. Always true:
//! it stops exactly at the given cursors; what it writes does not depend on the size of its windows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use weir_engine::fact::Encoder;
use weir_engine::ids::{TenantId, UnixMs, partition_of};
use weir_engine::judge::TenantState;
use weir_engine::ports::{
    ActorKey, Checkpoint, ClickLookup, Commit, JudgedRange, LedgerStore, StoreError,
};
use weir_journal::{Cursors, ReadError, Reader};

use crate::campaign::CampaignState;
use crate::projection::assembly::Assembly;
use crate::reader::WindowInMaking;
use crate::tenant::campaign_of;
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

/// How a replay is made.
#[derive(Debug, Clone, Copy)]
pub struct Replay {
    /// Facts a transaction.
    pub batch: usize,
    /// Whether a server will go on from the store: then it ends with a checkpoint of every actor, so that the start reads
    /// nothing again.
    pub is_to_be_served: bool,
}

/// Folds the log from where `reader` stands up to `until` into `ledger`; `progress` hears how many facts are done.
///
/// # Errors
/// [`ReplayError`].
pub async fn replay(
    mut reader: Reader,
    until: Cursors,
    clicks: &dyn ClickLookup,
    ledger: &dyn LedgerStore,
    how: Replay,
    mut progress: impl FnMut(u64),
) -> Result<Replayed, ReplayError> {
    let all: Vec<u16> = (0..weir_engine::ids::PARTITIONS).collect();
    let partitions = ledger.claim(&all).await?;
    let mut replaying = Replaying {
        sources: Sources { clicks, ledger },
        assembly: Assembly::new(&partitions, []),
        folds: BTreeMap::new(),
        campaigns: how.is_to_be_served.then(BTreeMap::new),
        windows: 0,
        done: Replayed::default(),
    };
    while !reader.cursors().reaches(&until) {
        let window = read_window(&mut reader, &until, how.batch)?;
        replaying.window(window).await?;
        progress(replaying.done.facts);
    }
    replaying.checkpoint(&until).await?;
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
    /// Campaigns by tenant and number, where their states are kept.
    campaigns: Option<BTreeMap<(TenantId, u32), CampaignState>>,
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
                let of_partition = |t: &TenantId| partition_of(*t) == partition;
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
        if let Some(campaigns) = &mut self.campaigns {
            for judged in &judged {
                if let Some(campaign) = campaign_of(judged) {
                    campaigns
                        .entry((tenant, campaign))
                        .or_default()
                        .fold(judged);
                }
            }
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

    /// Stores the state of every actor as of `until`, if a server is to go on from there.
    async fn checkpoint(&mut self, until: &Cursors) -> Result<(), StoreError> {
        let Some(campaigns) = self.campaigns.take() else {
            return Ok(());
        };
        let folded_to = |tenant| until.0[usize::from(partition_of(tenant))];
        let mut checkpoints: BTreeMap<TenantId, Vec<Checkpoint>> = BTreeMap::new();
        for (tenant, fold) in &self.folds {
            let mut bytes = Vec::new();
            fold.state.uniqueness().write(&mut Encoder(&mut bytes));
            checkpoints.entry(*tenant).or_default().push(Checkpoint {
                actor: ActorKey::Tenant(*tenant),
                folded_to: folded_to(*tenant),
                bytes,
            });
        }
        for ((tenant, campaign), state) in campaigns {
            checkpoints.entry(tenant).or_default().push(Checkpoint {
                actor: ActorKey::Campaign(tenant, campaign),
                folded_to: folded_to(tenant),
                bytes: state.to_bytes(),
            });
        }
        self.windows += 1;
        let partitions: BTreeSet<u16> = checkpoints.keys().map(|t| partition_of(*t)).collect();
        self.assembly.window(WindowHead {
            number: self.windows,
            credits: 0,
            facts: 0,
            newest_at: UnixMs(0),
            steps: Vec::new(),
            tenants: checkpoints.len(),
            is_urgent: true,
            refold_from: partitions
                .into_iter()
                .map(|p| (p, until.0[usize::from(p)]))
                .collect(),
        });
        for (tenant, checkpoints) in checkpoints {
            self.assembly.effects(Effects {
                window: self.windows,
                tenant,
                judged: Arc::new(Vec::new()),
                refolded: 0,
                entities: Vec::new(),
                touched: Vec::new(),
                checkpoints,
            });
        }
        match self.assembly.take() {
            Some((_, commit)) => self.commit(commit).await,
            None => Ok(()),
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
