//! [`CatalogStore`] and [`LedgerStore`]: each call a task with a connection of its own.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, IsolationLevel, Transaction, TxOpts};
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
use weir_sql::{Dialect, Fields, Query, questions};

use crate::commit;
use crate::failure::unavailable;
use crate::migrate::{self, SchemaError};
use crate::query::{all, first};
use crate::store::Mysql;

/// How long one look-up may take: it is a few pages of an index.
const LOOK_UP_WITHIN: Duration = Duration::from_secs(2);
/// How long reading much may take: a catalog, a checkpoint, what was judged since one.
const READ_WITHIN: Duration = Duration::from_secs(60);

impl CatalogStore for Mysql {
    fn entities(&self) -> PortFuture<'_, Result<Vec<EntityRow>, StoreError>> {
        self.all(READ_WITHIN, "entities", questions::entities(), entity::read)
    }

    fn entity(
        &self,
        tenant: TenantId,
        key: EntityKey,
    ) -> PortFuture<'_, Result<Option<EntityRow>, StoreError>> {
        self.first("entities", questions::entity(tenant, key), entity::read)
    }
}

impl LedgerStore for Mysql {
    fn claim(&self, partitions: &[u16]) -> PortFuture<'_, Result<Vec<PartitionState>, StoreError>> {
        let partitions = partitions.to_vec();
        let (connections, installation) =
            (std::sync::Arc::clone(&self.connections), self.installation);
        self.spawn(async move {
            migrate::check(&connections)
                .await
                .map_err(|error| match error {
                    SchemaError::Unavailable(error) => error,
                    // Somebody has to bring it up, or to start the newer build: until then there is no store.
                    other => StoreError::Unavailable(Box::new(other)),
                })?;
            connections
                .with(READ_WITHIN, move |c| {
                    Box::pin(async move { commit::claim(c, installation, &partitions).await })
                })
                .await
        })
    }

    fn offsets(&self) -> PortFuture<'_, Result<Vec<PartitionState>, StoreError>> {
        self.task(LOOK_UP_WITHIN, |c| {
            Box::pin(async move {
                let rows = commit::states(c).await?;
                Ok(rows.into_iter().map(|(state, _)| state).collect())
            })
        })
    }

    fn commit(&self, commit: Commit) -> PortFuture<'_, Result<(), (StoreError, Commit)>> {
        let connections = std::sync::Arc::clone(&self.connections);
        let written = self.spawn(async move {
            let started = Instant::now();
            let result = commit::commit(&connections, commit).await;
            metrics::histogram!("weir_store_commit_seconds", "store" => "mysql")
                .record(started.elapsed());
            Ok(result)
        });
        Box::pin(async move {
            match written.await {
                Ok(result) => result,
                // The task has ended with the commit: whether it was written is told by the offsets, so nothing is tried
                // again, and the fold begins anew.
                Err(stopped) => {
                    let what = stopped.to_string();
                    let table = "partition_state";
                    Err((StoreError::Unreadable { table, what }, Commit::default()))
                }
            }
        })
    }

    fn conversion_by_identity(
        &self,
        tenant: TenantId,
        identity: Identity,
    ) -> PortFuture<'_, Result<Option<Conversion>, StoreError>> {
        let query = questions::conversion_by_identity(Dialect::MySql, tenant, identity);
        self.first("conversions", query, conversion::read)
    }

    fn identities(
        &self,
        tenant: TenantId,
        after: Option<Identity>,
        limit: u32,
    ) -> PortFuture<'_, Result<Vec<Identity>, StoreError>> {
        let query = questions::identities(Dialect::MySql, tenant, after, limit);
        self.all(
            LOOK_UP_WITHIN * 5,
            "conversions",
            query,
            questions::identity,
        )
    }

    fn conversion(
        &self,
        tenant: TenantId,
        id: ConversionId,
    ) -> PortFuture<'_, Result<Option<Conversion>, StoreError>> {
        let query = questions::conversion(Dialect::MySql, tenant, id);
        self.first("conversions", query, conversion::read)
    }

    fn cap_counters(
        &self,
        tenant: TenantId,
    ) -> PortFuture<'_, Result<Vec<CapCounter>, StoreError>> {
        let query = questions::cap_counters(tenant);
        self.all(READ_WITHIN, "cap_counters", query, cap_counter::read)
    }

    fn checkpoint(
        &self,
        actor: ActorKey,
    ) -> PortFuture<'_, Result<Option<Checkpoint>, StoreError>> {
        let query = checkpoint::query(actor);
        let parts = self.all(READ_WITHIN, "checkpoints", query, checkpoint::read);
        Box::pin(async move { checkpoint::join(actor, parts.await?) })
    }

    fn unique_blocks(
        &self,
        partition: u16,
        from: u64,
        to: u64,
    ) -> PortFuture<'_, Result<Vec<UniqueBlock>, StoreError>> {
        let query = questions::unique_blocks(partition, from, to);
        self.all(READ_WITHIN, "unique_blocks", query, unique_block::read)
    }

    fn judged(
        &self,
        tenant: TenantId,
        from: u64,
        to: u64,
    ) -> PortFuture<'_, Result<JudgedRange, StoreError>> {
        let stretch = questions::Stretch { tenant, from, to };
        self.task(READ_WITHIN, move |c| {
            Box::pin(async move {
                let mut snapshot = snapshot(c).await?;
                let judged = judged(&mut snapshot, stretch).await?;
                snapshot.rollback().await.map_err(unavailable)?;
                Ok(judged)
            })
        })
    }
}

impl Mysql {
    /// Asks a question of one statement.
    pub(crate) fn all<T: Send + 'static>(
        &self,
        within: Duration,
        table: &'static str,
        query: Query,
        read: fn(Fields<'_>) -> Result<T, StoreError>,
    ) -> PortFuture<'static, Result<Vec<T>, StoreError>> {
        self.task(within, move |c| Box::pin(all(c, table, query, read)))
    }

    /// Asks for one row.
    pub(crate) fn first<T: Send + 'static>(
        &self,
        table: &'static str,
        query: Query,
        read: fn(Fields<'_>) -> Result<T, StoreError>,
    ) -> PortFuture<'static, Result<Option<T>, StoreError>> {
        self.task(LOOK_UP_WITHIN, move |c| {
            Box::pin(first(c, table, query, read))
        })
    }
}

/// Begins to read everything as of one commit.
pub async fn snapshot(connection: &mut Conn) -> Result<Transaction<'_>, StoreError> {
    let mut options = TxOpts::new();
    options
        .with_consistent_snapshot(true)
        .with_isolation_level(IsolationLevel::RepeatableRead)
        .with_readonly(true);
    connection
        .start_transaction(options)
        .await
        .map_err(unavailable)
}

/// A conversion by its id.
pub async fn conversion_of(
    connection: &mut impl Queryable,
    tenant: TenantId,
    id: ConversionId,
) -> Result<Option<Conversion>, StoreError> {
    let query = questions::conversion(Dialect::MySql, tenant, id);
    first(connection, "conversions", query, conversion::read).await
}

async fn judged(
    connection: &mut Transaction<'_>,
    stretch: questions::Stretch,
) -> Result<JudgedRange, StoreError> {
    let verdicts = all(connection, "verdicts", stretch.verdicts(), verdict::read).await?;
    let made = all(
        connection,
        "conversions",
        stretch.conversions(),
        conversion::read,
    )
    .await?;
    let changes = all(
        connection,
        "status_changes",
        stretch.status_changes(),
        status_change::read,
    )
    .await?;
    let changed = match changes.is_empty() {
        true => Vec::new(),
        // One question, since each takes a way to the server and back.
        false => {
            let query = stretch.changed_conversions();
            all(connection, "conversions", query, conversion::read).await?
        }
    };
    let by_id: HashMap<ConversionId, Conversion> = changed.into_iter().map(|c| (c.id, c)).collect();
    let with_conversion = |change: StatusRow| {
        let of = by_id.get(&change.conversion_id).cloned();
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
