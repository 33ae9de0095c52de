//! What the click path reads: a tenant's and a campaign's configuration, compiled.
//!
//! Always true: a snapshot never changes; a new one keeps what did not change. A text that this build cannot
//! compile (it was checked when it was saved) compiles to "no destination", which leads to a fallback.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use crate::caps::{CapRule, Gates, rules_of};
use crate::catalog::{
    Arm, Campaign, Catalog, CostModel, Distribution, FlowKind, Liveness, Offer, OfferStatus,
    ReferrerPolicy, Targeting, TermsStatus, Versioned, Visibility,
};
use crate::fact::Paid;
use crate::ids::TenantId;
use crate::money::{Currency, Micros};
use crate::policy::{FixedWeights, MAX_ARMS, Policy};
use crate::targeting::Matcher;
use crate::template::Template;

/// Spreads the numbers of entities, which are ours and in sequence, over a table.
#[derive(Debug, Default)]
struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&b| self.write_u32(u32::from(b)));
    }
    fn write_u32(&mut self, number: u32) {
        let mixed =
            (self.0.rotate_left(32) ^ u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ mixed >> 32;
    }
}

/// Compiled entities by number; looked up, never walked.
type ByNumber<K, T> = HashMap<K, Arc<T>, BuildHasherDefault<NumberHasher>>;

/// A tenant, compiled.
#[derive(Debug)]
pub struct TenantSnapshot {
    /// Whose.
    pub tenant: TenantId,
    /// The configuration it was compiled from.
    pub catalog: Arc<Catalog>,
    /// Room under caps, read live.
    pub gates: Arc<Gates>,
    /// Where clicks go that nothing else takes.
    pub fallback: Option<Template>,
    offers: ByNumber<u32, CompiledOffer>,
    terms: ByNumber<(u32, u32), CompiledTerms>,
}

/// An offer, compiled.
#[derive(Debug)]
pub struct CompiledOffer {
    /// Its version.
    pub version: u32,
    /// Its advertiser's number.
    pub advertiser: u32,
    /// Name for people.
    pub name: Box<str>,
    /// Whether it takes clicks.
    pub status: OfferStatus,
    /// Who may run it.
    pub visibility: Visibility,
    /// Currency of its amounts.
    pub currency: Currency,
    /// Destination.
    pub url: Option<Template>,
    /// Where clicks go that it cannot take.
    pub fallback: Option<Template>,
    /// What the destination learns of where the visitor came from.
    pub referrer_policy: ReferrerPolicy,
    /// Whom it takes.
    pub matcher: Matcher,
    /// Hard caps.
    pub caps: Box<[CapRule]>,
}

/// What holds between an offer and an affiliate, compiled.
#[derive(Debug)]
pub struct CompiledTerms {
    version: u32,
    /// Version of the offer that the caps' goals were found in.
    offer_version: u32,
    /// Whether the affiliate may run the offer.
    pub status: TermsStatus,
    /// Hard caps of this affiliate on this offer.
    pub caps: Box<[CapRule]>,
}

impl TenantSnapshot {
    /// Compiles `catalog`, keeping from `before` what did not change.
    #[must_use]
    pub fn compile(
        tenant: TenantId,
        catalog: Arc<Catalog>,
        gates: Arc<Gates>,
        before: Option<&Self>,
    ) -> Self {
        let own = catalog.tenant.as_ref();
        let zone = own.map(|t| t.body.timezone.as_str());
        // Caps without a zone of their own are in the tenant's: when that changes, nothing is kept.
        let zone_before =
            before.and_then(|b| Some(b.catalog.tenant.as_ref()?.body.timezone.as_str()));
        let before = before.filter(|_| zone == zone_before);
        let offers = catalog.offers.iter().map(|(&number, offer)| {
            let kept = before.and_then(|b| b.offers.get(&number));
            let kept = kept.filter(|k| k.version == offer.version).map(Arc::clone);
            (
                number,
                kept.unwrap_or_else(|| Arc::new(compile_offer(&catalog, number, offer))),
            )
        });
        let offers: ByNumber<_, _> = offers.collect();
        let terms = catalog.terms.iter().map(|(&key, terms)| {
            let offer_version = offers.get(&key.0).map_or(0, |o| o.version);
            let is_same = |k: &&Arc<CompiledTerms>| {
                k.version == terms.version && k.offer_version == offer_version
            };
            let kept = before
                .and_then(|b| b.terms.get(&key))
                .filter(is_same)
                .map(Arc::clone);
            let compile = || {
                Arc::new(CompiledTerms {
                    version: terms.version,
                    offer_version,
                    status: terms.body.status,
                    caps: hard(rules_of(&catalog, key.0, Some(key.1))),
                })
            };
            (key, kept.unwrap_or_else(compile))
        });
        Self {
            terms: terms.collect(),
            fallback: own.and_then(|t| template(t.body.fallback_url.as_deref())),
            tenant,
            gates,
            offers,
            catalog,
        }
    }

    /// An offer by number.
    #[must_use]
    pub fn offer(&self, number: u32) -> Option<&Arc<CompiledOffer>> {
        self.offers.get(&number)
    }

    /// The terms of an affiliate on an offer.
    #[must_use]
    pub fn terms(&self, offer: u32, affiliate: u32) -> Option<&CompiledTerms> {
        self.terms.get(&(offer, affiliate)).map(Arc::as_ref)
    }

    /// Version of the configuration.
    #[must_use]
    pub fn config_version(&self) -> u64 {
        self.catalog.config_version
    }
}

fn compile_offer(catalog: &Catalog, number: u32, offer: &Versioned<Offer>) -> CompiledOffer {
    let body = &offer.body;
    CompiledOffer {
        version: offer.version,
        advertiser: body.advertiser_id.number(),
        name: body.name.as_str().into(),
        status: body.status,
        visibility: body.visibility,
        currency: body.currency,
        url: template(Some(&body.url)),
        fallback: template(body.fallback_url.as_deref()),
        referrer_policy: body.referrer_policy,
        matcher: matcher(catalog, &body.targeting),
        caps: hard(rules_of(catalog, number, None)),
    }
}

/// What cannot be made ready (it was checked when it was saved) takes nobody.
fn matcher(catalog: &Catalog, targeting: &Targeting) -> Matcher {
    let zone = catalog.tenant.as_ref();
    let zone = zone.map_or("UTC", |t| t.body.timezone.as_str());
    Matcher::compile(targeting, zone).unwrap_or_else(|_| Matcher::nobody())
}

fn hard(rules: Vec<CapRule>) -> Box<[CapRule]> {
    rules.into_iter().filter(|r| r.is_hard).collect()
}

fn template(text: Option<&str>) -> Option<Template> {
    text.and_then(|t| Template::parse_destination(t).ok())
}

/// A campaign, compiled.
#[derive(Debug)]
pub struct CampaignSnapshot {
    /// Its number.
    pub number: u32,
    /// Its version.
    pub version: u32,
    /// Its link.
    pub link: Box<str>,
    /// Whether it takes clicks: neither it nor its tenant is archived.
    pub is_live: bool,
    /// Whether a click must name an affiliate.
    pub require_affiliate: bool,
    /// What a click costs.
    pub cost: CompiledCost,
    /// Where clicks go that nothing else takes.
    pub fallback: Option<Template>,
    /// Flows in the order in which they are looked at; the default flow is the last.
    pub flows: Box<[CompiledFlow]>,
    /// Seed of its draws.
    pub seed: u64,
}

/// What a click of a campaign costs, compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompiledCost {
    /// Nothing.
    None,
    /// A fixed amount.
    Fixed(Paid),
    /// What the `cost` parameter says, in this currency.
    Token(Currency),
}

impl CompiledCost {
    /// The cost of a click whose `cost` parameter is `text`; an amount that cannot be read costs nothing.
    #[must_use]
    pub fn of(&self, text: &str) -> Option<Paid> {
        match *self {
            Self::None => None,
            Self::Fixed(paid) => Some(paid),
            Self::Token(currency) => {
                let amount = text.parse::<Micros>().ok().filter(|a| a.is_believable())?;
                Some(Paid { amount, currency })
            }
        }
    }
}

/// A flow, compiled.
#[derive(Debug)]
pub struct CompiledFlow {
    /// Its number; `None` = the default flow.
    pub number: Option<u32>,
    /// Whom it is for.
    pub matcher: Matcher,
    /// How it draws.
    pub policy: Policy,
    /// Its arms, in the order of the policy's indices.
    pub arms: Box<[CompiledArm]>,
}

/// An arm, compiled.
#[derive(Debug)]
pub struct CompiledArm {
    /// Its number.
    pub number: u32,
    /// Its offer's number.
    pub offer: u32,
    /// Own destination instead of the offer's.
    pub url: Option<Template>,
    /// Whether it takes part.
    pub is_enabled: bool,
}

impl CampaignSnapshot {
    /// The seed of a campaign's draws, the same in every version of it.
    #[must_use]
    pub fn seed_of(tenant: TenantId, number: u32) -> u64 {
        u64::from(tenant.0) << 32 | u64::from(number)
    }

    /// Compiles a campaign of `tenant`.
    #[must_use]
    pub fn compile(tenant: TenantId, catalog: &Catalog, number: u32) -> Option<Self> {
        let campaign = catalog.campaigns.get(&number)?;
        let body = &campaign.body;
        let of_tenant = catalog.tenant.as_ref().map(|t| t.body.status);
        Some(Self {
            number,
            version: campaign.version,
            link: body.link.as_str().into(),
            is_live: [Some(body.status), of_tenant]
                .into_iter()
                .flatten()
                .all(|status| status == Liveness::Active),
            require_affiliate: body.require_affiliate,
            cost: compile_cost(catalog, body),
            fallback: template(body.fallback_url.as_deref()),
            flows: compile_flows(catalog, body),
            seed: Self::seed_of(tenant, number),
        })
    }
}

fn compile_cost(catalog: &Catalog, campaign: &Campaign) -> CompiledCost {
    let Some(cost) = &campaign.cost else {
        return CompiledCost::None;
    };
    let of_tenant = catalog
        .tenant
        .as_ref()
        .map_or(Currency::USD, |t| t.body.currency);
    let currency = cost.currency.unwrap_or(of_tenant);
    match (cost.model, cost.amount) {
        (CostModel::Cpc, Some(amount)) => CompiledCost::Fixed(Paid { amount, currency }),
        (CostModel::Token, _) => CompiledCost::Token(currency),
        (CostModel::None | CostModel::Cpc, _) => CompiledCost::None,
    }
}

/// Forced flows, then regular ones, each in the order of the list, then the default flow.
fn compile_flows(catalog: &Catalog, campaign: &Campaign) -> Box<[CompiledFlow]> {
    let of_kind = |kind| campaign.flows.iter().filter(move |f| f.kind == kind);
    let listed = of_kind(FlowKind::Forced).chain(of_kind(FlowKind::Regular));
    let default = compile_flow(
        None,
        Matcher::default(),
        &campaign.distribution,
        &campaign.arms,
    );
    listed
        .map(|f| {
            let matcher = matcher(catalog, &f.matches);
            compile_flow(Some(f.id.number()), matcher, &f.distribution, &f.arms)
        })
        .chain([default])
        .collect()
}

fn compile_flow(
    number: Option<u32>,
    matcher: Matcher,
    distribution: &Distribution,
    arms: &[Arm],
) -> CompiledFlow {
    let weights = FixedWeights::new(arms.iter().map(|a| a.weight), distribution.floor);
    let arms = arms.iter().take(MAX_ARMS).map(|arm| CompiledArm {
        number: arm.id.number(),
        offer: arm.offer_id.number(),
        url: template(arm.url.as_deref()),
        is_enabled: arm.enabled,
    });
    CompiledFlow {
        number,
        matcher,
        policy: Policy::Fixed(weights),
        arms: arms.collect(),
    }
}
