//! Making, showing, listing, changing.

use poem::http::Method;
use serde_json::{Value, json};

use super::seed;
use super::world::{Answer, OPERATOR, OURS, UNIQUENESS_CAPACITY, World, key_of};

fn ids(answer: &Answer) -> Vec<String> {
    let items = answer.body["items"].as_array().cloned().unwrap_or_default();
    items
        .iter()
        .map(|e| e["id"].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_is_made_by_the_operator_with_a_first_key_that_works() {
    let world = World::new().await;
    let body = json!({"name": "Harbour", "currency": "EUR", "timezone": "Europe/Vienna"});
    let made = world
        .ask(OPERATOR, Method::POST, "/v1/tenants", &[], Some(&body))
        .await
        .expect(201);
    let key = made.text("api_key");
    assert!(key.starts_with("weir_live_"));
    assert_eq!(
        made.header("location"),
        format!("/v1/tenants/{}", made.text("id"))
    );
    assert_eq!(made.header("etag"), "\"1\"");
    let seen = world
        .ask(&key, Method::GET, made.header("location"), &[], None)
        .await
        .expect(200);
    assert_eq!(
        (seen.text("name"), seen.text("currency")),
        ("Harbour".to_owned(), "EUR".to_owned())
    );
    assert_eq!(seen.body.get("api_key"), None);
    assert_eq!(
        seen.body.get("rules"),
        None,
        "how facts are judged is not a setting"
    );
    assert_eq!(
        seen.body["uniqueness_capacity"], UNIQUENESS_CAPACITY,
        "the installation's setting"
    );
    let affiliate = json!({"name": "Blog", "status": "pending"});
    world
        .ask(&key, Method::POST, "/v1/affiliates", &[], Some(&affiliate))
        .await
        .expect(201);
    let wrong = json!({"name": "", "currency": "XXX", "timezone": "Mars/Olympus"});
    world
        .ask(OPERATOR, Method::POST, "/v1/tenants", &[], Some(&wrong))
        .await
        .expect(422);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_the_operator_sets_of_a_tenant_is_refused_to_its_keys() {
    let world = World::new().await;
    let path = format!("/v1/tenants/{OURS}");
    world
        .patch(&path, json!({"name": "New name"}))
        .await
        .expect(200);
    world
        .patch(&path, json!({"status": "archived"}))
        .await
        .expect(403);
    world
        .patch(&path, json!({"uniqueness_capacity": 5000}))
        .await
        .expect(403);
    let patch = json!({"uniqueness_capacity": 5000, "status": "archived"});
    world
        .ask(OPERATOR, Method::PATCH, &path, &[], Some(&patch))
        .await
        .expect(200);
    world.get("/v1/offers").await.expect(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_advertiser_comes_with_what_its_postbacks_need_and_a_new_token_changes_it() {
    let world = World::new().await;
    let made = world
        .post("/v1/advertisers", json!({"name": "Shop"}))
        .await
        .expect(201);
    let id = made.text("id");
    let token = made.text("postback_token");
    assert!(token.starts_with("pbt_"));
    assert_eq!(
        made.text("postback_url"),
        format!(
            "https://track.example/postback?click_id={{click_id}}&amount={{amount}}&txid={{txid}}&token={token}"
        )
    );
    assert!(made.text("pixel_url").ends_with(&made.text("pixel_key")));
    let shown = world
        .get(&format!("/v1/advertisers/{id}"))
        .await
        .expect(200);
    assert_eq!(shown.body.get("postback_token"), None);
    assert_eq!(shown.body.get("token_version"), None);
    assert_eq!(shown.text("pixel_key"), made.text("pixel_key"));
    let path = format!("/v1/advertisers/{id}/rotate-token");
    let rotated = world
        .ask(
            &key_of(OURS),
            Method::POST,
            &format!("{path}?overlap_hours=2"),
            &[],
            None,
        )
        .await
        .expect(200);
    assert_ne!(rotated.text("postback_token"), token);
    assert_eq!(
        rotated.text("previous_token_until"),
        "2024-01-02T02:00:00.000Z"
    );
    world
        .ask(
            &key_of(OURS),
            Method::POST,
            &format!("{path}?overlap_hours=721"),
            &[],
            None,
        )
        .await
        .expect(400);
    let again = world
        .get(&format!("/v1/advertisers/{id}/postback"))
        .await
        .expect(200);
    assert_eq!(again.text("postback_token"), rotated.text("postback_token"));
    let signing = world
        .post(
            "/v1/advertisers",
            json!({"name": "S", "postback_auth": "hmac"}),
        )
        .await
        .expect(201);
    assert!(signing.text("postback_secret").starts_with("pbs_"));
    assert!(!signing.text("postback_url").contains("token="));
}

#[tokio::test(flavor = "multi_thread")]
async fn offers_and_campaigns_come_with_links_to_paste() {
    let world = World::new().await;
    let s = world.seed(OURS).await;
    for path in [
        format!("/v1/offers/{}", s.offer),
        format!("/v1/campaigns/{}", s.campaign),
    ] {
        let shown = world.get(&path).await.expect(200);
        let expect = format!(
            "https://track.example/c/{}?aff={{affiliate_id}}",
            shown.text("link")
        );
        assert_eq!(shown.text("click_url"), expect);
        assert!(shown.text("link").len() >= 8, "{}", shown.body);
    }
    let of_brand = json!({"domain_id": s.domain, "link": "autumn", "name": "B", "distribution": {"mode": "fixed"},
        "arms": [{"offer_id": s.offer}]});
    let made = world.post("/v1/campaigns", of_brand).await.expect(201);
    assert_eq!(
        made.text("click_url"),
        "https://go1.brand.example/c/autumn?aff={affiliate_id}"
    );
    let campaigns = ids(&world.get("/v1/campaigns").await);
    assert_eq!(
        campaigns,
        [made.text("id"), s.campaign],
        "the own links of offers are not listed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_acceptable_is_named_field_by_field() {
    let world = World::new().await;
    let s = world.seed(OURS).await;
    let mut offer = seed::offer(&s.advertiser);
    offer["caps"][0]["limit"] = json!("many");
    let refused = world.post("/v1/offers", offer).await.expect(422);
    assert_eq!(refused.fields()[0].0, "caps[0].limit");
    let mut offer = seed::offer(&s.advertiser);
    offer["nmae"] = json!("x");
    let refused = world.post("/v1/offers", offer).await.expect(422);
    assert_eq!(
        refused.fields(),
        [("nmae".to_owned(), "unknown_field".to_owned())]
    );
    let refused = world.post("/v1/offers", json!({})).await.expect(422);
    assert_eq!(refused.fields()[0].1, "required");
    let host = json!({"host": "go1.brand.example"});
    let taken = world.post("/v1/domains", host).await.expect(409);
    assert_eq!(
        (taken.code(), taken.fields()[0].0.as_str()),
        ("conflict", "host")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_guarded_by_the_version_that_was_read() {
    let world = World::new().await;
    let s = world.seed(OURS).await;
    let path = format!("/v1/offers/{}", s.offer);
    let key = key_of(OURS);
    let with =
        |headers: &'static [(&'static str, &'static str)], method: Method, body: Option<Value>| {
            let (world, key, path) = (&world, &key, &path);
            async move { world.ask(key, method, path, headers, body.as_ref()).await }
        };
    assert_eq!(world.get(&path).await.header("etag"), "\"1\"");
    with(&[("if-none-match", "\"1\"")], Method::GET, None)
        .await
        .expect(304);
    let name = |name: &str| Some(json!({"name": name}));
    let stale = with(&[("if-match", "\"7\"")], Method::PATCH, name("A"))
        .await
        .expect(412);
    assert_eq!(
        (stale.code(), stale.header("etag")),
        ("version_mismatch", "\"1\"")
    );
    let changed = with(&[("if-match", "\"1\"")], Method::PATCH, name("B"))
        .await
        .expect(200);
    assert_eq!(
        (changed.header("etag"), changed.text("name")),
        ("\"2\"", "B".to_owned())
    );
    let same = with(&[], Method::PATCH, name("B")).await.expect(200);
    assert_eq!(
        same.header("etag"),
        "\"2\"",
        "a change that changes nothing makes no version"
    );
    with(&[("if-none-match", "\"1\"")], Method::GET, None)
        .await
        .expect(200);
    with(&[("if-match", "2")], Method::PATCH, name("C"))
        .await
        .expect(400);
    let paused = with(
        &[("if-match", "*")],
        Method::PATCH,
        Some(json!({"status": "paused", "fallback_url": null})),
    )
    .await;
    assert_eq!(paused.expect(200).text("status"), "paused");
    let archive = format!("{path}/archive");
    world
        .ask(&key, Method::POST, &archive, &[("if-match", "\"1\"")], None)
        .await
        .expect(412);
    let archived = world
        .ask(&key, Method::POST, &archive, &[("if-match", "\"3\"")], None)
        .await
        .expect(200);
    assert_eq!(archived.text("status"), "archived");
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_keep_their_ids_through_edits() {
    let world = World::new().await;
    let s = world.seed(OURS).await;
    let path = format!("/v1/campaigns/{}", s.campaign);
    let before = world.get(&path).await.expect(200).body["arms"].clone();
    let mut arms = before.clone();
    arms[0]["weight"] = json!(9);
    let after = world
        .patch(&path, json!({"arms": arms}))
        .await
        .expect(200)
        .body["arms"]
        .clone();
    assert_eq!(after[0]["id"], before[0]["id"]);
    assert_eq!(after[0]["weight"], 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn terms_are_made_and_changed_by_the_same_put() {
    let world = World::new().await;
    let s = world.seed(OURS).await;
    let path = format!("/v1/offers/{}/affiliates/{}", s.offer, s.affiliate);
    let put = |headers: &'static [(&'static str, &'static str)], status: &'static str| {
        let (world, path) = (&world, &path);
        async move {
            let body = json!({"status": status});
            world
                .ask(&key_of(OURS), Method::PUT, path, headers, Some(&body))
                .await
        }
    };
    let shown = world.get(&path).await.expect(200);
    assert_eq!(
        shown.body["payout"],
        json!({"type": "cpa", "amount": "11.00"})
    );
    assert_eq!(shown.text("affiliate_id"), s.affiliate);
    put(&[("if-match", "\"9\"")], "blocked").await.expect(412);
    let changed = put(&[("if-match", "\"1\"")], "blocked").await.expect(200);
    assert_eq!(
        (changed.text("status"), changed.header("etag")),
        ("blocked".to_owned(), "\"2\"")
    );
    assert_eq!(changed.body.get("payout"), None, "a put replaces the whole");
    let list = format!("/v1/offers/{}/affiliates", s.offer);
    assert_eq!(ids(&world.get(&list).await).len(), 1);
    assert_eq!(
        ids(&world.get(&format!("{list}?status=approved")).await).len(),
        0
    );
    let other = world
        .made(
            &key_of(OURS),
            "/v1/affiliates",
            json!({"name": "Other", "status": "pending"}),
        )
        .await;
    let path = format!("/v1/offers/{}/affiliates/{other}", s.offer);
    world.get(&path).await.expect(404);
    let body = json!({"status": "approved"});
    world
        .ask(
            &key_of(OURS),
            Method::PUT,
            &path,
            &[("if-match", "*")],
            Some(&body),
        )
        .await
        .expect(412);
    let made = world
        .ask(&key_of(OURS), Method::PUT, &path, &[], Some(&body))
        .await
        .expect(201);
    assert_eq!(made.header("location"), path);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_shown_once_and_refused_once_revoked() {
    let world = World::new().await;
    let made = world
        .post(
            "/v1/api-keys",
            json!({"name": "CI", "scopes": ["catalog:read"]}),
        )
        .await
        .expect(201);
    let key = made.text("api_key");
    assert!(key.starts_with(&made.text("prefix")));
    world
        .ask(&key, Method::GET, "/v1/offers", &[], None)
        .await
        .expect(200);
    let path = format!("/v1/api-keys/{}", made.text("id"));
    let shown = world.get(&path).await.expect(200).body;
    assert_eq!((shown.get("api_key"), shown.get("sha256")), (None, None));
    assert!(
        !world
            .get("/v1/api-keys")
            .await
            .body
            .to_string()
            .contains(&key)
    );
    world
        .ask(
            &key_of(OURS),
            Method::POST,
            &format!("{path}/revoke"),
            &[],
            None,
        )
        .await
        .expect(200);
    world
        .ask(&key, Method::GET, "/v1/offers", &[], None)
        .await
        .expect(401);
    let wrong = world
        .post("/v1/api-keys", json!({"name": "CI", "scopes": ["fly"]}))
        .await
        .expect(422);
    assert_eq!(wrong.fields()[0].0, "scopes[0]");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_are_made_at_once_with_a_result_for_each() {
    let world = World::new().await;
    let items = json!({"items": [{"name": "A", "status": "pending"}, {"name": 7, "status": "pending"}, {"name": "C", "status": "approved"}, {"name": " ", "status": "pending"}]});
    let answer = world.post("/v1/affiliates/bulk", items).await.expect(200);
    let rows = answer.body["results"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let statuses: Vec<_> = rows
        .iter()
        .map(|r| r["status"].as_u64().unwrap_or_default())
        .collect();
    assert_eq!(statuses, [201, 422, 201, 422], "{rows:?}");
    assert_eq!(rows[1]["problem"]["field_errors"][0]["field"], "name");
    let made: Vec<_> = [&rows[2], &rows[0]]
        .map(|r| r["id"].as_str().unwrap_or_default().to_owned())
        .into();
    assert_eq!(ids(&world.get("/v1/affiliates").await), made);
    for (body, field) in [
        (json!({}), "items"),
        (json!({"items": 1}), "items"),
        (json!({"items": [], "x": 1}), "x"),
    ] {
        assert_eq!(
            world
                .post("/v1/affiliates/bulk", body)
                .await
                .expect(422)
                .fields()[0]
                .0,
            field
        );
    }
    let many =
        |count: usize| json!({"items": vec![json!({"name": "N", "status": "pending"}); count]});
    world
        .post("/v1/affiliates/bulk", many(501))
        .await
        .expect(422);
    let full = world
        .post("/v1/affiliates/bulk", many(500))
        .await
        .expect(200);
    assert_eq!(full.body["results"].as_array().map(Vec::len), Some(500));
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_go_by_pages_and_filters() {
    let world = World::new().await;
    let items: Vec<Value> = (0..7).map(|n| json!({"name": format!("N{n}"), "status": if n % 2 == 0 { "approved" } else { "banned" }})).collect();
    world
        .post("/v1/affiliates/bulk", json!({"items": items}))
        .await
        .expect(200);
    let all = ids(&world.get("/v1/affiliates").await);
    assert_eq!(all.len(), 7);
    let first = world.get("/v1/affiliates?limit=3").await;
    assert_eq!(
        (ids(&first), first.body.get("previous")),
        (all[..3].to_vec(), None)
    );
    let second = world
        .get(&format!(
            "/v1/affiliates?limit=3&after={}",
            first.text("next")
        ))
        .await;
    assert_eq!(ids(&second), all[3..6]);
    let back = world
        .get(&format!(
            "/v1/affiliates?limit=3&before={}",
            second.text("previous")
        ))
        .await;
    assert_eq!(ids(&back), all[..3]);
    assert_eq!(
        ids(&world.get("/v1/affiliates?status=approved").await).len(),
        4
    );
    assert_eq!(
        ids(&world.get("/v1/affiliates?status=-approved").await).len(),
        3
    );
    let s = world.seed(OURS).await;
    let offers = |advertiser: &str| format!("/v1/offers?advertiser_id={advertiser}");
    assert_eq!(ids(&world.get(&offers(&s.advertiser)).await), [s.offer]);
    let other = world
        .made(&key_of(OURS), "/v1/advertisers", json!({"name": "Other"}))
        .await;
    assert_eq!(ids(&world.get(&offers(&other)).await).len(), 0);
    world.get(&offers("adv_zz")).await.expect(400);
}
