//! Conversions, clicks, balances, reports: what the stores tell.

use serde_json::{Value, json};

use super::world::{OURS, World};

fn ids(body: &Value) -> Vec<&str> {
    let items = body["items"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    items.iter().filter_map(|c| c["id"].as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn conversions_are_listed_by_filters_newest_first() {
    let world = World::new().await;
    let s = world.seed(OURS).await;
    let (first, second) = (world.click(&s).await, world.click(&s).await);
    let a = world.postback(&s, first, "t1", "approved").await;
    let b = world.postback(&s, second, "t2", "pending").await;
    let c = world.postback(&s, second, "t3", "rejected").await;
    let cases = [
        (String::new(), vec![&c, &b, &a]),
        (format!("?click_id={second}"), vec![&c, &b]),
        (
            format!("?click_id={}", second.to_string().to_uppercase()),
            vec![&c, &b],
        ),
        ("?txid=t1".to_owned(), vec![&a]),
        ("?status=pending,approved".to_owned(), vec![&b, &a]),
        ("?status=-rejected".to_owned(), vec![&b, &a]),
        (
            format!("?offer_id={}&affiliate_id={}", s.offer, s.affiliate),
            vec![&c, &b, &a],
        ),
        ("?from=2030-01-01T00:00:00Z".to_owned(), vec![]),
        ("?reason=over_cap".to_owned(), vec![]),
        (
            "?click_id=00000000000000000000000000000000".to_owned(),
            vec![],
        ),
    ];
    for (query, expect) in cases {
        let answer = world
            .get(&format!("/v1/conversions{query}"))
            .await
            .expect(200);
        assert_eq!(ids(&answer.body), expect, "{query}");
    }
    let page = world.get("/v1/conversions?limit=2").await.expect(200);
    let rest = world
        .get(&format!(
            "/v1/conversions?limit=2&after={}",
            page.text("next")
        ))
        .await
        .expect(200);
    assert_eq!(
        (ids(&page.body), ids(&rest.body)),
        (vec![c.as_str(), b.as_str()], vec![a.as_str()])
    );
    let back = world
        .get(&format!(
            "/v1/conversions?limit=2&before={}",
            rest.text("previous")
        ))
        .await
        .expect(200);
    assert_eq!(ids(&back.body), [c.as_str(), b.as_str()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_moves_the_money_and_is_in_the_history() {
    let world = World::new().await;
    let s = world.seed(OURS).await;
    let click = world.click(&s).await;
    let id = world.postback(&s, click, "t1", "pending").await;
    let affiliate = format!("/v1/affiliates/{}/balance", s.affiliate);
    let advertiser = format!("/v1/advertisers/{}/balance", s.advertiser);
    let balance = |pending: &str, payable: &str| json!({"balances": [{"currency": "USD", "pending": pending, "hold": "0.00", "payable": payable}]});
    assert_eq!(
        world.get(&affiliate).await.expect(200).body,
        balance("11.00", "0.00")
    );
    let decide = |status: &'static str| {
        let (world, path) = (&world, format!("/v1/conversions/{id}/status"));
        async move {
            world
                .post(
                    &path,
                    json!({"status": status, "reason": "checked by hand"}),
                )
                .await
        }
    };
    let approved = decide("approved").await.expect(200);
    assert_eq!(
        (approved.text("status"), approved.text("note")),
        ("approved".to_owned(), "checked by hand".to_owned())
    );
    assert_eq!(world.get(&affiliate).await.body, balance("0.00", "11.00"));
    let owed = world.get(&advertiser).await.body;
    assert_eq!(
        owed,
        json!({"balances": [{"currency": "USD", "pending": "0.00", "receivable": "15.00"}]})
    );
    let again = decide("pending").await.expect(409);
    assert_eq!(
        again.fields(),
        [("status".to_owned(), "not_legal".to_owned())]
    );
    decide("gone").await.expect(422);
    let history = world
        .get(&format!("/v1/conversions/{id}"))
        .await
        .expect(200)
        .body;
    assert_eq!(history["id"], id.as_str());
    assert_eq!(history["postbacks"].as_array().map(Vec::len), Some(1));
    assert_eq!(history["changes"][0]["to"], "approved");
    assert!(
        history["changes"][0]["by"]
            .as_str()
            .is_some_and(|by| by.starts_with("key_"))
    );
    assert_eq!(history["entries"].as_array().map(Vec::len), Some(4));
    assert_eq!(
        history["entries"][0]["debit"]["account"],
        "commission_expense"
    );
    let unknown = "/v1/conversions/cnv_1/status";
    world
        .post(unknown, json!({"status": "approved"}))
        .await
        .expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_click_is_shown_and_explained_with_what_came_of_it() {
    let world = World::new().await;
    let s = world.seed(OURS).await;
    let click = world.click(&s).await;
    let id = world.postback(&s, click, "t1", "approved").await;
    world
        .patch(&format!("/v1/offers/{}", s.offer), json!({"name": "Boots"}))
        .await
        .expect(200);
    let shown = world
        .get(&format!("/v1/clicks/{click}"))
        .await
        .expect(200)
        .body;
    assert_eq!(
        (&shown["unique"], &shown["valid"], &shown["test"]),
        (&json!(true), &json!(true), &json!(false))
    );
    assert_eq!(
        (&shown["offer_id"], &shown["arm"]),
        (&json!(s.offer), &json!(s.arm))
    );
    assert_eq!(
        (&shown["country"], &shown["device"]),
        (&json!("DE"), &json!("desktop"))
    );
    let why = world
        .get(&format!("/v1/clicks/{click}/explain"))
        .await
        .expect(200)
        .body;
    assert_eq!(
        why["offer"],
        json!({"offer_id": s.offer, "name": "Boots", "version_at_click": 1, "version_now": 2})
    );
    assert_eq!(why["conversions"][0]["id"], id.as_str());
    assert_eq!(
        why["eligible"],
        json!([{"arm": s.arm, "offer_id": s.offer, "weight_now": 3, "chosen": true}])
    );
    assert!(
        why["steps"]
            .as_array()
            .is_some_and(|steps| steps.len() >= 4)
    );
    let mut forged = click.to_string().into_bytes();
    forged[31] = if forged[31] == b'0' { b'1' } else { b'0' };
    world
        .get(&format!("/v1/clicks/{}", String::from_utf8_lossy(&forged)))
        .await
        .expect(404);
    world.get("/v1/clicks/x").await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_adds_up_and_a_wrong_question_is_named_field_by_field() {
    let world = World::new().await;
    let s = world.seed(OURS).await;
    let click = world.click(&s).await;
    world.click(&s).await;
    world.postback(&s, click, "t1", "approved").await;
    let question = json!({"from": "2024-01-01", "to": "2024-01-04", "group_by": ["offer"],
        "metrics": ["total_click", "cv", "payout", "revenue", "profit"]});
    let answer = world
        .post("/v1/reports/query", question)
        .await
        .expect(200)
        .body;
    let row = &answer["rows"][0];
    assert_eq!(
        (&row["offer"], &row["total_click"], &row["cv"]),
        (&json!(s.offer), &json!(2), &json!(1))
    );
    assert_eq!(
        (&row["payout"], &row["profit"]),
        (&json!("11.00"), &json!("4.00"))
    );
    assert_eq!(answer["totals"][0]["revenue"], "15.00");
    assert!(answer["watermark"]["at"].is_string());
    let wrong = json!({"from": "x", "to": "2024-01-04", "group_by": ["shoe"], "colour": 1});
    let fields = world
        .post("/v1/reports/query", wrong)
        .await
        .expect(422)
        .fields();
    let names: Vec<_> = fields.iter().map(|(field, _)| field.as_str()).collect();
    assert!(
        names.contains(&"from") && names.contains(&"colour"),
        "{names:?}"
    );
    let schema = world.get("/v1/reports/schema").await.expect(200).body;
    assert!(schema["metrics"].as_array().is_some_and(|m| m.len() > 10));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_distribution_tells_what_its_arms_are_worth() {
    let world = World::new().await;
    let s = world.seed(OURS).await;
    let click = world.click(&s).await;
    world.postback(&s, click, "t1", "approved").await;
    let known = world
        .get(&format!("/v1/campaigns/{}/distribution", s.campaign))
        .await
        .expect(200)
        .body;
    assert_eq!(known["snapshot_version"], 1);
    let arm = &known["flows"][0]["arms"][0];
    assert_eq!(
        (&arm["arm"], &arm["clicks"], &arm["conversions"]),
        (&json!(s.arm), &json!(1), &json!(1))
    );
    assert_eq!(
        (&arm["revenue"], &arm["share"], &arm["weight"]),
        (&json!("15.00"), &json!(1.0), &json!(3))
    );
    assert!(arm["value_low"].as_f64() <= arm["value_mean"].as_f64());
    assert!(arm["value_mean"].as_f64() <= arm["value_high"].as_f64());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_simulation_says_where_a_click_would_go_and_records_nothing() {
    let world = World::new().await;
    let s = world.seed(OURS).await;
    let ask = |body: Value| {
        let world = &world;
        async move { world.post("/v1/route/simulate", body).await }
    };
    let sent =
        ask(json!({"campaign_id": s.campaign, "aff": s.affiliate, "visitor": {"country": "de"}}))
            .await;
    let sent = sent.expect(200).body;
    assert_eq!(
        (&sent["outcome"], &sent["offer_id"]),
        (&json!("redirected"), &json!(s.offer))
    );
    assert_eq!(sent["url"], "https://shop.example/?c=");
    assert_eq!(sent["eligible"], json!([s.arm]));
    let refused = ask(json!({"campaign_id": s.campaign, "visitor": {"country": "XX"}}))
        .await
        .expect(200)
        .body;
    assert_eq!(
        (&refused["reason"], refused.get("url")),
        (&json!("targeting"), None)
    );
    let steps = refused["steps"].to_string();
    assert!(steps.contains("country"), "{steps}");
    for (body, field) in [
        (json!({"campaign_id": "cmp_1"}), "campaign_id"),
        (json!({"campaign_id": s.campaign, "time": "noon"}), "time"),
        (
            json!({"campaign_id": s.campaign, "visitor": {"country": "DEU"}}),
            "visitor.country",
        ),
        (
            json!({"campaign_id": s.campaign, "visitor": {"ip": "x"}}),
            "visitor.ip",
        ),
        (
            json!({"campaign_id": s.campaign, "sub": {"21": "x"}}),
            "sub.21",
        ),
        (
            json!({"campaign_id": s.campaign, "visitor": {"age": 7}}),
            "visitor.age",
        ),
    ] {
        assert_eq!(
            ask(body.clone()).await.expect(422).fields()[0].0,
            field,
            "{body}"
        );
    }
    let known = world
        .get(&format!("/v1/campaigns/{}/distribution", s.campaign))
        .await
        .body;
    assert_eq!(known["flows"][0]["arms"][0]["clicks"], 0);
}
