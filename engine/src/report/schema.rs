//! What may be asked, printed from the tables that answer: `GET /v1/reports/schema`.

use serde_json::{Value, json};

use super::dimension::Dimension;
use super::filter::Comparison;
use super::metric::Metric;
use super::request::METRICS_DEFAULT;
use super::{
    DAYS_MAX, DIMENSIONS_MAX, FILTER_VALUES_MAX, FILTERS_MAX, GROUPS_MAX, ROWS_DEFAULT, ROWS_MAX,
};
use crate::rollup::Basis;

/// Dimensions, metrics with their formulas, operators, time bases and limits.
#[must_use]
pub fn schema() -> Value {
    let metrics: Vec<_> = Metric::ALL.iter().map(|m| metric(*m)).collect();
    let dimensions: Vec<_> = Dimension::ALL.iter().map(|d| dimension(*d)).collect();
    json!({
        "metrics": metrics,
        "metrics_default": METRICS_DEFAULT,
        "dimensions": dimensions,
        "time_bases": Basis::ALL.iter().map(|b| time_basis(*b)).collect::<Vec<_>>(),
        "time_basis_default": Basis::Conversion,
        "range": {
            "from": "inclusive; a date (its first moment in the zone) or RFC 3339 with offset, on a quarter of an hour",
            "to": "exclusive; as from",
            "days_max": DAYS_MAX,
        },
        "filters": {
            "dimension": [Comparison::Eq, Comparison::In, Comparison::NotIn],
            "metric": [Comparison::Lt, Comparison::Lte, Comparison::Gt, Comparison::Gte],
            "currency": [Comparison::Eq, Comparison::In],
            "test": "eq true (only tests), false (no tests; the default) or \"any\"; tests earn nothing on the ledger",
            "filters_max": FILTERS_MAX,
            "values_max": FILTER_VALUES_MAX,
        },
        "sort": "metrics, dimensions of group_by, currency; -name or {field, direction}; null last; then by dimensions",
        "goal": "clicks and their cost belong to the base goal (null)",
        "currencies": "rows and totals are per currency; nothing is converted",
        "limits": {
            "group_by_max": DIMENSIONS_MAX, "rows_default": ROWS_DEFAULT, "rows_max": ROWS_MAX,
            "rows_of_all_pages_max": GROUPS_MAX,
        },
    })
}

fn metric(metric: Metric) -> Value {
    let formula = metric.formula();
    json!({
        "name": metric,
        "unit": formula.unit.as_str(),
        "description": formula.what,
        "numerator": formula.numerator.text,
        "denominator": formula.denominator.as_ref().map(|d| d.text),
        "rounding": formula.unit.rounding(),
        "when_denominator_is_0": formula.denominator.is_some().then_some("null"),
    })
}

fn dimension(dimension: Dimension) -> Value {
    json!({
        "name": dimension,
        "value": dimension.value_is(),
        "is_filter": !dimension.is_period(),
    })
}

fn time_basis(basis: Basis) -> Value {
    let what = match basis {
        Basis::Click => "conversions at the time of their click, as they stand today",
        Basis::Conversion => "conversions at their own time, as they stand today",
        Basis::Posting => {
            "every entry at the time it was booked, a rejection at the time of the rejection: a closed period never changes"
        }
    };
    json!({ "name": basis, "description": format!("{what}; clicks and cost by click time") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_names_every_metric_with_its_formula_and_every_dimension() {
        let schema = schema();
        let names = |list: &str| -> Vec<String> {
            let entries = schema[list].as_array().unwrap().iter();
            entries
                .map(|e| e["name"].as_str().unwrap().to_owned())
                .collect()
        };
        assert_eq!(
            names("metrics"),
            Metric::ALL
                .iter()
                .map(|m| m.to_string())
                .collect::<Vec<_>>()
        );
        assert_eq!(names("dimensions").len(), Dimension::ALL.len());
        let cvr = schema["metrics"]
            .as_array()
            .unwrap()
            .iter()
            .find(|m| m["name"] == "cvr")
            .unwrap();
        assert_eq!(cvr["numerator"], "cv");
        assert_eq!(cvr["denominator"], "total_click");
        assert_eq!(cvr["when_denominator_is_0"], "null");
    }
}
