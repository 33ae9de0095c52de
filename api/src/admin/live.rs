//! What a campaign has counted today: from the cache that nodes share, or, while it is cold, from the store.
//!
//! Always true: both say the same at the same place of the log, and each says at which it stands; days are of UTC,
//! for which sums are kept. Not here: other days and zones (reports).

use std::sync::Arc;
use std::time::Duration;

use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{Enum, Object, OpenApi};
use weir_engine::ids;
use weir_engine::live::{LiveCounters, LiveKey, LiveSums, UtcDay, answered, question};
use weir_engine::money::{Currency, Micros};

use super::auth::{May, Reports};
use super::context::AdminContext;
use super::crud;
use super::dto::{Amount, CampaignId, CurrencyCode, Time};
use super::reports::{PartitionOffset, Watermark, not_answered};
use super::resources::Campaigns;
use super::tags::Tag;
use crate::problem::Problem;

/// How long the cache is waited for, whatever it promises itself.
const CACHE_WITHIN: Duration = Duration::from_millis(300);
/// Characters of a date.
const DATE: usize = "2026-03-29".len();

/// What a campaign has counted today.
#[derive(Debug, Object)]
#[oai(rename = "CampaignLive")]
struct Live {
    /// The campaign.
    campaign_id: CampaignId,
    /// Today, in UTC.
    day: String,
    /// How far it is complete.
    watermark: Watermark,
    /// Where it was read.
    source: Source,
    /// One a currency; none before the first click.
    rows: Vec<Row>,
}

/// Where counts were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename = "LiveSource", rename_all = "lowercase")]
enum Source {
    /// What nodes share.
    Cache,
    /// The books.
    Store,
}

/// Counts in one currency, in the words of reports, conversions by their own time.
#[derive(Debug, Object)]
#[oai(rename = "LiveRow")]
struct Row {
    /// The currency.
    currency: CurrencyCode,
    /// Every recorded click.
    gross_click: i64,
    /// Bots, and clicks sent neither to an offer nor to a lander.
    invalid_click: i64,
    /// Valid clicks.
    total_click: i64,
    /// Valid clicks of a visitor not seen on the offer in the 24 hours before.
    unique_click: i64,
    /// Conversions of the base goal, pending or approved.
    cv: i64,
    /// Of them, pending.
    pending_cv: i64,
    /// Of them, approved.
    approved_cv: i64,
    /// Conversions of the base goal that are rejected.
    rejected_cv: i64,
    /// Conversions of other goals, pending or approved.
    event: i64,
    /// Owed to affiliates.
    payout: Amount,
    /// Owed by advertisers.
    revenue: Amount,
    /// Ad cost of the clicks.
    cost: Amount,
}

/// Operations on live counts.
pub(super) struct LiveApi(pub(super) Arc<AdminContext>);

#[OpenApi(prefix_path = "/v1/campaigns", tag = "Tag::Campaigns")]
impl LiveApi {
    /// Shows what a campaign has counted today
    ///
    /// A second or so behind, and cheap to ask again and again. The day is of UTC; ask a report for another day or
    /// zone.
    #[oai(path = "/:id/live", method = "get", operation_id = "getCampaignLive")]
    async fn show(&self, caller: May<Reports>, id: Path<String>) -> Result<Json<Live>, Problem> {
        let campaign = crud::find::<Campaigns>(&self.0, caller.tenant, &id)?;
        let key = LiveKey {
            tenant: caller.tenant,
            day: UtcDay::of((self.0.now)()),
            campaign: campaign.number,
        };
        let (source, counters) = match self.cached(key).await {
            Some(counters) => (Source::Cache, counters),
            None => (Source::Store, self.stored(key).await?),
        };
        Ok(Json(shown(source, counters)))
    }
}

impl LiveApi {
    /// What the cache has, if it has anything and says so in time.
    async fn cached(&self, key: LiveKey) -> Option<LiveCounters> {
        let cache = self.0.counters.as_ref()?;
        let reading = cache.read(key.tenant, key.day, vec![key.campaign]);
        let read = tokio::time::timeout(CACHE_WITHIN, reading).await;
        read.ok()?.ok()?.into_iter().find(|c| c.key == key)
    }

    async fn stored(&self, key: LiveKey) -> Result<LiveCounters, Problem> {
        self.0.actors.settled(key.tenant).await;
        let question = question(key.tenant, key.day, Some(key.campaign));
        let asking = self.0.reports.report(key.tenant, question);
        let page = asking.await.map_err(not_answered)?;
        let said = answered(key.tenant, key.day, &page).unwrap_or_default();
        let counters = said.into_iter().find(|c| c.key == key);
        Ok(counters.unwrap_or_else(|| LiveCounters::none(key, &page.watermark)))
    }
}

fn shown(source: Source, counters: LiveCounters) -> Live {
    let LiveKey {
        tenant,
        day,
        campaign,
    } = counters.key;
    let mut date = day.begin().to_string();
    date.truncate(DATE);
    let counted = counters.sums.into_iter();
    let counted = counted.filter(|(_, sums)| *sums != LiveSums::default());
    Live {
        campaign_id: ids::CampaignId::new(tenant, campaign).into(),
        day: date,
        watermark: Watermark {
            at: Time::from(counters.newest_at),
            offsets: vec![PartitionOffset {
                partition: counters.stands_at.partition,
                next_offset: counters.stands_at.seq,
            }],
        },
        source,
        rows: counted
            .map(|(currency, sums)| row(currency, sums))
            .collect(),
    }
}

fn row(currency: Currency, sums: LiveSums) -> Row {
    let counts = sums.counts;
    let amount = |micros| Amount::from(Micros(micros));
    Row {
        currency: currency.into(),
        gross_click: counts.gross_click,
        invalid_click: counts.invalid_click,
        total_click: counts.gross_click - counts.invalid_click,
        unique_click: counts.unique_click,
        cv: counts.pending_cv + counts.approved_cv,
        pending_cv: counts.pending_cv,
        approved_cv: counts.approved_cv,
        rejected_cv: counts.rejected_cv,
        event: sums.event,
        payout: amount(counts.payout),
        revenue: amount(counts.revenue),
        cost: amount(counts.cost),
    }
}
