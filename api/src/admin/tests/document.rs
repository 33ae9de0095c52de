//! The OpenAPI document is what the running API does, operation by operation.

use poem::Request;
use poem::http::Method;
use serde_json::{Value, json};

use super::schema::Schemas;
use super::seed::{self, Seed};
use super::world::{OPERATOR, OURS, World};

/// One good request.
struct Good {
    operation: &'static str,
    path: String,
    body: Option<Value>,
    /// The status that is expected.
    status: u16,
}

fn good(operation: &'static str, path: impl Into<String>, status: u16) -> Good {
    Good {
        operation,
        path: path.into(),
        body: None,
        status,
    }
}

impl Good {
    fn with(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }
}

/// A good request for each operation, in an order in which each can be carried out.
fn requests(s: &Seed, click: &str, conversion: &str) -> Vec<Good> {
    let tenant = json!({"name": "T", "currency": "USD", "timezone": "UTC"});
    let affiliate = json!({"name": "A", "status": "approved"});
    let terms = format!("/v1/offers/{}/affiliates", s.offer);
    let items = |item: Value| json!({"items": [item]});
    let period = json!({"from": "2024-01-01", "to": "2024-01-04", "group_by": ["day", "country"]});
    vec![
        good("createTenant", "/v1/tenants", 201).with(tenant),
        good("listTenants", "/v1/tenants?limit=1", 200),
        good("getTenant", format!("/v1/tenants/{}", s.tenant), 200),
        good("updateTenant", format!("/v1/tenants/{}", s.tenant), 200).with(json!({"name": "U"})),
        good("createApiKey", "/v1/api-keys", 201).with(json!({"name": "K", "scopes": ["*"]})),
        good("listApiKeys", "/v1/api-keys", 200),
        good("getApiKey", format!("/v1/api-keys/{}", s.api_key), 200),
        good("revokeApiKey", format!("/v1/api-keys/{}/revoke", s.api_key), 200),
        good("createAdvertiser", "/v1/advertisers", 201).with(json!({"name": "A", "postback_auth": "hmac"})),
        good("createAdvertisers", "/v1/advertisers/bulk", 200).with(items(json!({"name": "A"}))),
        good("listAdvertisers", "/v1/advertisers?limit=2", 200),
        good("getAdvertiser", format!("/v1/advertisers/{}", s.advertiser), 200),
        good("getAdvertiserPostback", format!("/v1/advertisers/{}/postback", s.advertiser), 200),
        good("rotateAdvertiserToken", format!("/v1/advertisers/{}/rotate-token", s.advertiser), 200),
        good("updateAdvertiser", format!("/v1/advertisers/{}", s.advertiser), 200)
            .with(json!({"postback_ips": ["203.0.113.0/24"]})),
        good("getAdvertiserBalance", format!("/v1/advertisers/{}/balance", s.advertiser), 200),
        good("createAffiliate", "/v1/affiliates", 201).with(affiliate.clone()),
        good("createAffiliates", "/v1/affiliates/bulk", 200).with(items(json!({"name": 1}))),
        good("listAffiliates", "/v1/affiliates", 200),
        good("getAffiliate", format!("/v1/affiliates/{}", s.affiliate), 200),
        good("updateAffiliate", format!("/v1/affiliates/{}", s.affiliate), 200).with(json!({"name": "B"})),
        good("getAffiliateBalance", format!("/v1/affiliates/{}/balance", s.affiliate), 200),
        good("createOffer", "/v1/offers", 201).with(seed::offer(&s.advertiser)),
        good("createOffers", "/v1/offers/bulk", 200).with(items(seed::offer(&s.advertiser))),
        good("listOffers", "/v1/offers?status=active", 200),
        good("getOffer", format!("/v1/offers/{}", s.offer), 200),
        good("updateOffer", format!("/v1/offers/{}", s.offer), 200).with(json!({"payout": null, "lookback_hours": 24})),
        good("listTerms", terms.clone(), 200),
        good("getTerms", format!("{terms}/{}", s.affiliate), 200),
        good("putTerms", format!("{terms}/{}", s.affiliate), 200).with(json!({"status": "pending"})),
        good("createCampaign", "/v1/campaigns", 201).with(json!({
            "name": "C", "distribution": {"mode": "fixed", "floor": "5"}, "arms": [{"offer_id": s.offer}],
            "flows": [{"name": "F", "kind": "regular", "match": {"country": {"include": ["DE"]}},
                       "distribution": {"mode": "fixed"}, "arms": [{"offer_id": s.offer}]}],
            "cost": {"model": "cpc", "amount": "0.10"}})),
        good("createCampaigns", "/v1/campaigns/bulk", 200).with(items(seed::campaign(&s.offer))),
        good("listCampaigns", "/v1/campaigns", 200),
        good("getCampaign", format!("/v1/campaigns/{}", s.campaign), 200),
        good("updateCampaign", format!("/v1/campaigns/{}", s.campaign), 200).with(json!({"require_affiliate": true})),
        good("getDistribution", format!("/v1/campaigns/{}/distribution", s.campaign), 200),
        good("getCampaignLive", format!("/v1/campaigns/{}/live", s.campaign), 200),
        good("createDomain", "/v1/domains", 201).with(json!({"host": "new.brand.example"})),
        good("listDomains", "/v1/domains", 200),
        good("getDomain", format!("/v1/domains/{}", s.domain), 200),
        good("queryReport", "/v1/reports/query", 200).with(period),
        good("getReportSchema", "/v1/reports/schema", 200),
        good("getClick", format!("/v1/clicks/{click}"), 200),
        good("explainClick", format!("/v1/clicks/{click}/explain"), 200),
        good("listConversions", "/v1/conversions", 200),
        good("getConversion", format!("/v1/conversions/{conversion}"), 200),
        good("setConversionStatus", format!("/v1/conversions/{conversion}/status"), 200)
            .with(json!({"status": "rejected", "reason": "fraud"})),
        good("searchClicks", "/v1/clicks/search", 200).with(json!({"filters": [{"field": "sub1", "op": "in", "value": ["a"]}]})),
        good("searchConversions", "/v1/conversions/search", 200).with(json!({"time_basis": "booking", "sub": "a"})),
        good("drillDown", "/v1/search/drilldown", 200).with(json!({"of": "conversions", "group_by": ["day", "sub1"]})),
        good("simulateRoute", "/v1/route/simulate", 200).with(json!({"campaign_id": s.campaign, "aff": s.affiliate})),
        good("archiveDomain", format!("/v1/domains/{}/archive", s.domain), 200),
        good("archiveCampaign", format!("/v1/campaigns/{}/archive", s.campaign), 200),
        good("archiveOffer", format!("/v1/offers/{}/archive", s.offer), 200),
        good("archiveAffiliate", format!("/v1/affiliates/{}/archive", s.affiliate), 200),
        good("archiveAdvertiser", format!("/v1/advertisers/{}/archive", s.advertiser), 200),
    ]
}

/// Operations of the document: id, method, path, operation.
pub fn operations(document: &Value) -> Vec<(String, Method, String, Value)> {
    let mut found = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("operations") {
            let id = operation["operationId"].as_str().expect("an id").to_owned();
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).expect("a method");
            found.push((id, method, path.clone(), operation.clone()));
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_answers_as_the_document_says() {
    let world = World::new().await;
    let document: Value = serde_json::from_str(&crate::admin::openapi()).expect("JSON");
    let schemas = Schemas(&document);
    let s = world.seed(OURS).await;
    let click = world.click(&s).await;
    let conversion = world.postback(&s, click, "t", "approved").await;
    let mut operations = operations(&document);
    for request in requests(&s, &click.to_string(), &conversion) {
        let Good {
            operation: id,
            path,
            body,
            status,
        } = request;
        let at = operations.iter().position(|(known, ..)| known == id);
        let (_, method, _, operation) =
            operations.remove(at.unwrap_or_else(|| panic!("{id} is not in the document")));
        let tenant = OURS.to_string();
        let answer = world
            .ask(
                OPERATOR,
                method,
                &path,
                &[("x-tenant", &tenant)],
                body.as_ref(),
            )
            .await;
        assert_eq!(answer.status, status, "{id}: {:#}", answer.body);
        let response = &operation["responses"][status.to_string()];
        let content = response["content"]
            .as_object()
            .and_then(|c| c.values().next());
        let schema =
            &content.unwrap_or_else(|| panic!("{id} {status} is not in the document"))["schema"];
        assert_eq!(schemas.check(schema, &answer.body), Ok(()), "{id}");
        for name in response["headers"]
            .as_object()
            .into_iter()
            .flat_map(|h| h.keys())
        {
            assert!(!answer.header(name).is_empty(), "{id} has no {name}");
        }
    }
    let left: Vec<_> = operations.iter().map(|(id, ..)| id).collect();
    assert!(left.is_empty(), "operations that nobody tried: {left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_wants_a_key_and_says_so_as_documented() {
    let world = World::new().await;
    let document: Value = serde_json::from_str(&crate::admin::openapi()).expect("JSON");
    let schemas = Schemas(&document);
    for (id, method, path, operation) in operations(&document) {
        assert!(operation["security"].is_array(), "{id}");
        let path = path.replace(['{', '}'], "x").parse().expect("a path");
        let request = Request::builder().method(method).uri(path).finish();
        let answer = world.send(request).await.expect(401);
        let schema =
            &operation["responses"]["401"]["content"]["application/problem+json"]["schema"];
        assert_eq!(schemas.check(schema, &answer.body), Ok(()), "{id}");
    }
}

/// T12: what the server owns, and what no draft has, cannot be set.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_owns_cannot_be_set_by_a_body() {
    let world = World::new().await;
    let document: Value = serde_json::from_str(&crate::admin::openapi()).expect("JSON");
    let schemas = Schemas(&document);
    let s = world.seed(OURS).await;
    let affiliate = json!({"name": "A", "status": "approved"});
    let kinds = [
        (
            "Advertiser",
            "/v1/advertisers",
            Some(&s.advertiser),
            json!({"name": "A"}),
        ),
        ("Affiliate", "/v1/affiliates", Some(&s.affiliate), affiliate),
        (
            "Offer",
            "/v1/offers",
            Some(&s.offer),
            seed::offer(&s.advertiser),
        ),
        (
            "Campaign",
            "/v1/campaigns",
            Some(&s.campaign),
            seed::campaign(&s.offer),
        ),
        (
            "Domain",
            "/v1/domains",
            None,
            json!({"host": "a.brand.example"}),
        ),
        (
            "ApiKey",
            "/v1/api-keys",
            None,
            json!({"name": "K", "scopes": ["*"]}),
        ),
    ];
    let mut tried = 0;
    for (kind, path, id, body) in kinds {
        let fields = |name: String| {
            let schema = json!({"$ref": format!("#/components/schemas/{name}")});
            schemas
                .fields(&schema)
                .expect("fields")
                .into_iter()
                .map(|(name, _)| name)
        };
        let drafted: Vec<String> = fields(format!("{kind}Draft")).collect();
        let always = [
            "tenant",
            "tenant_id",
            "token_version",
            "link_campaign",
            "rules",
            "sha256",
            "number",
            "by",
        ];
        let owned = fields(kind.to_owned()).chain(always.map(str::to_owned));
        for field in owned.filter(|f| !drafted.contains(f) && f != "status") {
            tried += 1;
            let mut more = body.clone();
            more[&field] = json!(1);
            let refused = world.post(path, more.clone()).await.expect(422);
            assert_eq!(
                refused.fields(),
                [(field.clone(), "unknown_field".to_owned())],
                "{kind}"
            );
            let Some(id) = id else { continue };
            let patched = world
                .patch(&format!("{path}/{id}"), json!({&field: 1}))
                .await
                .expect(422);
            assert_eq!(
                patched.fields(),
                [(field.clone(), "unknown_field".to_owned())],
                "{kind}"
            );
            let rows = world
                .post(&format!("{path}/bulk"), json!({"items": [more]}))
                .await
                .expect(200);
            assert_eq!(rows.body["results"][0]["status"], 422, "{kind} {field}");
        }
    }
    assert!(tried > 60, "{tried}");
}
