//! Search, with an index that answers the same to everything: what the API makes of questions, answers and failures.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use weir_engine::fact::{ClickOutcome, ClickReason, ConversionStatus};
use weir_engine::ids::{CampaignId, TenantId, UnixMs};
use weir_engine::money::Currency;
use weir_engine::ports::{
    Generation, IndexStats, PortFuture, SearchError, SearchIndex, Watermark, Written,
};
use weir_engine::search::{
    AmountField, ClickDocument, ConversionDocument, CurrencySum, Distinct, Document, Drilldown,
    DrilldownPage, DrilldownRow, Measured, SearchCursor, SearchPage, SearchQuery, Target, Visit,
};

use super::world::{OURS, World};

/// An index that answers the same to everything, and remembers who asked.
#[derive(Default)]
pub struct Canned {
    fails: Mutex<Option<fn() -> SearchError>>,
    asked: Mutex<Vec<TenantId>>,
}

#[derive(Debug, thiserror::Error)]
#[error("the password is 1234")]
struct Secret;

impl Canned {
    fn answer<T: Send + 'static>(
        &self,
        tenant: TenantId,
        answer: T,
    ) -> PortFuture<'static, Result<T, SearchError>> {
        self.asked.lock().unwrap().push(tenant);
        let fails = *self.fails.lock().unwrap();
        Box::pin(std::future::ready(
            fails.map_or(Ok(answer), |error| Err(error())),
        ))
    }

    fn never<T>() -> PortFuture<'static, Result<T, SearchError>> {
        Box::pin(async { unreachable!("the API only asks") })
    }
}

fn watermark() -> Option<Watermark> {
    Some(Watermark {
        offsets: vec![(3, 17)],
        at: UnixMs(1_772_323_200_000),
    })
}

fn click() -> ClickDocument {
    ClickDocument {
        click_id: "c".to_owned(),
        tenant: OURS,
        at: UnixMs(1_772_323_200_000),
        seq: 1,
        target: Target {
            campaign_id: CampaignId::new(OURS, 1),
            flow_id: None,
            offer_id: None,
            offer_version: None,
            arm: None,
            affiliate_id: None,
            country: "DE".to_owned(),
            device: "mobile".to_owned(),
            test: false,
        },
        visit: Visit::default(),
        wanted_offer_id: None,
        outcome: ClickOutcome::Invalid,
        reason: ClickReason::NoArm,
        unique: false,
        valid: false,
        propensity: 1.0,
        cost_micros: Some(1_250_000),
        cost_currency: Some(Currency::USD),
    }
}

impl SearchIndex for Canned {
    fn live(&self) -> PortFuture<'_, Result<Generation, SearchError>> {
        Self::never()
    }

    fn begin(&self) -> PortFuture<'_, Result<Generation, SearchError>> {
        Self::never()
    }

    fn write(
        &self,
        _: Generation,
        _: Arc<[Document]>,
    ) -> PortFuture<'_, Result<Vec<Written>, SearchError>> {
        Self::never()
    }

    fn cursor(&self, _: Generation) -> PortFuture<'_, Result<Option<Watermark>, SearchError>> {
        Self::never()
    }

    fn set_cursor(&self, _: Generation, _: Watermark) -> PortFuture<'_, Result<(), SearchError>> {
        Self::never()
    }

    fn publish(&self, _: Generation) -> PortFuture<'_, Result<(), SearchError>> {
        Self::never()
    }

    fn forget(&self, _: UnixMs) -> PortFuture<'_, Result<Vec<String>, SearchError>> {
        Self::never()
    }

    fn clicks(
        &self,
        tenant: TenantId,
        _: SearchQuery,
    ) -> PortFuture<'_, Result<SearchPage<ClickDocument>, SearchError>> {
        let next = SearchCursor {
            at: UnixMs(16),
            seq: 17,
        };
        let page = SearchPage {
            items: vec![click()],
            total: 10_000,
            is_total_exact: false,
            next: Some(next),
            watermark: watermark(),
        };
        self.answer(tenant, page)
    }

    fn conversions(
        &self,
        tenant: TenantId,
        _: SearchQuery,
    ) -> PortFuture<'_, Result<SearchPage<ConversionDocument>, SearchError>> {
        let page = SearchPage {
            items: Vec::new(),
            total: 0,
            is_total_exact: true,
            next: None,
            watermark: None,
        };
        self.answer(tenant, page)
    }

    fn drilldown(
        &self,
        tenant: TenantId,
        asked: Drilldown,
    ) -> PortFuture<'_, Result<DrilldownPage, SearchError>> {
        let measured = Measured {
            count: 5,
            unique: 2,
            valid: 3,
            statuses: vec![
                (ConversionStatus::Approved, 4),
                (ConversionStatus::Rejected, 1),
            ],
            sums: asked
                .amounts()
                .filter(|a| *a != AmountField::Revenue)
                .map(|amount| CurrencySum {
                    amount,
                    currency: Currency::EUR,
                    sum: i128::from(i64::MAX) * 10,
                })
                .collect(),
            distinct: vec![(Distinct::Visitors, 2)],
        };
        let group = vec![None; asked.group_by.len()];
        let page = DrilldownPage {
            rows: vec![DrilldownRow {
                group,
                measured: measured.clone(),
            }],
            total: measured,
            next: Some(vec![Some("x".to_owned()), None]),
            watermark: watermark(),
        };
        self.answer(tenant, page)
    }

    fn stats(&self) -> PortFuture<'_, Result<IndexStats, SearchError>> {
        Self::never()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_are_shown_with_their_source_and_how_far_they_go() {
    let world = World::new().await;
    let answer = world
        .post("/v1/clicks/search", json!({"text": "iphone"}))
        .await
        .expect(200);
    let item = &answer.body["items"][0];
    assert_eq!(
        (&item["at"], &item["cost"]),
        (&json!("2026-03-01T00:00:00.000Z"), &json!("1.25"))
    );
    assert_eq!(answer.body["source"], "search");
    assert_eq!(
        answer.body["watermark"],
        json!({"at": "2026-03-01T00:00:00.000Z", "offsets": [{"partition": 3, "next_offset": 17}]})
    );
    assert_eq!(
        (&answer.body["total"], &answer.body["is_total_exact"]),
        (&json!(10_000), &json!(false))
    );
    let cursor = answer.body["cursor"].clone();
    world
        .post("/v1/clicks/search", json!({"cursor": cursor}))
        .await
        .expect(200);
    let answer = world
        .post("/v1/conversions/search", json!({}))
        .await
        .expect(200);
    assert_eq!(
        answer.body.get("watermark"),
        None,
        "the index is being built"
    );
    assert!(
        world
            .search
            .asked
            .lock()
            .unwrap()
            .iter()
            .all(|t| *t == OURS)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drilldown_is_shown_with_words_of_reports_and_amounts_by_currency() {
    let world = World::new().await;
    let asked = json!({"of": "clicks", "group_by": ["sub1", "day"], "distinct": ["visitors"]});
    let answer = world.post("/v1/search/drilldown", asked).await.expect(200);
    let large = json!([{"currency": "EUR", "amount": "92233720368547.75807"}]);
    let row = json!({"sub1": null, "day": null, "gross_click": 5, "total_click": 3, "unique_click": 2,
        "duplicate_click": 1, "invalid_click": 2, "cost": large, "visitors": 2});
    assert_eq!(answer.body["rows"], json!([row]));
    let cursor = answer.body["cursor"].clone();
    assert_eq!(cursor, "[\"x\",null]");
    let next = json!({"of": "clicks", "group_by": ["sub1", "os"], "cursor": cursor});
    world.post("/v1/search/drilldown", next).await.expect(200);
    let answer = world
        .post("/v1/search/drilldown", json!({"of": "conversions"}))
        .await
        .expect(200);
    let totals = json!({"count": 5, "pending": 0, "approved": 4, "rejected": 1, "payout": large, "revenue": [],
        "sale_amount": large, "visitors": 2});
    assert_eq!(answer.body["totals"], totals);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_is_wrong_is_told_where() {
    let world = World::new().await;
    let asked = json!({"filters": [{"field": "status", "value": "pending"}], "limit": 0});
    let answer = world.post("/v1/clicks/search", asked).await.expect(422);
    let fields: Vec<String> = answer
        .fields()
        .into_iter()
        .map(|(field, _)| field)
        .collect();
    assert_eq!(fields, ["filters[0].field", "limit"]);
    assert_eq!(world.search.asked.lock().unwrap().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_does_not_answer_is_a_503_of_its_own_and_tells_no_secret() {
    let world = World::new().await;
    type Case = (fn() -> SearchError, u16, &'static str, &'static str);
    let cases: [Case; 5] = [
        (
            || SearchError::Unavailable(Box::new(Secret)),
            503,
            "search_unavailable",
            "5",
        ),
        (
            || SearchError::Overloaded {
                retry_after: Some(Duration::from_secs(9)),
            },
            503,
            "search_unavailable",
            "9",
        ),
        (|| SearchError::Lost, 503, "search_unavailable", "5"),
        (|| SearchError::TooManyRows, 422, "unprocessable_entity", ""),
        (
            || SearchError::Refused("the password is 1234".to_owned()),
            422,
            "unprocessable_entity",
            "",
        ),
    ];
    for (error, status, code, again) in cases {
        *world.search.fails.lock().unwrap() = Some(error);
        for (path, body) in [
            ("/v1/clicks/search", json!({})),
            ("/v1/conversions/search", json!({})),
            ("/v1/search/drilldown", json!({"of": "clicks"})),
        ] {
            let answer = world.post(path, body).await.expect(status);
            assert_eq!(
                (answer.code(), answer.header("retry-after")),
                (code, again),
                "{path}"
            );
            assert!(!answer.body.to_string().contains("1234"), "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_index_everything_else_works() {
    let mut world = World::new().await;
    world.has_search = false;
    world.replace_actors(|mesh| mesh);
    let answer = world.post("/v1/clicks/search", json!({})).await.expect(503);
    assert_eq!(answer.code(), "search_not_configured");
    let asked: Value = json!({"from": "2026-03-01", "to": "2026-03-02"});
    world.post("/v1/reports/query", asked).await.expect(200);
}
