//! A window: a stretch of the log on its way from the reader through the tenants to the store.
//!
//! ```text
//! reader ─ WindowHead ──────────────────────────▶ projection      which tenants it waits for
//!    └──── TenantMsg::Facts (one a tenant) ─▶ tenant ─ Effects ─▶ projection
//! ```
//! Always true: windows are numbered without gaps and committed in order; a window is complete when each of
//! its tenants has sent its effects. A checkpoint window holds no facts: its tenants send their checkpoints.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;
use weir_engine::caps::Place;
use weir_engine::fact::{Fact, Malformed};
use weir_engine::ids::{PARTITIONS, Position, TenantId, UnixMs};
use weir_engine::judge::Judged;
use weir_engine::ports::{Checkpoint, EntityRow};

/// A fact with its place, read once for everybody.
#[derive(Debug)]
pub(crate) struct FactAt {
    pub(crate) position: Position,
    pub(crate) at: UnixMs,
    pub(crate) fact: Result<Fact, Malformed>,
}

/// How far a window takes a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) partition: u16,
    pub(crate) from: u64,
    pub(crate) to: u64,
}

/// What the projection must know of a window before its effects come.
#[derive(Debug)]
pub(crate) struct WindowHead {
    pub(crate) number: u64,
    /// Credits that it holds: given back when it is committed.
    pub(crate) credits: u32,
    pub(crate) facts: u64,
    /// Time of its newest fact.
    pub(crate) newest_at: UnixMs,
    pub(crate) steps: Vec<Step>,
    /// How many tenants send effects.
    pub(crate) tenants: usize,
    /// Whether somebody waits for it to be stored.
    pub(crate) is_urgent: bool,
    /// For a checkpoint window: from where to refold each partition once it is stored.
    pub(crate) refold_from: Vec<(u16, u64)>,
}

/// What follows from one tenant's facts of a window.
#[derive(Debug)]
pub(crate) struct Effects {
    pub(crate) window: u64,
    pub(crate) tenant: TenantId,
    pub(crate) judged: Arc<Vec<Judged>>,
    /// So many at the front were refolded: their effects are stored already.
    pub(crate) refolded: usize,
    pub(crate) entities: Vec<EntityRow>,
    pub(crate) touched: Vec<(Place, i64)>,
    pub(crate) checkpoints: Vec<Checkpoint>,
}

/// How far the store is, for everybody who waits for it.
#[derive(Debug)]
pub struct Progress {
    offsets: watch::Sender<[u64; PARTITIONS as usize]>,
    /// Readers of the store wait until it has the facts before these.
    wanted: watch::Sender<[u64; PARTITIONS as usize]>,
    window: AtomicU64,
}

impl Progress {
    pub(crate) fn new(offsets: [u64; PARTITIONS as usize]) -> Arc<Self> {
        Arc::new(Self {
            offsets: watch::Sender::new(offsets),
            wanted: watch::Sender::new([0; PARTITIONS as usize]),
            window: AtomicU64::new(0),
        })
    }

    /// The first fact of `partition` that is not stored.
    #[must_use]
    pub fn stored(&self, partition: u16) -> u64 {
        self.offsets.borrow()[usize::from(partition)]
    }

    /// The last window that is stored, in this run of the fold.
    pub(crate) fn stored_window(&self) -> u64 {
        self.window.load(Ordering::Acquire)
    }

    pub(crate) fn begin(&self, offsets: [u64; PARTITIONS as usize]) {
        self.window.store(0, Ordering::Release);
        self.offsets.send_replace(offsets);
    }

    pub(crate) fn advance(&self, window: u64, steps: impl IntoIterator<Item = Step>) {
        self.window.store(window, Ordering::Release);
        self.offsets.send_modify(|offsets| {
            for step in steps {
                offsets[usize::from(step.partition)] = step.to;
            }
        });
    }

    /// The facts before these are waited for by readers of the store.
    pub(crate) fn wanted(&self) -> [u64; PARTITIONS as usize] {
        *self.wanted.borrow()
    }

    /// Changes when a reader begins to wait.
    pub(crate) fn watch_wanted(&self) -> watch::Receiver<[u64; PARTITIONS as usize]> {
        self.wanted.subscribe()
    }

    /// Waits until the fact at `position` is stored, and has the store not wait for company.
    pub async fn hurry_to(&self, position: Position) {
        if self.stored(position.partition) > position.seq {
            return;
        }
        self.wanted.send_if_modified(|wanted| {
            let wanted = &mut wanted[usize::from(position.partition)];
            let is_news = *wanted <= position.seq;
            *wanted = (*wanted).max(position.seq + 1);
            is_news
        });
        self.wait_for(position).await;
    }

    /// Waits until the fact at `position` is stored.
    pub async fn wait_for(&self, position: Position) {
        let mut offsets = self.offsets.subscribe();
        let is_stored = |offsets: &[u64; PARTITIONS as usize]| {
            offsets[usize::from(position.partition)] > position.seq
        };
        // The sender lives as long as `self`, so waiting ends only when the fact is stored.
        drop(offsets.wait_for(is_stored).await);
    }
}
