//! Caps: what is counted, for whom, how much of it, and what happens then.

use serde::{Deserialize, Serialize};

use crate::as_text::words;
use crate::money::Micros;

words! {
    /// What a cap counts.
    CapMetric {
        /// Valid clicks sent to the offer.
        Clicks = 1 "clicks",
        /// Conversions pending or approved.
        Conversions = 2 "conversions",
        /// Amounts owed to affiliates.
        Payout = 3 "payout",
        /// Amounts owed by the advertiser.
        Revenue = 4 "revenue",
    }
}

words! {
    /// When a cap starts again, in its zone.
    CapPeriod {
        /// At midnight.
        Day = 1 "day",
        /// On Monday at midnight.
        Week = 2 "week",
        /// On the first of the month.
        Month = 3 "month",
        /// Never.
        Total = 4 "total",
    }
}

words! {
    /// What a cap counts together.
    CapLevel {
        /// All traffic of the offer.
        Offer = 1 "offer",
        /// Each affiliate by itself.
        Affiliate = 2 "affiliate",
        /// Each campaign by itself.
        Campaign = 3 "campaign",
    }
}

words! {
    /// What later clicks get when a cap is reached.
    OnCap {
        /// The fallback, and the offer leaves every draw.
        Fallback = 1 "fallback",
        /// The 404 page: no fallback is used.
        Block = 2 "block",
        /// As `fallback`, until a person resumes.
        Pause = 3 "pause",
    }
}

words! {
    /// What conversions of earlier clicks get when a cap is reached.
    OverCap {
        /// Rejected with `over_cap`.
        Reject = 1 "reject",
        /// Kept pending with `over_cap`.
        Pending = 2 "pending",
        /// Booked all the same.
        Accept = 3 "accept",
    }
}

/// How much a cap allows: a count, or an amount in the offer's currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum CapLimit {
    /// Of clicks or conversions.
    Count(u64),
    /// Of payout or revenue.
    Amount(Micros),
}

impl CapLimit {
    /// As units of the metric: a count, or micros.
    #[must_use]
    pub fn units(self) -> i64 {
        match self {
            Self::Count(count) => i64::try_from(count).unwrap_or(i64::MAX),
            Self::Amount(amount) => amount.0,
        }
    }
}

/// A limit on an offer, or on one affiliate's traffic to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cap {
    /// What is counted.
    pub metric: CapMetric,
    /// When it starts again.
    pub period: CapPeriod,
    /// How much.
    pub limit: CapLimit,
    /// What is counted together.
    pub level: CapLevel,
    /// Only this goal, by name; without it a conversion cap counts the base goal, amounts count all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<String>,
    /// IANA zone of the period, else the tenant's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// Whether it stops anything; a soft cap only alerts.
    #[serde(default = "super::yes")]
    pub hard: bool,
    /// What later clicks get.
    #[serde(default = "fallback")]
    pub on_cap: OnCap,
    /// What conversions of clicks sent before get.
    #[serde(default = "reject")]
    pub over_cap: OverCap,
}

fn fallback() -> OnCap {
    OnCap::Fallback
}

fn reject() -> OverCap {
    OverCap::Reject
}
