//! The steps of a decision, for whoever wants to see why: explanations and simulations.
//!
//! The same code decides and explains: it tells its steps to a [`Recorder`], and the click path's recorder is
//! [`Silent`], for which the compiler leaves the telling out. Numbers are the entities' within the tenant.

use super::decide::{ClickRequest, Decision, decide};
use super::snapshot::{CampaignSnapshot, TenantSnapshot};
use crate::as_text::words;
use crate::catalog::{CapLevel, CapMetric};
use crate::fact::ClickReason;
use crate::targeting::Rule;

words! {
    /// Whose URL a click is sent to.
    Target {
        /// The arm's own.
        Arm = 1 "arm",
        /// The offer's.
        Offer = 2 "offer",
        /// The offer's fallback.
        OfferFallback = 3 "offer_fallback",
        /// The campaign's fallback.
        CampaignFallback = 4 "campaign_fallback",
        /// The tenant's fallback.
        TenantFallback = 5 "tenant_fallback",
        /// Nobody's: the 404 page.
        NotFound = 6 "not_found",
    }
}

/// A step of a decision, in the order in which they are taken.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// The `aff` parameter was read.
    Affiliate {
        /// Who that is, if known; `None` without a reason = house traffic.
        affiliate: Option<u32>,
        /// Why its clicks are not sent on, or `none`.
        reason: ClickReason,
    },
    /// A condition of the flow or arm that the next such step is about.
    Condition {
        /// The property.
        rule: Rule,
        /// Whether the click is as it asks.
        holds: bool,
    },
    /// A cap of the arm that the next such step is about.
    Cap {
        /// What it counts.
        metric: CapMetric,
        /// What it counts together.
        level: CapLevel,
        /// How much it allows: a count, or micros.
        limit: i64,
        /// Whether anything is left.
        has_room: bool,
    },
    /// A flow was looked at.
    Flow {
        /// Its number; `None` = the default flow.
        flow: Option<u32>,
        /// What refused the click, if anything.
        refused: Option<Rule>,
    },
    /// An arm was looked at.
    Arm {
        /// Its number.
        arm: u32,
        /// Its offer's number.
        offer: u32,
        /// Why it may not have the click, or `none`.
        reason: ClickReason,
        /// What refused the click, for `targeting`.
        refused: Option<Rule>,
    },
    /// The policy drew.
    Drawn {
        /// The arm's number.
        arm: u32,
        /// With which probability.
        propensity: f64,
        /// From which arms.
        eligible: Vec<u32>,
    },
    /// The click is sent there.
    Sent {
        /// Whose URL.
        to: Target,
    },
}

/// Sees the steps of a decision.
pub trait Recorder {
    /// Whether it wants to see anything.
    const SEES: bool;

    /// A step was taken.
    fn step(&mut self, step: Step);
}

/// Sees nothing: the click path's recorder.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Recorder for Silent {
    const SEES: bool = false;

    fn step(&mut self, _: Step) {}
}

impl Recorder for Vec<Step> {
    const SEES: bool = true;

    fn step(&mut self, step: Step) {
        self.push(step);
    }
}

/// Decides without taking permits, and says every step.
pub fn explain<'s>(
    request: &ClickRequest<'_>,
    tenant: &'s TenantSnapshot,
    campaign: &'s CampaignSnapshot,
) -> (Decision<'s>, Vec<Step>) {
    let mut steps = Vec::new();
    let untaken = ClickRequest {
        is_test: true,
        ..*request
    };
    let decision = decide(&untaken, tenant, campaign, &mut steps);
    (decision, steps)
}
