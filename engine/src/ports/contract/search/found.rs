//! Documents are found by what they hold.

use super::*;

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
