//! The fold: one run of reader, tenants, campaigns and projection, from the stored offset on.
//!
//! ```text
//! supervisor (mesh.rs)
//! └─ fold                 one run; ends when any of its actors fails
//!    ├─ projection
//!    ├─ reader
//!    └─ tenant …
//!       └─ campaign …
//! ```
//! Always true: a run begins by claiming the partitions under a new epoch, so that what an earlier run, or
//! another process, still sends to the store is refused; see [`crate::ownership`] for who claims. The click path
//! does not depend on it: what was published stays published while a run ends and the next begins.

use std::collections::BTreeMap;
use std::sync::Arc;

use dashmap::DashMap;
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, RpcReplyPort, SupervisionEvent};
use tokio::sync::Semaphore;
use weir_engine::ids::{PARTITIONS, TenantId, partition_of};
use weir_engine::ports::{PartitionState, UNIQUE_BLOCK, UniqueBlock};
use weir_journal::Cursors;

use crate::generation::Generation;
use crate::known::AsOf;
use crate::mesh::Shared;
use crate::projection::{ProjectionActor, ProjectionArgs, ProjectionMsg};
use crate::reader::{CREDITS, ReaderActor, ReaderArgs, ReaderMsg};
use crate::tenant::{TenantActor, TenantArgs, TenantMsg};

/// Tenants that read their identities at a time, so that the fold's own questions are not kept waiting.
const LOADS: usize = 4;

/// Tenant actors by tenant, for the doors.
pub(crate) type Directory = DashMap<TenantId, ActorRef<TenantMsg>>;

/// What a run starts with.
#[derive(Clone)]
pub(crate) struct FoldArgs {
    pub(crate) shared: Arc<Shared>,
    pub(crate) generation: Generation,
}

/// What a run is told and asked.
pub(crate) enum FoldMsg {
    /// The actor of a tenant, made if it has none.
    Tenant {
        tenant: TenantId,
        reply: RpcReplyPort<ActorRef<TenantMsg>>,
    },
    /// The reader has reached the head of the log.
    AtHead,
    /// Read to the head, checkpoint, have everything stored, then answer.
    Drain(RpcReplyPort<()>),
}

pub(crate) struct FoldState {
    args: FoldArgs,
    partitions: Vec<PartitionState>,
    catalogs: BTreeMap<TenantId, AsOf>,
    projection: ActorRef<ProjectionMsg>,
    reader: Option<ActorRef<ReaderMsg>>,
    is_at_head: bool,
    loads: Arc<Semaphore>,
}

/// See the module.
pub(crate) struct FoldActor;

impl Actor for FoldActor {
    type Msg = FoldMsg;
    type State = FoldState;
    type Arguments = FoldArgs;

    async fn pre_start(
        &self,
        myself: ActorRef<FoldMsg>,
        args: FoldArgs,
    ) -> Result<FoldState, ActorProcessingErr> {
        let shared = &args.shared;
        let all: Vec<u16> = (0..PARTITIONS).collect();
        let ledger = shared.ports.ledger.as_ref();
        let partitions = shared
            .ownership
            .claim(ledger, &all, &shared.log_began)
            .await?;
        let credits = Arc::new(Semaphore::new(CREDITS));
        let projection = projection(&args, &partitions, &credits, myself.get_cell()).await?;
        let catalogs = catalogs(&args).await?;
        shared
            .progress
            .begin(offsets(&partitions, |p| p.next_offset).0);
        let mut state = FoldState {
            partitions,
            catalogs,
            projection,
            reader: None,
            is_at_head: false,
            loads: Arc::new(Semaphore::new(LOADS)),
            args,
        };
        let tenants: Vec<TenantId> = state.catalogs.keys().copied().collect();
        for tenant in tenants {
            state.tenant(&myself.get_cell(), tenant).await?;
        }
        state.reader = Some(state.start_reading(&myself, credits).await?);
        Ok(state)
    }

    async fn handle(
        &self,
        myself: ActorRef<FoldMsg>,
        message: FoldMsg,
        state: &mut FoldState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            FoldMsg::Tenant { tenant, reply } => {
                let actor = state.tenant(&myself.get_cell(), tenant).await?;
                // The reader may have been stopped while it waited.
                drop(reply.send(actor));
            }
            FoldMsg::AtHead => {
                state.is_at_head = true;
                state.args.shared.reached_head();
                for tenant in &state.args.shared.directory {
                    tenant.send_message(TenantMsg::AtHead)?;
                }
            }
            FoldMsg::Drain(reply) => {
                let (reader, projection) = (state.reader.clone(), state.projection.clone());
                // In a task of its own: the reader may need this actor to find tenants.
                tokio::spawn(drain(reader, projection, reply));
            }
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        _myself: ActorRef<FoldMsg>,
        event: SupervisionEvent,
        _state: &mut FoldState,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorFailed(_, error) => Err(error),
            _ => Ok(()),
        }
    }
}

async fn drain(
    reader: Option<ActorRef<ReaderMsg>>,
    projection: ActorRef<ProjectionMsg>,
    reply: RpcReplyPort<()>,
) -> Result<(), ActorProcessingErr> {
    if let Some(reader) = reader {
        ractor::call!(reader, ReaderMsg::Finish)?;
    }
    ractor::call!(projection, ProjectionMsg::Drain)?;
    Ok(reply.send(())?)
}

impl FoldState {
    /// The actor of a tenant, made if it has none.
    async fn tenant(
        &mut self,
        supervisor: &ActorCell,
        tenant: TenantId,
    ) -> Result<ActorRef<TenantMsg>, ActorProcessingErr> {
        let shared = Arc::clone(&self.args.shared);
        if let Some(actor) = shared.directory.get(&tenant) {
            return Ok(actor.clone());
        }
        let known = self.catalogs.remove(&tenant).unwrap_or_default();
        let args = TenantArgs {
            tenant,
            partition: self.partition_of(tenant),
            ports: shared.ports.clone(),
            projection: self.projection.clone(),
            verdicts: Arc::clone(&shared.verdicts),
            progress: Arc::clone(&shared.progress),
            routes: shared.routes.of_tenant(tenant, &known),
            catalog: known.catalog,
            idle_after: shared.options.idle_after,
            faults: shared.faults.clone(),
            generation: self.args.generation.clone(),
            loads: Arc::clone(&self.loads),
        };
        let spawned = Actor::spawn_linked(None, TenantActor, args, supervisor.clone()).await?;
        if self.is_at_head {
            spawned.0.send_message(TenantMsg::AtHead)?;
        }
        shared.directory.insert(tenant, spawned.0.clone());
        Ok(spawned.0)
    }

    fn partition_of(&self, tenant: TenantId) -> PartitionState {
        let partition = partition_of(tenant);
        let found = self.partitions.iter().find(|p| p.partition == partition);
        *found.expect("all partitions were claimed")
    }

    async fn start_reading(
        &self,
        myself: &ActorRef<FoldMsg>,
        credits: Arc<Semaphore>,
    ) -> Result<ActorRef<ReaderMsg>, ActorProcessingErr> {
        let shared = &self.args.shared;
        let from = offsets(&self.partitions, |p| p.refold_from);
        let args = ReaderArgs {
            reader: shared.ports.journal.read_from(from)?,
            stored: offsets(&self.partitions, |p| p.next_offset).0,
            fold: myself.clone(),
            projection: self.projection.clone(),
            credits,
            checkpoint_every: shared.options.checkpoint_every,
            faults: shared.faults.clone(),
            is_paused: Arc::clone(&shared.is_paused),
            _generation: self.args.generation.clone(),
        };
        Ok(
            Actor::spawn_linked(None, ReaderActor, args, myself.get_cell())
                .await?
                .0,
        )
    }
}

async fn projection(
    args: &FoldArgs,
    partitions: &[PartitionState],
    credits: &Arc<Semaphore>,
    supervisor: ActorCell,
) -> Result<ActorRef<ProjectionMsg>, ActorProcessingErr> {
    let store = &args.shared.ports.ledger;
    let mut blocks: Vec<UniqueBlock> = Vec::new();
    for partition in partitions {
        let (number, next) = (partition.partition, partition.next_offset);
        let open = next - next % UNIQUE_BLOCK;
        blocks.extend(
            store
                .unique_blocks(number, open, open + UNIQUE_BLOCK)
                .await?,
        );
    }
    let args = ProjectionArgs {
        store: Arc::clone(store),
        partitions: partitions.to_vec(),
        blocks,
        credits: Arc::clone(credits),
        progress: Arc::clone(&args.shared.progress),
        catch_up: args.shared.options.catch_up,
        faults: args.shared.faults.clone(),
        live: args.shared.options.live.clone(),
        generation: args.generation.clone(),
    };
    Ok(Actor::spawn_linked(None, ProjectionActor, args, supervisor)
        .await?
        .0)
}

/// The catalogs of all tenants as of the stored offset.
async fn catalogs(args: &FoldArgs) -> Result<BTreeMap<TenantId, AsOf>, ActorProcessingErr> {
    let mut catalogs: BTreeMap<TenantId, AsOf> = BTreeMap::new();
    for row in args.shared.ports.catalog.entities().await? {
        catalogs.entry(row.tenant).or_default().restore(&row)?;
    }
    Ok(catalogs)
}

fn offsets(partitions: &[PartitionState], of: impl Fn(&PartitionState) -> u64) -> Cursors {
    partitions.iter().map(|p| (p.partition, of(p))).collect()
}
