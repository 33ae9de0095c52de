//! [`ReportStore`]: questions on the report threads, verdicts and the watermark on the thread that asks.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use rusqlite::Connection;
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

use crate::commit::states_with_times;
use crate::ledger::conversion_of;
use crate::query::{all, each, first};
use crate::store::Embedded;

impl ReportStore for Embedded {
    fn report(
        &self,
        tenant: TenantId,
        query: ReportQuery,
    ) -> PortFuture<'_, Result<ReportPage, ReportError>> {
        let read = move |connection: &Connection| reported(connection, tenant, query);
        Box::pin(async move { Ok(self.reports.ask(read).await??) })
    }

    fn conversions(
        &self,
        tenant: TenantId,
        filter: ConversionFilter,
    ) -> PortFuture<'_, Result<Vec<Conversion>, StoreError>> {
        Box::pin(self.reports.ask(move |connection| {
            let query = conversions::query(Dialect::Sqlite, tenant, &filter);
            let mut found = all(connection, "conversions", &query, conversion::read)?;
            if conversions::is_backwards(&filter) {
                found.reverse();
            }
            Ok(found)
        }))
    }

    fn conversion_history(
        &self,
        tenant: TenantId,
        id: ConversionId,
    ) -> PortFuture<'_, Result<Option<ConversionHistory>, StoreError>> {
        Box::pin(
            self.reports
                .ask(move |connection| history(connection, tenant, id)),
        )
    }

    fn balances(
        &self,
        tenant: TenantId,
        accounts: &'static [AccountKind],
        owner: u32,
    ) -> PortFuture<'_, Result<Vec<Balance>, StoreError>> {
        Box::pin(self.reports.ask(move |connection| {
            let query = questions::balances(tenant, accounts, owner);
            all(connection, "balances", &query, balance::read)
        }))
    }

    fn verdict(
        &self,
        tenant: TenantId,
        received_id: ReceivedId,
    ) -> PortFuture<'_, Result<Option<VerdictRow>, StoreError>> {
        let query = questions::verdict(Dialect::Sqlite, tenant, received_id);
        Box::pin(async move {
            self.readers
                .read(|c| first(c, "verdicts", &query, verdict::read))
        })
    }

    fn watermark(&self) -> PortFuture<'_, Result<Watermark, StoreError>> {
        Box::pin(async move { self.readers.read(watermark) })
    }
}

fn watermark(connection: &Connection) -> Result<Watermark, StoreError> {
    Ok(partition::watermark(&states_with_times(connection)?))
}

/// Answers a question, or says that the answer has too many rows.
fn reported(
    connection: &Connection,
    tenant: TenantId,
    query: ReportQuery,
) -> Result<Result<ReportPage, TooManyRows>, StoreError> {
    let watermark = watermark(connection)?;
    let mut advertisers = BTreeMap::new();
    if report::needs_advertisers(&query) {
        let of_offers = report::advertisers(tenant);
        advertisers.extend(all(
            connection,
            "entities",
            &of_offers,
            report::advertiser_of,
        )?);
    }
    let scans = report::scans(tenant, &query);
    let mut fold = Fold::new(tenant, query, advertisers);
    for scan in scans {
        let scanned = each(connection, &scan.query, |row| {
            let (key, delta) = scan.read(Fields::of("rollups", row))?;
            Ok(match fold.add(&key, &delta) {
                Ok(()) => ControlFlow::Continue(()),
                Err(too_many) => ControlFlow::Break(too_many),
            })
        })?;
        if let ControlFlow::Break(too_many) = scanned {
            return Ok(Err(too_many));
        }
    }
    Ok(Ok(fold.finish(watermark)))
}

/// A conversion with its postbacks, changes and entries, in order.
fn history(
    connection: &Connection,
    tenant: TenantId,
    id: ConversionId,
) -> Result<Option<ConversionHistory>, StoreError> {
    let Some(conversion) = conversion_of(connection, tenant, id)? else {
        return Ok(None);
    };
    let of = conversions::history(Dialect::Sqlite, tenant, id);
    let changes = all(
        connection,
        "status_changes",
        &of.changes,
        status_change::read,
    )?;
    Ok(Some(ConversionHistory {
        conversion,
        verdicts: all(connection, "verdicts", &of.verdicts, verdict::read)?,
        changes: changes.into_iter().map(conversions::event).collect(),
        transfers: all(connection, "transfers", &of.transfers, transfer::read)?,
    }))
}
