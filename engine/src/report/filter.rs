//! Which rows a report is about.

use serde_json::Value;

use super::dimension::Dimension;
use super::measures::Measures;
use super::metric::Metric;
use crate::as_text::words;
use crate::money::{Currency, Micros};

words! {
    /// Whether tests are counted. They are in no report that does not ask for them.
    #[derive(Default)]
    Tests {
        /// Only traffic that is no test.
        #[default]
        Excluded = 0 "excluded",
        /// Only tests.
        Only = 1 "only",
        /// Both.
        Any = 2 "any",
    }
}

words! {
    /// How a filter compares.
    Comparison {
        /// The value.
        Eq = 1 "eq",
        /// One of the values.
        In = 2 "in",
        /// None of the values.
        NotIn = 3 "not_in",
        /// Less.
        Lt = 4 "lt",
        /// Less or the same.
        Lte = 5 "lte",
        /// More.
        Gt = 6 "gt",
        /// More or the same.
        Gte = 7 "gte",
    }
}

/// Only rows whose dimension has (or has not) one of some values.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DimensionFilter {
    /// Which dimension; never a period.
    pub dimension: Dimension,
    /// Whether the values are those that are left out.
    pub is_excluding: bool,
    /// Numbers of the values, in order: of an entity within its tenant (0 = none), of a country its two
    /// letters as one big-endian number, of a device type its code.
    pub values: Vec<u32>,
}

impl DimensionFilter {
    /// Whether a row of this value stays.
    pub(super) fn keeps(&self, value: u32) -> bool {
        self.values.binary_search(&value).is_ok() != self.is_excluding
    }
}

/// Only rows whose metric compares so; null never does.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MetricFilter {
    /// Which metric.
    pub metric: Metric,
    /// How: one of lt, lte, gt, gte.
    pub comparison: Comparison,
    /// With what.
    pub value: Micros,
}

impl MetricFilter {
    /// Whether a row of these sums stays.
    pub(super) fn keeps(&self, measures: &Measures) -> bool {
        let Some(value) = self.metric.of(measures).millionths() else {
            return false;
        };
        let bound = i128::from(self.value.0);
        match self.comparison {
            Comparison::Lt => value < bound,
            Comparison::Lte => value <= bound,
            Comparison::Gt => value > bound,
            Comparison::Gte => value >= bound,
            Comparison::Eq | Comparison::In | Comparison::NotIn => value == bound,
        }
    }
}

/// All filters of a question; every one must hold.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Filters {
    /// Whether tests are counted.
    pub tests: Tests,
    /// On dimensions.
    pub dimensions: Vec<DimensionFilter>,
    /// On metrics of whole rows.
    pub metrics: Vec<MetricFilter>,
    /// Only these currencies; `None` = all.
    pub currencies: Option<Vec<Currency>>,
}

impl Filters {
    /// Whether rows of a currency stay.
    pub(super) fn keeps_currency(&self, currency: Currency) -> bool {
        self.currencies
            .as_ref()
            .is_none_or(|c| c.contains(&currency))
    }

    /// Keeps only currencies that are in `also` too.
    pub(super) fn narrow_currencies(&mut self, also: Vec<Currency>) {
        self.currencies = Some(match self.currencies.take() {
            Some(before) => before.into_iter().filter(|c| also.contains(c)).collect(),
            None => also,
        });
    }

    /// Whether tests, or others, stay.
    pub(super) fn keeps_test(&self, is_test: bool) -> bool {
        match self.tests {
            Tests::Excluded => !is_test,
            Tests::Only => is_test,
            Tests::Any => true,
        }
    }
}

/// A number as a filter writes it: a JSON number or a decimal string.
pub(super) fn read_bound(value: &Value) -> Option<Micros> {
    match value {
        Value::Number(number) => number.to_string().parse().ok(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// `true`: only tests; `false`: only others; `"any"`: both.
pub(super) fn read_tests(value: &Value) -> Option<Tests> {
    match value {
        Value::Bool(true) => Some(Tests::Only),
        Value::Bool(false) => Some(Tests::Excluded),
        Value::String(word) if word == "any" => Some(Tests::Any),
        _ => None,
    }
}
