//! Repetitions of a POST.

use poem::http::Method;
use serde_json::json;

use super::world::{OURS, THEIRS, World, key_of};

#[tokio::test(flavor = "multi_thread")]
async fn a_repetition_gets_the_first_answer_and_makes_nothing() {
    let world = World::new().await;
    let post = |tenant, key: &'static str, name: &'static str| {
        let world = &world;
        async move {
            let (headers, body) = (
                [("idempotency-key", key)],
                json!({"name": name, "status": "approved"}),
            );
            world
                .ask(
                    &key_of(tenant),
                    Method::POST,
                    "/v1/affiliates",
                    &headers,
                    Some(&body),
                )
                .await
        }
    };
    let first = post(OURS, "k1", "A").await.expect(201);
    assert_eq!(first.header("idempotency-replayed"), "");
    let again = post(OURS, "k1", "A").await.expect(201);
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(
        (&again.body, again.header("location")),
        (&first.body, first.header("location"))
    );
    assert_ne!(again.header("x-request-id"), first.header("x-request-id"));
    assert_eq!(
        post(OURS, "k1", "B").await.expect(422).code(),
        "idempotency_key_reused"
    );
    let theirs = post(THEIRS, "k1", "B").await.expect(201);
    assert_ne!(
        theirs.text("id"),
        first.text("id"),
        "a key belongs to its caller"
    );
    let listed = world.get("/v1/affiliates").await;
    assert_eq!(listed.body["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_request_may_be_corrected_under_its_key() {
    let world = World::new().await;
    let headers = [("idempotency-key", "k")];
    let post = |body| {
        let (world, headers) = (&world, &headers);
        async move {
            world
                .ask(
                    &key_of(OURS),
                    Method::POST,
                    "/v1/affiliates",
                    headers,
                    Some(&body),
                )
                .await
        }
    };
    post(json!({"name": 1})).await.expect(422);
    post(json!({"name": "A", "status": "approved"}))
        .await
        .expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_the_same_time_one_is_carried_out() {
    let world = World::new().await;
    let headers = [("idempotency-key", "k")];
    let body = json!({"name": "A", "status": "approved"});
    let key = key_of(OURS);
    let ask = || world.ask(&key, Method::POST, "/v1/affiliates", &headers, Some(&body));
    let (a, b, c, d) = tokio::join!(ask(), ask(), ask(), ask());
    for answer in [a, b, c, d] {
        let is_known = answer.status == 201 || answer.code() == "idempotency_in_flight";
        assert!(is_known, "{}", answer.body);
    }
    let listed = world.get("/v1/affiliates").await;
    assert_eq!(listed.body["items"].as_array().map(Vec::len), Some(1));
    world
        .ask(
            &key,
            Method::POST,
            "/v1/affiliates",
            &[("idempotency-key", "")],
            Some(&body),
        )
        .await
        .expect(400);
    let long = "k".repeat(256);
    world
        .ask(
            &key,
            Method::POST,
            "/v1/affiliates",
            &[("idempotency-key", &long)],
            Some(&body),
        )
        .await
        .expect(400);
    world
        .ask(
            &key,
            Method::POST,
            "/v1/affiliates",
            &[("idempotency-key", &long[1..])],
            Some(&body),
        )
        .await
        .expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_answered_anew_and_nothing_is_kept_of_it() {
    let world = World::new().await;
    let question = json!({"from": "2024-01-01", "to": "2024-01-04", "group_by": ["offer"]});
    let headers = [("idempotency-key", "k")];
    for _ in 0..2 {
        let path = "/v1/reports/query";
        let answer = world
            .ask(&key_of(OURS), Method::POST, path, &headers, Some(&question))
            .await
            .expect(200);
        assert_eq!(answer.header("idempotency-replayed"), "");
    }
}
