//! The mesh: the actors as the doors see them, and the supervisor that keeps the fold running.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::time::Instant;
use weir_engine::catalog::propose::{Proposal, Refusal};
use weir_engine::fact::ConversionStatus;
use weir_engine::ids::{ConversionId, Position, TenantId, UnixMs, partition_of};
use weir_engine::judge::Conversion;
use weir_engine::ports::{AppendError, StoreError};
use weir_journal::Cursors;

use crate::campaign::CampaignState;
use crate::faults::Faults;
use crate::fold::{Directory, FoldActor, FoldArgs, FoldMsg};
use crate::generation::Generation;
use crate::known::Known;
use crate::live::LiveTap;
use crate::ownership::Ownership;
use crate::ports::Ports;
use crate::restart::{RestartPolicy, cause};
use crate::routes::Routes;
use crate::telemetry;
use crate::tenant::{Accepted, Propose, SetStatus, SetStatusError, TenantMsg};
use crate::verdicts::Verdicts;
use crate::window::Progress;

/// How long a reader of the store waits for what is in the log.
const READ_PATIENCE: Duration = Duration::from_secs(1);

/// How the mesh behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// Campaigns without a fact for so long are put to sleep.
    pub idle_after: Duration,
    /// How often dirty actors checkpoint.
    pub checkpoint_every: Duration,
    /// How many postbacks may wait for their verdict.
    pub verdicts_waiting: usize,
    /// How many questions and changes may be with the actors at a time.
    pub asks: usize,
    /// How long a question or change may take.
    pub patience: Duration,
    /// Hosts that links of all tenants live on: no tenant's domain.
    pub shared_hosts: Vec<String>,
    /// The share of the time, 0 to 1, that the store is given work while much waits for it.
    pub catch_up: f64,
    /// Hears what is committed, for live counters.
    pub live: LiveTap,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            idle_after: Duration::from_secs(300),
            checkpoint_every: Duration::from_secs(30),
            verdicts_waiting: 65_536,
            asks: 1_024,
            patience: Duration::from_secs(10),
            shared_hosts: Vec::new(),
            catch_up: 1.0,
            live: LiveTap::default(),
        }
    }
}

/// What the actors of all runs and the doors share.
pub(crate) struct Shared {
    pub(crate) ports: Ports,
    pub(crate) options: Options,
    pub(crate) routes: Arc<Routes>,
    pub(crate) verdicts: Arc<Verdicts>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) directory: Directory,
    pub(crate) faults: Faults,
    pub(crate) ownership: Ownership,
    /// Where the log ended when the process began.
    pub(crate) log_began: Cursors,
    head: watch::Sender<bool>,
    pub(crate) is_paused: Arc<AtomicBool>,
    asks: Semaphore,
}

impl Shared {
    pub(crate) fn reached_head(&self) {
        self.head.send_replace(true);
    }
}

/// Why the actors did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// Too many questions at a time: try again in a moment.
    #[error("too much is asked at a time")]
    Overloaded,
    /// No answer in time: the store is behind, or the fold is being restarted. What was asked for may still
    /// happen.
    #[error("no answer in time")]
    TimedOut,
    /// The log does not take facts.
    #[error("journal does not take facts")]
    Unavailable(#[source] AppendError),
    /// No such tenant.
    #[error("no such tenant")]
    NoTenant,
}

/// The actors, for the doors.
#[derive(Clone)]
pub struct Mesh {
    shared: Arc<Shared>,
    supervisor: ActorRef<SupervisorMsg>,
}

impl Mesh {
    /// Starts the supervisor and the first run of the fold; gives the mesh when what was configured is
    /// published, so that clicks can be answered: with `known` before the store is asked, which may be away.
    ///
    /// # Errors
    /// Without `known`: the first run could not start (the store cannot be read). With it: the log cannot be read.
    pub async fn start(
        ports: Ports,
        options: Options,
        known: Option<Known>,
    ) -> Result<Self, ActorProcessingErr> {
        let routes = Routes::new();
        routes.hosts.keep(&options.shared_hosts);
        let shared = Arc::new(Shared {
            routes,
            verdicts: Verdicts::new(options.verdicts_waiting),
            progress: Progress::new([0; weir_engine::ids::PARTITIONS as usize]),
            directory: Directory::new(),
            faults: Faults::default(),
            ownership: Ownership::default(),
            log_began: ports.journal.end(),
            head: watch::Sender::new(false),
            is_paused: Arc::default(),
            asks: Semaphore::new(options.asks),
            ports,
            options,
        });
        let args = (Arc::clone(&shared), known);
        let spawned = Actor::spawn(None, Supervisor, args).await?;
        Ok(Self {
            shared,
            supervisor: spawned.0,
        })
    }

    /// What the click path reads.
    #[must_use]
    pub fn routes(&self) -> &Arc<Routes> {
        &self.shared.routes
    }

    /// Verdicts on their way to the doors.
    #[must_use]
    pub fn verdicts(&self) -> &Arc<Verdicts> {
        &self.shared.verdicts
    }

    /// How far the store is.
    #[must_use]
    pub fn progress(&self) -> &Arc<Progress> {
        &self.shared.progress
    }

    /// Faults on demand, for tests.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// Whether the fold has reached the head of the log since the start.
    #[must_use]
    pub fn is_at_head(&self) -> bool {
        *self.shared.head.borrow()
    }

    /// Waits until the fold has reached the head of the log for the first time.
    pub async fn at_head(&self) {
        let mut head = self.shared.head.subscribe();
        // The sender lives as long as `self`.
        drop(head.wait_for(|is_at_head| *is_at_head).await);
    }

    /// Has changes of configuration checked and made; answers when they are in force, published and stored.
    ///
    /// # Errors
    /// [`AskError`]; a refusal of a single proposal is in the answer.
    pub async fn propose(
        &self,
        tenant: TenantId,
        proposals: Vec<Proposal>,
        chance: Chance,
    ) -> Result<Vec<Result<Accepted, Refusal>>, AskError> {
        let answer = self
            .ask(tenant, |reply| {
                TenantMsg::Propose(Propose {
                    proposals,
                    draw: chance.draw,
                    at: chance.at,
                    reply,
                })
            })
            .await?;
        answer.map_err(AskError::Unavailable)
    }

    /// Has a conversion's status changed by staff; answers when the change is stored.
    ///
    /// # Errors
    /// [`AskError`] outside, [`SetStatusError`] inside.
    pub async fn set_status(
        &self,
        tenant: TenantId,
        change: StatusWanted,
    ) -> Result<Result<Conversion, SetStatusError>, AskError> {
        let StatusWanted { id, to, reason, by } = change;
        self.ask(tenant, |reply| {
            TenantMsg::SetStatus(SetStatus {
                id,
                to,
                reason,
                by,
                reply,
            })
        })
        .await
    }

    /// Waits until the store has every fact of `tenant` that is in the log now, so that what was answered before is
    /// read; at most a second: a store that is behind is read as it is, which is counted.
    pub async fn settled(&self, tenant: TenantId) {
        let partition = partition_of(tenant);
        let end = self.shared.ports.journal.end().0[usize::from(partition)];
        let Some(seq) = end.checked_sub(1) else {
            return;
        };
        let position = Position { partition, seq };
        let stored = self.shared.progress.hurry_to(position);
        if tokio::time::timeout(READ_PATIENCE, stored).await.is_err() {
            metrics::counter!(telemetry::READS_BEHIND_TOTAL).increment(1);
        }
    }

    /// What a campaign's actor knows of its arms.
    ///
    /// # Errors
    /// [`AskError`].
    pub async fn campaign(
        &self,
        tenant: TenantId,
        campaign: u32,
    ) -> Result<CampaignState, AskError> {
        self.ask(tenant, |reply| TenantMsg::Show { campaign, reply })
            .await
    }

    async fn ask<T>(
        &self,
        tenant: TenantId,
        message: impl FnOnce(oneshot::Sender<T>) -> TenantMsg,
    ) -> Result<T, AskError> {
        let Ok(_credit) = self.shared.asks.try_acquire() else {
            metrics::counter!(telemetry::SHED_TOTAL, "reason" => "asks").increment(1);
            return Err(AskError::Overloaded);
        };
        let actor = self.actor_of(tenant).await?;
        let (reply, answer) = oneshot::channel();
        if actor.send_message(message(reply)).is_err() {
            return Err(AskError::TimedOut);
        }
        let answered = tokio::time::timeout(self.shared.options.patience, answer).await;
        answered
            .map_err(|_| AskError::TimedOut)?
            .map_err(|_| AskError::TimedOut)
    }

    async fn actor_of(&self, tenant: TenantId) -> Result<ActorRef<TenantMsg>, AskError> {
        if let Some(actor) = self.shared.directory.get(&tenant) {
            return Ok(actor.clone());
        }
        let (reply, answer) = oneshot::channel();
        let asked = self
            .supervisor
            .send_message(SupervisorMsg::Tenant { tenant, reply });
        asked.map_err(|_| AskError::TimedOut)?;
        let answered = tokio::time::timeout(self.shared.options.patience, answer).await;
        answered
            .map_err(|_| AskError::TimedOut)?
            .map_err(|_| AskError::TimedOut)
    }

    /// Stops the reader (`true`) or lets it go on: for measuring the edge by itself.
    pub fn pause(&self, is_paused: bool) {
        self.shared.is_paused.store(is_paused, Ordering::Release);
    }

    /// Reads to the head, stores everything with checkpoints, and ends the actors. Gives up after `patience`
    /// and says so with `false`: then the next start reads more.
    pub async fn drain(&self, patience: Duration) -> bool {
        let ask = tokio::time::timeout(patience, async {
            let (reply, answer) = oneshot::channel();
            self.supervisor
                .send_message(SupervisorMsg::Drain(reply))
                .ok()?;
            answer.await.ok()
        });
        let is_drained = ask.await.ok().flatten().is_some();
        self.supervisor.get_cell().stop(None);
        is_drained
    }

    /// Ends the actors at once, storing nothing more: what a crash does.
    pub async fn kill(&self) {
        // Waiting fails only when the supervisor is gone already.
        drop(self.supervisor.get_cell().kill_and_wait(None).await);
    }
}

/// Chance and time of a change of configuration.
#[derive(Debug, Clone, Copy, Default)]
pub struct Chance {
    /// For what is generated, such as links.
    pub draw: u64,
    /// When, if not now.
    pub at: Option<UnixMs>,
}

/// A change of status that staff wants.
#[derive(Debug, Clone)]
pub struct StatusWanted {
    /// Of which conversion.
    pub id: ConversionId,
    /// To what.
    pub to: ConversionStatus,
    /// Why.
    pub reason: String,
    /// Who.
    pub by: String,
}

enum SupervisorMsg {
    Tenant {
        tenant: TenantId,
        reply: oneshot::Sender<ActorRef<TenantMsg>>,
    },
    Drain(oneshot::Sender<()>),
    Restart,
}

/// Keeps one run of the fold going.
struct Supervisor;

struct SupervisorState {
    shared: Arc<Shared>,
    fold: Option<ActorRef<FoldMsg>>,
    generation: Generation,
    policy: RestartPolicy,
    started: Instant,
}

impl Actor for Supervisor {
    type Msg = SupervisorMsg;
    type State = SupervisorState;
    type Arguments = (Arc<Shared>, Option<Known>);

    async fn pre_start(
        &self,
        myself: ActorRef<SupervisorMsg>,
        (shared, known): Self::Arguments,
    ) -> Result<SupervisorState, ActorProcessingErr> {
        let mut state = SupervisorState {
            shared,
            fold: None,
            generation: Generation::default(),
            policy: RestartPolicy::default(),
            started: Instant::now(),
        };
        match known {
            None => state.start_fold(&myself).await?,
            Some(known) => {
                state.publish(known).await?;
                myself.send_message(SupervisorMsg::Restart)?;
            }
        }
        Ok(state)
    }

    async fn handle(
        &self,
        myself: ActorRef<SupervisorMsg>,
        message: SupervisorMsg,
        state: &mut SupervisorState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            SupervisorMsg::Tenant { tenant, reply } => state.tenant(tenant, reply),
            SupervisorMsg::Drain(reply) => state.drain(reply),
            SupervisorMsg::Restart => {
                if let Err(error) = state.start_fold(&myself).await {
                    state.failed(&myself, &error);
                }
            }
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<SupervisorMsg>,
        event: SupervisionEvent,
        state: &mut SupervisorState,
    ) -> Result<(), ActorProcessingErr> {
        if let SupervisionEvent::ActorFailed(_, error) = event {
            state.failed(&myself, &error);
        }
        Ok(())
    }
}

impl SupervisorState {
    /// Publishes what is known without the store.
    async fn publish(&self, known: Known) -> Result<(), ActorProcessingErr> {
        let journal = &self.shared.ports.journal;
        let behind = journal.end().total().saturating_sub(known.offsets.total());
        metrics::gauge!(telemetry::JOURNAL_LAG_FACTS, "reader" => "fold").set(behind as f64);
        for (tenant, known) in known.at_head(journal).await? {
            drop(self.shared.routes.of_tenant(tenant, &known));
        }
        Ok(())
    }

    async fn start_fold(
        &mut self,
        myself: &ActorRef<SupervisorMsg>,
    ) -> Result<(), ActorProcessingErr> {
        if !self.generation.is_gone(Duration::from_secs(10)).await {
            return Err("actors of the run before are still there".into());
        }
        self.shared.directory.clear();
        self.generation = Generation::default();
        let args = FoldArgs {
            shared: Arc::clone(&self.shared),
            generation: self.generation.clone(),
        };
        let spawned = Actor::spawn_linked(None, FoldActor, args, myself.get_cell()).await?;
        self.fold = Some(spawned.0);
        Ok(())
    }

    fn failed(&mut self, myself: &ActorRef<SupervisorMsg>, error: &ActorProcessingErr) {
        self.fold = None;
        let wait = self.policy.wait_after_failure(self.started.elapsed());
        metrics::counter!(telemetry::RESTARTS_TOTAL).increment(1);
        let error = cause(error.as_ref());
        if matches!(error.downcast_ref(), Some(StoreError::Unavailable(_))) {
            tracing::warn!(
                error,
                ?wait,
                "the store is away; clicks are taken, and judged once it is back"
            );
        } else {
            tracing::error!(
                error,
                ?wait,
                "the fold failed; it starts again from the stored offset"
            );
        }
        drop(myself.send_after(wait, || SupervisorMsg::Restart));
    }

    fn tenant(&self, tenant: TenantId, reply: oneshot::Sender<ActorRef<TenantMsg>>) {
        let Some(fold) = self.fold.clone() else {
            // Dropping the reply says that there is no answer now.
            return;
        };
        tokio::spawn(async move {
            let ask = |reply| FoldMsg::Tenant { tenant, reply };
            if let Ok(actor) = ractor::call!(fold, ask) {
                drop(reply.send(actor));
            }
        });
    }

    fn drain(&self, reply: oneshot::Sender<()>) {
        let Some(fold) = self.fold.clone() else {
            return;
        };
        tokio::spawn(async move {
            if ractor::call!(fold, FoldMsg::Drain).is_ok() {
                // Whoever asked may have given up.
                let _ = reply.send(());
            }
        });
    }
}
