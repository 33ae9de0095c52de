//! Reports.

use serde_json::{Value, json};

use super::owner::{BEGIN, Owner, Sale, TENANT, hour};
use crate::catalog::{Change, EntityKey, EntityKind};
use crate::fact::ConversionStatus::{Approved, Pending, Rejected};
use crate::ids::{AdvertiserId, AffiliateId, OfferId};
use crate::ports::{EntityRow, LedgerStore, ReportStore};
use crate::report::ReportQuery;

/// Asks for 1 to 3 March 2026 of UTC, unless `question` says otherwise; gives the answer as JSON.
async fn ask(store: &impl ReportStore, question: Value) -> Value {
    let mut request = json!({"from": "2026-03-01", "to": "2026-03-04", "timezone": "UTC"});
    for (name, value) in question.as_object().expect("an object") {
        request[name] = value.clone();
    }
    let query = ReportQuery::read(TENANT, "UTC", &request).expect("a good question");
    let page = store.report(TENANT, query).await.expect("answered");
    serde_json::to_value(page).expect("JSON")
}

/// Rows of an answer as lists of their values, in the order of `columns`.
fn rows(page: &Value, columns: &[&str]) -> Value {
    let of = |row: &Value| -> Value { columns.iter().map(|c| row[*c].clone()).collect() };
    page["rows"]
        .as_array()
        .expect("rows")
        .iter()
        .map(of)
        .collect()
}

/// A click a quarter of an hour before midnight of a zone, and one at midnight, are of two days.
pub async fn a_report_is_cut_at_midnight_of_its_zone<S: LedgerStore + ReportStore>(store: &S) {
    let mut owner = Owner::claim(store, TENANT).await;
    // Midnight of Kolkata (UTC+5:30) is 18:30 UTC, of Berlin 23:00.
    for minutes in [18 * 60 + 15, 18 * 60 + 30, 22 * 60 + 45, 23 * 60] {
        let at = crate::ids::UnixMs(BEGIN.0 + minutes * 60_000);
        owner.click(at, 3, None, false);
    }
    owner.commit(store).await;
    let cases = [
        (
            "Asia/Kolkata",
            json!([["2026-03-01", 1], ["2026-03-02", 3]]),
        ),
        (
            "Europe/Berlin",
            json!([["2026-03-01", 3], ["2026-03-02", 1]]),
        ),
        ("UTC", json!([["2026-03-01", 4]])),
    ];
    for (zone, expect) in cases {
        let question = json!({"timezone": zone, "group_by": ["day"], "metrics": ["gross_click"]});
        assert_eq!(
            rows(&ask(store, question).await, &["day", "gross_click"]),
            expect,
            "{zone}"
        );
    }
}

/// Clicks stand at their own time on every basis, conversions at the basis's; what lies outside is left out.
pub async fn a_report_joins_clicks_by_click_time_with_conversions_by_its_basis<
    S: LedgerStore + ReportStore,
>(
    store: &S,
) {
    let mut owner = Owner::claim(store, TENANT).await;
    owner.click(hour(1), 3, Some(5), false);
    owner.click(hour(72), 3, Some(5), false);
    owner.click(hour(1), 3, Some(5), true);
    owner.convert(Sale {
        clicked_at: hour(1),
        at: hour(30),
        ..Sale::default()
    });
    owner.convert(Sale {
        clicked_at: hour(1),
        at: hour(73),
        ..Sale::default()
    });
    owner.convert(Sale {
        clicked_at: hour(1),
        at: hour(30),
        is_test: true,
        ..Sale::default()
    });
    owner.commit(store).await;
    let columns = ["day", "total_click", "cv", "revenue", "cvr"];
    for (basis, expect) in [
        ("click", json!([["2026-03-01", 1, 2, "8.00", "2.000000"]])),
        (
            "conversion",
            json!([
                ["2026-03-01", 1, 0, "0.00", "0.000000"],
                ["2026-03-02", 0, 1, "4.00", null]
            ]),
        ),
        (
            "posting",
            json!([
                ["2026-03-01", 1, 0, "0.00", "0.000000"],
                ["2026-03-02", 0, 1, "4.00", null]
            ]),
        ),
    ] {
        let question = json!({"time_basis": basis, "group_by": ["day"], "metrics": &columns[1..]});
        assert_eq!(
            rows(&ask(store, question).await, &columns),
            expect,
            "{basis}"
        );
    }
    let filters = json!([{"field": "test", "value": "any"}]);
    let page = ask(
        store,
        json!({"filters": filters, "metrics": ["total_click", "cv"]}),
    )
    .await;
    assert_eq!(rows(&page, &["total_click", "cv"]), json!([[2, 2]]));
}

/// A rejection takes a conversion out of the reports of its own day, but out of postings when it happened.
pub async fn a_change_of_status_moves_a_report_and_posting_keeps_the_past<
    S: LedgerStore + ReportStore,
>(
    store: &S,
) {
    let mut owner = Owner::claim(store, TENANT).await;
    let made = owner.convert(Sale {
        status: Pending,
        ..Sale::default()
    });
    owner.convert(Sale {
        goal: Some(8),
        payout: 1_000_000,
        ..Sale::default()
    });
    owner.commit(store).await;
    let approved = owner.change(&made, hour(25), Approved);
    owner.commit(store).await;
    owner.change(&approved, hour(49), Rejected);
    owner.commit(store).await;
    let columns = [
        "day",
        "pending_cv",
        "approved_cv",
        "rejected_cv",
        "event",
        "payout",
    ];
    let question =
        |basis| json!({"time_basis": basis, "group_by": ["day"], "metrics": &columns[1..]});
    let today = ask(store, question("conversion")).await;
    assert_eq!(
        rows(&today, &columns),
        json!([["2026-03-01", 0, 0, 1, 1, "1.00"]])
    );
    let posted = ask(store, question("posting")).await;
    assert_eq!(
        rows(&posted, &columns),
        json!([
            ["2026-03-01", 1, 0, 0, 1, "3.00"],
            ["2026-03-02", -1, 1, 0, 0, "0.00"],
            ["2026-03-03", 0, -1, 1, 0, "-2.00"],
        ])
    );
    assert_eq!(posted["totals"][0]["payout"], today["totals"][0]["payout"]);
}

/// Filters on dimensions and metrics, order by a metric, pages with a cursor, totals of the whole.
pub async fn a_report_filters_groups_sorts_and_pages<S: LedgerStore + ReportStore>(store: &S) {
    let mut owner = Owner::claim(store, TENANT).await;
    for offer in 1..=5 {
        for _ in 0..offer {
            owner.click(hour(2), offer, Some(5), false);
        }
        owner.click(hour(2), offer, None, false);
    }
    owner.commit(store).await;
    let offer = |n| OfferId::new(TENANT, n).to_string();
    let affiliate = AffiliateId::new(TENANT, 5).to_string();
    let filters = json!([
        {"field": "affiliate", "value": affiliate},
        {"field": "offer", "op": "not_in", "value": [offer(4)]},
        {"field": "country", "op": "in", "value": ["DE", "AT"]},
        {"field": "gross_click", "op": "gt", "value": 1},
    ]);
    let question = |cursor: &Value| {
        json!({"group_by": ["offer", "affiliate"], "metrics": ["gross_click"], "filters": filters,
               "sort": ["-gross_click"], "limit": 2, "cursor": cursor})
    };
    let first = ask(store, question(&Value::Null)).await;
    let columns = ["offer", "affiliate", "gross_click"];
    assert_eq!(
        rows(&first, &columns),
        json!([[offer(5), affiliate, 5], [offer(3), affiliate, 3]])
    );
    assert_eq!(first["truncated"], true);
    assert_eq!(
        first["totals"],
        json!([{"currency": "USD", "gross_click": 10}])
    );
    let second = ask(store, question(&first["cursor"])).await;
    assert_eq!(rows(&second, &columns), json!([[offer(2), affiliate, 2]]));
    assert_eq!(
        (&second["truncated"], &second["cursor"]),
        (&json!(false), &Value::Null)
    );
    assert_eq!(second["totals"], first["totals"]);
    assert_eq!(second["watermark"]["at"], hour(2).to_string());
}

/// The advertiser of a row is that of its offer as configured now.
pub async fn a_report_by_advertiser_follows_the_offers<S: LedgerStore + ReportStore>(store: &S) {
    let mut owner = Owner::claim(store, TENANT).await;
    let advertiser = |n| AdvertiserId::new(TENANT, n).to_string();
    for (offer, advertiser_id) in [(1, advertiser(7)), (2, advertiser(8)), (3, advertiser(7))] {
        let position = owner.next(BEGIN);
        owner.window().entities.push(EntityRow {
            tenant: TENANT,
            position,
            created_at: BEGIN,
            updated_at: BEGIN,
            change: Change {
                key: EntityKey::one(EntityKind::Offer, offer),
                version: 1,
                by: "key_1".to_owned(),
                body: json!({"advertiser_id": advertiser_id}),
            },
        });
        owner.click(hour(1), offer, None, false);
    }
    owner.commit(store).await;
    let page = ask(
        store,
        json!({"group_by": ["advertiser"], "metrics": ["gross_click"]}),
    )
    .await;
    let expect = json!([[advertiser(7), 2], [advertiser(8), 1]]);
    assert_eq!(rows(&page, &["advertiser", "gross_click"]), expect);
    let filters = json!([{"field": "advertiser", "value": advertiser(8)}]);
    let page = ask(
        store,
        json!({"group_by": ["offer"], "metrics": ["gross_click"], "filters": filters}),
    )
    .await;
    assert_eq!(
        rows(&page, &["offer", "gross_click"]),
        json!([[OfferId::new(TENANT, 2).to_string(), 1]])
    );
}
