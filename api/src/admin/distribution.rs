//! What a campaign's distribution knows and does: arms with their weights and what they are worth.

use std::sync::Arc;

use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use weir_actors::{ArmSums, AskError, CampaignState};
use weir_engine::catalog::{Arm, Campaign};
use weir_engine::ids::{self, TenantId, UnixMs};
use weir_engine::money::Micros;

use super::auth::{May, Reads};
use super::context::AdminContext;
use super::crud;
use super::dto::{Amount, ArmId, DistributionMode, FlowId, OfferId};
use super::resources::Campaigns;
use super::tags::Tag;
use crate::problem::Problem;

/// Standard deviations of a 95 % interval.
const SPREAD: f64 = 1.96;
/// Clicks that the prior counts as: one, worth nothing, so that an arm without clicks has a value.
const PRIOR_CLICKS: f64 = 1.0;
/// Least share of conversions that must have come before clicks are scaled by it.
const MATURED_MIN: f64 = 0.05;

/// What a campaign's distribution knows and does.
#[derive(Debug, Object)]
#[oai(rename = "CampaignDistribution")]
struct Known {
    /// The version of the campaign that routes now.
    snapshot_version: u32,
    /// Its flows in the order in which they are looked at; the default flow is the last.
    flows: Vec<KnownFlow>,
}

/// A flow with its arms.
#[derive(Debug, Object)]
#[oai(rename = "FlowDistribution", skip_serializing_if_is_none)]
struct KnownFlow {
    /// The flow; absent = the default flow.
    flow_id: Option<FlowId>,
    /// How it gives out clicks.
    mode: DistributionMode,
    /// Its arms.
    arms: Vec<KnownArm>,
}

/// An arm with what is known of it.
#[derive(Debug, Object)]
#[oai(rename = "ArmDistribution", skip_serializing_if_is_none)]
struct KnownArm {
    /// The arm.
    arm: ArmId,
    /// Where it leads.
    offer_id: OfferId,
    /// Whether it takes part.
    enabled: bool,
    /// Its weight.
    weight: u32,
    /// Its share of the clicks when every enabled arm may have them.
    share: f64,
    /// Valid clicks sent to it.
    clicks: u64,
    /// Conversions of the base goal now pending or approved.
    conversions: i64,
    /// Revenue of its conversions now pending or approved.
    revenue: Amount,
    /// Payout of the same.
    payout: Amount,
    /// Share of the clicks' conversions that should have come by now; absent without clicks.
    matured_share: Option<f64>,
    /// Mean revenue of a click, in major units, once its conversions have come.
    value_mean: f64,
    /// Lower end of its 95 % interval.
    value_low: f64,
    /// Upper end of its 95 % interval.
    value_high: f64,
}

/// Mean and 95 % interval of the revenue of a click, in major units.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Value {
    mean: f64,
    low: f64,
    high: f64,
}

/// The value of a click by an arm's sums. Clicks count as far as their conversions have come; the spread is
/// that of the mean of independent clicks, of which most earn nothing.
fn value_of(sums: &ArmSums, now: UnixMs) -> Value {
    let matured = sums
        .matured_share(now)
        .unwrap_or(1.0)
        .clamp(MATURED_MIN, 1.0);
    let clicks = sums.clicks as f64 * matured + PRIOR_CLICKS;
    let mean = sums.revenue as f64 / 1e6 / clicks;
    let variance = (sums.revenue_squares.max(0.0) / clicks - mean * mean).max(0.0);
    let spread = SPREAD * (variance / clicks).sqrt();
    Value {
        mean,
        low: (mean - spread).max(0.0),
        high: mean + spread,
    }
}

/// Operations on distributions.
pub(super) struct DistributionApi(pub(super) Arc<AdminContext>);

#[OpenApi(prefix_path = "/v1/campaigns", tag = "Tag::Campaigns")]
impl DistributionApi {
    /// Shows what a campaign's distribution knows
    #[oai(
        path = "/:id/distribution",
        method = "get",
        operation_id = "getDistribution"
    )]
    async fn show(&self, caller: May<Reads>, id: Path<String>) -> Result<Json<Known>, Problem> {
        let campaign = crud::find::<Campaigns>(&self.0, caller.tenant, &id)?;
        let state = self
            .0
            .actors
            .campaign(caller.tenant, campaign.number)
            .await
            .map_err(not_told)?;
        let scene = Scene {
            tenant: caller.tenant,
            state: &state,
            now: (self.0.now)(),
        };
        Ok(Json(Known {
            snapshot_version: campaign.entity.version,
            flows: scene.flows(&campaign.entity.body),
        }))
    }
}

/// The campaign's actor did not say what it knows.
fn not_told(error: AskError) -> Problem {
    match error {
        AskError::NoTenant => Problem::not_found(),
        error => {
            tracing::warn!(%error, "a campaign did not say what it knows");
            Problem::unavailable("what is known of the arms cannot be told now", 1)
        }
    }
}

struct Scene<'a> {
    tenant: TenantId,
    state: &'a CampaignState,
    now: UnixMs,
}

impl Scene<'_> {
    fn flows(&self, campaign: &Campaign) -> Vec<KnownFlow> {
        let own = campaign.flows.iter().map(|flow| KnownFlow {
            flow_id: Some(flow.id.into()),
            mode: DistributionMode(flow.distribution.mode),
            arms: self.arms(&flow.arms),
        });
        let default = KnownFlow {
            flow_id: None,
            mode: DistributionMode(campaign.distribution.mode),
            arms: self.arms(&campaign.arms),
        };
        own.chain([default]).collect()
    }

    fn arms(&self, arms: &[Arm]) -> Vec<KnownArm> {
        let enabled = || arms.iter().filter(|arm| arm.enabled);
        let total: u64 = enabled().map(|arm| u64::from(arm.weight)).sum();
        let share = |arm: &Arm| match (arm.enabled, total) {
            (false, _) => 0.0,
            (true, 0) => 1.0 / enabled().count() as f64,
            (true, total) => f64::from(arm.weight) / total as f64,
        };
        arms.iter().map(|arm| self.arm(arm, share(arm))).collect()
    }

    fn arm(&self, arm: &Arm, share: f64) -> KnownArm {
        let sums = self
            .state
            .arms()
            .get(&arm.id.number())
            .copied()
            .unwrap_or_default();
        let value = value_of(&sums, self.now);
        KnownArm {
            arm: arm.id.into(),
            offer_id: ids::OfferId::new(self.tenant, arm.offer_id.number()).into(),
            enabled: arm.enabled,
            weight: arm.weight,
            share,
            clicks: sums.clicks,
            conversions: sums.conversions,
            revenue: Micros(sums.revenue).into(),
            payout: Micros(sums.payout).into(),
            matured_share: sums.matured_share(self.now),
            value_mean: value.mean,
            value_low: value.low,
            value_high: value.high,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arm_that_was_never_tried_is_worth_nothing_with_no_spread() {
        let value = value_of(&ArmSums::default(), UnixMs(0));
        assert_eq!(
            value,
            Value {
                mean: 0.0,
                low: 0.0,
                high: 0.0
            }
        );
    }

    #[test]
    fn more_clicks_of_the_same_kind_make_the_interval_smaller() {
        let sums = |times: u64| {
            let mut sums = ArmSums::default();
            sums.clicks = 1_000 * times;
            sums.conversions = 10 * times as i64;
            sums.revenue = 100_000_000 * times as i64;
            sums.revenue_squares = 1_000.0 * times as f64;
            sums
        };
        let (few, many) = (
            value_of(&sums(1), UnixMs(0)),
            value_of(&sums(100), UnixMs(0)),
        );
        assert!((many.mean - 0.1).abs() < 0.001, "{many:?}");
        assert!(
            many.high - many.low < (few.high - few.low) / 9.0,
            "{few:?} {many:?}"
        );
        assert!(many.low < 0.1 && 0.1 < many.high);
    }
}
