//! [`CatalogStore`] and [`LedgerStore`]: commits by the writing thread, evidence on the thread that asks.

use rusqlite::Connection;
use weir_engine::catalog::EntityKey;
use weir_engine::ids::{ConversionId, TenantId};
use weir_engine::judge::{Conversion, Identity};
use weir_engine::ports::{
    ActorKey, CapCounter, CatalogStore, Checkpoint, Commit, EntityRow, JudgedRange, LedgerStore,
    PartitionState, PortFuture, StatusRow, StoreError, UniqueBlock,
};
use weir_sql::rows::{
    cap_counter, checkpoint, conversion, entity, status_change, unique_block, verdict,
};
use weir_sql::{Dialect, questions};

use crate::commit;
use crate::query::{all, first};
use crate::readers::in_one_snapshot;
use crate::store::Embedded;

impl CatalogStore for Embedded {
    fn entities(&self) -> PortFuture<'_, Result<Vec<EntityRow>, StoreError>> {
        let query = questions::entities();
        Box::pin(async move {
            self.readers
                .read(|c| all(c, "entities", &query, entity::read))
        })
    }

    fn entity(
        &self,
        tenant: TenantId,
        key: EntityKey,
    ) -> PortFuture<'_, Result<Option<EntityRow>, StoreError>> {
        let query = questions::entity(tenant, key);
        Box::pin(async move {
            self.readers
                .read(|c| first(c, "entities", &query, entity::read))
        })
    }
}

impl LedgerStore for Embedded {
    fn claim(&self, partitions: &[u16]) -> PortFuture<'_, Result<Vec<PartitionState>, StoreError>> {
        let partitions = partitions.to_vec();
        Box::pin(self.writer.claim(partitions))
    }

    fn offsets(&self) -> PortFuture<'_, Result<Vec<PartitionState>, StoreError>> {
        Box::pin(async move { self.readers.read(commit::states) })
    }

    fn commit(&self, commit: Commit) -> PortFuture<'_, Result<(), (StoreError, Commit)>> {
        Box::pin(self.writer.commit(commit))
    }

    fn conversion_by_identity(
        &self,
        tenant: TenantId,
        identity: Identity,
    ) -> PortFuture<'_, Result<Option<Conversion>, StoreError>> {
        let query = questions::conversion_by_identity(Dialect::Sqlite, tenant, identity);
        Box::pin(async move {
            self.readers
                .read(|c| first(c, "conversions", &query, conversion::read))
        })
    }

    fn identities(
        &self,
        tenant: TenantId,
        after: Option<Identity>,
        limit: u32,
    ) -> PortFuture<'_, Result<Vec<Identity>, StoreError>> {
        let query = questions::identities(Dialect::Sqlite, tenant, after, limit);
        Box::pin(async move {
            self.readers
                .read(|c| all(c, "conversions", &query, questions::identity))
        })
    }

    fn conversion(
        &self,
        tenant: TenantId,
        id: ConversionId,
    ) -> PortFuture<'_, Result<Option<Conversion>, StoreError>> {
        Box::pin(async move { self.readers.read(|c| conversion_of(c, tenant, id)) })
    }

    fn cap_counters(
        &self,
        tenant: TenantId,
    ) -> PortFuture<'_, Result<Vec<CapCounter>, StoreError>> {
        let query = questions::cap_counters(tenant);
        Box::pin(async move {
            self.readers
                .read(|c| all(c, "cap_counters", &query, cap_counter::read))
        })
    }

    fn checkpoint(
        &self,
        actor: ActorKey,
    ) -> PortFuture<'_, Result<Option<Checkpoint>, StoreError>> {
        let query = checkpoint::query(actor);
        Box::pin(async move {
            let parts = self
                .readers
                .read(|c| all(c, "checkpoints", &query, checkpoint::read))?;
            checkpoint::join(actor, parts)
        })
    }

    fn unique_blocks(
        &self,
        partition: u16,
        from: u64,
        to: u64,
    ) -> PortFuture<'_, Result<Vec<UniqueBlock>, StoreError>> {
        let query = questions::unique_blocks(partition, from, to);
        Box::pin(async move {
            self.readers
                .read(|c| all(c, "unique_blocks", &query, unique_block::read))
        })
    }

    fn judged(
        &self,
        tenant: TenantId,
        from: u64,
        to: u64,
    ) -> PortFuture<'_, Result<JudgedRange, StoreError>> {
        let stretch = questions::Stretch { tenant, from, to };
        Box::pin(async move {
            self.readers
                .read(|c| in_one_snapshot(c, |c| judged(c, stretch)))
        })
    }
}

/// A conversion by its id.
pub(crate) fn conversion_of(
    connection: &Connection,
    tenant: TenantId,
    id: ConversionId,
) -> Result<Option<Conversion>, StoreError> {
    let query = questions::conversion(Dialect::Sqlite, tenant, id);
    first(connection, "conversions", &query, conversion::read)
}

fn judged(connection: &Connection, stretch: questions::Stretch) -> Result<JudgedRange, StoreError> {
    let verdicts = all(connection, "verdicts", &stretch.verdicts(), verdict::read)?;
    let made = all(
        connection,
        "conversions",
        &stretch.conversions(),
        conversion::read,
    )?;
    let changes = all(
        connection,
        "status_changes",
        &stretch.status_changes(),
        status_change::read,
    )?;
    let with_conversion = |change: StatusRow| {
        let of = conversion_of(connection, stretch.tenant, change.conversion_id)?;
        let of = of.ok_or_else(|| questions::missing("status_changes", change.position))?;
        Ok((change, of))
    };
    Ok(JudgedRange {
        verdicts: questions::with_made(verdicts, made)?,
        status_changes: changes
            .into_iter()
            .map(with_conversion)
            .collect::<Result<_, StoreError>>()?,
    })
}
