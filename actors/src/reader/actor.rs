//! The ractor shell of the reader.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use weir_engine::ids::{PARTITIONS, TenantId, UnixMs, partition_of};
use weir_journal::{Cursors, Reader};

use super::batch::{CREDITS, WindowInMaking};
use crate::faults::Faults;
use crate::fold::FoldMsg;
use crate::generation::Generation;
use crate::projection::ProjectionMsg;
use crate::telemetry;
use crate::tenant::TenantMsg;
use crate::window::WindowHead;

/// How long clicks wait for company at the head of the log, and how many make a window there.
const HEAD_WAIT: Duration = Duration::from_millis(100);
const HEAD_FACTS: u64 = 4_096;
/// Facts of a window when catching up.
const CATCH_UP_FACTS: usize = 65_536;
/// The longest that the reader sits in one message, so that it can be told something.
const PATIENCE: Duration = Duration::from_millis(100);

/// What the reader starts with.
pub(crate) struct ReaderArgs {
    pub(crate) reader: Reader,
    /// The first fact of each partition whose effects are not stored.
    pub(crate) stored: [u64; PARTITIONS as usize],
    pub(crate) fold: ActorRef<FoldMsg>,
    pub(crate) projection: ActorRef<ProjectionMsg>,
    pub(crate) credits: Arc<Semaphore>,
    pub(crate) checkpoint_every: Duration,
    pub(crate) faults: Faults,
    /// Set: nothing is read, for measuring the edge by itself.
    pub(crate) is_paused: Arc<AtomicBool>,
    pub(crate) _generation: Generation,
}

/// What the reader is told.
pub(crate) enum ReaderMsg {
    /// Read on.
    Next,
    /// Stop reading, have everything checkpointed, and answer when the projection has been told.
    Finish(RpcReplyPort<()>),
}

pub(crate) struct ReaderState {
    args: ReaderArgs,
    tenants: BTreeMap<TenantId, ActorRef<TenantMsg>>,
    /// Tenants that had facts since the last checkpoint window.
    dirty: BTreeSet<TenantId>,
    last_window: u64,
    next_checkpoint: Instant,
    was_at_head: bool,
    is_finished: bool,
}

/// See the module.
pub(crate) struct ReaderActor;

impl Actor for ReaderActor {
    type Msg = ReaderMsg;
    type State = ReaderState;
    type Arguments = ReaderArgs;

    async fn pre_start(
        &self,
        myself: ActorRef<ReaderMsg>,
        args: ReaderArgs,
    ) -> Result<ReaderState, ActorProcessingErr> {
        myself.send_message(ReaderMsg::Next)?;
        Ok(ReaderState {
            next_checkpoint: Instant::now() + args.checkpoint_every,
            args,
            tenants: BTreeMap::new(),
            dirty: BTreeSet::new(),
            last_window: 0,
            was_at_head: false,
            is_finished: false,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<ReaderMsg>,
        message: ReaderMsg,
        state: &mut ReaderState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            ReaderMsg::Next if state.is_finished => {}
            ReaderMsg::Next => {
                state.args.faults.strike("reader");
                if state.args.is_paused.load(Ordering::Acquire) {
                    tokio::time::sleep(PATIENCE).await;
                    myself.send_message(ReaderMsg::Next)?;
                    return Ok(());
                }
                let window = state.read().await?;
                if window.facts > 0 {
                    state.hand_out(window).await?;
                }
                state.look_at_head().await?;
                if Instant::now() >= state.next_checkpoint {
                    state.checkpoint().await?;
                }
                myself.send_message(ReaderMsg::Next)?;
            }
            ReaderMsg::Finish(reply) => {
                state.is_finished = true;
                state.read_to_head().await?;
                state.checkpoint().await?;
                // Whoever asked may have given up waiting.
                drop(reply.send(()));
            }
        }
        Ok(())
    }
}

impl ReaderState {
    /// Reads a window: what is there when catching up; at the head, what comes in a short while, or as soon
    /// as somebody may wait for a verdict.
    async fn read(&mut self) -> Result<WindowInMaking, ActorProcessingErr> {
        let mut window = WindowInMaking::default();
        let mut until = Instant::now() + PATIENCE;
        loop {
            let left = CATCH_UP_FACTS - window.facts as usize;
            let Ok(batch) = tokio::time::timeout_at(until, self.args.reader.next(left)).await
            else {
                return Ok(window);
            };
            let batch = batch?;
            if window.facts == 0 {
                until = Instant::now() + HEAD_WAIT;
            }
            for logged in batch.iter() {
                window.push(&logged);
            }
            let is_at_head = self.args.reader.lag() == 0;
            let is_enough = if is_at_head {
                window.has_waiting || window.facts >= HEAD_FACTS
            } else {
                window.facts as usize >= CATCH_UP_FACTS
            };
            if is_enough {
                return Ok(window);
            }
        }
    }

    async fn read_to_head(&mut self) -> Result<(), ActorProcessingErr> {
        while self.args.reader.lag() > 0 {
            let window = self.read().await?;
            if window.facts > 0 {
                self.hand_out(window).await?;
            }
        }
        Ok(())
    }

    async fn hand_out(&mut self, window: WindowInMaking) -> Result<(), ActorProcessingErr> {
        let credits = (window.facts as usize).min(CREDITS) as u32;
        // The semaphore is never closed; the projection puts the permits back when the window is stored.
        self.args.credits.acquire_many(credits).await?.forget();
        self.last_window += 1;
        let stored = self.args.stored;
        let head = WindowHead {
            number: self.last_window,
            credits,
            facts: window.facts,
            newest_at: window.newest_at,
            steps: window.steps(|p| stored[usize::from(p)]),
            tenants: window.by_tenant.len(),
            is_urgent: window.is_urgent,
            refold_from: Vec::new(),
        };
        self.args
            .projection
            .send_message(ProjectionMsg::Window(head))?;
        metrics::counter!(telemetry::FOLDED_FACTS_TOTAL).increment(window.facts);
        for (tenant, facts) in window.by_tenant {
            self.dirty.insert(tenant);
            let window = self.last_window;
            let actor = self.tenant(tenant).await?;
            actor.send_message(TenantMsg::Facts { window, facts })?;
        }
        Ok(())
    }

    async fn tenant(
        &mut self,
        tenant: TenantId,
    ) -> Result<&ActorRef<TenantMsg>, ActorProcessingErr> {
        if !self.tenants.contains_key(&tenant) {
            let ask = |reply| FoldMsg::Tenant { tenant, reply };
            let actor = ractor::call!(self.args.fold, ask)?;
            self.tenants.insert(tenant, actor);
        }
        self.tenants
            .get(&tenant)
            .ok_or_else(|| "a tenant that was found is gone".into())
    }

    /// Says once that the head is reached: from there on nothing older is unknown to the fold.
    async fn look_at_head(&mut self) -> Result<(), ActorProcessingErr> {
        let lag = self.args.reader.lag();
        metrics::gauge!(telemetry::JOURNAL_LAG_FACTS, "reader" => "fold").set(lag as f64);
        if lag == 0 && !self.was_at_head {
            self.was_at_head = true;
            self.args.fold.send_message(FoldMsg::AtHead)?;
        }
        Ok(())
    }

    /// A window without facts in which every tenant that had some checkpoints itself and its campaigns.
    async fn checkpoint(&mut self) -> Result<(), ActorProcessingErr> {
        self.next_checkpoint = Instant::now() + self.args.checkpoint_every;
        let dirty = std::mem::take(&mut self.dirty);
        if dirty.is_empty() {
            return Ok(());
        }
        self.last_window += 1;
        let cursors: Cursors = self.args.reader.cursors();
        let partitions: BTreeSet<u16> = dirty.iter().map(|t| partition_of(*t)).collect();
        let head = WindowHead {
            number: self.last_window,
            credits: 0,
            facts: 0,
            newest_at: UnixMs(0),
            steps: Vec::new(),
            tenants: dirty.len(),
            is_urgent: self.is_finished,
            refold_from: partitions
                .into_iter()
                .map(|p| (p, cursors.0[usize::from(p)]))
                .collect(),
        };
        self.args
            .projection
            .send_message(ProjectionMsg::Window(head))?;
        let window = self.last_window;
        for tenant in dirty {
            self.tenant(tenant)
                .await?
                .send_message(TenantMsg::Checkpoint { window })?;
        }
        Ok(())
    }
}
