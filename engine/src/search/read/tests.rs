use serde_json::json;

use super::*;
use crate::ids::{CampaignId, OfferId};
use crate::money::{Currency, Micros};
use crate::search::field::{AmountField, FlagField, Period, SearchField, TextField};
use crate::search::question::{Distinct, Drilldown, DrilldownSort, Filter, GroupBy};

const TENANT: TenantId = TenantId(7);

fn query(of: DocumentKind, request: Value) -> Result<SearchQuery, Vec<FieldError>> {
    SearchQuery::read(TENANT, of, "Europe/Berlin", &request)
}

fn wrong(of: DocumentKind, request: Value) -> Vec<(String, &'static str)> {
    let errors = query(of, request).expect_err("it is wrong");
    errors.into_iter().map(|e| (e.field, e.code)).collect()
}

fn filter(of: DocumentKind, field: &str, op: &str, value: Value) -> Filter {
    let request = json!({"filters": [{"field": field, "op": op, "value": value}]});
    query(of, request)
        .expect("it is right")
        .selection
        .filters
        .remove(0)
}

#[test]
fn an_empty_question_lists_the_newest() {
    let query = query(DocumentKind::Conversions, json!({})).expect("it is right");
    assert_eq!(
        (query.order, query.limit, query.after),
        (Order::Newest, HITS_DEFAULT, None)
    );
    assert_eq!(query.selection.basis, TimeBasis::Conversion);
    assert_eq!(query.selection.filters, []);
}

#[test]
fn a_date_is_its_first_moment_in_the_zone() {
    let request = json!({"from": "2026-03-01", "to": "2026-03-02T00:00:00Z"});
    let query = query(DocumentKind::Clicks, request).expect("it is right");
    let ms = |text| UnixMs::parse_rfc3339(text);
    assert_eq!(query.selection.from, ms("2026-02-28T23:00:00Z"));
    assert_eq!(query.selection.to, ms("2026-03-02T00:00:00Z"));
}

#[test]
fn each_operator_means_what_it_says() {
    use DocumentKind::{Clicks, Conversions};
    let some = |text: &str| Some(text.to_owned());
    let offer = OfferId::new(TENANT, 3).to_string();
    let cases = [
        (
            Clicks,
            "offer_id",
            "eq",
            json!(offer),
            Filter::OneOf(SearchField::Offer, vec![Some(offer.clone())]),
        ),
        (
            Clicks,
            "sub20",
            "in",
            json!(["a", null]),
            Filter::OneOf(SearchField::Sub20, vec![some("a"), None]),
        ),
        (
            Clicks,
            "os",
            "not_in",
            json!(["iOS"]),
            Filter::NoneOf(SearchField::Os, vec![some("iOS")]),
        ),
        (
            Clicks,
            "country",
            "ne",
            json!("de"),
            Filter::NoneOf(SearchField::Country, vec![some("DE")]),
        ),
        (
            Clicks,
            "sub1",
            "begins",
            json!("fb_"),
            Filter::Begins(SearchField::Sub1, "fb_".to_owned()),
        ),
        (
            Clicks,
            "unique",
            "eq",
            json!(true),
            Filter::Is(FlagField::Unique, true),
        ),
        (
            Clicks,
            "cost",
            "lte",
            json!("0.5"),
            Filter::Between(AmountField::Cost, None, Some(Micros(500_000))),
        ),
        (
            Conversions,
            "payout",
            "gte",
            json!(10),
            Filter::Between(AmountField::Payout, Some(Micros(10_000_000)), None),
        ),
        (
            Conversions,
            "status",
            "eq",
            json!("pending"),
            Filter::OneOf(SearchField::Status, vec![some("pending")]),
        ),
        (
            Conversions,
            "currency",
            "eq",
            json!("usd"),
            Filter::OneOf(SearchField::Currency, vec![some("USD")]),
        ),
        (
            Conversions,
            "referrer",
            "words",
            json!("a b"),
            Filter::Words(TextField::Referrer, "a b".to_owned()),
        ),
    ];
    for (of, field, op, value, expected) in cases {
        assert_eq!(filter(of, field, op, value), expected, "{field} {op}");
    }
}

#[test]
fn what_has_a_field_of_its_own_is_a_filter_too() {
    let request = json!({"id": "Order-7", "ip": "203.0.113.0/24", "text": "iphone", "sub": "x"});
    let query = query(DocumentKind::Clicks, request).expect("it is right");
    let network = "203.0.113.0/24".parse().expect("a block");
    assert_eq!(
        query.selection.filters,
        [
            Filter::AnyId(vec!["Order-7".to_owned(), "order-7".to_owned()]),
            Filter::Network(network),
            Filter::AnyWords("iphone".to_owned()),
            Filter::AnySub("x".to_owned()),
        ]
    );
}

#[test]
fn every_wrong_field_is_named() {
    let foreign = CampaignId::new(TenantId(8), 1).to_string();
    let of_filter = |field: &str, op: &str, value: Value| json!({"filters": [{"field": field, "op": op, "value": value}]});
    let cases = [
        (json!({"form": 1}), "form", "unknown_field"),
        (json!({"from": "yesterday"}), "from", "invalid_value"),
        (
            json!({"from": "2026-03-02", "to": "2026-03-02"}),
            "to",
            "range_empty",
        ),
        (
            json!({"timezone": "Mars/Olympus"}),
            "timezone",
            "unknown_timezone",
        ),
        (
            json!({"time_basis": "booking"}),
            "time_basis",
            "invalid_value",
        ),
        (json!({"limit": 501}), "limit", "out_of_range"),
        (json!({"cursor": "s1g+2"}), "cursor", "invalid_cursor"),
        (json!({"ip": "203.0.113.0/33"}), "ip", "invalid_value"),
        (json!({"text": "x".repeat(1025)}), "text", "too_long"),
        (
            of_filter("status", "eq", json!("pending")),
            "filters[0].field",
            "unknown_field",
        ),
        (
            of_filter("campaign_id", "eq", json!(foreign)),
            "filters[0].value",
            "invalid_value",
        ),
        (
            of_filter("device", "eq", json!("fridge")),
            "filters[0].value",
            "invalid_value",
        ),
        (
            of_filter("sub1", "gte", json!("a")),
            "filters[0].op",
            "unknown_operator",
        ),
        (
            of_filter("sub1", "like", json!("a")),
            "filters[0].op",
            "unknown_operator",
        ),
        (
            of_filter("sub1", "in", json!([])),
            "filters[0].value",
            "invalid_value",
        ),
        (of_filter("cost", "gte", json!(0.1)), "", ""),
    ];
    for (request, field, code) in cases {
        if field.is_empty() {
            assert!(query(DocumentKind::Clicks, request).is_ok());
            continue;
        }
        let wrong = wrong(DocumentKind::Clicks, request.clone());
        assert_eq!(wrong, [(field.to_owned(), code)], "{request}");
    }
}

#[test]
fn a_cursor_is_read_back() {
    let cursor = crate::search::SearchCursor {
        at: UnixMs(1_772_323_200_000),
        seq: 77,
    };
    let request = json!({"cursor": cursor.to_string()});
    assert_eq!(
        query(DocumentKind::Clicks, request)
            .expect("it is right")
            .after,
        Some(cursor)
    );
}

#[test]
fn a_drilldown_leaves_tests_out_unless_they_are_asked_for() {
    let read = |request| Drilldown::read(TENANT, "UTC", &request).expect("it is right");
    let plain = read(json!({"of": "clicks"}));
    assert_eq!(
        plain.selection.filters,
        [Filter::Is(FlagField::Test, false)]
    );
    let asked = json!({"of": "clicks", "filters": [{"field": "test", "value": true}]});
    assert_eq!(
        read(asked).selection.filters,
        [Filter::Is(FlagField::Test, true)]
    );
}

#[test]
fn a_drilldown_groups_counts_and_sorts() {
    let request = json!({"of": "conversions", "group_by": ["sub1", "day"], "distinct": ["visitors"],
        "sort": "-payout:USD", "limit": 10});
    let read = Drilldown::read(TENANT, "Asia/Kolkata", &request).expect("it is right");
    let groups = [
        GroupBy::Field(SearchField::Sub1),
        GroupBy::Period(Period::Day),
    ];
    assert_eq!(read.group_by, groups);
    assert_eq!(read.distinct, [Distinct::Visitors]);
    assert_eq!(
        read.sort,
        DrilldownSort::ByAmount(AmountField::Payout, Currency::USD)
    );
    assert_eq!(
        (read.timezone_name.as_str(), read.limit),
        ("Asia/Kolkata", 10)
    );
    for (request, field, code) in [
        (json!({}), "of", "invalid_value"),
        (
            json!({"of": "clicks", "group_by": ["status"]}),
            "group_by[0]",
            "unknown_dimension",
        ),
        (
            json!({"of": "clicks", "group_by": ["os", "os"]}),
            "group_by[1]",
            "duplicate",
        ),
        (
            json!({"of": "clicks", "sort": "-payout:USD"}),
            "sort",
            "invalid_value",
        ),
        (
            json!({"of": "clicks", "group_by": ["os"], "sort": "-count", "cursor": "[\"x\"]"}),
            "cursor",
            "contradiction",
        ),
        (
            json!({"of": "clicks", "group_by": ["os"], "cursor": "[]"}),
            "cursor",
            "invalid_cursor",
        ),
    ] {
        let errors = Drilldown::read(TENANT, "UTC", &request).expect_err("it is wrong");
        let named: Vec<_> = errors.iter().map(|e| (e.field.as_str(), e.code)).collect();
        assert_eq!(named, [(field, code)], "{request}");
    }
}
