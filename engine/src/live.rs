//! Live counters: what a campaign has counted on a day of UTC so far, with the place of the log they stand at.
//!
//! They are the rollups of the store summed over everything but campaign, day and currency, by the rules of a report
//! on the conversion basis. Always true: counters are absolute, so that writing them twice changes nothing; those
//! that stand at a later place hold all that earlier ones do; tests are in none. Not here: where they are kept
//! (see [`crate::ports::SharedCounters`]), verdicts: nothing is ever decided by a live counter.

use std::collections::BTreeMap;

use serde_json::json;

use crate::ids::{CampaignId, Position, TenantId, UnixMs, partition_of};
use crate::money::Currency;
use crate::ports::Watermark;
use crate::report::{DimensionValue, Metric, MetricValue, ROWS_MAX, ReportPage, ReportQuery};
use crate::rollup::{BUCKET_MS, Basis, RollupDelta, RollupKey};

/// Days that live counters are kept: today and yesterday.
pub const LIVE_DAYS: u32 = 2;
const DAY_MS: u64 = 86_400_000;
const BUCKETS_OF_DAY: u32 = (DAY_MS / BUCKET_MS) as u32;

/// A day of UTC, as days since 1970.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UtcDay(pub u32);

impl UtcDay {
    /// The day of a time.
    #[must_use]
    pub fn of(at: UnixMs) -> Self {
        Self(u32::try_from(at.0 / DAY_MS).unwrap_or(u32::MAX))
    }

    /// The day that a row of the rollups lies in.
    #[must_use]
    pub fn of_bucket(bucket: u32) -> Self {
        Self(bucket / BUCKETS_OF_DAY)
    }

    /// Its first moment.
    #[must_use]
    pub fn begin(self) -> UnixMs {
        UnixMs(u64::from(self.0) * DAY_MS)
    }

    /// The first moment after it.
    #[must_use]
    pub fn end(self) -> UnixMs {
        UnixMs((u64::from(self.0) + 1) * DAY_MS)
    }

    /// Whether its counters are kept while `today` is the latest day.
    #[must_use]
    pub fn is_live(self, today: Self) -> bool {
        u64::from(self.0) + u64::from(LIVE_DAYS) > u64::from(today.0)
    }
}

/// Whose counters: a campaign's of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LiveKey {
    /// Whose campaign.
    pub tenant: TenantId,
    /// The day.
    pub day: UtcDay,
    /// Number of the campaign.
    pub campaign: u32,
}

impl LiveKey {
    /// Where a row of the rollups is counted; `None` where it is not: tests, and amounts by posting.
    #[must_use]
    pub fn of(tenant: TenantId, row: &RollupKey) -> Option<Self> {
        (!row.is_test && row.basis != Basis::Posting).then(|| Self {
            tenant,
            day: UtcDay::of_bucket(row.bucket),
            campaign: row.campaign,
        })
    }
}

/// Sums in one currency. In `counts`, conversions are those of the base goal, amounts those of all goals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LiveSums {
    /// Clicks, conversions by status, amounts in micros.
    pub counts: RollupDelta,
    /// Conversions of other goals, pending or approved.
    pub event: i64,
}

impl LiveSums {
    /// What a report must be asked for, in the order of [`Self::of_metrics`].
    pub const METRICS: [Metric; 10] = [
        Metric::GrossClick,
        Metric::InvalidClick,
        Metric::UniqueClick,
        Metric::Cost,
        Metric::PendingCv,
        Metric::ApprovedCv,
        Metric::RejectedCv,
        Metric::Payout,
        Metric::Revenue,
        Metric::Event,
    ];

    /// The sums as numbers, in the order of [`Self::METRICS`].
    #[must_use]
    pub fn values(&self) -> [i64; 10] {
        let c = &self.counts;
        [
            c.gross_click,
            c.invalid_click,
            c.unique_click,
            c.cost,
            c.pending_cv,
            c.approved_cv,
            c.rejected_cv,
            c.payout,
            c.revenue,
            self.event,
        ]
    }

    /// The sums of [`Self::values`].
    #[must_use]
    pub fn of_values(values: [i64; 10]) -> Self {
        let [
            gross_click,
            invalid_click,
            unique_click,
            cost,
            pending_cv,
            approved_cv,
            rejected_cv,
            payout,
            revenue,
            event,
        ] = values;
        Self {
            counts: RollupDelta {
                gross_click,
                invalid_click,
                unique_click,
                cost,
                pending_cv,
                approved_cv,
                rejected_cv,
                payout,
                revenue,
            },
            event,
        }
    }

    /// The sums of a report's row; `None` when the report was asked for something else.
    #[must_use]
    pub fn of_metrics(metrics: &[MetricValue]) -> Option<Self> {
        let mut values = [0; 10];
        if metrics.len() != values.len() {
            return None;
        }
        for (value, metric) in values.iter_mut().zip(metrics) {
            let (MetricValue::Count(sum) | MetricValue::Money(sum)) = *metric else {
                return None;
            };
            *value = i64::try_from(sum).unwrap_or(if sum < 0 { i64::MIN } else { i64::MAX });
        }
        Some(Self::of_values(values))
    }

    /// Adds a row of the rollups, as a report on the conversion basis does.
    pub fn add_row(&mut self, row: &RollupKey, delta: &RollupDelta) {
        let mut counts = RollupDelta::default();
        match row.basis {
            Basis::Click => {
                counts.gross_click = delta.gross_click;
                counts.invalid_click = delta.invalid_click;
                counts.unique_click = delta.unique_click;
                counts.cost = delta.cost;
            }
            Basis::Conversion => {
                counts.payout = delta.payout;
                counts.revenue = delta.revenue;
                if row.goal == 0 {
                    counts.pending_cv = delta.pending_cv;
                    counts.approved_cv = delta.approved_cv;
                    counts.rejected_cv = delta.rejected_cv;
                } else {
                    let standing = delta.pending_cv.saturating_add(delta.approved_cv);
                    self.event = self.event.saturating_add(standing);
                }
            }
            Basis::Posting => {}
        }
        self.counts.add(&counts);
    }

    /// Adds other sums.
    pub fn add(&mut self, other: &Self) {
        self.counts.add(&other.counts);
        self.event = self.event.saturating_add(other.event);
    }
}

/// Sums by currency.
pub type LiveByCurrency = BTreeMap<Currency, LiveSums>;

/// A campaign's counters of a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveCounters {
    /// Whose.
    pub key: LiveKey,
    /// The first fact of the tenant's partition that is not in them.
    pub stands_at: Position,
    /// Time of the newest fact that is in them.
    pub newest_at: UnixMs,
    /// Sums by currency.
    pub sums: LiveByCurrency,
}

impl LiveCounters {
    /// Counters of a campaign that has counted nothing, as of `watermark`.
    #[must_use]
    pub fn none(key: LiveKey, watermark: &Watermark) -> Self {
        let partition = partition_of(key.tenant);
        let mut offsets = watermark.offsets.iter();
        let offset = offsets.find(|(of, _)| *of == partition);
        let seq = offset.map_or(0, |(_, next)| *next);
        Self {
            key,
            stands_at: Position { partition, seq },
            newest_at: watermark.at,
            sums: LiveByCurrency::new(),
        }
    }
}

/// The question to a store of which the answer is the counters of a day: of a campaign, or of all.
///
/// # Panics
/// Never: the question is a good one.
#[must_use]
pub fn question(tenant: TenantId, day: UtcDay, campaign: Option<u32>) -> ReportQuery {
    let campaigns: Vec<CampaignId> = campaign
        .map(|number| CampaignId::new(tenant, number))
        .into_iter()
        .collect();
    let filter = json!({"field": "campaign", "op": "in", "value": campaigns});
    let filters: Vec<_> = campaign.map(|_| filter).into_iter().collect();
    let question = json!({"from": day.begin().to_string(), "to": day.end().to_string(),
        "group_by": ["campaign"], "metrics": LiveSums::METRICS.map(Metric::as_str),
        "filters": filters, "limit": ROWS_MAX});
    ReportQuery::read(tenant, "UTC", &question).expect("a question of our own")
}

/// The counters that the answer to a [`question`] says, in order of campaigns; `None` when it does not say all.
#[must_use]
pub fn answered(tenant: TenantId, day: UtcDay, page: &ReportPage) -> Option<Vec<LiveCounters>> {
    let mut sums: BTreeMap<u32, LiveByCurrency> = BTreeMap::new();
    for row in &page.rows {
        // A row of no campaign is of none's counters.
        if let Some(DimensionValue::Text(id)) = row.dimensions.first() {
            let campaign = id.parse::<CampaignId>().ok()?.number();
            let of_row = LiveSums::of_metrics(&row.metrics)?;
            let of_campaign = sums.entry(campaign).or_default();
            of_campaign.insert(row.currency, of_row);
        }
    }
    let counters = sums.into_iter().map(|(campaign, sums)| {
        let key = LiveKey {
            tenant,
            day,
            campaign,
        };
        let none = LiveCounters::none(key, &page.watermark);
        LiveCounters { sums, ..none }
    });
    (!page.is_truncated).then(|| counters.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Fold;
    use proptest::prelude::*;

    const TENANT: TenantId = TenantId(7);
    const DAY: UtcDay = UtcDay(20_513);

    fn any_row() -> impl Strategy<Value = (RollupKey, RollupDelta)> {
        let bucket = DAY.0 * BUCKETS_OF_DAY - 3..DAY.0 * BUCKETS_OF_DAY + 99;
        let basis = prop::sample::select(vec![Basis::Click, Basis::Conversion, Basis::Posting]);
        let currency = prop::sample::select(vec![Currency::USD, Currency::EUR]);
        let key = (bucket, basis, any::<bool>(), 1..3u32, 0..2u32, currency);
        let values = prop::array::uniform10(-1_000..1_000_000i64);
        (key, values).prop_map(|((bucket, basis, is_test, campaign, goal, currency), v)| {
            let key = RollupKey {
                bucket,
                basis,
                is_test,
                campaign,
                flow: 0,
                arm: 1,
                offer: 1,
                affiliate: 0,
                goal,
                country: *b"DE",
                device: 1,
                currency,
            };
            (key, LiveSums::of_values(v).counts)
        })
    }

    proptest! {
        #[test]
        fn counters_are_what_a_report_of_the_day_says(rows in prop::collection::vec(any_row(), 0..40)) {
            let mut live: BTreeMap<u32, LiveByCurrency> = BTreeMap::new();
            let mut report = Fold::new(TENANT, question(TENANT, DAY, None), BTreeMap::new());
            let mut of_second = Fold::new(TENANT, question(TENANT, DAY, Some(2)), BTreeMap::new());
            for (row, delta) in &rows {
                report.add(row, delta).expect("few rows");
                of_second.add(row, delta).expect("few rows");
                if let Some(key) = LiveKey::of(TENANT, row).filter(|key| key.day == DAY) {
                    let of_campaign = live.entry(key.campaign).or_default();
                    of_campaign.entry(row.currency).or_default().add_row(row, delta);
                }
            }
            for of_campaign in live.values_mut() {
                of_campaign.retain(|_, sums| *sums != LiveSums::default());
            }
            live.retain(|_, of_campaign| !of_campaign.is_empty());
            let said = |report: Fold| -> BTreeMap<u32, LiveByCurrency> {
                let page = report.finish(Watermark::default());
                let counters = answered(TENANT, DAY, &page).expect("few rows");
                counters.into_iter().map(|c| (c.key.campaign, c.sums)).collect()
            };
            prop_assert_eq!(said(report), live.clone());
            live.retain(|campaign, _| *campaign == 2);
            prop_assert_eq!(said(of_second), live);
        }
    }

    #[test]
    fn today_and_yesterday_are_live() {
        let today = UtcDay::of(UnixMs(1_772_323_200_000));
        assert_eq!(today.begin(), UnixMs(1_772_323_200_000));
        let is_live = [0, 1, 2].map(|days| UtcDay(today.0 - days).is_live(today));
        assert_eq!(is_live, [true, true, false]);
    }
}
