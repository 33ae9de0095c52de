//! A store that can be taken away: a fake for faults only, before a real one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use weir_embedded::Embedded;
use weir_engine::catalog::EntityKey;
use weir_engine::ids::{ConversionId, TenantId};
use weir_engine::judge::{Conversion, Identity};
use weir_engine::ports::{
    ActorKey, CapCounter, CatalogStore, Checkpoint, Commit, EntityRow, JudgedRange, LedgerStore,
    PartitionState, PortFuture, StoreError, UniqueBlock,
};

#[derive(Debug, thiserror::Error)]
#[error("taken away by the test")]
struct TakenAway;

/// See the module.
pub struct FakeAway {
    store: Arc<Embedded>,
    is_away: AtomicBool,
    identities_asked: AtomicU64,
    offsets_asked: AtomicU64,
}

type Answer<'a, T> = PortFuture<'a, Result<T, StoreError>>;

impl FakeAway {
    pub fn before(store: Arc<Embedded>) -> Arc<Self> {
        Arc::new(Self {
            store,
            is_away: AtomicBool::new(false),
            identities_asked: AtomicU64::new(0),
            offsets_asked: AtomicU64::new(0),
        })
    }

    pub fn take_away(&self, is_away: bool) {
        self.is_away.store(is_away, Ordering::Release);
    }

    /// How often the store was asked who took an identity.
    pub fn identities_asked(&self) -> u64 {
        self.identities_asked.load(Ordering::Acquire)
    }

    /// How often the store was asked how far it is, while it was there.
    pub fn offsets_asked(&self) -> u64 {
        self.offsets_asked.load(Ordering::Acquire)
    }

    fn ask<'a, T: Send + 'static>(
        &'a self,
        ask: impl FnOnce(&'a Embedded) -> Answer<'a, T>,
    ) -> Answer<'a, T> {
        if self.is_away.load(Ordering::Acquire) {
            return Box::pin(async { Err(StoreError::Unavailable(Box::new(TakenAway))) });
        }
        ask(&self.store)
    }
}

impl CatalogStore for FakeAway {
    fn entities(&self) -> Answer<'_, Vec<EntityRow>> {
        self.ask(|s| s.entities())
    }

    fn entity(&self, tenant: TenantId, key: EntityKey) -> Answer<'_, Option<EntityRow>> {
        self.ask(|s| s.entity(tenant, key))
    }
}

impl LedgerStore for FakeAway {
    fn claim(&self, partitions: &[u16]) -> Answer<'_, Vec<PartitionState>> {
        self.ask(|s| s.claim(partitions))
    }

    fn offsets(&self) -> Answer<'_, Vec<PartitionState>> {
        let is_there = !self.is_away.load(Ordering::Acquire);
        self.offsets_asked
            .fetch_add(u64::from(is_there), Ordering::AcqRel);
        self.ask(|s| s.offsets())
    }

    fn commit(&self, commit: Commit) -> PortFuture<'_, Result<(), (StoreError, Commit)>> {
        if self.is_away.load(Ordering::Acquire) {
            return Box::pin(async { Err((StoreError::Unavailable(Box::new(TakenAway)), commit)) });
        }
        self.store.commit(commit)
    }

    fn conversion_by_identity(
        &self,
        tenant: TenantId,
        identity: Identity,
    ) -> Answer<'_, Option<Conversion>> {
        self.identities_asked.fetch_add(1, Ordering::AcqRel);
        self.ask(|s| s.conversion_by_identity(tenant, identity))
    }

    fn identities(
        &self,
        tenant: TenantId,
        after: Option<Identity>,
        limit: u32,
    ) -> Answer<'_, Vec<Identity>> {
        self.ask(|s| s.identities(tenant, after, limit))
    }

    fn conversion(&self, tenant: TenantId, id: ConversionId) -> Answer<'_, Option<Conversion>> {
        self.ask(|s| s.conversion(tenant, id))
    }

    fn cap_counters(&self, tenant: TenantId) -> Answer<'_, Vec<CapCounter>> {
        self.ask(|s| s.cap_counters(tenant))
    }

    fn checkpoint(&self, actor: ActorKey) -> Answer<'_, Option<Checkpoint>> {
        self.ask(|s| s.checkpoint(actor))
    }

    fn unique_blocks(&self, partition: u16, from: u64, to: u64) -> Answer<'_, Vec<UniqueBlock>> {
        self.ask(|s| s.unique_blocks(partition, from, to))
    }

    fn judged(&self, tenant: TenantId, from: u64, to: u64) -> Answer<'_, JudgedRange> {
        self.ask(|s| s.judged(tenant, from, to))
    }
}
