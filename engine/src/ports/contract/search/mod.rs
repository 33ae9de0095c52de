//! What every index must keep.

mod counted;
mod found;
mod written;

pub use self::counted::*;
pub use self::found::*;
pub use self::written::*;

use std::sync::Arc;

use serde_json::{Value, json};

use super::owner::{BEGIN, TENANT, hour, neighbour};
use crate::fact::{ClickOutcome, ClickReason, ConversionStatus};
use crate::ids::{
    AffiliateId, ArmId, CampaignId, ConversionId, OfferId, Position, TenantId, UnixMs, partition_of,
};
use crate::judge::ConversionReason;
use crate::money::Currency;
use crate::ports::{Generation, SearchError, SearchIndex, Watermark, Written};
use crate::search::{
    AmountField, ClickDocument, ConversionDocument, Document, DocumentKind, Drilldown,
    DrilldownPage, SearchPage, SearchQuery, Subs, Target, Visit,
};

/// A click of the suite: `change` makes it another one.
pub(super) fn click(seq: u64, at: UnixMs, change: impl FnOnce(&mut ClickDocument)) -> Document {
    let mut click = ClickDocument {
        click_id: format!("click{seq:027}"),
        tenant: TENANT,
        at,
        seq,
        target: target(TENANT),
        visit: Visit::default(),
        wanted_offer_id: Some(OfferId::new(TENANT, 3)),
        outcome: ClickOutcome::Redirected,
        reason: ClickReason::None,
        unique: true,
        valid: true,
        propensity: 1.0,
        cost_micros: None,
        cost_currency: None,
    };
    change(&mut click);
    Document::Click(Box::new(click))
}

pub(super) fn target(tenant: TenantId) -> Target {
    Target {
        campaign_id: CampaignId::new(tenant, 1),
        flow_id: None,
        offer_id: Some(OfferId::new(tenant, 3)),
        offer_version: Some(1),
        arm: Some(ArmId::new(tenant, 2)),
        affiliate_id: Some(AffiliateId::new(tenant, 5)),
        country: "DE".to_owned(),
        device: "mobile".to_owned(),
        test: false,
    }
}

/// A conversion of the suite, an hour after its click.
pub(super) fn conversion(
    seq: u64,
    clicked_at: UnixMs,
    change: impl FnOnce(&mut ConversionDocument),
) -> Document {
    let partition = partition_of(TENANT);
    let at = UnixMs(clicked_at.0 + 3_600_000);
    let mut conversion = ConversionDocument {
        conversion_id: ConversionId::at(Position { partition, seq }),
        tenant: TENANT,
        seq,
        changed_seq: seq,
        click_id: format!("click{seq:027}"),
        received_id: format!("postback{seq:024}"),
        status: ConversionStatus::Approved,
        reason: None,
        note: String::new(),
        advertiser_id: None,
        goal: None,
        txid: format!("order-{seq}"),
        sale_amount_micros: Some(20_000_000),
        sale_currency: Some(Currency::EUR),
        payout_micros: 1_500_000,
        revenue_micros: 2_000_000,
        currency: Currency::USD,
        rule_id: "off_1@1".to_owned(),
        clicked_at,
        converted_at: at,
        booked_at: at,
        target: target(TENANT),
        visit: Visit::default(),
    };
    change(&mut conversion);
    Document::Conversion(Box::new(conversion))
}

pub(super) fn watermark(offset: u64) -> Watermark {
    Watermark {
        offsets: vec![(partition_of(TENANT), offset)],
        at: hour(offset),
    }
}

pub(super) async fn write(
    index: &impl SearchIndex,
    generation: Generation,
    documents: &[Document],
) -> Vec<Written> {
    let documents: Arc<[Document]> = documents.into();
    index.write(generation, documents).await.expect("written")
}

/// Writes to the live generation, to be found from now on.
pub(super) async fn fill(index: &impl SearchIndex, documents: &[Document]) -> Generation {
    let generation = index.live().await.expect("live");
    let written = write(index, generation, documents).await;
    assert_eq!(written, vec![Written::Stored; documents.len()]);
    index
        .set_cursor(generation, watermark(documents.len() as u64))
        .await
        .expect("kept");
    generation
}

pub(super) fn query(of: DocumentKind, request: Value) -> SearchQuery {
    SearchQuery::read(TENANT, of, "UTC", &request).expect("a question")
}

pub(super) async fn clicks(
    index: &impl SearchIndex,
    tenant: TenantId,
    request: Value,
) -> SearchPage<ClickDocument> {
    index
        .clicks(tenant, query(DocumentKind::Clicks, request))
        .await
        .expect("an answer")
}

pub(super) async fn conversions(
    index: &impl SearchIndex,
    request: Value,
) -> SearchPage<ConversionDocument> {
    let query = query(DocumentKind::Conversions, request);
    index.conversions(TENANT, query).await.expect("an answer")
}

/// Numbers of the clicks that are found, in order.
pub(super) async fn found(index: &impl SearchIndex, request: Value) -> Vec<u64> {
    let page = clicks(index, TENANT, request).await;
    page.items.iter().map(|c| c.seq).collect()
}

pub(super) async fn drilldown(index: &impl SearchIndex, request: Value) -> DrilldownPage {
    let question = Drilldown::read(TENANT, "UTC", &request).expect("a question");
    index.drilldown(TENANT, question).await.expect("an answer")
}

/// Groups with their counts, in order.
pub(super) fn counts(page: &DrilldownPage) -> Vec<(Vec<Option<&str>>, u64)> {
    let row = |r: &'_ crate::search::DrilldownRow| r.measured.count;
    page.rows
        .iter()
        .map(|r| (r.group.iter().map(Option::as_deref).collect(), row(r)))
        .collect()
}
