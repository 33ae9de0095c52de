//! [`CatalogStore`] and [`LedgerStore`]: commits by the writing thread, evidence on the thread that asks.

use rusqlite::{Connection, params};
use weir_engine::catalog::EntityKey;
use weir_engine::ids::{ConversionId, Position, TenantId, partition_of};
use weir_engine::judge::{Conversion, Identity};
use weir_engine::ports::{
    ActorKey, CapCounter, CatalogStore, Checkpoint, Commit, EntityRow, JudgedRange, LedgerStore,
    PartitionState, PortFuture, StatusRow, StoreError, UNIQUE_BLOCK, UniqueBlock, VerdictRow,
};

use crate::query::{all, first};
use crate::readers::in_one_snapshot;
use crate::rows::{
    cap_counter, checkpoint, conversion, entity, id_bytes, int, partition, status_change,
    unique_block, verdict,
};
use crate::store::Embedded;

impl CatalogStore for Embedded {
    fn entities(&self) -> PortFuture<'_, Result<Vec<EntityRow>, StoreError>> {
        let sql = format!(
            "SELECT {} FROM entities ORDER BY tenant_id, kind, number, second",
            entity::COLUMNS
        );
        Box::pin(async move { self.readers.read(|c| all(c, &sql, [], entity::read)) })
    }

    fn entity(
        &self,
        tenant: TenantId,
        key: EntityKey,
    ) -> PortFuture<'_, Result<Option<EntityRow>, StoreError>> {
        let sql = format!(
            "SELECT {} FROM entities WHERE tenant_id = ?1 AND kind = ?2 AND number = ?3 AND second = ?4",
            entity::COLUMNS
        );
        let place = (tenant.0, key.kind.code(), key.number, key.second);
        Box::pin(async move { self.readers.read(|c| first(c, &sql, place, entity::read)) })
    }
}

impl LedgerStore for Embedded {
    fn claim(&self, partitions: &[u16]) -> PortFuture<'_, Result<Vec<PartitionState>, StoreError>> {
        let partitions = partitions.to_vec();
        Box::pin(self.writer.claim(partitions))
    }

    fn offsets(&self) -> PortFuture<'_, Result<Vec<PartitionState>, StoreError>> {
        Box::pin(async move { self.readers.read(partition::read_all) })
    }

    fn commit(&self, commit: Commit) -> PortFuture<'_, Result<(), (StoreError, Commit)>> {
        Box::pin(self.writer.commit(commit))
    }

    fn conversion_by_identity(
        &self,
        tenant: TenantId,
        identity: Identity,
    ) -> PortFuture<'_, Result<Option<Conversion>, StoreError>> {
        let sql = format!(
            "SELECT {} FROM conversions INDEXED BY conversions_by_identity WHERE tenant_id = ?1 AND identity = ?2
             ORDER BY partition_id, seq LIMIT 1",
            conversion::COLUMNS
        );
        let sought = (tenant.0, identity.0.to_be_bytes());
        Box::pin(async move {
            self.readers
                .read(|c| first(c, &sql, sought, conversion::read))
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
        let sql = format!(
            "SELECT {} FROM cap_counters WHERE tenant_id = ?1 ORDER BY cap, period_from",
            cap_counter::COLUMNS
        );
        Box::pin(async move {
            self.readers
                .read(|c| all(c, &sql, [tenant.0], cap_counter::read))
        })
    }

    fn checkpoint(
        &self,
        actor: ActorKey,
    ) -> PortFuture<'_, Result<Option<Checkpoint>, StoreError>> {
        Box::pin(async move { self.readers.read(|c| checkpoint::read(c, actor)) })
    }

    fn unique_blocks(
        &self,
        partition: u16,
        from: u64,
        to: u64,
    ) -> PortFuture<'_, Result<Vec<UniqueBlock>, StoreError>> {
        let sql = format!(
            "SELECT {} FROM unique_blocks WHERE partition_id = ?1 AND block >= ?2 AND block < ?3 ORDER BY block",
            unique_block::COLUMNS
        );
        let first_block = int(from / UNIQUE_BLOCK);
        let end = if from < to {
            to.div_ceil(UNIQUE_BLOCK)
        } else {
            0
        };
        let blocks = (partition, first_block, int(end));
        Box::pin(async move {
            self.readers
                .read(|c| all(c, &sql, blocks, unique_block::read))
        })
    }

    fn judged(
        &self,
        tenant: TenantId,
        from: u64,
        to: u64,
    ) -> PortFuture<'_, Result<JudgedRange, StoreError>> {
        let stretch = Stretch { tenant, from, to };
        Box::pin(async move {
            self.readers
                .read(|c| in_one_snapshot(c, |c| stretch.judged(c)))
        })
    }
}

/// A conversion by its id.
pub(crate) fn conversion_of(
    connection: &Connection,
    tenant: TenantId,
    id: ConversionId,
) -> Result<Option<Conversion>, StoreError> {
    let sql = format!(
        "SELECT {} FROM conversions INDEXED BY conversions_by_id WHERE tenant_id = ?1 AND conversion_id = ?2",
        conversion::COLUMNS
    );
    first(connection, &sql, (tenant.0, id_bytes(id)), conversion::read)
}

/// Facts `from..to` of a tenant.
#[derive(Clone, Copy)]
struct Stretch {
    tenant: TenantId,
    from: u64,
    to: u64,
}

impl Stretch {
    /// Rows of `table` in the stretch, in order of their places.
    fn rows<T>(
        self,
        connection: &Connection,
        (table, columns): (&str, &str),
        read: impl FnMut(&rusqlite::Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let sql = format!(
            "SELECT {columns} FROM {table}
             WHERE tenant_id = ?1 AND partition_id = ?2 AND seq >= ?3 AND seq < ?4 ORDER BY seq"
        );
        let places = params![
            self.tenant.0,
            partition_of(self.tenant),
            int(self.from),
            int(self.to.min(i64::MAX as u64))
        ];
        all(connection, &sql, places, read)
    }

    fn judged(self, connection: &Connection) -> Result<JudgedRange, StoreError> {
        let verdicts = self.rows(connection, ("verdicts", verdict::COLUMNS), verdict::read)?;
        let made = self.rows(
            connection,
            ("conversions", conversion::COLUMNS),
            conversion::read,
        )?;
        let changes = self.rows(
            connection,
            ("status_changes", status_change::COLUMNS),
            status_change::read,
        )?;
        Ok(JudgedRange {
            verdicts: with_made(verdicts, made)?,
            status_changes: self.with_conversions(connection, changes)?,
        })
    }

    fn with_conversions(
        self,
        connection: &Connection,
        changes: Vec<StatusRow>,
    ) -> Result<Vec<(StatusRow, Conversion)>, StoreError> {
        changes
            .into_iter()
            .map(|change| {
                let of = conversion_of(connection, self.tenant, change.conversion_id)?;
                let of = of.ok_or_else(|| missing("status_changes", change.position))?;
                Ok((change, of))
            })
            .collect()
    }
}

/// Joins verdicts with the conversions made at their places; both in order of places.
fn with_made(
    verdicts: Vec<VerdictRow>,
    made: Vec<Conversion>,
) -> Result<Vec<(VerdictRow, Option<Conversion>)>, StoreError> {
    let mut made = made.into_iter().peekable();
    verdicts
        .into_iter()
        .map(|verdict| {
            let conversion = made.next_if(|c| verdict.is_made && c.position == verdict.position);
            if verdict.is_made && conversion.is_none() {
                return Err(missing("verdicts", verdict.position));
            }
            Ok((verdict, conversion))
        })
        .collect()
}

fn missing(table: &'static str, at: Position) -> StoreError {
    StoreError::Unreadable {
        table,
        what: format!("the conversion of {}/{} is missing", at.partition, at.seq),
    }
}
