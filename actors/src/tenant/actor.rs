//! The ractor shell of a tenant: gathers evidence, has facts judged, hands on what follows.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;
use weir_engine::caps::Place;
use weir_engine::catalog::{Catalog, EntityKey};
use weir_engine::fact::Decoder;
use weir_engine::ids::{Position, TenantId, partition_of};
use weir_engine::judge::{Judged, Judgement, TenantState, Uniqueness, Verdict};
use weir_engine::ports::{ActorKey, Checkpoint, PartitionState};

use super::campaigns::Campaigns;
use super::evidence;
use super::fold::TenantFold;
use super::gathered;
use super::identities::{self, IdentityFilter};
use super::writer::{Propose, SetStatus, Writer};
use crate::campaign::CampaignState;
use crate::faults::Faults;
use crate::generation::Generation;
use crate::ports::Ports;
use crate::projection::ProjectionMsg;
use crate::routes::TenantRoutes;
use crate::telemetry;
use crate::verdicts::Verdicts;
use crate::window::{Effects, FactAt, Progress};

/// What a tenant actor starts with.
pub(crate) struct TenantArgs {
    pub(crate) tenant: TenantId,
    pub(crate) catalog: Catalog,
    /// Where the store is in the tenant's partition.
    pub(crate) partition: PartitionState,
    pub(crate) ports: Ports,
    pub(crate) projection: ActorRef<ProjectionMsg>,
    pub(crate) verdicts: Arc<Verdicts>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) routes: TenantRoutes,
    pub(crate) idle_after: Duration,
    pub(crate) faults: Faults,
    pub(crate) generation: Generation,
    /// So many tenants read their identities at a time.
    pub(crate) loads: Arc<Semaphore>,
}

/// What a tenant actor is told and asked.
pub(crate) enum TenantMsg {
    /// Facts of a window.
    Facts { window: u64, facts: Vec<FactAt> },
    /// Campaigns have waited for their facts.
    Deliver,
    /// Send checkpoints with this window.
    Checkpoint { window: u64 },
    /// What conversions have taken was read from the store.
    Identities(IdentityFilter),
    /// The fold has reached the head of the log.
    AtHead,
    /// Look for idle campaigns.
    Tick,
    /// Change the configuration.
    Propose(Propose),
    /// Change a conversion's status.
    SetStatus(SetStatus),
    /// The state of a campaign, to be shown.
    Show {
        campaign: u32,
        reply: oneshot::Sender<CampaignState>,
    },
}

pub(crate) struct TenantShell {
    args: TenantArgs,
    fold: TenantFold,
    campaigns: Campaigns,
    /// Whether this actor will be told to deliver.
    is_delivery_due: bool,
    writer: Writer,
    folded_to: u64,
    evictions: u64,
    /// Reads identities beside the fold; ends with the actor.
    _loading: JoinSet<()>,
}

/// See the module.
pub(crate) struct TenantActor;

impl Actor for TenantActor {
    type Msg = TenantMsg;
    type State = TenantShell;
    type Arguments = TenantArgs;

    async fn pre_start(
        &self,
        myself: ActorRef<TenantMsg>,
        args: TenantArgs,
    ) -> Result<TenantShell, ActorProcessingErr> {
        myself.send_interval(args.idle_after.max(Duration::from_millis(10)) / 2, || {
            TenantMsg::Tick
        });
        let fold = restore(&args).await?;
        let (ports, faults, generation) = (
            args.ports.clone(),
            args.faults.clone(),
            args.generation.clone(),
        );
        Ok(TenantShell {
            campaigns: Campaigns::new(args.tenant, ports, faults, generation),
            is_delivery_due: false,
            writer: Writer::new(
                args.tenant,
                args.ports.clone(),
                Arc::clone(&args.progress),
                Arc::clone(args.routes.all()),
            ),
            folded_to: 0,
            _loading: load_identities(&args, myself),
            evictions: fold.state.uniqueness().evicted(),
            fold,
            args,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<TenantMsg>,
        message: TenantMsg,
        shell: &mut TenantShell,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            TenantMsg::Facts { window, facts } => {
                shell.args.faults.strike("tenant");
                shell.facts(&myself, window, facts).await?;
            }
            TenantMsg::Deliver => {
                shell.is_delivery_due = false;
                shell.campaigns.deliver(&myself.get_cell()).await?;
            }
            TenantMsg::Checkpoint { window } => shell.checkpoint(&myself, window).await?,
            TenantMsg::Identities(stored) => shell.fold.taken.load(stored),
            TenantMsg::AtHead => {
                shell.args.routes.open_gates(&shell.fold.state);
                shell.writer.open(shell.fold.state.catalog()).await;
            }
            TenantMsg::Tick => shell.passivate(&myself).await?,
            TenantMsg::Propose(propose) => {
                shell
                    .writer
                    .propose(propose, shell.fold.state.catalog())
                    .await;
            }
            // Whoever asked has given up.
            TenantMsg::SetStatus(set) if set.reply.is_closed() => {}
            TenantMsg::Show { reply, .. } if reply.is_closed() => {}
            TenantMsg::SetStatus(set) => {
                let prior =
                    evidence::conversion(shell.args.ports.sources(), &shell.fold, set.id).await;
                shell.writer.set_status(set, prior.as_ref()).await;
            }
            TenantMsg::Show { campaign, reply } => {
                let state = shell.campaigns.show(&myself.get_cell(), campaign).await?;
                // Whoever asked may be gone.
                drop(reply.send(state));
            }
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        _myself: ActorRef<TenantMsg>,
        event: SupervisionEvent,
        _shell: &mut TenantShell,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorFailed(_, error) => Err(error),
            // A campaign that fell asleep.
            _ => Ok(()),
        }
    }
}

/// The tenant as the store has it: rows at the stored offset, unique clicks from the last checkpoint.
async fn restore(args: &TenantArgs) -> Result<TenantFold, ActorProcessingErr> {
    let (tenant, ledger) = (args.tenant, &args.ports.ledger);
    let counters = ledger.cap_counters(tenant).await?;
    let checkpoint = ledger.checkpoint(ActorKey::Tenant(tenant)).await?;
    let uniqueness = match checkpoint {
        Some(checkpoint) => Uniqueness::read(&mut Decoder(&checkpoint.bytes))?,
        None => Uniqueness::default(),
    };
    let counters = counters.into_iter().map(|c| (c.place, c.used));
    let state = TenantState::restore(tenant, args.catalog.clone(), counters, uniqueness);
    let PartitionState {
        refold_from,
        next_offset,
        ..
    } = args.partition;
    let judged = ledger.judged(tenant, refold_from, next_offset).await?;
    Ok(TenantFold::new(state, next_offset, judged))
}

/// Begins to read what conversions have taken: until that is done, the store is asked for each.
fn load_identities(args: &TenantArgs, myself: ActorRef<TenantMsg>) -> JoinSet<()> {
    let mut loading = JoinSet::new();
    let (ledger, loads) = (Arc::clone(&args.ports.ledger), Arc::clone(&args.loads));
    let tenant = args.tenant;
    loading.spawn(async move {
        // The semaphore is never closed.
        let _load = loads.acquire().await;
        let stored = identities::stored(ledger.as_ref(), tenant).await;
        drop(myself.send_message(TenantMsg::Identities(stored)));
    });
    loading
}

impl TenantShell {
    async fn facts(
        &mut self,
        myself: &ActorRef<TenantMsg>,
        window: u64,
        facts: Vec<FactAt>,
    ) -> Result<(), ActorProcessingErr> {
        self.fold
            .recent
            .forget_below(self.args.progress.stored(partition_of(self.args.tenant)));
        self.campaigns
            .forget_stored(self.args.progress.stored_window());
        let mut judged = Vec::with_capacity(facts.len());
        let mut refolded = 0;
        for fact in facts {
            let evidence = evidence::gather(self.args.ports.sources(), &self.fold, &fact).await;
            refolded += usize::from(self.fold.is_stored(fact.position));
            self.folded_to = fact.position.seq + 1;
            judged.push(self.fold.judge(fact, evidence));
            self.after_judging(judged.last());
        }
        let judged = Arc::new(judged);
        self.hand_to_campaigns(myself, &judged).await?;
        let entities = self.fold.entity_rows(&judged[refolded..]);
        let touched = self.fold.state.take_touched();
        self.publish(&judged[refolded..], &touched);
        self.args
            .projection
            .send_message(ProjectionMsg::Effects(Effects {
                window,
                tenant: self.args.tenant,
                touched,
                entities,
                judged,
                refolded,
                checkpoints: Vec::new(),
            }))?;
        self.writer
            .folded_to(self.folded_to, self.fold.state.catalog())
            .await;
        Ok(())
    }

    /// Gathers facts for the campaigns; what is not delivered at once is when a message comes back.
    async fn hand_to_campaigns(
        &mut self,
        myself: &ActorRef<TenantMsg>,
        judged: &Arc<Vec<Judged>>,
    ) -> Result<(), ActorProcessingErr> {
        let is_left = self.campaigns.gather(&myself.get_cell(), judged).await?;
        if is_left && !std::mem::replace(&mut self.is_delivery_due, true) {
            myself.send_after(gathered::WAIT, || TenantMsg::Deliver);
        }
        Ok(())
    }

    /// Answers whoever waits for this judgement.
    fn after_judging(&mut self, judged: Option<&Judged>) {
        let Some(judged) = judged.filter(|j| !self.fold.is_stored(j.position)) else {
            return;
        };
        match &judged.judgement {
            Judgement::Conversion(conversion) => {
                count(&conversion.verdict);
                self.args
                    .verdicts
                    .answer(conversion.received_id, &conversion.verdict);
            }
            Judgement::StatusChange(change) => {
                self.writer
                    .status_judged(judged.position, change.as_deref());
            }
            Judgement::Unreadable(what) => {
                metrics::counter!(telemetry::UNREADABLE_FACTS_TOTAL).increment(1);
                let Position { partition, seq } = judged.position;
                tracing::warn!(
                    partition,
                    seq,
                    what,
                    "fact cannot be read by this build; passed over"
                );
            }
            Judgement::Click(_) | Judgement::Config(_) => {}
        }
    }

    /// Shows the click path what changed: configuration, and room under caps.
    fn publish(&mut self, judged: &[Judged], touched: &[(Place, i64)]) {
        let mut changed: BTreeSet<EntityKey> = BTreeSet::new();
        let mut next = 0;
        for judged in judged {
            if let Judgement::Config(change) = &judged.judgement {
                changed.insert(change.key);
                next = judged.position.seq + 1;
            }
        }
        if !changed.is_empty() {
            let catalog = self.fold.state.catalog();
            self.args.routes.publish(catalog, &changed, next);
        }
        self.args.routes.book(touched);
        let evicted = self.fold.state.uniqueness().evicted();
        metrics::counter!(telemetry::UNIQUENESS_EVICTIONS_TOTAL)
            .increment(evicted - std::mem::replace(&mut self.evictions, evicted));
    }

    async fn passivate(&mut self, myself: &ActorRef<TenantMsg>) -> Result<(), ActorProcessingErr> {
        let (idle_after, stored) = (self.args.idle_after, self.args.progress.stored_window());
        self.campaigns
            .passivate(&myself.get_cell(), self.folded_to, stored, idle_after)
            .await
    }

    async fn checkpoint(
        &mut self,
        myself: &ActorRef<TenantMsg>,
        window: u64,
    ) -> Result<(), ActorProcessingErr> {
        let mut checkpoints = self
            .campaigns
            .checkpoints(&myself.get_cell(), self.folded_to, window)
            .await?;
        // Fourteen bytes an entry: growing by halves would hold it twice.
        let mut bytes = Vec::with_capacity(self.fold.state.uniqueness().len() * 14 + 32);
        self.fold
            .state
            .uniqueness()
            .write(&mut weir_engine::fact::Encoder(&mut bytes));
        checkpoints.push(Checkpoint {
            actor: ActorKey::Tenant(self.args.tenant),
            folded_to: self.folded_to,
            bytes,
        });
        self.args
            .projection
            .send_message(ProjectionMsg::Effects(Effects {
                window,
                tenant: self.args.tenant,
                judged: Arc::new(Vec::new()),
                refolded: 0,
                entities: Vec::new(),
                touched: Vec::new(),
                checkpoints,
            }))?;
        Ok(())
    }
}

fn count(verdict: &Verdict) {
    let reason = verdict.reason.map_or("", |r| r.as_str());
    let outcome = verdict.outcome.as_str();
    metrics::counter!(telemetry::CONVERSIONS_TOTAL, "outcome" => outcome, "reason" => reason)
        .increment(1);
}
