//! The ractor shell of the projection: decides when to commit and hands commits to the store.

use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use weir_engine::ports::{Commit, LedgerStore, PartitionState, StoreError, UniqueBlock};

use super::assembly::{Assembly, Ready};
use super::pace::{Due, Hurry, Pace};
use crate::faults::Faults;
use crate::generation::Generation;
use crate::live::LiveTap;
use crate::telemetry;
use crate::window::{Effects, Progress, Step, WindowHead};

/// Facts after which a commit is made at once.
const COMMIT_FACTS: u64 = 65_536;
const FIRST_RETRY: Duration = Duration::from_millis(50);
const LONGEST_RETRY: Duration = Duration::from_secs(5);

/// What the projection starts with.
pub(crate) struct ProjectionArgs {
    pub(crate) store: Arc<dyn LedgerStore>,
    pub(crate) partitions: Vec<PartitionState>,
    pub(crate) blocks: Vec<UniqueBlock>,
    pub(crate) credits: Arc<Semaphore>,
    pub(crate) progress: Arc<Progress>,
    /// The share of the time that the store works on a backlog at most.
    pub(crate) catch_up: f64,
    pub(crate) faults: Faults,
    pub(crate) live: LiveTap,
    pub(crate) generation: Generation,
}

/// What the projection is told.
pub(crate) enum ProjectionMsg {
    Window(WindowHead),
    Effects(Effects),
    /// A commit came back after so long.
    Done(Ready, Duration, Result<(), (StoreError, Box<Commit>)>),
    /// Try a commit again that failed.
    Again(Ready, Box<Commit>),
    /// It is time to look again: effects have waited, or a reader of the store waits.
    Look,
    /// Answers when everything that was read is stored.
    Drain(RpcReplyPort<()>),
}

pub(crate) struct ProjectionState {
    args: ProjectionArgs,
    assembly: Assembly,
    is_committing: bool,
    pace: Pace,
    /// When it looks again by itself.
    looks_at: Option<Instant>,
    retry: Duration,
    draining: Vec<RpcReplyPort<()>>,
}

/// See the module.
pub(crate) struct ProjectionActor;

impl Actor for ProjectionActor {
    type Msg = ProjectionMsg;
    type State = ProjectionState;
    type Arguments = ProjectionArgs;

    async fn pre_start(
        &self,
        myself: ActorRef<ProjectionMsg>,
        mut args: ProjectionArgs,
    ) -> Result<ProjectionState, ActorProcessingErr> {
        tokio::spawn(look_for_readers(Arc::clone(&args.progress), myself));
        let blocks = std::mem::take(&mut args.blocks);
        Ok(ProjectionState {
            assembly: Assembly::new(&args.partitions, blocks),
            pace: Pace::with_share(args.catch_up),
            args,
            is_committing: false,
            looks_at: None,
            retry: FIRST_RETRY,
            draining: Vec::new(),
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<ProjectionMsg>,
        message: ProjectionMsg,
        state: &mut ProjectionState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            ProjectionMsg::Window(head) => state.assembly.window(head),
            ProjectionMsg::Effects(effects) => {
                state.args.faults.strike("projection");
                state.assembly.effects(effects);
            }
            ProjectionMsg::Done(ready, took, Ok(())) => state.stored(&ready, took),
            ProjectionMsg::Done(ready, _, Err((error, commit))) => {
                return state.failed(&myself, ready, error, commit);
            }
            ProjectionMsg::Again(ready, commit) => state.commit(&myself, ready, *commit),
            ProjectionMsg::Look => {
                state.looks_at = state.looks_at.filter(|at| Instant::now() < *at)
            }
            ProjectionMsg::Drain(reply) => state.draining.push(reply),
        }
        state.commit_if_due(&myself);
        state.answer_drained();
        Ok(())
    }
}

/// Has the projection look when a reader of the store begins to wait, for as long as the projection is there.
async fn look_for_readers(progress: Arc<Progress>, projection: ActorRef<ProjectionMsg>) {
    let mut wanted = progress.watch_wanted();
    while wanted.changed().await.is_ok() {
        if projection.send_message(ProjectionMsg::Look).is_err() {
            return;
        }
    }
}

impl ProjectionState {
    fn commit_if_due(&mut self, myself: &ActorRef<ProjectionMsg>) {
        let Some(ready) = self.assembly.ready().filter(|_| !self.is_committing) else {
            return;
        };
        let wanted = self.args.progress.wanted();
        let hurry = Hurry {
            is_full: ready.facts >= COMMIT_FACTS || ready.is_urgent || !self.draining.is_empty(),
            is_wanted: ready
                .steps
                .iter()
                .any(|(&partition, &(from, _))| from < wanted[usize::from(partition)]),
        };
        let now = Instant::now();
        match self.pace.due(now, hurry) {
            Due::Now => {
                if let Some((ready, commit)) = self.assembly.take() {
                    self.commit(myself, ready, commit);
                }
            }
            Due::At(at) if self.looks_at.is_none_or(|looks_at| at < looks_at) => {
                self.looks_at = Some(at);
                // The timer's message may find the commit made already: then it only looks.
                drop(myself.send_after(at - now, || ProjectionMsg::Look));
            }
            Due::At(_) => {}
        }
    }

    fn commit(&mut self, myself: &ActorRef<ProjectionMsg>, ready: Ready, commit: Commit) {
        self.is_committing = true;
        let (store, myself) = (Arc::clone(&self.args.store), myself.clone());
        let generation = self.args.generation.clone();
        let live = self.args.live.clone();
        tokio::spawn(async move {
            let committed = live.hear(&commit);
            let started = Instant::now();
            let result = store.commit(commit).await;
            if result.is_ok() {
                live.tell(committed);
            }
            let result = result.map_err(|(error, commit)| (error, Box::new(commit)));
            // A projection that is gone starts again at the stored offset, whatever that is by now.
            drop(myself.send_message(ProjectionMsg::Done(ready, started.elapsed(), result)));
            drop(generation);
        });
    }

    fn stored(&mut self, ready: &Ready, took: Duration) {
        self.is_committing = false;
        let is_backlog = ready.facts >= COMMIT_FACTS / 2;
        self.pace.stored(Instant::now(), took, is_backlog);
        self.retry = FIRST_RETRY;
        let steps = ready.steps.iter().map(|(&partition, &(from, to))| Step {
            partition,
            from,
            to,
        });
        self.args.progress.advance(ready.window, steps);
        self.args.credits.add_permits(ready.credits as usize);
    }

    fn failed(
        &mut self,
        myself: &ActorRef<ProjectionMsg>,
        ready: Ready,
        error: StoreError,
        commit: Box<Commit>,
    ) -> Result<(), ActorProcessingErr> {
        if !matches!(error, StoreError::Unavailable(_)) {
            return Err(error.into());
        }
        self.pace.failed();
        metrics::counter!(telemetry::COMMIT_RETRIES_TOTAL).increment(1);
        tracing::warn!(error = &error as &dyn std::error::Error, wait = ?self.retry, "store did not commit; trying again");
        drop(myself.send_after(self.retry, move || ProjectionMsg::Again(ready, commit)));
        self.retry = (self.retry * 2).min(LONGEST_RETRY);
        Ok(())
    }

    fn answer_drained(&mut self) {
        let is_empty =
            !self.is_committing && self.assembly.ready().is_none() && !self.assembly.has_open();
        if is_empty {
            for reply in self.draining.drain(..) {
                drop(reply.send(()));
            }
        }
    }
}
