//! A tenant with one of everything, made by the API itself.

use poem::http::Method;
use serde_json::{Value, json};
use weir_engine::ids::TenantId;

use super::world::{World, key_of};

/// Ids of one of everything.
#[derive(Debug, Clone)]
pub struct Seed {
    pub tenant: TenantId,
    pub key: String,
    pub advertiser: String,
    pub affiliate: String,
    pub offer: String,
    pub campaign: String,
    pub arm: String,
    pub domain: String,
    pub api_key: String,
}

pub fn offer(advertiser: &str) -> Value {
    json!({
        "name": "Shoes", "advertiser_id": advertiser, "url": "https://shop.example/?c={click_id}", "currency": "USD",
        "payout": {"type": "cpa", "amount": "10.00"}, "revenue": {"type": "rpa", "amount": "15.00"},
        "goals": [{"name": "upsell", "payout": {"type": "cps", "percent": "5"}}],
        "caps": [{"metric": "conversions", "period": "day", "limit": 100}],
        "targeting": {"country": {"exclude": ["XX"]}},
    })
}

pub fn campaign(offer: &str) -> Value {
    json!({"name": "Autumn", "distribution": {"mode": "fixed"}, "arms": [{"offer_id": offer, "weight": 3}]})
}

impl World {
    /// One of everything in `tenant`.
    pub async fn seed(&self, tenant: TenantId) -> Seed {
        let key = key_of(tenant);
        let advertiser = self
            .made(&key, "/v1/advertisers", json!({"name": "Shop"}))
            .await;
        let affiliate = self
            .made(
                &key,
                "/v1/affiliates",
                json!({"name": "Blog", "status": "approved"}),
            )
            .await;
        let offer = self.made(&key, "/v1/offers", offer(&advertiser)).await;
        let campaign = self.made(&key, "/v1/campaigns", campaign(&offer)).await;
        let host = format!("go{}.brand.example", tenant.0);
        let domain = self.made(&key, "/v1/domains", json!({"host": host})).await;
        let api_key = self
            .made(
                &key,
                "/v1/api-keys",
                json!({"name": "R", "scopes": ["catalog:read"]}),
            )
            .await;
        let terms = format!("/v1/offers/{offer}/affiliates/{affiliate}");
        let body = json!({"status": "approved", "payout": {"type": "cpa", "amount": "11"}});
        self.ask(&key, Method::PUT, &terms, &[], Some(&body))
            .await
            .expect(201);
        let shown = self
            .ask(
                &key,
                Method::GET,
                &format!("/v1/campaigns/{campaign}"),
                &[],
                None,
            )
            .await;
        let arm = shown.body["arms"][0]["id"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        Seed {
            tenant,
            key,
            advertiser,
            affiliate,
            offer,
            campaign,
            arm,
            domain,
            api_key,
        }
    }

    /// The id of what was made.
    pub async fn made(&self, key: &str, path: &str, body: Value) -> String {
        self.ask(key, Method::POST, path, &[], Some(&body))
            .await
            .expect(201)
            .text("id")
    }
}
