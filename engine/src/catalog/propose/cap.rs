//! Drafts of caps, of an offer or of an affiliate's terms on one.

use serde::{Deserialize, Serialize};

use super::review::{Review, path};
use super::{code, money};
use crate::catalog::{Cap, CapLevel, CapLimit, CapMetric, CapPeriod, OnCap, OverCap};

/// Most caps of one owner.
const CAPS_MAX: usize = 32;

/// What may be set of a cap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CapDraft {
    /// What is counted.
    pub metric: CapMetric,
    /// When it starts again.
    pub period: CapPeriod,
    /// How much: a whole number for clicks and conversions, a decimal string for payout and revenue.
    #[serde(deserialize_with = "money::limit")]
    pub limit: CapLimit,
    /// What is counted together; an offer's default is all of it, the only choice of terms their affiliate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<CapLevel>,
    /// Only this goal, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<String>,
    /// IANA zone of the period, else the tenant's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// Whether it stops anything.
    #[serde(default = "yes")]
    pub hard: bool,
    /// What later clicks get.
    #[serde(default = "fallback")]
    pub on_cap: OnCap,
    /// What conversions of clicks sent before get.
    #[serde(default = "reject")]
    pub over_cap: OverCap,
}

fn yes() -> bool {
    true
}

fn fallback() -> OnCap {
    OnCap::Fallback
}

fn reject() -> OverCap {
    OverCap::Reject
}

/// Whose caps are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CapOwner {
    Offer,
    Terms,
}

/// Checks caps; `goals` are the names that a cap may count.
pub(super) fn caps(
    review: &mut Review<'_>,
    drafts: &[CapDraft],
    owner: CapOwner,
    goals: &[&str],
) -> Vec<Cap> {
    review.at_most("caps", drafts.len(), CAPS_MAX);
    let cap = |(index, draft): (usize, &CapDraft)| {
        let at = format!("caps[{index}]");
        money::check_limit(review, path(&at, "limit"), draft.metric, draft.limit);
        check_goal(review, &at, draft, goals);
        if let Some(zone) = &draft.timezone {
            review.zone(path(&at, "timezone"), zone);
        }
        Cap {
            metric: draft.metric,
            period: draft.period,
            limit: draft.limit,
            level: level(review, &at, draft.level, owner),
            goal: draft.goal.clone(),
            timezone: draft.timezone.clone(),
            hard: draft.hard,
            on_cap: draft.on_cap,
            over_cap: draft.over_cap,
        }
    };
    drafts.iter().enumerate().map(cap).collect()
}

fn check_goal(review: &mut Review<'_>, at: &str, draft: &CapDraft, goals: &[&str]) {
    let Some(goal) = draft.goal.as_deref() else {
        return;
    };
    if draft.metric == CapMetric::Clicks {
        let message = "clicks have no goal";
        review.error(path(at, "goal"), code::NOT_APPLICABLE, message);
    } else if !goals.contains(&goal) {
        let message = format!("the offer has no goal {goal}");
        review.error(path(at, "goal"), code::UNKNOWN_REFERENCE, message);
    }
}

fn level(review: &mut Review<'_>, at: &str, given: Option<CapLevel>, owner: CapOwner) -> CapLevel {
    match (owner, given) {
        (CapOwner::Offer, given) => given.unwrap_or(CapLevel::Offer),
        (CapOwner::Terms, None | Some(CapLevel::Affiliate)) => CapLevel::Affiliate,
        (CapOwner::Terms, Some(other)) => {
            let message = "caps of an affiliate's terms count that affiliate";
            review.error(path(at, "level"), code::NOT_APPLICABLE, message);
            other
        }
    }
}

impl From<&Cap> for CapDraft {
    fn from(cap: &Cap) -> Self {
        Self {
            metric: cap.metric,
            period: cap.period,
            limit: cap.limit,
            level: Some(cap.level),
            goal: cap.goal.clone(),
            timezone: cap.timezone.clone(),
            hard: cap.hard,
            on_cap: cap.on_cap,
            over_cap: cap.over_cap,
        }
    }
}
