//! The ractor shell of the projection: decides when to commit and hands commits to the store.

use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use weir_engine::ports::{Commit, LedgerStore, PartitionState, StoreError, UniqueBlock};

use super::assembly::{Assembly, Ready};
use crate::faults::Faults;
use crate::generation::Generation;
use crate::telemetry;
use crate::window::{Effects, Progress, Step, WindowHead};

/// Facts after which a commit is made at once.
const COMMIT_FACTS: u64 = 65_536;
/// How long effects wait for company.
const COMMIT_AFTER: Duration = Duration::from_millis(500);
const FIRST_RETRY: Duration = Duration::from_millis(50);
const LONGEST_RETRY: Duration = Duration::from_secs(5);

/// What the projection starts with.
pub(crate) struct ProjectionArgs {
    pub(crate) store: Arc<dyn LedgerStore>,
    pub(crate) partitions: Vec<PartitionState>,
    pub(crate) blocks: Vec<UniqueBlock>,
    pub(crate) credits: Arc<Semaphore>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) faults: Faults,
    pub(crate) generation: Generation,
}

/// What the projection is told.
pub(crate) enum ProjectionMsg {
    Window(WindowHead),
    Effects(Effects),
    /// A commit came back.
    Done(Ready, Result<(), (StoreError, Box<Commit>)>),
    /// Try a commit again that failed.
    Again(Ready, Box<Commit>),
    /// Effects have waited long enough.
    Due,
    /// Answers when everything that was read is stored.
    Drain(RpcReplyPort<()>),
}

pub(crate) struct ProjectionState {
    args: ProjectionArgs,
    assembly: Assembly,
    is_committing: bool,
    due_at: Option<Instant>,
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
        _myself: ActorRef<ProjectionMsg>,
        mut args: ProjectionArgs,
    ) -> Result<ProjectionState, ActorProcessingErr> {
        let blocks = std::mem::take(&mut args.blocks);
        Ok(ProjectionState {
            assembly: Assembly::new(&args.partitions, blocks),
            args,
            is_committing: false,
            due_at: None,
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
            ProjectionMsg::Done(ready, Ok(())) => state.stored(&ready),
            ProjectionMsg::Done(ready, Err((error, commit))) => {
                return state.failed(&myself, ready, error, commit);
            }
            ProjectionMsg::Again(ready, commit) => state.commit(&myself, ready, *commit),
            ProjectionMsg::Due => state.due_at = state.due_at.map(|_| Instant::now()),
            ProjectionMsg::Drain(reply) => state.draining.push(reply),
        }
        state.commit_if_due(&myself);
        state.answer_drained();
        Ok(())
    }
}

impl ProjectionState {
    fn commit_if_due(&mut self, myself: &ActorRef<ProjectionMsg>) {
        let Some(ready) = self.assembly.ready().filter(|_| !self.is_committing) else {
            return;
        };
        let is_full = ready.facts >= COMMIT_FACTS || ready.is_urgent || !self.draining.is_empty();
        match self.due_at {
            None if !is_full => {
                self.due_at = Some(Instant::now() + COMMIT_AFTER);
                // The timer's message may find the commit made already: then it only looks again.
                drop(myself.send_after(COMMIT_AFTER, || ProjectionMsg::Due));
            }
            Some(due_at) if !is_full && Instant::now() < due_at => {}
            _ => {
                self.due_at = None;
                if let Some((ready, commit)) = self.assembly.take() {
                    self.commit(myself, ready, commit);
                }
            }
        }
    }

    fn commit(&mut self, myself: &ActorRef<ProjectionMsg>, ready: Ready, commit: Commit) {
        self.is_committing = true;
        let (store, myself) = (Arc::clone(&self.args.store), myself.clone());
        let generation = self.args.generation.clone();
        tokio::spawn(async move {
            let result = store.commit(commit).await;
            let result = result.map_err(|(error, commit)| (error, Box::new(commit)));
            // A projection that is gone starts again at the stored offset, whatever that is by now.
            drop(myself.send_message(ProjectionMsg::Done(ready, result)));
            drop(generation);
        });
    }

    fn stored(&mut self, ready: &Ready) {
        self.is_committing = false;
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
