//! Who may do what, and what the door refuses.

use poem::Request;
use poem::http::Method;
use serde_json::json;
use weir_engine::ids::TenantId;

use super::world::{OPERATOR, OURS, THEIRS, World, key_of};
use crate::admin::Allowance;

#[tokio::test(flavor = "multi_thread")]
async fn a_key_may_do_what_its_scopes_say_and_no_more() {
    let world = World::new().await;
    let reads = world.scoped_key(OURS, 2, &["catalog:read"]).await;
    let tracks = world.scoped_key(OURS, 3, &["track"]).await;
    let reports = world.scoped_key(OURS, 4, &["reports:read"]).await;
    let cases = [
        (key_of(OURS), "/v1/offers", 200),
        (reads.clone(), "/v1/offers", 200),
        (tracks.clone(), "/v1/offers", 403),
        (reports.clone(), "/v1/offers", 403),
        (reports.clone(), "/v1/reports/schema", 200),
        (reads.clone(), "/v1/reports/schema", 403),
        (reads.clone(), "/v1/conversions", 403),
        (tracks, "/v1/reports/schema", 403),
        (reads.clone(), "/v1/api-keys", 403),
        (key_of(OURS), "/v1/api-keys", 200),
    ];
    for (key, path, status) in cases {
        let answer = world.ask(&key, Method::GET, path, &[], None).await;
        assert_eq!(answer.status, status, "{path} {}", answer.body);
        assert_eq!(answer.code(), if status == 403 { "forbidden" } else { "" });
    }
    let body = json!({"name": "A", "status": "approved"});
    let refused = world
        .ask(&reads, Method::POST, "/v1/affiliates", &[], Some(&body))
        .await;
    assert_eq!(refused.expect(403).code(), "forbidden");
    let refused = world
        .post(
            "/v1/tenants",
            json!({"name": "T", "currency": "USD", "timezone": "UTC"}),
        )
        .await;
    assert_eq!(refused.expect(403).code(), "forbidden");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_gives_another_no_more_than_it_has() {
    let world = World::new().await;
    let keys = world
        .scoped_key(OURS, 2, &["keys:write", "reports:read"])
        .await;
    let operator = [("x-tenant", "ten_1")];
    let cases = [
        (&keys, json!(["reports:read"]), 201),
        (&keys, json!(["keys:write", "reports:read"]), 201),
        (&keys, json!(["reports:read", "catalog:read"]), 403),
        (&keys, json!(["*"]), 403),
        (&key_of(OURS), json!(["*"]), 201),
        (&key_of(OURS), json!(["catalog:write"]), 201),
        (&OPERATOR.to_owned(), json!(["*"]), 201),
    ];
    for (key, scopes, status) in cases {
        let draft = json!({"name": "N", "scopes": scopes});
        let answer = world
            .ask(key, Method::POST, "/v1/api-keys", &operator, Some(&draft))
            .await;
        assert_eq!(answer.status, status, "{scopes} {}", answer.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_without_a_good_key_is_let_in() {
    let world = World::new().await;
    let good = key_of(OURS);
    let typed = format!("{}x", &good[..good.len() - 1]);
    let stranger = crate::api_key::NewKey::from_random([200; 40]).key;
    for key in ["", "x", &typed, &stranger, "weir_operator_other"] {
        let answer = world
            .ask(key, Method::GET, "/v1/offers", &[], None)
            .await
            .expect(401);
        assert_eq!(answer.code(), "unauthorized");
        assert!(
            answer.header("www-authenticate").starts_with("Bearer"),
            "{key}"
        );
    }
    let bare = Request::builder()
        .uri("/v1/offers".parse().expect("a path"))
        .finish();
    world.send(bare).await.expect(401);
    let query = format!("/v1/offers?key={good}");
    let in_query = Request::builder()
        .uri(query.parse().expect("a path"))
        .finish();
    world.send(in_query).await.expect(401);
    let header = Request::builder()
        .uri("/v1/offers".parse().expect("a path"))
        .header("x-api-key", &good)
        .finish();
    world.send(header).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_names_the_tenant() {
    let world = World::new().await;
    let get = |headers: &'static [(&'static str, &'static str)], path: &'static str| {
        world.ask(OPERATOR, Method::GET, path, headers, None)
    };
    assert_eq!(
        get(&[], "/v1/offers").await.expect(400).code(),
        "tenant_required"
    );
    get(&[("x-tenant", "ten_1")], "/v1/offers")
        .await
        .expect(200);
    get(&[("x-tenant", "ten_9")], "/v1/offers")
        .await
        .expect(404);
    get(&[("x-tenant", "junk")], "/v1/offers").await.expect(404);
    let ids = |answer: super::world::Answer| {
        let items = answer.body["items"].as_array().cloned().unwrap_or_default();
        items
            .iter()
            .map(|t| t["id"].as_str().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(get(&[], "/v1/tenants").await), ["ten_2", "ten_1"]);
    assert_eq!(ids(world.get("/v1/tenants").await), ["ten_1"]);
    world.get(&format!("/v1/tenants/{OURS}")).await.expect(200);
    world
        .get(&format!("/v1/tenants/{THEIRS}"))
        .await
        .expect(404);
    world
        .get(&format!("/v1/tenants/{}", TenantId(77)))
        .await
        .expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_a_problem_that_says_where() {
    let world = World::new().await;
    let key = key_of(OURS);
    let raw = |body: &'static str, content_type: &'static str| {
        let request = Request::builder()
            .method(Method::POST)
            .uri("/v1/affiliates".parse().expect("a path"))
            .header("authorization", format!("Bearer {key}"))
            .header("content-type", content_type)
            .body(body);
        world.send(request)
    };
    assert_eq!(
        raw("{", "application/json").await.expect(400).fields(),
        [(String::new(), "invalid_json".to_owned())]
    );
    assert_eq!(
        raw("{}", "text/plain").await.expect(415).code(),
        "unsupported_media_type"
    );
    assert_eq!(
        raw("[]", "application/json").await.expect(422).code(),
        "unprocessable_entity"
    );
    for (path, status, code) in [
        ("/v1/nothing", 404, "not_found"),
        ("/v1/offers/off_x%FF", 400, "bad_request"),
        ("/v1/offers?limit=0", 400, "bad_request"),
        ("/v1/offers?limit=many", 400, "bad_request"),
        ("/v1/offers?staus=active", 400, "bad_request"),
        ("/v1/offers?status=gone", 400, "bad_request"),
        ("/v1/offers?after=x", 400, "bad_request"),
        ("/v1/conversions?from=yesterday", 400, "bad_request"),
    ] {
        let answer = world.get(path).await.expect(status);
        assert_eq!(answer.code(), code, "{path}");
        assert_eq!(
            answer.header("content-type"),
            "application/problem+json",
            "{path}"
        );
        assert_eq!(
            answer.text("request_id"),
            answer.header("x-request-id"),
            "{path}"
        );
        assert!(!answer.text("request_id").is_empty());
    }
    let delete = world
        .ask(&key, Method::DELETE, "/v1/offers", &[], None)
        .await
        .expect(405);
    assert_eq!(delete.header("allow"), "GET, POST, HEAD");
    world
        .ask(&key, Method::HEAD, "/v1/offers", &[], None)
        .await
        .expect(200);
    let named = world
        .ask(
            &key,
            Method::GET,
            "/v1/offers",
            &[("x-request-id", "mine-1")],
            None,
        )
        .await;
    assert_eq!(named.header("x-request-id"), "mine-1");
}

#[tokio::test(flavor = "multi_thread")]
async fn sizes_are_bounded() {
    let world = World::new().await;
    let key = key_of(OURS);
    let of_size = |bytes: usize| {
        let body = format!("\"{}\"", "a".repeat(bytes - 2));
        let request = Request::builder()
            .method(Method::POST)
            .uri("/v1/affiliates".parse().expect("a path"))
            .header("authorization", format!("Bearer {key}"))
            .header("content-type", "application/json")
            .body(body);
        world.send(request)
    };
    for (bytes, status) in [
        (1024 * 1024 - 1, 422),
        (1024 * 1024, 422),
        (1024 * 1024 + 1, 413),
    ] {
        of_size(bytes).await.expect(status);
    }
    let path = |length: usize| format!("/v1/offers/{}", "a".repeat(length - 11));
    world.get(&path(8 * 1024)).await.expect(404);
    assert_eq!(
        world.get(&path(8 * 1024 + 1)).await.expect(414).code(),
        "uri_too_long"
    );
    let nested = |levels: usize| {
        let text = format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels));
        serde_json::from_str(&text).expect("JSON")
    };
    assert_eq!(world.post("/v1/affiliates", nested(32)).await.status, 422);
    let deep = world.post("/v1/affiliates", nested(33)).await.expect(400);
    assert_eq!(deep.fields()[0].1, "too_deep");
    let many = |count: usize| format!("/v1/offers?{}", vec!["limit=1"; count].join("&"));
    world.get(&many(64)).await.expect(200);
    world.get(&many(65)).await.expect(400);
}

/// A body that fails whoever reads it.
struct Unread;

impl tokio::io::AsyncRead for Unread {
    fn poll_read(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        _: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        panic!("the body is read")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_body_is_read_before_the_key_is_good_or_when_it_says_that_it_is_too_large() {
    let world = World::new().await;
    let key = key_of(OURS);
    let post = |path: &str, key: &str, length: Option<&str>| {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(path.parse().expect("a path"))
            .header("authorization", format!("Bearer {key}"));
        if let Some(length) = length {
            request = request.header("content-length", length);
        }
        world.send(request.body(poem::Body::from_async_read(Unread)))
    };
    post("/v1/affiliates", "x", None).await.expect(401);
    let open = post("/docs", "x", None).await;
    assert!((400..500).contains(&open.status), "{}", open.body);
    let large = post("/v1/affiliates", &key, Some("1048577")).await;
    assert_eq!(large.expect(413).code(), "payload_too_large");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_asks_too_much_waits() {
    let world = World::with(Allowance {
        per_second: 1,
        burst: 3,
    })
    .await;
    world.tenant(OURS).await;
    world.tenant(THEIRS).await;
    for remaining in ["2", "1", "0"] {
        let answer = world.get("/v1/offers").await.expect(200);
        assert_eq!(answer.header("ratelimit-remaining"), remaining);
        assert_eq!(answer.header("ratelimit-limit"), "3");
    }
    let refused = world.get("/v1/offers").await.expect(429);
    assert_eq!(
        (refused.code(), refused.header("retry-after")),
        ("rate_limit_exceeded", "1")
    );
    world
        .ask(&key_of(THEIRS), Method::GET, "/v1/offers", &[], None)
        .await
        .expect(200);
    world.pass(1_000);
    world.get("/v1/offers").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_and_the_pages_need_no_key() {
    let world = World::new().await;
    let open = |path: &str| {
        world.send(
            Request::builder()
                .uri(path.parse().expect("a path"))
                .finish(),
        )
    };
    let document = open("/v1/openapi.json").await.expect(200);
    assert!(document.body["paths"]["/v1/offers"]["post"].is_object());
    let page = open("/docs").await.expect(200);
    let page = page.body.as_str().unwrap_or_default();
    assert!(page.contains("rapi-doc") && !page.contains("googleapis"));
    assert!(
        open("/docs/errors/not_found")
            .await
            .expect(200)
            .body
            .to_string()
            .contains("404")
    );
    open("/docs/errors/nothing").await.expect(404);
}
