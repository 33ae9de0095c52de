//! The numbers that a report can show.
//!
//! Always true: a metric is a function of the sums of a row alone, so a total is computed from the sums of all
//! rows and not from their metrics; a ratio whose denominator is 0 is null. Not here: the formulas.

use serde::{Serialize, Serializer};

use super::formula::Unit;
use super::measures::Measures;
use crate::as_text::words;
use crate::money::MICROS_PER_UNIT;

words! {
    /// A number that a report can show.
    Metric {
        /// Every recorded click.
        GrossClick = 1 "gross_click",
        /// Bots, and clicks sent neither to an offer nor to a lander.
        InvalidClick = 2 "invalid_click",
        /// Valid clicks.
        TotalClick = 3 "total_click",
        /// Valid clicks of a visitor not seen on the offer in the 24 hours before.
        UniqueClick = 4 "unique_click",
        /// Valid clicks that are not unique.
        DuplicateClick = 5 "duplicate_click",
        /// Conversions of the base goal, pending or approved.
        Cv = 6 "cv",
        /// Of them, pending.
        PendingCv = 7 "pending_cv",
        /// Of them, approved.
        ApprovedCv = 8 "approved_cv",
        /// Conversions of the base goal that are rejected.
        RejectedCv = 9 "rejected_cv",
        /// Conversions of other goals, pending or approved.
        Event = 10 "event",
        /// Owed to affiliates.
        Payout = 11 "payout",
        /// Owed by advertisers.
        Revenue = 12 "revenue",
        /// Ad cost of the clicks.
        Cost = 13 "cost",
        /// What stays.
        Profit = 14 "profit",
        /// Conversion rate.
        Cvr = 15 "cvr",
        /// Earnings per click, of the affiliates.
        Epc = 16 "epc",
        /// Revenue per click.
        Rpc = 17 "rpc",
        /// Payout per conversion.
        Cpa = 18 "cpa",
        /// Revenue per conversion.
        Rpa = 19 "rpa",
        /// Share of the revenue that stays.
        Margin = 20 "margin",
        /// Return on the ad cost.
        Roi = 21 "roi",
        /// Revenue per ad cost.
        Roas = 22 "roas",
        /// Share of the decided conversions that were approved.
        ApproveRate = 23 "approve_rate",
        /// Payout per click.
        Cpc = 24 "cpc",
    }
}

impl Metric {
    /// The metric of a row.
    #[must_use]
    pub fn of(self, measures: &Measures) -> MetricValue {
        let formula = self.formula();
        let numerator = (formula.numerator.of)(measures);
        let denominator = formula.denominator.map(|d| (d.of)(measures));
        match (formula.unit, denominator) {
            (_, Some(0)) => MetricValue::Null,
            // Micros over a count are micros again; a count over a count is made micros first.
            (Unit::MoneyEach, Some(d)) => MetricValue::Ratio(divide_half_even(numerator, d)),
            (_, Some(d)) => {
                let micros = numerator * i128::from(MICROS_PER_UNIT);
                MetricValue::Ratio(divide_half_even(micros, d))
            }
            (Unit::Count, None) => MetricValue::Count(numerator),
            (_, None) => MetricValue::Money(numerator),
        }
    }
}

/// The nearest integer to `numerator / denominator`; of two equally near ones the even one.
fn divide_half_even(numerator: i128, denominator: i128) -> i128 {
    let (n, d) = if denominator < 0 {
        (-numerator, -denominator)
    } else {
        (numerator, denominator)
    };
    let (quotient, rest) = (n.div_euclid(d), n.rem_euclid(d));
    match (2 * rest).cmp(&d) {
        std::cmp::Ordering::Less => quotient,
        std::cmp::Ordering::Greater => quotient + 1,
        std::cmp::Ordering::Equal => quotient + quotient.rem_euclid(2),
    }
}

/// A metric of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricValue {
    /// Things.
    Count(i128),
    /// Micros of the row's currency.
    Money(i128),
    /// Millionths.
    Ratio(i128),
    /// A ratio to nothing.
    Null,
}

impl MetricValue {
    /// The value in millionths, to compare it with others of its metric; `None` for null.
    #[must_use]
    pub fn millionths(self) -> Option<i128> {
        match self {
            Self::Count(count) => Some(count.saturating_mul(i128::from(MICROS_PER_UNIT))),
            Self::Money(micros) | Self::Ratio(micros) => Some(micros),
            Self::Null => None,
        }
    }
}

impl std::fmt::Display for MetricValue {
    /// A count as an integer, money with at least two decimals, a ratio with six; null is empty.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (micros, decimals_min) = match *self {
            Self::Count(count) => return write!(f, "{count}"),
            Self::Money(micros) => (micros, 2),
            Self::Ratio(micros) => (micros, 6),
            Self::Null => return Ok(()),
        };
        let sign = if micros < 0 { "-" } else { "" };
        let unit = u128::from(MICROS_PER_UNIT.unsigned_abs());
        let (whole, rest) = (micros.unsigned_abs() / unit, micros.unsigned_abs() % unit);
        let digits = format!("{rest:06}");
        let kept = digits.trim_end_matches('0').len().max(decimals_min);
        write!(f, "{sign}{whole}.{}", &digits[..kept])
    }
}

impl Serialize for MetricValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            // A sum of counts of clicks fits 64 bits as long as each row of the store does.
            Self::Count(count) => {
                serializer.serialize_i64(i64::try_from(*count).unwrap_or(i64::MAX))
            }
            Self::Money(_) | Self::Ratio(_) => serializer.collect_str(self),
            Self::Null => serializer.serialize_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollup::RollupDelta;
    use proptest::prelude::*;

    fn row() -> Measures {
        let mut row = Measures::default();
        row.add_clicks(&RollupDelta {
            gross_click: 10,
            invalid_click: 3,
            unique_click: 5,
            cost: 2_000_000,
            ..RollupDelta::default()
        });
        let conversions = RollupDelta {
            pending_cv: 1,
            approved_cv: 2,
            rejected_cv: 1,
            payout: 6_000_000,
            revenue: 9_500_000,
            ..RollupDelta::default()
        };
        row.add_conversions(0, &conversions);
        row.add_conversions(4, &conversions);
        row
    }

    #[test]
    fn every_metric_follows_its_formula() {
        let expect = [
            ("gross_click", "10"),
            ("invalid_click", "3"),
            ("total_click", "7"),
            ("unique_click", "5"),
            ("duplicate_click", "2"),
            ("cv", "3"),
            ("pending_cv", "1"),
            ("approved_cv", "2"),
            ("rejected_cv", "1"),
            ("event", "3"),
            ("payout", "12.00"),
            ("revenue", "19.00"),
            ("cost", "2.00"),
            ("profit", "5.00"),
            ("cvr", "0.428571"),
            ("epc", "1.714286"),
            ("rpc", "2.714286"),
            ("cpa", "4.000000"),
            ("rpa", "6.333333"),
            ("margin", "0.263158"),
            ("roi", "2.500000"),
            ("roas", "9.500000"),
            ("approve_rate", "0.666667"),
            ("cpc", "1.714286"),
        ];
        assert_eq!(expect.len(), Metric::ALL.len());
        for (name, value) in expect {
            let metric: Metric = name.parse().unwrap();
            assert_eq!(metric.of(&row()).to_string(), value, "{name}");
        }
    }

    #[test]
    fn a_ratio_to_nothing_is_null_and_sums_are_zero() {
        for metric in Metric::ALL {
            let json = serde_json::to_string(&metric.of(&Measures::default())).unwrap();
            let expect = match metric.formula().unit {
                Unit::Count => "0",
                Unit::Money => "\"0.00\"",
                Unit::MoneyEach | Unit::Share => "null",
            };
            assert_eq!(json, expect, "{metric}");
        }
    }

    #[test]
    fn halves_round_to_even_on_both_sides_of_zero() {
        for (n, d, expect) in [
            (1, 2, 0),
            (3, 2, 2),
            (-1, 2, 0),
            (-3, 2, -2),
            (5, -2, -2),
            (7, 3, 2),
        ] {
            assert_eq!(divide_half_even(n, d), expect, "{n}/{d}");
        }
    }

    proptest! {
        #[test]
        fn rounding_is_never_off_by_more_than_half(n in -1_000_000_000i128..1_000_000_000, d in 1i128..1_000_000) {
            let rounded = divide_half_even(n, d);
            prop_assert!((2 * (rounded * d - n)).abs() <= d);
        }
    }
}
