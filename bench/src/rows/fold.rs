//! The fold over a log of a million facts: in memory, into the store, and by the actors catching up.

use std::path::Path;
use std::time::Instant;

use weir_actors::{Replay, replay};
use weir_embedded::Embedded;
use weir_engine::ids::{ConversionId, PARTITIONS, TenantId, UnixMs};
use weir_engine::judge::{Conversion, Identity};
use weir_engine::ports::{
    ActorKey, Append, CapCounter, Checkpoint, Commit, JudgedRange, LedgerStore, PartitionState,
    PortFuture, StoreError, UniqueBlock,
};
use weir_journal::Cursors;

use super::{Measure, Target};
use crate::child::runtime;
use crate::host;
use crate::mix::Mix;
use crate::product::World;
use crate::product::catalog::{Names, configure};
use crate::product::facts::Facts;
use crate::stats::median;

/// Clicks of the log.
const CLICKS: usize = 1_000_000;
/// Appends under way at a time.
const AT_A_TIME: usize = 4_096;
/// Facts a transaction, as when catching up.
const BATCH: usize = 65_536;
const ROUNDS: usize = 3;
/// 2026-01-01.
pub(super) const BEGAN: UnixMs = UnixMs(1_767_225_600_000);

/// Facts a second of processor time, and a second of the clock.
#[derive(Clone, Copy)]
struct Rate {
    by_cpu: f64,
    by_clock: f64,
}

/// Measures; runs in a process that is bound to the server's cores.
///
/// # Errors
/// Log or store fail.
pub fn run(folder: &Path) -> anyhow::Result<Vec<Measure>> {
    let own = tempfile::tempdir_in(folder)?;
    let runtime = runtime()?;
    let world = runtime.block_on(World::start(own.path()))?;
    let names = runtime.block_on(configure(&world.mesh))?;
    let before = world.written();
    runtime.block_on(world.settled());
    world.mesh.pause(true);
    runtime.block_on(fill(&world, &names, CLICKS, BEGAN))?;
    let facts = world.written();
    let sync_ms = host::sync_ms(folder)?;
    let mut in_memory = Vec::new();
    let mut in_store = Vec::new();
    for round in 0..ROUNDS {
        in_memory.push(rated(facts, || runtime.block_on(fold(&world, &Nowhere)))?);
        let file = own.path().join(format!("replay-{round}.db"));
        let store = Embedded::open(&file)?;
        in_store.push(rated(facts, || runtime.block_on(fold(&world, &store)))?);
        drop(store);
    }
    world.mesh.pause(false);
    let settle = || {
        runtime.block_on(world.settled());
        Ok(())
    };
    let caught_up = [rated(facts - before, settle)?];
    runtime.block_on(world.mesh.kill());
    let middle =
        |rates: &[Rate], of: fn(&Rate) -> f64| median(&rates.iter().map(of).collect::<Vec<_>>());
    let measure = |name: &str, rates: &[Rate], of: fn(&Rate) -> f64, least| Measure {
        name: name.to_owned(),
        value: middle(rates, of).round(),
        target: Target::AtLeast(least),
        doubt: None,
        beside: format!(
            "{:.0}/s by the clock, {:.2} µs CPU a fact, {facts} facts",
            middle(rates, |r| r.by_clock),
            1e6 / middle(rates, |r| r.by_cpu)
        ),
        sync_ms,
    };
    Ok(vec![
        measure(
            "fold in memory: facts/s of a core",
            &in_memory,
            |r| r.by_cpu,
            500_000.0,
        ),
        measure(
            "fold through the store: facts/s",
            &in_store,
            |r| r.by_clock,
            200_000.0,
        ),
        measure(
            "actors catching up: facts/s",
            &caught_up,
            |r| r.by_clock,
            200_000.0,
        ),
    ])
}

/// Writes a log of so many clicks, the first at `began`.
pub(super) async fn fill(
    world: &World,
    names: &Names,
    clicks: usize,
    began: UnixMs,
) -> anyhow::Result<()> {
    let mut mix = Mix::new(1, &world.countries);
    let mut facts = Facts::new(world, names, began);
    let lane = world.journal.shared_lane();
    let mut under_way = Vec::with_capacity(AT_A_TIME);
    for _ in 0..clicks {
        under_way.push(facts.with(&mix.draw(), |record| lane.append(record))?);
        if under_way.len() == AT_A_TIME {
            for appending in under_way.drain(..) {
                appending.await?;
            }
        }
    }
    for appending in under_way {
        appending.await?;
    }
    Ok(())
}

async fn fold(world: &World, ledger: &dyn LedgerStore) -> anyhow::Result<()> {
    let reader = world.journal.read_from(Cursors::START)?;
    let until = world.journal.end();
    let how = Replay {
        batch: BATCH,
        is_to_be_served: false,
    };
    replay(reader, until, &world.journal, ledger, how, |_| {}).await?;
    Ok(())
}

fn rated(facts: u64, work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<Rate> {
    let process = std::process::id();
    let (began, cpu) = (Instant::now(), host::cpu_seconds(process)?);
    work()?;
    let cpu = host::cpu_seconds(process)? - cpu;
    Ok(Rate {
        by_cpu: facts as f64 / cpu,
        by_clock: facts as f64 / began.elapsed().as_secs_f64(),
    })
}

/// A store that takes everything and keeps nothing: what is left is the fold.
struct Nowhere;

fn empty<T: Send + 'static>(value: T) -> PortFuture<'static, Result<T, StoreError>> {
    Box::pin(std::future::ready(Ok(value)))
}

impl LedgerStore for Nowhere {
    fn claim(&self, partitions: &[u16]) -> PortFuture<'_, Result<Vec<PartitionState>, StoreError>> {
        let state = |&partition: &u16| PartitionState {
            partition,
            next_offset: 0,
            epoch: 1,
            refold_from: 0,
        };
        empty(partitions.iter().map(state).collect())
    }

    fn offsets(&self) -> PortFuture<'_, Result<Vec<PartitionState>, StoreError>> {
        self.claim(&(0..PARTITIONS).collect::<Vec<_>>())
    }

    fn commit(&self, commit: Commit) -> PortFuture<'_, Result<(), (StoreError, Commit)>> {
        drop(commit);
        Box::pin(std::future::ready(Ok(())))
    }

    fn conversion_by_identity(
        &self,
        _: TenantId,
        _: Identity,
    ) -> PortFuture<'_, Result<Option<Conversion>, StoreError>> {
        empty(None)
    }

    fn identities(
        &self,
        _: TenantId,
        _: Option<Identity>,
        _: u32,
    ) -> PortFuture<'_, Result<Vec<Identity>, StoreError>> {
        empty(Vec::new())
    }

    fn conversion(
        &self,
        _: TenantId,
        _: ConversionId,
    ) -> PortFuture<'_, Result<Option<Conversion>, StoreError>> {
        empty(None)
    }

    fn cap_counters(&self, _: TenantId) -> PortFuture<'_, Result<Vec<CapCounter>, StoreError>> {
        empty(Vec::new())
    }

    fn checkpoint(&self, _: ActorKey) -> PortFuture<'_, Result<Option<Checkpoint>, StoreError>> {
        empty(None)
    }

    fn unique_blocks(
        &self,
        _: u16,
        _: u64,
        _: u64,
    ) -> PortFuture<'_, Result<Vec<UniqueBlock>, StoreError>> {
        empty(Vec::new())
    }

    fn judged(
        &self,
        _: TenantId,
        _: u64,
        _: u64,
    ) -> PortFuture<'_, Result<JudgedRange, StoreError>> {
        empty(JudgedRange::default())
    }
}
