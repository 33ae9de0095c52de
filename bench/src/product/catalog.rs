//! What the standard mix is configured with: one tenant, through the product's own door for changes.

use std::sync::Arc;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use weir_actors::{Chance, Mesh};
use weir_engine::catalog::propose::{Draft, Proposal, Target, parse_draft};
use weir_engine::catalog::{CampaignKind, Catalog};
use weir_engine::ids::{AdvertiserId, AffiliateId, OfferId, TenantId};

use crate::mix::{AFFILIATES, CAMPAIGNS};

const ADVERTISERS: usize = 5;
const OFFERS: usize = 20;
/// Changes a call.
const AT_A_TIME: usize = 100;

/// What requests name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Names {
    /// Whose they are.
    pub tenant: u32,
    /// Links of the campaigns.
    pub links: Vec<String>,
    /// Ids of the affiliates.
    pub affiliates: Vec<String>,
}

/// Configures everything.
///
/// # Errors
/// Something is refused.
pub async fn configure(mesh: &Mesh) -> anyhow::Result<Names> {
    let settings = json!({"name": "Bench", "currency": "USD", "timezone": "America/New_York",
        "fallback_url": "https://example.com/nothing-here"});
    let installation = TenantId(0);
    let new = vec![Draft::NewTenant(parse(settings.clone())?)];
    let tenant = TenantId(create(mesh, installation, new).await?[0]);
    create(mesh, tenant, vec![Draft::Tenant(parse(settings)?)]).await?;
    let bodies = (1..=ADVERTISERS).map(|n| json!({"name": format!("Advertiser {n}")}));
    let advertisers = made(mesh, tenant, bodies, |b| Ok(Draft::Advertiser(parse(b)?))).await?;
    let bodies =
        (1..=AFFILIATES).map(|n| json!({"name": format!("Affiliate {n}"), "status": "approved"}));
    let affiliates = made(mesh, tenant, bodies, |b| Ok(Draft::Affiliate(parse(b)?))).await?;
    let bodies = (0..OFFERS).map(|n| {
        let advertiser = advertisers[n % advertisers.len()];
        offer(n, AdvertiserId::new(tenant, advertiser))
    });
    let offers = made(mesh, tenant, bodies, |b| {
        Ok(Draft::Offer(Box::new(parse(b)?)))
    })
    .await?;
    let bodies = (0..CAMPAIGNS).map(|n| campaign(n, tenant, &offers));
    let campaigns = made(mesh, tenant, bodies, |b| Ok(Draft::Campaign(parse(b)?))).await?;
    let catalog = mesh.routes().catalog(tenant).context("a tenant")?;
    let affiliates = affiliates
        .into_iter()
        .map(|n| AffiliateId::new(tenant, n).to_string());
    Ok(Names {
        tenant: tenant.0,
        links: links(&catalog, &campaigns)?,
        affiliates: affiliates.collect(),
    })
}

fn links(catalog: &Arc<Catalog>, campaigns: &[u32]) -> anyhow::Result<Vec<String>> {
    let link = |number: &u32| {
        let campaign = catalog.campaigns.get(number).context("a campaign")?;
        anyhow::ensure!(
            campaign.body.kind == CampaignKind::Campaign,
            "an offer's own link"
        );
        Ok(campaign.body.link.clone())
    };
    campaigns.iter().map(link).collect()
}

fn parse<T: serde::de::DeserializeOwned>(body: Value) -> anyhow::Result<T> {
    parse_draft(body).map_err(|errors| anyhow::anyhow!("refused: {errors:?}"))
}

async fn made(
    mesh: &Mesh,
    tenant: TenantId,
    bodies: impl Iterator<Item = Value>,
    draft: impl Fn(Value) -> anyhow::Result<Draft>,
) -> anyhow::Result<Vec<u32>> {
    create(
        mesh,
        tenant,
        bodies.map(draft).collect::<anyhow::Result<_>>()?,
    )
    .await
}

/// Has entities made; gives their numbers.
async fn create(mesh: &Mesh, tenant: TenantId, drafts: Vec<Draft>) -> anyhow::Result<Vec<u32>> {
    let mut numbers = Vec::with_capacity(drafts.len());
    let mut left = drafts.into_iter().peekable();
    while left.peek().is_some() {
        let proposals = left.by_ref().take(AT_A_TIME).map(|draft| Proposal {
            by: "bench".to_owned(),
            target: Target::Create,
            draft,
        });
        let chance = Chance {
            draw: u64::from(tenant.0) << 32 | numbers.len() as u64,
            at: None,
        };
        for answer in mesh.propose(tenant, proposals.collect(), chance).await? {
            let accepted = answer.map_err(|refusal| anyhow::anyhow!("refused: {refusal:?}"))?;
            numbers.push(accepted.key.number);
        }
    }
    Ok(numbers)
}

/// Offer number `n`: fixed amounts and percentages; some take part of the world, some count clicks.
fn offer(n: usize, advertiser: AdvertiserId) -> Value {
    let mut body = json!({
        "name": format!("Offer {n}"), "advertiser_id": advertiser, "currency": "USD",
        "url": format!("https://shop.example/offer-{n}?click={{click_id}}&partner={{affiliate_id}}&s={{sub1}}-{{sub2}}"),
        "payout": {"type": "cpa", "amount": format!("{}.50", 8 + n)},
        "revenue": {"type": "rpa", "amount": format!("{}.00", 13 + 2 * n)},
    });
    match n % 4 {
        1 => {
            body["payout"] = json!({"type": "cps", "percent": "8"});
            body["revenue"] = json!({"type": "rps", "percent": "12.5"});
        }
        2 => body["targeting"] = json!({"country": {"exclude": ["AU", "JP"]}}),
        3 => {
            // So high that it is never reached, so that every click takes a permit.
            body["caps"] = json!([{"metric": "clicks", "period": "day", "limit": 1_000_000_000, "level": "offer"}]);
        }
        _ => {}
    }
    body
}

/// Campaign number `n`: one to four offers by weight, some with a flow of their own and a price.
fn campaign(n: usize, tenant: TenantId, offers: &[u32]) -> Value {
    let offer = |index: usize| OfferId::new(tenant, offers[index % offers.len()]);
    let arms: Vec<Value> = (0..1 + n % 4)
        .map(|arm| json!({"offer_id": offer(n + 5 * arm), "weight": 10 + (n * 7 + arm * 13) % 90}))
        .collect();
    let mut body =
        json!({"name": format!("Campaign {n}"), "distribution": {"mode": "fixed"}, "arms": arms});
    if n.is_multiple_of(5) {
        body["flows"] = json!([{"name": "Germany", "kind": "regular", "match": {"country": {"include": ["DE"]}},
            "distribution": {"mode": "fixed"}, "arms": [{"offer_id": offer(n + 1)}]}]);
    }
    if n.is_multiple_of(4) {
        body["cost"] = json!({"model": "cpc", "amount": "0.12"});
    }
    body
}
