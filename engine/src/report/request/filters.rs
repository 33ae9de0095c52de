//! The filters of a question.

use serde_json::Value;

use super::Reader;
use crate::report::filter::{read_bound, read_tests};
use crate::report::metric::Metric;
use crate::report::{
    Comparison, Dimension, DimensionFilter, FILTER_VALUES_MAX, FILTERS_MAX, Filters, MetricFilter,
};

impl Reader<'_> {
    pub(super) fn filters(&mut self) -> Filters {
        let mut filters = Filters::default();
        let list = self.list("filters");
        if list.len() > FILTERS_MAX {
            self.refuse(
                "filters",
                "too_many",
                format!("at most {FILTERS_MAX} filters"),
            );
            return filters;
        }
        for (i, value) in list.iter().enumerate() {
            let at = format!("filters[{i}]");
            let Some(object) = value.as_object() else {
                self.refuse(&at, "invalid_type", "must be {field, op, value}");
                continue;
            };
            self.refuse_unknown(&format!("{at}."), object, &["field", "op", "value"]);
            let null = Value::Null;
            let op = match object.get("op") {
                Some(op) => self.listed(&format!("{at}.op"), op, "unknown_operator"),
                None => Some(Comparison::Eq),
            };
            let value = object.get("value").unwrap_or(&null);
            let name = object.get("field").and_then(Value::as_str).unwrap_or("");
            if let Some(op) = op {
                self.filter(&at, name, op, value, &mut filters);
            }
        }
        filters
    }

    fn filter(&mut self, at: &str, name: &str, op: Comparison, value: &Value, to: &mut Filters) {
        let dimension = name.parse::<Dimension>().ok().filter(|d| !d.is_period());
        if name == "test" {
            let tests = read_tests(value).filter(|_| op == Comparison::Eq);
            match tests {
                Some(tests) => to.tests = tests,
                None => self.refuse(at, "invalid_value", "test is eq true, false or \"any\""),
            }
        } else if name == "currency" {
            self.currency_filter(at, op, value, to);
        } else if let Some(dimension) = dimension {
            let filter = self.dimension_filter(at, dimension, op, value);
            to.dimensions.extend(filter);
        } else if let Ok(metric) = name.parse::<Metric>() {
            let filter = self.metric_filter(at, metric, op, value);
            to.metrics.extend(filter);
        } else {
            let message = "must be a metric, a dimension that is no period, currency or test";
            self.refuse(&format!("{at}.field"), "unknown_field", message);
        }
    }

    /// The values of a filter on a dimension: one for eq, a list for in and not_in.
    fn values<'v>(&mut self, at: &str, op: Comparison, value: &'v Value) -> Option<&'v [Value]> {
        match (op, value) {
            (Comparison::Eq, Value::Array(_)) => {
                self.refuse(&format!("{at}.value"), "invalid_type", "must be one value");
                None
            }
            (Comparison::Eq, value) => Some(std::slice::from_ref(value)),
            (Comparison::In | Comparison::NotIn, Value::Array(values))
                if values.len() <= FILTER_VALUES_MAX =>
            {
                Some(values)
            }
            (Comparison::In | Comparison::NotIn, _) => {
                let message = format!("must be a list of at most {FILTER_VALUES_MAX} values");
                self.refuse(&format!("{at}.value"), "invalid_type", message);
                None
            }
            _ => {
                self.refuse(
                    &format!("{at}.op"),
                    "unknown_operator",
                    "must be eq, in or not_in",
                );
                None
            }
        }
    }

    fn dimension_filter(
        &mut self,
        at: &str,
        dimension: Dimension,
        op: Comparison,
        value: &Value,
    ) -> Option<DimensionFilter> {
        let tenant = self.tenant;
        let mut numbers = Vec::new();
        for value in self.values(at, op, value)? {
            let Some(number) = dimension.read(tenant, value) else {
                let message = format!("{value} is not a {dimension}: {}", dimension.value_is());
                self.refuse(&format!("{at}.value"), "invalid_value", message);
                return None;
            };
            numbers.push(number);
        }
        numbers.sort_unstable();
        numbers.dedup();
        Some(DimensionFilter {
            dimension,
            is_excluding: op == Comparison::NotIn,
            values: numbers,
        })
    }

    fn currency_filter(&mut self, at: &str, op: Comparison, value: &Value, to: &mut Filters) {
        let Some(values) = self.values(at, op, value) else {
            return;
        };
        if op == Comparison::NotIn {
            self.refuse(&format!("{at}.op"), "unknown_operator", "must be eq or in");
            return;
        }
        let field = format!("{at}.value");
        let only = values
            .iter()
            .filter_map(|v| self.currency(&field, v))
            .collect();
        to.narrow_currencies(only);
    }

    fn metric_filter(
        &mut self,
        at: &str,
        metric: Metric,
        op: Comparison,
        value: &Value,
    ) -> Option<MetricFilter> {
        if matches!(op, Comparison::Eq | Comparison::In | Comparison::NotIn) {
            let message = "must be lt, lte, gt or gte";
            self.refuse(&format!("{at}.op"), "unknown_operator", message);
            return None;
        }
        let bound = read_bound(value);
        if bound.is_none() {
            let message = "must be a number with at most six decimals";
            self.refuse(&format!("{at}.value"), "invalid_value", message);
        }
        Some(MetricFilter {
            metric,
            comparison: op,
            value: bound?,
        })
    }
}
