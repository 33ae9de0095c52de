//! Questions to the books, read-only.

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::{PortFuture, StoreError, VerdictRow};
use crate::click_id::ClickId;
use crate::fact::{ConversionStatus, ReceivedId};
use crate::ids::{ConversionId, Position, TenantId, UnixMs};
use crate::judge::{Conversion, ConversionReason};
use crate::ledger::{AccountKind, Transfer};
use crate::money::{Currency, Micros};
use crate::report::{ReportPage, ReportQuery, TooManyRows};

/// How far an answer is complete: the next fact of each partition that is not in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Watermark {
    /// (partition, next offset), in order of partitions.
    pub offsets: Vec<(u16, u64)>,
    /// Time of the newest fact that is in it.
    pub at: UnixMs,
}

impl Serialize for Watermark {
    /// `{at, offsets: [{partition, next_offset}]}`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Offset {
            partition: u16,
            next_offset: u64,
        }
        let offset = |&(partition, next_offset): &(u16, u64)| Offset {
            partition,
            next_offset,
        };
        let offsets: Vec<Offset> = self.offsets.iter().map(offset).collect();
        let mut fields = serializer.serialize_struct("Watermark", 2)?;
        fields.serialize_field("at", &self.at.to_string())?;
        fields.serialize_field("offsets", &offsets)?;
        fields.end()
    }
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// Ask for fewer dimensions or a shorter range.
    #[error(transparent)]
    TooManyRows(#[from] TooManyRows),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Which conversions are asked for. Everything that is set must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConversionFilter {
    /// Of this click.
    pub click_id: Option<ClickId>,
    /// With this transaction id.
    pub txid: Option<String>,
    /// With one of these statuses; empty = all.
    pub statuses: Vec<ConversionStatus>,
    /// Of this affiliate.
    pub affiliate: Option<u32>,
    /// Of this offer.
    pub offer: Option<u32>,
    /// Of this campaign.
    pub campaign: Option<u32>,
    /// With this reason.
    pub reason: Option<ConversionReason>,
    /// Booked at or after.
    pub from: Option<UnixMs>,
    /// Booked before.
    pub to: Option<UnixMs>,
    /// Only those that come after this place in the list (newest first).
    pub after: Option<Position>,
    /// Only those that come before this place in the list.
    pub before: Option<Position>,
    /// At most so many.
    pub limit: u32,
}

/// One step in a conversion's life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusEvent {
    /// Place of the fact.
    pub position: Position,
    /// When.
    pub at: UnixMs,
    /// What it was.
    pub from: ConversionStatus,
    /// What it became.
    pub to: ConversionStatus,
    /// Why, as a code.
    pub reason: Option<ConversionReason>,
    /// Why, in a person's words.
    pub note: String,
    /// Who.
    pub by: String,
}

/// A conversion with all that happened to it.
#[derive(Debug, Clone, PartialEq)]
pub struct ConversionHistory {
    /// As it stands.
    pub conversion: Conversion,
    /// Postbacks that made or named it, in order.
    pub verdicts: Vec<VerdictRow>,
    /// Its changes, in order.
    pub changes: Vec<StatusEvent>,
    /// Its entries in the ledger, in order.
    pub transfers: Vec<Transfer>,
}

/// What one account holds: credits less debits for what is owed to affiliates, debits less credits for what
/// advertisers owe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Balance {
    /// Which account.
    pub account: AccountKind,
    /// In which currency.
    pub currency: Currency,
    /// How much.
    pub amount: Micros,
}

/// Answers questions about a tenant from the store.
pub trait ReportStore: Send + Sync + 'static {
    /// A report: rows, totals, how far it is complete.
    fn report(
        &self,
        tenant: TenantId,
        query: ReportQuery,
    ) -> PortFuture<'_, Result<ReportPage, ReportError>>;

    /// Conversions, newest first.
    fn conversions(
        &self,
        tenant: TenantId,
        filter: ConversionFilter,
    ) -> PortFuture<'_, Result<Vec<Conversion>, StoreError>>;

    /// One conversion with its history.
    fn conversion_history(
        &self,
        tenant: TenantId,
        id: ConversionId,
    ) -> PortFuture<'_, Result<Option<ConversionHistory>, StoreError>>;

    /// Balances of one owner's accounts, in order of account and currency; zero balances may be left out.
    fn balances(
        &self,
        tenant: TenantId,
        accounts: &'static [AccountKind],
        owner: u32,
    ) -> PortFuture<'_, Result<Vec<Balance>, StoreError>>;

    /// The answer to a postback.
    fn verdict(
        &self,
        tenant: TenantId,
        received_id: ReceivedId,
    ) -> PortFuture<'_, Result<Option<VerdictRow>, StoreError>>;

    /// How far the store is.
    fn watermark(&self) -> PortFuture<'_, Result<Watermark, StoreError>>;
}
