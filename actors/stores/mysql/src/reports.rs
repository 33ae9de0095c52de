//! [`ReportStore`]: questions, each of one snapshot.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use mysql_async::{Conn, Transaction};
use weir_engine::fact::ReceivedId;
use weir_engine::ids::{ConversionId, TenantId};
use weir_engine::judge::Conversion;
use weir_engine::ledger::AccountKind;
use weir_engine::ports::{
    Balance, ConversionFilter, ConversionHistory, PortFuture, ReportError, ReportStore, StoreError,
    VerdictRow, Watermark,
};
use weir_engine::report::{Fold, ReportPage, ReportQuery, TooManyRows};
use weir_sql::rows::{balance, conversion, partition, status_change, transfer, verdict};
use weir_sql::{Dialect, Fields, conversions, questions, report};

use crate::commit::states;
use crate::failure::{TimedOut, unavailable};
use crate::ledger::{conversion_of, snapshot};
use crate::query::{all, each};
use crate::store::Mysql;

/// How long an answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// How long a report waits for its turn.
const TURN_WITHIN: Duration = Duration::from_secs(10);

impl ReportStore for Mysql {
    fn report(
        &self,
        tenant: TenantId,
        query: ReportQuery,
    ) -> PortFuture<'_, Result<ReportPage, ReportError>> {
        // In a task of its own, so that a turn that was begun is ended also when whoever asked has gone.
        let store = self.clone();
        let answer = self.spawn(async move {
            // A few at a time: commits and evidence need connections too. The semaphore is never closed.
            let turn = tokio::time::timeout(TURN_WITHIN, store.reports.acquire()).await;
            let _turn =
                turn.map_err(|_| StoreError::Unavailable(Box::new(TimedOut(TURN_WITHIN))))?;
            let work = store.task(ANSWER_WITHIN, move |c| Box::pin(reported(c, tenant, query)));
            work.await
        });
        Box::pin(async move { Ok(answer.await??) })
    }

    fn conversions(
        &self,
        tenant: TenantId,
        filter: ConversionFilter,
    ) -> PortFuture<'_, Result<Vec<Conversion>, StoreError>> {
        let query = conversions::query(Dialect::MySql, tenant, &filter);
        let found = self.all(ANSWER_WITHIN, "conversions", query, conversion::read);
        Box::pin(async move {
            let mut found = found.await?;
            if conversions::is_backwards(&filter) {
                found.reverse();
            }
            Ok(found)
        })
    }

    fn conversion_history(
        &self,
        tenant: TenantId,
        id: ConversionId,
    ) -> PortFuture<'_, Result<Option<ConversionHistory>, StoreError>> {
        self.task(ANSWER_WITHIN, move |c| {
            Box::pin(async move {
                let mut snapshot = snapshot(c).await?;
                let history = history(&mut snapshot, tenant, id).await?;
                snapshot.rollback().await.map_err(unavailable)?;
                Ok(history)
            })
        })
    }

    fn balances(
        &self,
        tenant: TenantId,
        accounts: &'static [AccountKind],
        owner: u32,
    ) -> PortFuture<'_, Result<Vec<Balance>, StoreError>> {
        let query = questions::balances(tenant, accounts, owner);
        self.all(ANSWER_WITHIN, "balances", query, balance::read)
    }

    fn verdict(
        &self,
        tenant: TenantId,
        received_id: ReceivedId,
    ) -> PortFuture<'_, Result<Option<VerdictRow>, StoreError>> {
        let query = questions::verdict(Dialect::MySql, tenant, received_id);
        self.first("verdicts", query, verdict::read)
    }

    fn watermark(&self) -> PortFuture<'_, Result<Watermark, StoreError>> {
        self.task(ANSWER_WITHIN, |c| {
            Box::pin(async move { Ok(partition::watermark(&states(c).await?)) })
        })
    }
}

/// Answers a question, or says that the answer has too many rows.
async fn reported(
    connection: &mut Conn,
    tenant: TenantId,
    query: ReportQuery,
) -> Result<Result<ReportPage, TooManyRows>, StoreError> {
    let mut snapshot = snapshot(connection).await?;
    let watermark = partition::watermark(&states(&mut snapshot).await?);
    let mut advertisers = BTreeMap::new();
    if report::needs_advertisers(&query) {
        let of_offers = report::advertisers(tenant);
        let read = report::advertiser_of;
        advertisers.extend(all(&mut snapshot, "entities", of_offers, read).await?);
    }
    let scans = report::scans(tenant, &query);
    let mut fold = Fold::new(tenant, query, advertisers);
    let mut answer = Ok(());
    for scan in scans {
        let question = scan.query.clone();
        let scanned = each(&mut snapshot, question, |row| {
            let (key, delta) = scan.read(Fields::of("rollups", row))?;
            Ok(match fold.add(&key, &delta) {
                Ok(()) => ControlFlow::Continue(()),
                Err(too_many) => ControlFlow::Break(too_many),
            })
        });
        if let ControlFlow::Break(too_many) = scanned.await? {
            answer = Err(too_many);
            break;
        }
    }
    snapshot.rollback().await.map_err(unavailable)?;
    Ok(answer.map(|()| fold.finish(watermark)))
}

/// A conversion with its postbacks, changes and entries, in order.
async fn history(
    connection: &mut Transaction<'_>,
    tenant: TenantId,
    id: ConversionId,
) -> Result<Option<ConversionHistory>, StoreError> {
    let Some(conversion) = conversion_of(connection, tenant, id).await? else {
        return Ok(None);
    };
    let of = conversions::history(Dialect::MySql, tenant, id);
    let changes = all(
        connection,
        "status_changes",
        of.changes,
        status_change::read,
    )
    .await?;
    Ok(Some(ConversionHistory {
        conversion,
        verdicts: all(connection, "verdicts", of.verdicts, verdict::read).await?,
        changes: changes.into_iter().map(conversions::event).collect(),
        transfers: all(connection, "transfers", of.transfers, transfer::read).await?,
    }))
}
