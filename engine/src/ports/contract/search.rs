//! What every index must keep.

use std::sync::Arc;

use serde_json::{Value, json};

use super::owner::{BEGIN, TENANT, hour, neighbour};
use crate::fact::{ClickOutcome, ClickReason, ConversionStatus};
use crate::ids::{
    AffiliateId, ArmId, CampaignId, ConversionId, OfferId, Position, TenantId, UnixMs, partition_of,
};
use crate::judge::ConversionReason;
use crate::money::Currency;
use crate::ports::{Generation, SearchError, SearchIndex, Watermark, Written};
use crate::search::{
    AmountField, ClickDocument, ConversionDocument, Document, DocumentKind, Drilldown,
    DrilldownPage, SearchPage, SearchQuery, Subs, Target, Visit,
};

/// A click of the suite: `change` makes it another one.
fn click(seq: u64, at: UnixMs, change: impl FnOnce(&mut ClickDocument)) -> Document {
    let mut click = ClickDocument {
        click_id: format!("click{seq:027}"),
        tenant: TENANT,
        at,
        seq,
        target: target(TENANT),
        visit: Visit::default(),
        wanted_offer_id: Some(OfferId::new(TENANT, 3)),
        outcome: ClickOutcome::Redirected,
        reason: ClickReason::None,
        unique: true,
        valid: true,
        propensity: 1.0,
        cost_micros: None,
        cost_currency: None,
    };
    change(&mut click);
    Document::Click(Box::new(click))
}

fn target(tenant: TenantId) -> Target {
    Target {
        campaign_id: CampaignId::new(tenant, 1),
        flow_id: None,
        offer_id: Some(OfferId::new(tenant, 3)),
        offer_version: Some(1),
        arm: Some(ArmId::new(tenant, 2)),
        affiliate_id: Some(AffiliateId::new(tenant, 5)),
        country: "DE".to_owned(),
        device: "mobile".to_owned(),
        test: false,
    }
}

/// A conversion of the suite, an hour after its click.
fn conversion(
    seq: u64,
    clicked_at: UnixMs,
    change: impl FnOnce(&mut ConversionDocument),
) -> Document {
    let partition = partition_of(TENANT);
    let at = UnixMs(clicked_at.0 + 3_600_000);
    let mut conversion = ConversionDocument {
        conversion_id: ConversionId::at(Position { partition, seq }),
        tenant: TENANT,
        seq,
        changed_seq: seq,
        click_id: format!("click{seq:027}"),
        received_id: format!("postback{seq:024}"),
        status: ConversionStatus::Approved,
        reason: None,
        note: String::new(),
        advertiser_id: None,
        goal: None,
        txid: format!("order-{seq}"),
        sale_amount_micros: Some(20_000_000),
        sale_currency: Some(Currency::EUR),
        payout_micros: 1_500_000,
        revenue_micros: 2_000_000,
        currency: Currency::USD,
        rule_id: "off_1@1".to_owned(),
        clicked_at,
        converted_at: at,
        booked_at: at,
        target: target(TENANT),
        visit: Visit::default(),
    };
    change(&mut conversion);
    Document::Conversion(Box::new(conversion))
}

fn watermark(offset: u64) -> Watermark {
    Watermark {
        offsets: vec![(partition_of(TENANT), offset)],
        at: hour(offset),
    }
}

async fn write(
    index: &impl SearchIndex,
    generation: Generation,
    documents: &[Document],
) -> Vec<Written> {
    let documents: Arc<[Document]> = documents.into();
    index.write(generation, documents).await.expect("written")
}

/// Writes to the live generation, to be found from now on.
async fn fill(index: &impl SearchIndex, documents: &[Document]) -> Generation {
    let generation = index.live().await.expect("live");
    let written = write(index, generation, documents).await;
    assert_eq!(written, vec![Written::Stored; documents.len()]);
    index
        .set_cursor(generation, watermark(documents.len() as u64))
        .await
        .expect("kept");
    generation
}

fn query(of: DocumentKind, request: Value) -> SearchQuery {
    SearchQuery::read(TENANT, of, "UTC", &request).expect("a question")
}

async fn clicks(
    index: &impl SearchIndex,
    tenant: TenantId,
    request: Value,
) -> SearchPage<ClickDocument> {
    index
        .clicks(tenant, query(DocumentKind::Clicks, request))
        .await
        .expect("an answer")
}

async fn conversions(index: &impl SearchIndex, request: Value) -> SearchPage<ConversionDocument> {
    let query = query(DocumentKind::Conversions, request);
    index.conversions(TENANT, query).await.expect("an answer")
}

/// Numbers of the clicks that are found, in order.
async fn found(index: &impl SearchIndex, request: Value) -> Vec<u64> {
    let page = clicks(index, TENANT, request).await;
    page.items.iter().map(|c| c.seq).collect()
}

async fn drilldown(index: &impl SearchIndex, request: Value) -> DrilldownPage {
    let question = Drilldown::read(TENANT, "UTC", &request).expect("a question");
    index.drilldown(TENANT, question).await.expect("an answer")
}

/// Groups with their counts, in order.
fn counts(page: &DrilldownPage) -> Vec<(Vec<Option<&str>>, u64)> {
    let row = |r: &'_ crate::search::DrilldownRow| r.measured.count;
    page.rows
        .iter()
        .map(|r| (r.group.iter().map(Option::as_deref).collect(), row(r)))
        .collect()
}

/// An index of which nothing was deleted knows how far it has come; a new one does not.
pub async fn a_new_index_has_come_nowhere_and_finds_nothing(index: &impl SearchIndex) {
    let page = clicks(index, TENANT, json!({})).await;
    assert_eq!(
        (page.items, page.total, page.watermark),
        (Vec::new(), 0, None)
    );
    let generation = index.live().await.expect("live");
    assert_eq!(index.cursor(generation).await.expect("read"), None);
    let page = drilldown(index, json!({"of": "clicks", "group_by": ["country"]})).await;
    assert_eq!((page.rows, page.total.count), (Vec::new(), 0));
    index
        .set_cursor(generation, watermark(3))
        .await
        .expect("kept");
    assert_eq!(index.live().await.expect("live"), generation);
    assert_eq!(
        index.cursor(generation).await.expect("read"),
        Some(watermark(3))
    );
    let unknown = index
        .set_cursor(Generation(generation.0 + 7), watermark(4))
        .await;
    assert!(matches!(unknown, Err(SearchError::Lost)));
}

/// What was written is found once its cursor is kept, as it was written, and the answer says how far it goes.
pub async fn what_was_written_is_read_back_when_the_cursor_is_kept(index: &impl SearchIndex) {
    let whole = click(1, BEGIN, |c| {
        c.visit = Visit {
            os: "iOS".to_owned(),
            ip: "203.0.113.0".parse().ok(),
            subs: Subs([(1, "a".to_owned()), (20, "ü ☃".to_owned())].into()),
            ..Visit::default()
        };
        (c.cost_micros, c.cost_currency) = (Some(i64::MAX), Some(Currency::USD));
    });
    let sale = conversion(2, BEGIN, |c| c.reason = Some(ConversionReason::ByStaff));
    fill(index, &[whole.clone(), sale.clone()]).await;
    let page = clicks(index, TENANT, json!({})).await;
    assert_eq!(page.watermark, Some(watermark(2)));
    assert_eq!(
        page.items
            .into_iter()
            .map(Box::new)
            .map(Document::Click)
            .collect::<Vec<_>>(),
        [whole]
    );
    let page = conversions(index, json!({})).await;
    assert_eq!(
        page.items
            .into_iter()
            .map(Box::new)
            .map(Document::Conversion)
            .collect::<Vec<_>>(),
        [sale]
    );
}

/// A second time changes nothing, and an older state never replaces a newer one.
pub async fn a_document_is_there_once_in_its_newest_version(index: &impl SearchIndex) {
    let made = conversion(4, BEGIN, |c| c.status = ConversionStatus::Pending);
    let changed = conversion(4, BEGIN, |c| {
        c.status = ConversionStatus::Rejected;
        c.changed_seq = 9;
    });
    let visit = click(1, BEGIN, |_| ());
    let generation = fill(index, &[visit.clone(), changed]).await;
    let again = write(index, generation, &[made, visit]).await;
    assert_eq!(again, vec![Written::AlreadyThere; 2]);
    let newer = conversion(4, BEGIN, |c| c.changed_seq = 11);
    assert_eq!(write(index, generation, &[newer]).await, [Written::Stored]);
    index
        .set_cursor(generation, watermark(12))
        .await
        .expect("kept");
    let page = conversions(index, json!({})).await;
    let states: Vec<_> = page
        .items
        .iter()
        .map(|c| (c.status, c.changed_seq))
        .collect();
    assert_eq!(
        (states, page.total),
        (vec![(ConversionStatus::Approved, 11)], 1)
    );
    assert_eq!(found(index, json!({})).await, [1]);
}

/// What cannot be indexed is named with its reason; its neighbours are written.
pub async fn a_document_that_cannot_be_indexed_does_not_block_the_others(index: &impl SearchIndex) {
    let generation = index.live().await.expect("live");
    let documents = [
        click(1, BEGIN, |_| ()),
        click(2, UnixMs(u64::MAX), |_| ()),
        click(3, hour(1), |_| ()),
    ];
    let written = write(index, generation, &documents).await;
    assert!(
        matches!(&written[1], Written::Poison { reason } if !reason.is_empty()),
        "{written:?}"
    );
    assert_eq!(
        (&written[0], &written[2]),
        (&Written::Stored, &Written::Stored)
    );
    index
        .set_cursor(generation, watermark(3))
        .await
        .expect("kept");
    assert_eq!(found(index, json!({})).await, [3, 1]);
}

/// Texts of any length are taken.
pub async fn texts_of_any_length_are_taken(index: &impl SearchIndex) {
    let long = "é".repeat(60_000);
    let document = click(1, BEGIN, |c| {
        c.visit.user_agent.clone_from(&long);
        c.visit.referrer.clone_from(&long);
        c.visit.subs = Subs([(1, long.clone())].into());
    });
    fill(index, &[document]).await;
    let page = clicks(index, TENANT, json!({})).await;
    assert_eq!(page.items[0].visit.subs.0[&1], long);
}

/// Each condition keeps what it says.
pub async fn clicks_are_found_by_what_they_hold(index: &impl SearchIndex) {
    fill(
        index,
        &[
            click(1, BEGIN, |c| {
                c.visit.ip = "203.0.113.0".parse().ok();
                c.visit.subs = Subs([(1, "alpha".to_owned()), (7, "shared".to_owned())].into());
                c.visit.aff_click_id = "Partner-1".to_owned();
                c.visit.user_agent =
                    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X)".to_owned();
                c.visit.referrer = "https://m.social.example/groups?id=7".to_owned();
                c.visit.referrer_host = "m.social.example".to_owned();
                (c.cost_micros, c.cost_currency) = (Some(500_000), Some(Currency::USD));
            }),
            click(2, hour(1), |c| {
                c.visit.ip = "2001:db8:7::".parse().ok();
                c.visit.subs = Subs([(1, "alphabet".to_owned()), (9, "shared".to_owned())].into());
                c.visit.user_agent = "Mozilla/5.0 (X11; Linux x86_64)".to_owned();
                (c.cost_micros, c.cost_currency) = (Some(700_000), Some(Currency::USD));
                c.target.country = "AT".to_owned();
                c.target.affiliate_id = None;
                c.unique = false;
            }),
            click(3, hour(2), |c| {
                c.visit.bot = "crawler".to_owned();
                c.valid = false;
                c.outcome = ClickOutcome::Fallback;
                c.reason = ClickReason::Cap;
                c.target.test = true;
            }),
        ],
    )
    .await;
    let filter = |field: &str, op: &str, value: Value| json!({"filters": [{"field": field, "op": op, "value": value}]});
    let cases: [(Value, &[u64]); 30] = [
        (json!({"from": hour(1).to_string()}), &[3, 2]),
        (json!({"to": hour(1).to_string()}), &[1]),
        (json!({"id": format!("CLICK{:027}", 2)}), &[2]),
        (json!({"id": "Partner-1"}), &[1]),
        (json!({"id": "nobody"}), &[]),
        (json!({"ip": "203.0.113.0/24"}), &[1]),
        (json!({"ip": "2001:db8::/32"}), &[2]),
        (json!({"ip": "203.0.114.0/24"}), &[]),
        (json!({"sub": "shared"}), &[2, 1]),
        (json!({"text": "iphone"}), &[1]),
        (json!({"text": "mozilla LINUX"}), &[2]),
        (json!({"text": "social"}), &[1]),
        (json!({"text": "m.social.example"}), &[1]),
        (filter("referrer", "words", json!("groups social")), &[1]),
        (filter("user_agent", "words", json!("social")), &[]),
        (
            filter("referrer_host", "eq", json!("m.social.example")),
            &[1],
        ),
        (filter("sub1", "eq", json!("alpha")), &[1]),
        (filter("sub1", "begins", json!("alpha")), &[2, 1]),
        (filter("sub1", "in", json!(["alphabet", null])), &[3, 2]),
        (filter("sub1", "not_in", json!(["alphabet", null])), &[1]),
        (filter("sub1", "ne", json!("alpha")), &[3, 2]),
        (filter("affiliate_id", "eq", json!(null)), &[2]),
        (filter("country", "eq", json!("at")), &[2]),
        (filter("cost", "gte", json!("0.50")), &[2, 1]),
        (filter("cost", "lte", json!("0.6")), &[1]),
        (filter("unique", "eq", json!(false)), &[2]),
        (filter("valid", "eq", json!(false)), &[3]),
        (filter("test", "eq", json!(true)), &[3]),
        (filter("outcome", "eq", json!("fallback")), &[3]),
        (filter("reason", "eq", json!("cap")), &[3]),
    ];
    for (request, expected) in cases {
        assert_eq!(found(index, request.clone()).await, expected, "{request}");
    }
}

/// Conversions are found by their own fields and by those of their click, by each of their times.
pub async fn conversions_are_found_by_their_click_too(index: &impl SearchIndex) {
    fill(
        index,
        &[
            conversion(1, BEGIN, |c| {
                c.visit.subs = Subs([(3, "x".to_owned())].into());
                c.visit.browser = "Firefox".to_owned();
                c.booked_at = hour(9);
            }),
            conversion(2, hour(2), |c| {
                c.status = ConversionStatus::Rejected;
                c.reason = Some(ConversionReason::OverCap);
                c.payout_micros = 9_000_000;
            }),
        ],
    )
    .await;
    let filter = |field: &str, op: &str, value: Value| json!({"filters": [{"field": field, "op": op, "value": value}]});
    let cases: [(Value, &[u64]); 9] = [
        (json!({"id": "order-2"}), &[2]),
        (json!({"id": format!("postback{:024}", 1)}), &[1]),
        (json!({"sub": "x"}), &[1]),
        (filter("browser", "eq", json!("Firefox")), &[1]),
        (filter("status", "in", json!(["rejected", "pending"])), &[2]),
        (filter("reason", "eq", json!("over_cap")), &[2]),
        (filter("payout", "gte", json!("2")), &[2]),
        (
            json!({"time_basis": "click", "to": hour(1).to_string()}),
            &[1],
        ),
        (
            json!({"time_basis": "booking", "from": hour(9).to_string()}),
            &[1],
        ),
    ];
    for (request, expected) in cases {
        let page = conversions(index, request.clone()).await;
        let seqs: Vec<u64> = page.items.iter().map(|c| c.seq).collect();
        assert_eq!(seqs, expected, "{request}");
    }
}

/// Pages give each document once, in order, both ways, also where many have the same time.
pub async fn pages_give_each_document_once(index: &impl SearchIndex) {
    let documents: Vec<Document> = (0..25).map(|n| click(n, hour(n / 10), |_| ())).collect();
    fill(index, &documents).await;
    for (order, expected) in [
        ("newest", (0..25).rev().collect::<Vec<u64>>()),
        ("oldest", (0..25).collect()),
    ] {
        let (mut all, mut cursor, mut pages) = (Vec::new(), Value::Null, 0);
        loop {
            let request = json!({"order": order, "limit": 7, "cursor": cursor});
            let page = clicks(index, TENANT, request).await;
            assert_eq!((page.total, page.is_total_exact), (25, true));
            all.extend(page.items.iter().map(|c| c.seq));
            pages += 1;
            match page.next {
                Some(next) => cursor = next.to_string().into(),
                None => break,
            }
        }
        assert_eq!((all, pages), (expected, 4), "{order}");
    }
}

/// Another tenant finds nothing, whatever it asks for.
pub async fn a_tenant_finds_nothing_of_another(index: &impl SearchIndex) {
    fill(
        index,
        &[click(1, BEGIN, |_| ()), conversion(2, BEGIN, |_| ())],
    )
    .await;
    let other = neighbour();
    for request in [json!({}), json!({"id": format!("click{:027}", 1)})] {
        assert_eq!(clicks(index, other, request).await.total, 0);
    }
    let query = query(DocumentKind::Conversions, json!({"id": "order-2"}));
    assert_eq!(
        index
            .conversions(other, query)
            .await
            .expect("an answer")
            .total,
        0
    );
    let question = json!({"of": "conversions", "group_by": ["country"]});
    let question = Drilldown::read(other, "UTC", &question).expect("a question");
    let page = index.drilldown(other, question).await.expect("an answer");
    assert_eq!((page.rows, page.total.count), (Vec::new(), 0));
}

/// Rows count clicks by their groups; those without a value are a group too.
pub async fn a_drilldown_counts_by_any_fields(index: &impl SearchIndex) {
    let sub = |text: &str| Subs([(2, text.to_owned())].into());
    fill(
        index,
        &[
            click(1, BEGIN, |c| {
                c.visit.subs = sub("a");
                c.visit.visitor = "v1".to_owned();
            }),
            click(2, hour(1), |c| {
                c.visit.subs = sub("a");
                c.visit.visitor = "v1".to_owned();
                c.unique = false;
            }),
            click(3, hour(2), |c| {
                c.visit.subs = sub("b");
                c.visit.visitor = "v2".to_owned();
                c.target.country = "AT".to_owned();
                (c.cost_micros, c.cost_currency) = (Some(1), Some(Currency::EUR));
            }),
            click(4, hour(3), |c| {
                c.valid = false;
                c.unique = false;
            }),
            click(5, hour(3), |c| c.target.test = true),
        ],
    )
    .await;
    let request =
        json!({"of": "clicks", "group_by": ["sub2", "country"], "distinct": ["visitors"]});
    let page = drilldown(index, request).await;
    let expected = [
        (vec![None, Some("DE")], 1),
        (vec![Some("a"), Some("DE")], 2),
        (vec![Some("b"), Some("AT")], 1),
    ];
    assert_eq!(counts(&page), expected);
    assert_eq!(
        (page.total.count, page.total.valid, page.total.unique),
        (4, 3, 2)
    );
    assert_eq!(page.total.distinct[0].1, 2);
    assert_eq!(page.rows[1].measured.distinct[0].1, 1);
    assert_eq!(page.total.sum(AmountField::Cost, Currency::EUR), 1);
    assert_eq!(page.watermark, Some(watermark(5)));
    let page = drilldown(
        index,
        json!({"of": "clicks", "group_by": ["sub2"], "sort": "-count", "limit": 1}),
    )
    .await;
    assert_eq!(
        (counts(&page), page.next.clone()),
        (vec![(vec![Some("a")], 2)], None)
    );
}

/// Sums are exact, also where they are larger than a double can count to; rejected conversions earn nothing.
pub async fn sums_are_exact_and_by_currency(index: &impl SearchIndex) {
    // 2^53 micros are nine billion units: three of these are past it, and odd.
    let large = 4_503_599_627_370_497;
    let earning = |seq, amount: i64| conversion(seq, hour(seq), move |c| c.payout_micros = amount);
    fill(
        index,
        &[
            earning(1, large),
            earning(2, large),
            earning(3, large),
            earning(4, -1),
            conversion(5, hour(5), |c| c.currency = Currency::EUR),
            conversion(6, hour(6), |c| c.status = ConversionStatus::Rejected),
            conversion(7, hour(7), |c| {
                c.status = ConversionStatus::Pending;
                (c.sale_amount_micros, c.sale_currency) = (None, None);
            }),
        ],
    )
    .await;
    let page = drilldown(
        index,
        json!({"of": "conversions", "group_by": ["status"], "sort": "-payout:USD"}),
    )
    .await;
    let payout = |i: usize| {
        page.rows[i]
            .measured
            .sum(AmountField::Payout, Currency::USD)
    };
    let (one, all) = (i128::from(large), 3 * i128::from(large) - 1);
    assert!(one * 3 > 1 << 53);
    assert_eq!([payout(0), payout(1), payout(2)], [all, 1_500_000, 0]);
    let total = &page.total;
    assert_eq!(
        total.sum(AmountField::Payout, Currency::USD),
        all + 1_500_000
    );
    assert_eq!(total.sum(AmountField::Payout, Currency::EUR), 1_500_000);
    assert_eq!(total.sum(AmountField::Revenue, Currency::USD), 10_000_000);
    assert_eq!(total.sum(AmountField::Sale, Currency::EUR), 100_000_000);
    assert_eq!(
        total.statuses,
        [
            (ConversionStatus::Pending, 1),
            (ConversionStatus::Approved, 5),
            (ConversionStatus::Rejected, 1)
        ]
    );
}

/// Days are cut at midnight of the zone, and have the hours that its clocks say.
pub async fn periods_are_cut_in_the_zone(index: &impl SearchIndex) {
    // Clocks in Berlin go forward on 2026-03-29 and back on 2026-10-25.
    let at = |text: &str| UnixMs::parse_rfc3339(text).expect("a time");
    let times = [
        "2026-03-28T22:59:59.999Z",
        "2026-03-28T23:00:00Z",
        "2026-03-29T21:59:59.999Z",
        "2026-03-29T22:00:00Z",
        "2026-10-25T00:30:00Z",
        "2026-10-25T01:30:00Z",
    ];
    let documents: Vec<Document> = times
        .iter()
        .zip(1..)
        .map(|(t, seq)| click(seq, at(t), |_| ()))
        .collect();
    fill(index, &documents).await;
    let rows = async |period: &str, zone: &str| {
        let request = json!({"of": "clicks", "group_by": [period], "timezone": zone});
        let page = drilldown(index, request).await;
        let row = |r: &crate::search::DrilldownRow| {
            (r.group[0].clone().unwrap_or_default(), r.measured.count)
        };
        page.rows.iter().map(row).collect::<Vec<_>>()
    };
    let named = |rows: &[(&str, u64)]| {
        rows.iter()
            .map(|(n, c)| ((*n).to_owned(), *c))
            .collect::<Vec<_>>()
    };
    let berlin = "Europe/Berlin";
    let days = [
        ("2026-03-28", 1),
        ("2026-03-29", 2),
        ("2026-03-30", 1),
        ("2026-10-25", 2),
    ];
    assert_eq!(rows("day", berlin).await, named(&days));
    let hours = rows("hour", berlin).await;
    let repeated = [
        ("2026-10-25T02:00:00+02:00", 1),
        ("2026-10-25T02:00:00+01:00", 1),
    ];
    assert_eq!(hours[hours.len() - 2..], named(&repeated));
    let weeks = [("2026-03-23", 3), ("2026-03-30", 1), ("2026-10-19", 2)];
    assert_eq!(rows("week", berlin).await, named(&weeks));
    assert_eq!(
        rows("month", berlin).await,
        named(&[("2026-03", 4), ("2026-10", 2)])
    );
    let half_hour = rows("hour", "Asia/Kolkata").await;
    assert_eq!(half_hour[0], ("2026-03-29T04:00:00+05:30".to_owned(), 2));
}

/// Rows in order of their groups are paged to the last one.
pub async fn a_drilldown_is_paged_to_its_end(index: &impl SearchIndex) {
    let of =
        |n: u64| move |c: &mut ClickDocument| c.visit.subs = Subs([(1, format!("s{n:04}"))].into());
    let documents: Vec<Document> = (0..1_203)
        .map(|n| click(n, hour(n % 30), of(n % 601)))
        .collect();
    fill(index, &documents).await;
    let (mut seen, mut cursor) = (Vec::new(), Value::Null);
    loop {
        let request = json!({"of": "clicks", "group_by": ["sub1"], "limit": 250, "cursor": cursor});
        let page = drilldown(index, request).await;
        assert_eq!(page.total.count, 1_203);
        seen.extend(
            page.rows
                .iter()
                .map(|r| (r.group[0].clone().unwrap_or_default(), r.measured.count)),
        );
        match page.next {
            Some(next) => cursor = serde_json::to_string(&next).expect("JSON").into(),
            None => break,
        }
    }
    let expected: Vec<(String, u64)> = (0..601)
        .map(|n| (format!("s{n:04}"), if n == 0 { 3 } else { 2 }))
        .collect();
    assert_eq!(seen, expected);
}

/// Readers see the old generation, whole, until the new one is published, whole; then the old one is gone.
pub async fn a_generation_is_seen_when_it_is_published(index: &impl SearchIndex) {
    let old = fill(index, &[click(1, BEGIN, |_| ())]).await;
    let forgotten = index.begin().await.expect("begun");
    write(index, forgotten, &[click(7, BEGIN, |_| ())]).await;
    let fresh = index.begin().await.expect("begun");
    assert!(old < forgotten && forgotten < fresh);
    let late = index.set_cursor(forgotten, watermark(9)).await;
    assert!(matches!(late, Err(SearchError::Lost)), "{late:?}");
    let written = write(
        index,
        fresh,
        &[click(1, BEGIN, |_| ()), click(2, hour(1), |_| ())],
    )
    .await;
    assert_eq!(written, vec![Written::Stored; 2]);
    index.set_cursor(fresh, watermark(2)).await.expect("kept");
    assert_eq!(found(index, json!({})).await, [1]);
    assert_eq!(index.live().await.expect("live"), old);
    index.publish(fresh).await.expect("published");
    let page = clicks(index, TENANT, json!({})).await;
    let seqs: Vec<u64> = page.items.iter().map(|c| c.seq).collect();
    assert_eq!((seqs, page.watermark), (vec![2, 1], Some(watermark(2))));
    assert_eq!(index.live().await.expect("live"), fresh);
    let late = index.set_cursor(old, watermark(9)).await;
    assert!(matches!(late, Err(SearchError::Lost)), "{late:?}");
    let written = write(index, fresh, &[click(3, hour(2), |_| ())]).await;
    assert_eq!(written, [Written::Stored]);
    index.set_cursor(fresh, watermark(3)).await.expect("kept");
    assert_eq!(found(index, json!({})).await, [3, 2, 1]);
}

/// Months that lie wholly before a time are dropped, and that is no loss.
pub async fn old_months_are_forgotten_and_the_cursor_stays(index: &impl SearchIndex) {
    let (january, march) = (UnixMs(BEGIN.0 - 40 * 86_400_000), BEGIN);
    let documents = [
        click(1, january, |_| ()),
        conversion(2, january, |_| ()),
        click(3, march, |_| ()),
    ];
    let generation = fill(index, &documents).await;
    assert_eq!(
        index.forget(january).await.expect("asked"),
        Vec::<String>::new()
    );
    assert_eq!(index.forget(march).await.expect("asked").len(), 2);
    assert_eq!(found(index, json!({})).await, [3]);
    assert_eq!(conversions(index, json!({})).await.total, 0);
    assert_eq!(
        index.cursor(generation).await.expect("read"),
        Some(watermark(3))
    );
    write(index, generation, &[click(4, hour(1), |_| ())]).await;
    index
        .set_cursor(generation, watermark(4))
        .await
        .expect("kept");
    let stats = index.stats().await.expect("told");
    assert_eq!(
        (stats.live, stats.clicks, stats.conversions),
        (Some(generation), 2, 0)
    );
    assert_eq!(stats.cursor, Some(watermark(4)));
}
