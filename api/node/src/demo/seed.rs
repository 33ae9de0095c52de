//! What the demo has configured: two tenants with advertisers, affiliates, offers and campaigns.
//!
//! Always true: what is there already is kept, so that an interrupted start goes on.

use anyhow::Context;
use serde_json::{Value, json};
use weir_actors::{Chance as ActorsChance, Mesh};
use weir_engine::catalog::propose::{
    ApiKeyDraft, Draft, KeyHash, Proposal, Refusal, Target, parse_draft,
};
use weir_engine::catalog::{Catalog, Entities, EntityKey, EntityKind};
use weir_engine::ids::{AdvertiserId, OfferId, TenantId, UnixMs};
use weir_engine::money::Currency;

use super::chance::Chance;

/// Tenants: name, currency, zone, advertisers, affiliates, offers, campaigns.
const TENANTS: [(&str, &str, &str, [u32; 4]); 2] = [
    ("Harbour Network", "USD", "America/New_York", [4, 7, 9, 25]),
    ("Meadow Media", "EUR", "Asia/Kolkata", [3, 5, 6, 15]),
];
const GOODS: [&str; 9] = [
    "Running shoes",
    "Travel insurance",
    "Photo app",
    "Meal kit",
    "Language course",
    "VPN",
    "Coffee club",
    "Mobile game",
    "Broadband",
];

/// A tenant of the demo, as it was configured.
pub struct SeededTenant {
    pub id: TenantId,
    pub api_key: String,
}

/// Configures everything, as of `at`; `api_key` gives each tenant's key.
pub async fn seed(
    mesh: &Mesh,
    seed: u64,
    at: UnixMs,
    api_key: impl Fn(TenantId) -> (String, KeyHash),
) -> anyhow::Result<Vec<SeededTenant>> {
    let mut tenants = Vec::new();
    for (index, (name, currency, timezone, counts)) in TENANTS.into_iter().enumerate() {
        let settings = json!({"name": name, "currency": currency, "timezone": timezone, "fallback_url": "https://example.com/nothing-here"});
        let seeder = Seeder { mesh, at };
        let id = seeder.tenant(&settings).await?;
        let (key, hash) = api_key(id);
        seeder
            .furnish(id, counts, &mut Chance::new(seed, 10 + index as u64), hash)
            .await?;
        tenants.push(SeededTenant { id, api_key: key });
    }
    Ok(tenants)
}

struct Seeder<'a> {
    mesh: &'a Mesh,
    at: UnixMs,
}

impl Seeder<'_> {
    fn catalog(&self, tenant: TenantId) -> std::sync::Arc<Catalog> {
        self.mesh.routes().catalog(tenant).unwrap_or_default()
    }

    async fn propose(
        &self,
        tenant: TenantId,
        target: Target,
        draft: Draft,
    ) -> anyhow::Result<EntityKey> {
        let proposal = Proposal {
            by: "demo".to_owned(),
            target,
            draft,
        };
        let chance = ActorsChance {
            draw: u64::from(tenant.0) << 32 | u64::from(self.catalog(tenant).last_number),
            at: Some(self.at),
        };
        let answers = self.mesh.propose(tenant, vec![proposal], chance).await?;
        let answer = answers.into_iter().next().context("an answer a proposal")?;
        Ok(answer.map_err(|refusal| refused(&refusal))?.key)
    }

    /// The tenant of that name, made if it is not there.
    async fn tenant(&self, settings: &Value) -> anyhow::Result<TenantId> {
        let draft = || parse_draft(settings.clone()).map_err(|e| refused(&Refusal::Invalid(e)));
        let installation = self.catalog(TenantId(0));
        let is_it = |name: &str| settings["name"] == name;
        let found = installation
            .tenants
            .iter()
            .find(|(_, t)| is_it(&t.body.name));
        let number = match found {
            Some((number, _)) => *number,
            None => {
                self.propose(TenantId(0), Target::Create, Draft::NewTenant(draft()?))
                    .await?
                    .number
            }
        };
        let tenant = TenantId(number);
        if self.catalog(tenant).tenant.is_none() {
            self.propose(tenant, Target::Create, Draft::Tenant(draft()?))
                .await?;
        }
        Ok(tenant)
    }

    /// The entity of that name, made if it is not there.
    async fn ensure<T>(
        &self,
        tenant: TenantId,
        found: impl Fn(&Catalog) -> &Entities<T>,
        is_it: impl Fn(&T) -> bool,
        draft: Draft,
    ) -> anyhow::Result<u32> {
        let catalog = self.catalog(tenant);
        if let Some((number, _)) = found(&catalog).iter().find(|(_, e)| is_it(&e.body)) {
            return Ok(*number);
        }
        Ok(self.propose(tenant, Target::Create, draft).await?.number)
    }

    async fn furnish(
        &self,
        tenant: TenantId,
        [advertisers, affiliates, offers, campaigns]: [u32; 4],
        chance: &mut Chance,
        hash: KeyHash,
    ) -> anyhow::Result<()> {
        self.api_key(tenant, hash).await?;
        let advertisers = self.advertisers(tenant, advertisers).await?;
        self.affiliates(tenant, affiliates).await?;
        let offers = self.offers(tenant, offers, &advertisers).await?;
        self.terms(tenant, &offers).await?;
        for n in 0..campaigns {
            // The offers of a campaign are one advertiser's, whose postbacks tell of all its clicks.
            let of_one = offers.iter().skip(n as usize % advertisers.len());
            let of_one: Vec<OfferId> = of_one.step_by(advertisers.len()).copied().collect();
            let body = campaign(n, &of_one, chance);
            let name = name_of(&body);
            let draft = parse(body, Draft::Campaign)?;
            self.ensure(tenant, |c| &c.campaigns, |c| c.name == name, draft)
                .await?;
        }
        Ok(())
    }

    async fn api_key(&self, tenant: TenantId, hash: KeyHash) -> anyhow::Result<u32> {
        let sha256 = hash.sha256.clone();
        let key = Draft::ApiKey(ApiKeyDraft {
            name: "demo".to_owned(),
            scopes: vec!["*".to_owned()],
            hash: Some(hash),
        });
        self.ensure(tenant, |c| &c.api_keys, |k| k.sha256 == sha256, key)
            .await
    }

    async fn advertisers(&self, tenant: TenantId, count: u32) -> anyhow::Result<Vec<AdvertiserId>> {
        let mut ids = Vec::new();
        for n in 1..=count {
            let name = format!("Advertiser {n}");
            let draft = parse(json!({"name": name}), Draft::Advertiser)?;
            let number = self
                .ensure(tenant, |c| &c.advertisers, |a| a.name == name, draft)
                .await?;
            ids.push(AdvertiserId::new(tenant, number));
        }
        Ok(ids)
    }

    async fn affiliates(&self, tenant: TenantId, count: u32) -> anyhow::Result<()> {
        for n in 1..=count {
            let name = format!("Affiliate {n}");
            let body = json!({"name": name, "status": "approved"});
            let draft = parse(body, Draft::Affiliate)?;
            self.ensure(tenant, |c| &c.affiliates, |a| a.name == name, draft)
                .await?;
        }
        Ok(())
    }

    /// Offers in the tenant's currency, one advertiser's after the other's.
    async fn offers(
        &self,
        tenant: TenantId,
        count: u32,
        advertisers: &[AdvertiserId],
    ) -> anyhow::Result<Vec<OfferId>> {
        let settings = self.catalog(tenant).tenant.clone();
        let currency = settings.context("the tenant's settings")?.body.currency;
        let mut ids = Vec::new();
        for n in 0..count {
            let advertiser = advertisers[n as usize % advertisers.len()];
            let body = offer(n, advertiser, currency);
            let name = name_of(&body);
            let draft = parse(body, |d| Draft::Offer(Box::new(d)))?;
            let number = self
                .ensure(tenant, |c| &c.offers, |o| o.name == name, draft)
                .await?;
            ids.push(OfferId::new(tenant, number));
        }
        Ok(ids)
    }

    /// The first affiliate earns more on the first offer.
    async fn terms(&self, tenant: TenantId, offers: &[OfferId]) -> anyhow::Result<()> {
        let catalog = self.catalog(tenant);
        let (Some(offer), Some((&affiliate, _))) =
            (offers.first(), catalog.affiliates.iter().next())
        else {
            return Ok(());
        };
        let key = EntityKey {
            kind: EntityKind::Terms,
            number: offer.number(),
            second: affiliate,
        };
        if catalog.version(key).is_some() {
            return Ok(());
        }
        let body = json!({"status": "approved", "payout": {"type": "cpa", "amount": "14.00"}});
        let target = Target::Update {
            key,
            expected: None,
        };
        self.propose(tenant, target, parse(body, Draft::Terms)?)
            .await?;
        Ok(())
    }
}

fn parse<T: serde::de::DeserializeOwned>(
    body: Value,
    draft: impl Fn(T) -> Draft,
) -> anyhow::Result<Draft> {
    let parsed = parse_draft(body).map_err(|errors| refused(&Refusal::Invalid(errors)))?;
    Ok(draft(parsed))
}

fn name_of(body: &Value) -> String {
    body["name"].as_str().unwrap_or_default().to_owned()
}

fn refused(refusal: &Refusal) -> anyhow::Error {
    match refusal {
        Refusal::Invalid(errors) => anyhow::anyhow!("demo data refused: {errors:?}"),
        other => anyhow::anyhow!("demo data refused: {other}"),
    }
}

/// Offer number `n`: fixed amounts and percentages in turn; one with a cap that is reached every day.
fn offer(n: u32, advertiser: AdvertiserId, currency: Currency) -> Value {
    let goods = GOODS[n as usize % GOODS.len()];
    let slug = goods.to_ascii_lowercase().replace(' ', "-");
    let mut body = json!({
        "name": goods, "advertiser_id": advertiser, "currency": currency,
        "url": format!("https://shop.example/{slug}?click={{click_id}}&partner={{affiliate_id}}&s={{sub1}}"),
        "payout": {"type": "cpa", "amount": format!("{}.50", 8 + n)},
        "revenue": {"type": "rpa", "amount": format!("{}.00", 13 + 2 * n)},
    });
    if n % 3 == 1 {
        body["payout"] = json!({"type": "cps", "percent": "8"});
        body["revenue"] = json!({"type": "rps", "percent": "12.5"});
    }
    if n == 0 {
        // Of clicks, which count themselves: a cap of conversions would close as late as the fold happens to be.
        body["caps"] =
            json!([{"metric": "clicks", "period": "day", "limit": 100, "level": "offer"}]);
    }
    if n == 2 {
        body["targeting"] = json!({"device": {"include": ["mobile", "tablet"]}});
    }
    if n == 4 {
        body["goals"] = json!([{"name": "trial", "payout": {"type": "cpa", "amount": "1.00"}}]);
    }
    body
}

/// Campaign number `n`: one to four offers, weights, some with a flow of their own.
fn campaign(n: u32, offers: &[OfferId], chance: &mut Chance) -> Value {
    let arms = 1 + chance.below(offers.len().min(4));
    let arms: Vec<Value> = (0..arms)
        .map(|a| {
            let offer = offers[(n as usize + a) % offers.len()];
            json!({"offer_id": offer, "weight": 10 + chance.below(90)})
        })
        .collect();
    let mut body = json!({"name": format!("Campaign {}", n + 1), "distribution": {"mode": "fixed"}, "arms": arms});
    if n.is_multiple_of(5) {
        body["flows"] = json!([{"name": "Germany", "kind": "regular", "match": {"country": {"include": ["DE"]}},
            "distribution": {"mode": "fixed"}, "arms": [{"offer_id": offers[chance.below(offers.len())]}]}]);
    }
    if n.is_multiple_of(4) {
        body["cost"] = json!({"model": "cpc", "amount": "0.12"});
    }
    body
}
