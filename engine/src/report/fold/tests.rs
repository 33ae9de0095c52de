use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

const TENANT: TenantId = TenantId(7);
/// 2026-03-01T00:00:00Z.
const FIRST: u32 = 1_969_248;

fn row(bucket: u32, basis: Basis) -> RollupKey {
    RollupKey {
        bucket: FIRST + bucket,
        basis,
        is_test: false,
        campaign: 1,
        flow: 0,
        arm: 2,
        offer: 3,
        affiliate: 4,
        goal: 0,
        country: *b"DE",
        device: 1,
        currency: Currency::USD,
    }
}

fn clicks(count: i64) -> RollupDelta {
    RollupDelta {
        gross_click: count,
        unique_click: count,
        ..RollupDelta::default()
    }
}

fn conversions(count: i64, payout: i64) -> RollupDelta {
    RollupDelta {
        approved_cv: count,
        payout,
        revenue: payout * 2,
        ..RollupDelta::default()
    }
}

fn ask(extra: Value) -> ReportQuery {
    let mut request = json!({"from": "2026-03-01", "to": "2026-03-03", "metrics": ["total_click", "cv", "payout", "cvr"]});
    for (name, value) in extra.as_object().unwrap() {
        request[name] = value.clone();
    }
    ReportQuery::read(TENANT, "UTC", &request).unwrap()
}

fn answer(query: ReportQuery, rows: &[(RollupKey, RollupDelta)]) -> Value {
    let mut fold = Fold::new(TENANT, query, BTreeMap::from([(3, 9)]));
    for (key, delta) in rows {
        fold.add(key, delta).unwrap();
    }
    serde_json::to_value(fold.finish(Watermark::default())).unwrap()
}

#[test]
fn clicks_come_by_click_time_and_conversions_by_the_basis_asked_for() {
    let rows = [
        (row(0, Basis::Click), clicks(4)),
        (row(0, Basis::Click), conversions(1, 10)),
        (row(96, Basis::Conversion), conversions(1, 10)),
        (row(96, Basis::Posting), conversions(0, -10)),
    ];
    let of = |basis: &str| {
        answer(
            ask(json!({"time_basis": basis, "group_by": ["day"]})),
            &rows,
        )["rows"]
            .clone()
    };
    let line = |day: &str, clicks: u32, cv: u32, payout: &str, cvr: Value| json!({"day": day, "currency": "USD", "total_click": clicks, "cv": cv, "payout": payout, "cvr": cvr});
    let first_day = |cv, payout, cvr: &str| line("2026-03-01", 4, cv, payout, json!(cvr));
    assert_eq!(of("click"), json!([first_day(1, "0.00001", "0.250000")]));
    assert_eq!(
        of("conversion"),
        json!([
            first_day(0, "0.00", "0.000000"),
            line("2026-03-02", 0, 1, "0.00001", Value::Null)
        ])
    );
    assert_eq!(
        of("posting"),
        json!([
            first_day(0, "0.00", "0.000000"),
            line("2026-03-02", 0, 0, "-0.00001", Value::Null)
        ])
    );
}

#[test]
fn rows_carry_public_ids_and_null_for_none() {
    let house = RollupKey {
        affiliate: 0,
        ..row(0, Basis::Click)
    };
    let query = ask(
        json!({"group_by": ["offer", "advertiser", "affiliate", "flow", "country", "device_type"]}),
    );
    let page = answer(query, &[(house, clicks(1))]);
    let got = &page["rows"][0];
    assert_eq!(
        got["offer"],
        crate::ids::OfferId::new(TENANT, 3).to_string()
    );
    assert_eq!(
        got["advertiser"],
        crate::ids::AdvertiserId::new(TENANT, 9).to_string()
    );
    assert_eq!(
        (&got["affiliate"], &got["flow"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(
        (&got["country"], &got["device_type"]),
        (&json!("DE"), &json!("desktop"))
    );
}

#[test]
fn tests_are_in_no_report_that_does_not_ask_for_them() {
    let test = RollupKey {
        is_test: true,
        ..row(0, Basis::Click)
    };
    let rows = [(row(0, Basis::Click), clicks(1)), (test, clicks(10))];
    let counted = |filters: Value| {
        answer(ask(json!({"filters": filters})), &rows)["totals"][0]["total_click"].clone()
    };
    assert_eq!(counted(json!([])), 1);
    assert_eq!(counted(json!([{"field": "test", "value": true}])), 10);
    assert_eq!(counted(json!([{"field": "test", "value": "any"}])), 11);
}

#[test]
fn filters_on_metrics_keep_whole_rows_and_totals_are_of_what_is_kept() {
    let rows: Vec<_> = (0..5)
        .map(|i| (row(i * 4, Basis::Click), clicks(i64::from(i))))
        .collect();
    let filters = json!([{"field": "total_click", "op": "gte", "value": 2}, {"field": "total_click", "op": "lt", "value": 4}]);
    let page = answer(
        ask(json!({"group_by": ["hour"], "filters": filters})),
        &rows,
    );
    let hours: Vec<_> = page["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["hour"].clone())
        .collect();
    assert_eq!(
        hours,
        ["2026-03-01T02:00:00+00:00", "2026-03-01T03:00:00+00:00"]
    );
    assert_eq!(page["totals"][0]["total_click"], 5);
}

#[test]
fn currencies_are_never_added_to_each_other() {
    let euro = RollupKey {
        currency: Currency::EUR,
        ..row(0, Basis::Conversion)
    };
    let rows = [
        (row(0, Basis::Conversion), conversions(1, 5)),
        (euro, conversions(1, 7)),
    ];
    let page = answer(ask(json!({})), &rows);
    let totals = page["totals"].as_array().unwrap();
    let money: Vec<_> = totals
        .iter()
        .map(|t| {
            (
                t["currency"].as_str().unwrap(),
                t["payout"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(money, [("EUR", "0.000007"), ("USD", "0.000005")]);
    let only = answer(ask(json!({"currency": "EUR"})), &rows);
    assert_eq!(only["rows"].as_array().unwrap().len(), 1);
}

#[test]
fn a_row_that_counts_nothing_is_left_out() {
    let rows = [
        (row(0, Basis::Conversion), conversions(1, 5)),
        (row(1, Basis::Conversion), conversions(-1, -5)),
    ];
    assert_eq!(answer(ask(json!({})), &rows)["rows"], json!([]));
}

#[test]
fn nulls_come_last_whichever_way_a_ratio_is_sorted() {
    let of = |offer, basis| RollupKey {
        offer,
        ..row(0, basis)
    };
    let rows = [
        (of(1, Basis::Conversion), conversions(1, 1)),
        (of(2, Basis::Click), clicks(2)),
        (of(2, Basis::Conversion), conversions(1, 1)),
        (of(3, Basis::Click), clicks(4)),
        (of(3, Basis::Conversion), conversions(1, 1)),
    ];
    for (sort, expect) in [
        ("cvr", [json!("0.250000"), json!("0.500000")]),
        ("-cvr", [json!("0.500000"), json!("0.250000")]),
    ] {
        let page = answer(ask(json!({"group_by": ["offer"], "sort": [sort]})), &rows);
        let got: Vec<_> = page["rows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|r| r["cvr"].clone())
            .collect();
        assert_eq!(
            got,
            [expect[0].clone(), expect[1].clone(), Value::Null],
            "{sort}"
        );
    }
}

#[test]
fn a_cursor_of_another_question_is_refused() {
    let rows: Vec<_> = (0..3).map(|i| (row(i, Basis::Click), clicks(1))).collect();
    let first = answer(
        ask(json!({"group_by": ["quarter_hour"], "limit": 1})),
        &rows,
    );
    assert_eq!(first["truncated"], true);
    let request = |dimension: &str| json!({"from": "2026-03-01", "to": "2026-03-03", "limit": 2, "group_by": [dimension], "cursor": first["cursor"]});
    assert!(ReportQuery::read(TENANT, "UTC", &request("hour")).is_err());
    let next = answer(
        ReportQuery::read(TENANT, "UTC", &request("quarter_hour")).unwrap(),
        &rows,
    );
    assert_eq!(next["rows"].as_array().unwrap().len(), 2);
    assert_eq!(
        (&next["truncated"], &next["cursor"]),
        (&json!(false), &Value::Null)
    );
}

/// Rows of a few offers, affiliates and times.
fn some_rows() -> impl Strategy<Value = Vec<(RollupKey, RollupDelta)>> {
    let one = (0u32..192, 0u8..3, 1u32..4, 0u32..3, 0i64..5, 0i64..1000).prop_map(
        |(bucket, basis, offer, affiliate, n, money)| {
            let basis = Basis::from_code(basis).unwrap();
            let key = RollupKey {
                offer,
                affiliate,
                ..row(bucket, basis)
            };
            let mut delta = conversions(n, money);
            if basis == Basis::Click {
                delta.add(&clicks(n + 1));
            }
            (key, delta)
        },
    );
    proptest::collection::vec(one, 0..60)
}

proptest! {
    #[test]
    fn pages_put_together_are_the_whole_answer_in_order(rows in some_rows(), limit in 1usize..7, descending in any::<bool>()) {
        let sort = if descending { "-payout" } else { "cv" };
        let request = |limit: usize, cursor: Value| ask(json!({
            "group_by": ["affiliate", "hour"], "sort": [sort], "limit": limit, "cursor": cursor,
        }));
        let whole = answer(request(10_000, Value::Null), &rows);
        let mut pages: Vec<Value> = Vec::new();
        let mut cursor = Value::Null;
        loop {
            let page = answer(request(limit, cursor), &rows);
            pages.extend(page["rows"].as_array().unwrap().clone());
            prop_assert_eq!(&page["totals"], &whole["totals"]);
            cursor = page["cursor"].clone();
            if page["truncated"] == false { break; }
        }
        prop_assert_eq!(Value::Array(pages), whole["rows"].clone());
    }

    #[test]
    fn the_order_and_the_grain_of_rows_change_nothing(rows in some_rows(), seed in any::<u64>()) {
        let query = || ask(json!({"group_by": ["offer", "day"], "time_basis": "click"}));
        let mut others = rows.clone();
        others.sort_by_key(|(key, _)| u64::from(key.bucket).wrapping_mul(seed | 1));
        let mut summed: BTreeMap<RollupKey, RollupDelta> = BTreeMap::new();
        for (key, delta) in &rows {
            summed.entry(*key).or_default().add(delta);
        }
        let expect = answer(query(), &rows);
        prop_assert_eq!(answer(query(), &others), expect.clone());
        prop_assert_eq!(answer(query(), &summed.into_iter().collect::<Vec<_>>()), expect);
    }

    #[test]
    fn totals_of_counts_and_money_do_not_depend_on_the_grouping(rows in some_rows()) {
        let totals = |group_by: Value| answer(ask(json!({"group_by": group_by})), &rows)["totals"].clone();
        let whole = totals(json!([]));
        for group_by in [json!(["offer"]), json!(["hour_of_day", "affiliate"]), json!(["week", "day_of_week"])] {
            prop_assert_eq!(totals(group_by), whole.clone());
        }
    }
}
