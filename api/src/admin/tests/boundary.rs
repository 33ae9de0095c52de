//! T10: what belongs to another tenant is not there. Every operation with an id in its path, every id in a body, every
//! filter; and the other tenant's things are afterwards what they were.

use poem::http::Method;
use serde_json::{Value, json};

use super::document::operations;
use super::seed::{self, Seed};
use super::world::{OURS, SHARED_HOST, THEIRS, World, key_of};

/// Everything that a tenant can see of itself.
async fn everything(world: &World, s: &Seed, click: &str, conversion: &str) -> Vec<Value> {
    let paths = [
        format!("/v1/tenants/{}", s.tenant),
        "/v1/api-keys".to_owned(),
        "/v1/advertisers".to_owned(),
        format!("/v1/advertisers/{}/postback", s.advertiser),
        format!("/v1/advertisers/{}/balance", s.advertiser),
        "/v1/affiliates".to_owned(),
        format!("/v1/affiliates/{}/balance", s.affiliate),
        "/v1/offers".to_owned(),
        format!("/v1/offers/{}/affiliates", s.offer),
        "/v1/campaigns".to_owned(),
        format!("/v1/campaigns/{}/distribution", s.campaign),
        "/v1/domains".to_owned(),
        format!("/v1/clicks/{click}/explain"),
        format!("/v1/conversions/{conversion}"),
    ];
    let mut seen = Vec::new();
    for path in paths {
        seen.push(
            world
                .ask(&s.key, Method::GET, &path, &[], None)
                .await
                .expect(200)
                .body,
        );
    }
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_is_one_tenants_and_stays_so_when_its_domain_is_archived() {
    let world = World::new().await;
    let claim = async |tenant, host: &str| {
        let draft = json!({"host": host});
        world
            .ask(
                &key_of(tenant),
                Method::POST,
                "/v1/domains",
                &[],
                Some(&draft),
            )
            .await
    };
    let made = claim(OURS, "go.brand.example").await.expect(201);
    let refused = claim(THEIRS, "Go.Brand.Example").await.expect(409);
    assert_eq!(refused.code(), "conflict");
    assert_eq!(refused.fields(), [("host".to_owned(), "taken".to_owned())]);
    let path = format!("/v1/domains/{}/archive", made.text("id"));
    world.post(&path, json!({})).await.expect(200);
    claim(THEIRS, "go.brand.example").await.expect(409);
    claim(THEIRS, SHARED_HOST).await.expect(409);
    claim(THEIRS, "go.other.example").await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_public_url_no_host_is_claimed() {
    let mut world = World::new().await;
    world.is_public_url_set = false;
    world.replace_actors(|mesh| mesh);
    let draft = json!({"host": "go.brand.example"});
    let refused = world.post("/v1/domains", draft.clone()).await.expect(422);
    assert_eq!(refused.fields()[0].0, "host");
    let said = refused.body.to_string();
    assert!(said.contains("set node.public_url first"), "{said}");
    world.is_public_url_set = true;
    world.replace_actors(|mesh| mesh);
    world.post("/v1/domains", draft).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_tenants_that_claim_a_host_at_once_one_has_it() {
    let world = World::new().await;
    for round in 0..20 {
        let draft = json!({"host": format!("r{round}.example.com")});
        let ask = |tenant| {
            let (key, draft, world) = (key_of(tenant), draft.clone(), &world);
            async move {
                world
                    .ask(&key, Method::POST, "/v1/domains", &[], Some(&draft))
                    .await
                    .status
            }
        };
        let mut both = <[_; 2]>::from(tokio::join!(ask(OURS), ask(THEIRS)));
        both.sort_unstable();
        assert_eq!(both, [201, 409], "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tenants_ids_name_nothing_and_nothing_of_it_changes() {
    let world = World::new().await;
    let ours = world.seed(OURS).await;
    let theirs = world.seed(THEIRS).await;
    let click = world.click(&theirs).await;
    let conversion = world.postback(&theirs, click, "t", "approved").await;
    let click = click.to_string();
    let before = everything(&world, &theirs, &click, &conversion).await;
    in_paths(&world, &ours, &theirs, &click, &conversion).await;
    in_bodies(&world, &ours, &theirs).await;
    in_filters(&world, &theirs, &click).await;
    for path in [
        "/v1/offers",
        "/v1/advertisers",
        "/v1/affiliates",
        "/v1/campaigns",
        "/v1/conversions",
        "/v1/api-keys",
    ] {
        let listed = world.get(path).await.expect(200).body.to_string();
        for id in [
            &theirs.offer,
            &theirs.advertiser,
            &theirs.affiliate,
            &theirs.campaign,
            &theirs.api_key,
            &conversion,
        ] {
            assert!(!listed.contains(id.as_str()), "{path} shows {id}");
        }
    }
    let period = json!({"from": "2024-01-01", "to": "2024-01-04", "group_by": ["offer"]});
    let report = world.post("/v1/reports/query", period).await.expect(200);
    assert_eq!(report.body["rows"], json!([]));
    assert_eq!(
        everything(&world, &theirs, &click, &conversion).await,
        before
    );
}

async fn in_paths(world: &World, ours: &Seed, theirs: &Seed, click: &str, conversion: &str) {
    let document: Value = serde_json::from_str(&crate::admin::openapi()).expect("JSON");
    let mut tried = 0;
    for (id, method, path, _) in operations(&document) {
        if !path.contains('{') {
            continue;
        }
        let victim = match path.split('/').nth(2).unwrap_or_default() {
            "tenants" => THEIRS.to_string(),
            "api-keys" => theirs.api_key.clone(),
            "advertisers" => theirs.advertiser.clone(),
            "affiliates" => theirs.affiliate.clone(),
            "offers" => theirs.offer.clone(),
            "campaigns" => theirs.campaign.clone(),
            "domains" => theirs.domain.clone(),
            "clicks" => click.to_owned(),
            "conversions" => conversion.to_owned(),
            other => panic!("whose is {other}?"),
        };
        let body = match (&method, id.as_str()) {
            (&Method::PATCH, _) => Some(json!({"name": "stolen"})),
            (&Method::PUT, _) => Some(json!({"status": "blocked"})),
            (_, "setConversionStatus") => Some(json!({"status": "rejected"})),
            _ => None,
        };
        let of = |offer: &str, affiliate: &str| {
            path.replace("{id}", &victim)
                .replace("{offer_id}", offer)
                .replace("{affiliate_id}", affiliate)
        };
        let mut paths = vec![of(&theirs.offer, &theirs.affiliate)];
        if path.contains("{affiliate_id}") {
            paths.push(of(&theirs.offer, &ours.affiliate));
            paths.push(of(&ours.offer, &theirs.affiliate));
        }
        for path in paths {
            tried += 1;
            let answer = world
                .ask(&key_of(OURS), method.clone(), &path, &[], body.as_ref())
                .await;
            assert_eq!(
                (answer.status, answer.code()),
                (404, "not_found"),
                "{id} {path}: {}",
                answer.body
            );
        }
    }
    assert!(tried >= 30, "{tried}");
}

async fn in_bodies(world: &World, ours: &Seed, theirs: &Seed) {
    let campaign = |field: &str, value: Value| {
        let mut body = seed::campaign(&ours.offer);
        body[field] = value;
        body
    };
    let foreign_arm = json!([{"id": theirs.arm, "offer_id": ours.offer}]);
    let targeted = json!({"affiliate": {"include": [theirs.affiliate]}});
    let mut targeted_offer = seed::offer(&ours.advertiser);
    targeted_offer["targeting"] = targeted;
    let cases = [
        ("/v1/offers", seed::offer(&theirs.advertiser)),
        ("/v1/offers", targeted_offer),
        ("/v1/campaigns", seed::campaign(&theirs.offer)),
        ("/v1/campaigns", campaign("domain_id", json!(theirs.domain))),
        ("/v1/campaigns", campaign("arms", foreign_arm)),
        (
            "/v1/route/simulate",
            json!({"campaign_id": theirs.campaign}),
        ),
    ];
    for (path, body) in cases {
        world.post(path, body.clone()).await.expect(422);
        if path != "/v1/route/simulate" {
            let rows = world
                .post(&format!("{path}/bulk"), json!({"items": [body]}))
                .await
                .expect(200);
            assert_eq!(rows.body["results"][0]["status"], 422, "{}", rows.body);
        }
    }
    let offer = format!("/v1/offers/{}", ours.offer);
    world
        .patch(&offer, json!({"advertiser_id": theirs.advertiser}))
        .await
        .expect(422);
    let simulated = json!({"campaign_id": ours.campaign, "aff": theirs.affiliate});
    let simulated = world
        .post("/v1/route/simulate", simulated)
        .await
        .expect(200);
    assert_eq!(simulated.text("reason"), "affiliate_unknown");
}

async fn in_filters(world: &World, theirs: &Seed, click: &str) {
    for filter in [
        format!("/v1/offers?advertiser_id={}", theirs.advertiser),
        format!("/v1/conversions?offer_id={}", theirs.offer),
        format!("/v1/conversions?affiliate_id={}", theirs.affiliate),
        format!("/v1/conversions?campaign_id={}", theirs.campaign),
    ] {
        world.get(&filter).await.expect(400);
    }
    let of_click = world
        .get(&format!("/v1/conversions?click_id={click}"))
        .await
        .expect(200);
    assert_eq!(of_click.body["items"], json!([]));
    let filters = json!([{"field": "offer", "op": "eq", "value": theirs.offer}]);
    let question = json!({"from": "2024-01-01", "to": "2024-01-04", "group_by": ["offer"], "filters": filters});
    let answer = world.post("/v1/reports/query", question).await;
    assert!(
        answer.status == 422 || answer.body["rows"] == json!([]),
        "{}",
        answer.body
    );
    let tenant = [("x-tenant", "ten_2")];
    let answer = world
        .ask(&key_of(OURS), Method::GET, "/v1/offers", &tenant, None)
        .await
        .expect(200);
    assert!(
        !answer.body.to_string().contains(&theirs.offer),
        "a key's tenant is its own whatever is named"
    );
}
