//! Amounts, percentages and limits as a client writes them: decimal strings, never JSON numbers.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::code;
use super::review::{Review, path};
use crate::as_text::words;
use crate::catalog::{CapLimit, CapMetric, Payout, Revenue};
use crate::money::{AmountError, Micros, Percent};

/// An amount or a percentage as a decimal string.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Decimal<T>(pub T);

impl<T: fmt::Display> Serialize for Decimal<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de, T: FromStr<Err = AmountError>> Deserialize<'de> for Decimal<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(DecimalVisitor(PhantomData))
    }
}

struct DecimalVisitor<T>(PhantomData<T>);

impl<T: FromStr<Err = AmountError>> Visitor<'_> for DecimalVisitor<T> {
    type Value = Decimal<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a decimal string such as \"12.50\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Decimal<T>, E> {
        text.parse().map(Decimal).map_err(E::custom)
    }
}

/// Reads the limit of a cap: a whole number, or a decimal string.
pub(super) fn limit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<CapLimit, D::Error> {
    deserializer.deserialize_any(LimitVisitor)
}

struct LimitVisitor;

impl Visitor<'_> for LimitVisitor {
    type Value = CapLimit;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number, or a decimal string such as \"100.00\"")
    }

    fn visit_u64<E: Error>(self, count: u64) -> Result<CapLimit, E> {
        Ok(CapLimit::Count(count))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<CapLimit, E> {
        text.parse().map(CapLimit::Amount).map_err(E::custom)
    }
}

/// Checks that a limit is of the kind that `metric` has, and not negative.
pub(super) fn check_limit(
    review: &mut Review<'_>,
    field: String,
    metric: CapMetric,
    limit: CapLimit,
) {
    let is_amount = matches!(metric, CapMetric::Payout | CapMetric::Revenue);
    match limit {
        CapLimit::Count(_) if is_amount => {
            let message =
                format!("a cap of {metric} has an amount such as \"100.00\" as its limit");
            review.error(field, code::WRONG_TYPE, message);
        }
        CapLimit::Amount(_) if !is_amount => {
            let message = format!("a cap of {metric} has a whole number as its limit");
            review.error(field, code::WRONG_TYPE, message);
        }
        CapLimit::Amount(amount) => check_amount(review, field, amount),
        CapLimit::Count(count) if i64::try_from(count).is_err() => {
            review.error(field, code::OUT_OF_RANGE, "is out of range");
        }
        CapLimit::Count(_) => {}
    }
}

fn check_amount(review: &mut Review<'_>, field: String, amount: Micros) {
    if amount < Micros::ZERO {
        review.error(field, code::OUT_OF_RANGE, "must not be negative");
    }
}

/// An amount that must be there, and must not be negative.
pub(super) fn amount(
    review: &mut Review<'_>,
    field: String,
    amount: Option<Decimal<Micros>>,
) -> Micros {
    let Some(Decimal(amount)) = amount else {
        review.error(field, code::REQUIRED, "is required");
        return Micros::ZERO;
    };
    if amount > Micros::MOST {
        let message = format!("must be at most {}", Micros::MOST);
        review.error(field, code::OUT_OF_RANGE, message);
    } else {
        check_amount(review, field, amount);
    }
    amount
}

/// A percentage from 0 to 100.
pub(super) fn percent(review: &mut Review<'_>, field: String, percent: Percent) -> Percent {
    if !(Percent(0)..=Percent(100_000_000)).contains(&percent) {
        review.error(field, code::OUT_OF_RANGE, "must be from 0 to 100");
    }
    percent
}

words! {
    /// What a payout is measured by.
    PayoutType {
        /// A fixed amount.
        Cpa = 1 "cpa",
        /// A percentage of the sale.
        Cps = 2 "cps",
    }
}

words! {
    /// What a revenue is measured by.
    RevenueType {
        /// A fixed amount.
        Rpa = 1 "rpa",
        /// A percentage of the sale.
        Rps = 2 "rps",
    }
}

/// What a conversion pays: `{type, amount}` or `{type, percent}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleDraft<K> {
    /// Amount or percentage.
    #[serde(rename = "type")]
    pub kind: K,
    /// The amount, for `cpa` and `rpa`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Decimal<Micros>>,
    /// The percentage, for `cps` and `rps`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<Decimal<Percent>>,
}

/// What the affiliate earns.
pub type PayoutDraft = RuleDraft<PayoutType>;
/// What the tenant earns.
pub type RevenueDraft = RuleDraft<RevenueType>;

impl<K: fmt::Display> RuleDraft<K> {
    fn fixed(&self, review: &mut Review<'_>, at: &str) -> Micros {
        if self.percent.is_some() {
            let message = format!("{} has an amount, not a percentage", self.kind);
            review.error(path(at, "percent"), code::NOT_APPLICABLE, message);
        }
        amount(review, path(at, "amount"), self.amount)
    }

    fn share(&self, review: &mut Review<'_>, at: &str) -> Percent {
        if self.amount.is_some() {
            let message = format!("{} has a percentage, not an amount", self.kind);
            review.error(path(at, "amount"), code::NOT_APPLICABLE, message);
        }
        let Some(Decimal(given)) = self.percent else {
            review.error(path(at, "percent"), code::REQUIRED, "is required");
            return Percent::default();
        };
        percent(review, path(at, "percent"), given)
    }
}

pub(super) fn payout(
    review: &mut Review<'_>,
    at: &str,
    draft: Option<PayoutDraft>,
) -> Option<Payout> {
    draft.map(|draft| match draft.kind {
        PayoutType::Cpa => Payout::Cpa {
            amount: draft.fixed(review, at),
        },
        PayoutType::Cps => Payout::Cps {
            percent: draft.share(review, at),
        },
    })
}

pub(super) fn revenue(
    review: &mut Review<'_>,
    at: &str,
    draft: Option<RevenueDraft>,
) -> Option<Revenue> {
    draft.map(|draft| match draft.kind {
        RevenueType::Rpa => Revenue::Rpa {
            amount: draft.fixed(review, at),
        },
        RevenueType::Rps => Revenue::Rps {
            percent: draft.share(review, at),
        },
    })
}

fn of_amount<K>(kind: K, amount: Micros) -> RuleDraft<K> {
    RuleDraft {
        kind,
        amount: Some(Decimal(amount)),
        percent: None,
    }
}

fn of_percent<K>(kind: K, percent: Percent) -> RuleDraft<K> {
    RuleDraft {
        kind,
        amount: None,
        percent: Some(Decimal(percent)),
    }
}

impl From<Payout> for PayoutDraft {
    fn from(payout: Payout) -> Self {
        match payout {
            Payout::Cpa { amount } => of_amount(PayoutType::Cpa, amount),
            Payout::Cps { percent } => of_percent(PayoutType::Cps, percent),
        }
    }
}

impl From<Revenue> for RevenueDraft {
    fn from(revenue: Revenue) -> Self {
        match revenue {
            Revenue::Rpa { amount } => of_amount(RevenueType::Rpa, amount),
            Revenue::Rps { percent } => of_percent(RevenueType::Rps, percent),
        }
    }
}
