//! [`ReportStore`]: questions on the report threads, verdicts and the watermark on the thread that asks.

mod conversions;
mod rollups;

use rusqlite::Connection;
use weir_engine::fact::ReceivedId;
use weir_engine::ids::{ConversionId, TenantId};
use weir_engine::judge::Conversion;
use weir_engine::ledger::AccountKind;
use weir_engine::ports::{
    Balance, ConversionFilter, ConversionHistory, PortFuture, ReportError, ReportStore, StoreError,
    VerdictRow, Watermark,
};
use weir_engine::report::{ReportPage, ReportQuery};

use crate::query::{all, first};
use crate::rows::{balance, partition, verdict};
use crate::store::Embedded;

impl ReportStore for Embedded {
    fn report(
        &self,
        tenant: TenantId,
        query: ReportQuery,
    ) -> PortFuture<'_, Result<ReportPage, ReportError>> {
        let read = move |connection: &Connection| rollups::report(connection, tenant, query);
        Box::pin(async move { Ok(self.reports.ask(read).await??) })
    }

    fn conversions(
        &self,
        tenant: TenantId,
        filter: ConversionFilter,
    ) -> PortFuture<'_, Result<Vec<Conversion>, StoreError>> {
        Box::pin(
            self.reports
                .ask(move |connection| conversions::list(connection, tenant, &filter)),
        )
    }

    fn conversion_history(
        &self,
        tenant: TenantId,
        id: ConversionId,
    ) -> PortFuture<'_, Result<Option<ConversionHistory>, StoreError>> {
        Box::pin(
            self.reports
                .ask(move |connection| conversions::history(connection, tenant, id)),
        )
    }

    fn balances(
        &self,
        tenant: TenantId,
        accounts: &'static [AccountKind],
        owner: u32,
    ) -> PortFuture<'_, Result<Vec<Balance>, StoreError>> {
        Box::pin(self.reports.ask(move |connection| {
            let sql = format!(
                "SELECT {} FROM balances WHERE tenant_id = ?1 AND owner = ?2 AND kind IN ({})
                 ORDER BY kind, currency",
                balance::COLUMNS,
                list(accounts.iter().map(|kind| u32::from(kind.code())))
            );
            all(connection, &sql, (tenant.0, owner), balance::read)
        }))
    }

    fn verdict(
        &self,
        tenant: TenantId,
        received_id: ReceivedId,
    ) -> PortFuture<'_, Result<Option<VerdictRow>, StoreError>> {
        let sql = format!(
            "SELECT {} FROM verdicts INDEXED BY verdicts_by_received_id WHERE tenant_id = ?1 AND received_id = ?2",
            verdict::COLUMNS
        );
        let sought = (tenant.0, *received_id.as_bytes());
        Box::pin(async move { self.readers.read(|c| first(c, &sql, sought, verdict::read)) })
    }

    fn watermark(&self) -> PortFuture<'_, Result<Watermark, StoreError>> {
        Box::pin(async move { self.readers.read(partition::watermark) })
    }
}

/// Numbers as the inside of an `IN (…)`.
fn list(numbers: impl Iterator<Item = u32>) -> String {
    let words: Vec<String> = numbers.map(|n| n.to_string()).collect();
    words.join(", ")
}
