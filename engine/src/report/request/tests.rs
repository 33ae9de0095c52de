use super::*;
use crate::report::Tests;
use serde_json::json;

const TENANT: TenantId = TenantId(7);

fn read(request: &Value) -> Result<ReportQuery, Vec<FieldError>> {
    ReportQuery::read(TENANT, "Europe/Berlin", request)
}

/// A question with `extra` fields beside a range that is right.
fn with(extra: Value) -> Value {
    let mut request = json!({"from": "2026-03-01", "to": "2026-03-08"});
    for (name, value) in extra.as_object().unwrap() {
        request[name] = value.clone();
    }
    request
}

#[test]
fn a_question_of_dates_is_of_the_tenants_zone_and_has_defaults() {
    let query = read(&with(json!({}))).unwrap();
    assert_eq!(query.from.to_string(), "2026-02-28T23:00:00.000Z");
    assert_eq!(query.to.to_string(), "2026-03-07T23:00:00.000Z");
    assert_eq!(query.basis, Basis::Conversion);
    assert_eq!(query.limit, ROWS_DEFAULT);
    assert_eq!(query.metrics, METRICS_DEFAULT);
    assert_eq!(query.filters.tests, Tests::Excluded);
}

#[test]
fn every_field_is_understood() {
    let offer = crate::ids::OfferId::new(TENANT, 3).to_string();
    let query = read(&json!({
        "from": "2026-03-01T10:15:00+05:30", "to": "2026-03-08T00:00:00Z", "timezone": "Asia/Kolkata",
        "currency": "usd", "time_basis": "posting", "group_by": ["day", "affiliate"], "metrics": ["profit", "cvr"],
        "filters": [{"field": "offer", "op": "in", "value": [offer]}, {"field": "affiliate", "value": null},
                    {"field": "country", "op": "not_in", "value": ["DE", "at"]},
                    {"field": "profit", "op": "lt", "value": "-0.5"}, {"field": "cv", "op": "gte", "value": 3},
                    {"field": "test", "op": "eq", "value": "any"}],
        "sort": ["-profit", {"field": "day", "direction": "asc"}, "currency"], "limit": 10, "cursor": null,
    }))
    .unwrap();
    assert_eq!(query.from.to_string(), "2026-03-01T04:45:00.000Z");
    assert_eq!(query.basis, Basis::Posting);
    assert_eq!(query.group_by, [Dimension::Day, Dimension::Affiliate]);
    assert_eq!(query.filters.tests, Tests::Any);
    assert_eq!(query.filters.dimensions[0].values, [3]);
    assert_eq!(query.filters.dimensions[1].values, [0]);
    assert!(query.filters.dimensions[2].is_excluding);
    assert_eq!(query.filters.dimensions[2].values, [0x4154, 0x4445]);
    assert_eq!(query.filters.metrics[0].value.0, -500_000);
    assert_eq!(query.filters.currencies, Some(vec![Currency::USD]));
    let by: Vec<_> = query.sort.iter().map(|k| (k.by, k.is_descending)).collect();
    assert_eq!(
        by,
        [
            (SortBy::Metric(Metric::Profit), true),
            (SortBy::Dimension(0), false),
            (SortBy::Currency, false)
        ]
    );
}

/// The field that is refused, the code, and the fields of the question.
const REFUSED: &str = r#"
    from                invalid_type        {"from": 5}
    from                invalid_value       {"from": "yesterday"}
    from                invalid_value       {"from": "2026-03-01T10:00:00"}
    from                not_on_quarter_hour {"from": "2026-03-01T10:05:00Z"}
    from                not_on_quarter_hour {"from": "2026-03-01T10:00:00.0001Z"}
    from                out_of_range        {"from": "1969-12-31"}
    from                required            {"from": null}
    to                  range_empty         {"to": "2026-03-01"}
    to                  range_too_long      {"to": "2027-03-03"}
    timezone            unknown_timezone    {"timezone": "Mars/Olympus"}
    currency            unknown_currency    {"currency": "USX"}
    time_basis          invalid_value       {"time_basis": "lunar"}
    group_by            invalid_type        {"group_by": "day"}
    group_by[0]         unknown_dimension   {"group_by": ["moon"]}
    group_by[1]         duplicate           {"group_by": ["day", "day"]}
    metrics[1]          unknown_metric      {"metrics": ["cv", "clicks"]}
    metrics[0]          invalid_type        {"metrics": [1]}
    compare             unknown_field       {"compare": {}}
    limit               out_of_range        {"limit": 0}
    limit               out_of_range        {"limit": 10001}
    cursor              invalid_cursor      {"cursor": "zz"}
    sort[0]             invalid_value       {"sort": ["day"]}
    sort[0]             invalid_value       {"sort": [{"field": "cv", "direction": "up"}]}
    filters[0]          invalid_type        {"filters": [5]}
    filters[0].field    unknown_field       {"filters": [{"field": "day", "value": "2026-03-01"}]}
    filters[0].op       unknown_operator    {"filters": [{"field": "cv", "op": "eq", "value": 1}]}
    filters[0].value    invalid_value       {"filters": [{"field": "cv", "op": "lt", "value": "x"}]}
    filters[0].op       unknown_operator    {"filters": [{"field": "offer", "op": "gt", "value": 1}]}
    filters[0].op       unknown_operator    {"filters": [{"field": "offer", "op": "like", "value": 1}]}
    filters[0].value    invalid_type        {"filters": [{"field": "offer", "op": "in", "value": "off_1"}]}
    filters[0].value    invalid_value       {"filters": [{"field": "offer", "value": "off_1"}]}
    filters[0].op       unknown_operator    {"filters": [{"field": "currency", "op": "not_in", "value": ["USD"]}]}
    filters[0]          invalid_value       {"filters": [{"field": "test", "value": "some"}]}
    filters[0].or       unknown_field       {"filters": [{"field": "cv", "op": "lt", "value": 1, "or": 2}]}
"#;

#[test]
fn what_cannot_be_answered_exactly_is_refused_by_field() {
    let lines = REFUSED
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty());
    for line in lines {
        let (field, rest) = line.split_once(' ').unwrap();
        let (code, fields) = rest.trim().split_once(' ').unwrap();
        let errors = read(&with(serde_json::from_str(fields).unwrap())).expect_err(line);
        let got: Vec<_> = errors.iter().map(|e| (e.field.as_str(), e.code)).collect();
        assert_eq!(got, [(field, code)], "{line}");
    }
    assert_eq!(read(&json!([])).unwrap_err()[0].code, "invalid_type");
}

#[test]
fn all_wrong_fields_are_named_at_once_and_known_words_listed() {
    let errors = read(&json!({"from": "x", "to": "y", "metrics": ["clicks"], "group_by": ["z"]}));
    let errors = errors.unwrap_err();
    assert_eq!(errors.len(), 4);
    let metric = errors.iter().find(|e| e.code == "unknown_metric").unwrap();
    assert!(
        metric
            .message
            .contains("gross_click, invalid_click, total_click"),
        "{}",
        metric.message
    );
}

#[test]
fn a_whole_leap_year_may_be_asked_for_in_any_zone() {
    for zone in ["UTC", "America/New_York", "Australia/Lord_Howe"] {
        let request = json!({"from": "2028-01-01", "to": "2029-01-01", "timezone": zone});
        assert!(read(&request).is_ok(), "{zone}");
    }
}
