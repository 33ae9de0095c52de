//! What a tenant has configured: its entities, each with an id and a version.
//!
//! An entity reaches the catalog by a `config_changed` fact and in no other way, so that a verdict can name
//! the version that was in force at its own place in the log.
//! Always true: [`Catalog::apply`] is a function of the fact alone; versions of an entity count 1, 2, 3 …;
//! archived entities stay, so that old links and old conversions still resolve.
//! Not here: whether a change is allowed (see `propose`), the compiled form the click path reads (see
//! [`crate::routing`]), secrets (only version numbers of derived tokens).

mod entities;
mod links;
pub mod propose;
mod targeting;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use self::entities::*;
use self::links::LinkIndex;
pub use self::targeting::{
    AddressCondition, Condition, Schedule, Targeting, VersionRange, Weekday,
};
use crate::ids::{
    AdvertiserId, AffiliateId, ApiKeyId, CampaignId, DomainId, OfferId, TenantId, UnixMs,
};
use crate::ports::EntityRow;

/// An entity with what the log says about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versioned<T> {
    /// Counts from 1 with each change; the `ETag`.
    pub version: u32,
    /// When it was made.
    pub created_at: UnixMs,
    /// When this version was made.
    pub updated_at: UnixMs,
    /// The entity.
    pub body: T,
}

crate::as_text::words! {
    /// What a `config_changed` fact is about.
    EntityKind {
        /// The tenant itself.
        Tenant = 1 "tenant",
        /// An advertiser.
        Advertiser = 2 "advertiser",
        /// An affiliate.
        Affiliate = 3 "affiliate",
        /// An offer.
        Offer = 4 "offer",
        /// The terms of one affiliate on one offer.
        Terms = 5 "terms",
        /// A campaign.
        Campaign = 6 "campaign",
        /// A tracking domain.
        Domain = 7 "domain",
        /// An API key.
        ApiKey = 8 "api_key",
    }
}

/// A change of configuration, as the log keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Which entity, by kind and number.
    pub key: EntityKey,
    /// The version that this change makes.
    pub version: u32,
    /// Who asked for it (an API key's id, or a command).
    pub by: String,
    /// The whole entity after the change, as JSON; never a secret.
    pub body: serde_json::Value,
}

/// Which entity of a tenant: its kind and number; for terms the offer's number and the affiliate's. The tenant
/// itself has the number 0; in tenant 0, the installation, other numbers are the tenants it has made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityKey {
    /// The kind.
    pub kind: EntityKind,
    /// Number of the entity within its tenant (of the offer, for terms; 0 for the tenant itself).
    pub number: u32,
    /// The affiliate's number, for terms; else 0.
    pub second: u32,
}

impl EntityKey {
    /// The key of an entity with one number.
    #[must_use]
    pub fn one(kind: EntityKind, number: u32) -> Self {
        Self {
            kind,
            number,
            second: 0,
        }
    }

    /// The key behind a public id of `kind`, if it is one of `tenant`; for terms `off_…/aff_…`.
    #[must_use]
    pub fn of_public_id(kind: EntityKind, id: &str, tenant: TenantId) -> Option<Self> {
        macro_rules! number {
            ($id:expr, $kind:ty) => {
                $id.parse::<$kind>()
                    .ok()
                    .filter(|id| id.tenant() == tenant)
                    .map(|id| id.number())
            };
        }
        let mut second = 0;
        let number = match kind {
            EntityKind::Tenant => match id.parse().ok()? {
                own if own == tenant => Some(0),
                TenantId(made) => (tenant == TenantId(0)).then_some(made),
            },
            EntityKind::Advertiser => number!(id, AdvertiserId),
            EntityKind::Affiliate => number!(id, AffiliateId),
            EntityKind::Offer => number!(id, OfferId),
            EntityKind::Terms => {
                let (offer, affiliate) = id.split_once('/')?;
                second = number!(affiliate, AffiliateId)?;
                number!(offer, OfferId)
            }
            EntityKind::Campaign => number!(id, CampaignId),
            EntityKind::Domain => number!(id, DomainId),
            EntityKind::ApiKey => number!(id, ApiKeyId),
        };
        number.map(|number| Self {
            kind,
            number,
            second,
        })
    }

    /// Its public id, as it stands in URLs and exports.
    #[must_use]
    pub fn public_id(self, tenant: TenantId) -> String {
        let (n, m) = (self.number, self.second);
        match self.kind {
            EntityKind::Tenant if n == 0 => tenant.to_string(),
            EntityKind::Tenant => TenantId(n).to_string(),
            EntityKind::Advertiser => AdvertiserId::new(tenant, n).to_string(),
            EntityKind::Affiliate => AffiliateId::new(tenant, n).to_string(),
            EntityKind::Offer => OfferId::new(tenant, n).to_string(),
            EntityKind::Terms => {
                let (offer, affiliate) = (OfferId::new(tenant, n), AffiliateId::new(tenant, m));
                format!("{offer}/{affiliate}")
            }
            EntityKind::Campaign => CampaignId::new(tenant, n).to_string(),
            EntityKind::Domain => DomainId::new(tenant, n).to_string(),
            EntityKind::ApiKey => ApiKeyId::new(tenant, n).to_string(),
        }
    }
}

/// The bytes of a change cannot be read by this build: a newer format, or damage under a good checksum.
#[derive(Debug, thiserror::Error)]
#[error("the body of {kind} {number} version {version} cannot be read")]
pub struct UnreadableBody {
    /// Kind of the entity.
    pub kind: EntityKind,
    /// Its number.
    pub number: u32,
    /// The version that was to be made.
    pub version: u32,
    /// Why.
    #[source]
    pub source: serde_json::Error,
}

/// Entities of one kind, by number.
pub type Entities<T> = BTreeMap<u32, Arc<Versioned<T>>>;

/// Everything a tenant has configured, as of a place in the log.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    /// The tenant's own settings; `None` before its first fact.
    pub tenant: Option<Arc<Versioned<Tenant>>>,
    /// In the catalog of tenant 0 the tenants of the installation by number, else empty.
    pub tenants: Entities<Tenant>,
    /// Advertisers by number.
    pub advertisers: Entities<Advertiser>,
    /// Affiliates by number.
    pub affiliates: Entities<Affiliate>,
    /// Offers by number.
    pub offers: Entities<Offer>,
    /// Terms by (offer, affiliate).
    pub terms: BTreeMap<(u32, u32), Arc<Versioned<Terms>>>,
    /// Campaigns by number, with the hidden ones of offers.
    pub campaigns: Entities<Campaign>,
    /// Domains by number.
    pub domains: Entities<Domain>,
    /// API keys by number.
    pub api_keys: Entities<ApiKey>,
    /// Number of changes applied: the `config_version` on clicks.
    pub config_version: u64,
    /// The greatest number given to an entity, arm, flow or goal so far.
    pub last_number: u32,
    links: LinkIndex,
}

impl Catalog {
    /// Applies a change made at `at`.
    ///
    /// # Errors
    /// [`UnreadableBody`] when the body is not an entity of its kind; nothing is changed then.
    pub fn apply(&mut self, change: &Change, at: UnixMs) -> Result<(), UnreadableBody> {
        self.put(change, at, at)?;
        self.config_version += 1;
        Ok(())
    }

    /// Puts an entity as a store keeps it: after all its changes.
    ///
    /// # Errors
    /// [`UnreadableBody`] when the body is not an entity of its kind; nothing is changed then.
    pub fn restore(&mut self, row: &EntityRow) -> Result<(), UnreadableBody> {
        self.put(&row.change, row.created_at, row.updated_at)?;
        self.config_version += u64::from(row.change.version);
        Ok(())
    }

    fn put(
        &mut self,
        change: &Change,
        created_at: UnixMs,
        updated_at: UnixMs,
    ) -> Result<(), UnreadableBody> {
        let at = (created_at, updated_at);
        let n = change.key.number;
        match change.key.kind {
            EntityKind::Tenant if n != 0 => put(&mut self.tenants, n, change, at)?,
            EntityKind::Tenant => {
                let mut only = self.tenant.take().map(|t| (0, t)).into_iter().collect();
                let result = put(&mut only, 0, change, at);
                self.tenant = only.remove(&0);
                result?;
            }
            EntityKind::Advertiser => put(&mut self.advertisers, n, change, at)?,
            EntityKind::Affiliate => put(&mut self.affiliates, n, change, at)?,
            EntityKind::Offer => put(&mut self.offers, n, change, at)?,
            EntityKind::Terms => put(&mut self.terms, (n, change.key.second), change, at)?,
            EntityKind::Campaign => self.put_campaign(change, at)?,
            EntityKind::Domain => put(&mut self.domains, n, change, at)?,
            EntityKind::ApiKey => put(&mut self.api_keys, n, change, at)?,
        }
        self.last_number = self.last_number.max(self.greatest_number_in(change));
        Ok(())
    }

    fn put_campaign(
        &mut self,
        change: &Change,
        at: (UnixMs, UnixMs),
    ) -> Result<(), UnreadableBody> {
        let n = change.key.number;
        let before = self.campaigns.get(&n).cloned();
        put(&mut self.campaigns, n, change, at)?;
        if let Some(now) = self.campaigns.get(&n) {
            self.links
                .put(n, before.as_ref().map(|c| &c.body), &now.body);
        }
        Ok(())
    }

    /// The version of an entity.
    #[must_use]
    pub fn version(&self, key: EntityKey) -> Option<u32> {
        self.times(key).map(|(version, _)| version)
    }

    /// When an entity was first made.
    #[must_use]
    pub fn created_at(&self, key: EntityKey) -> Option<UnixMs> {
        self.times(key).map(|(_, created_at)| created_at)
    }

    /// Version and first time of an entity.
    fn times(&self, key: EntityKey) -> Option<(u32, UnixMs)> {
        fn of<T>(entity: Option<&Arc<Versioned<T>>>) -> Option<(u32, UnixMs)> {
            entity.map(|e| (e.version, e.created_at))
        }
        let n = &key.number;
        match key.kind {
            EntityKind::Tenant if *n != 0 => of(self.tenants.get(n)),
            EntityKind::Tenant => of(self.tenant.as_ref()),
            EntityKind::Advertiser => of(self.advertisers.get(n)),
            EntityKind::Affiliate => of(self.affiliates.get(n)),
            EntityKind::Offer => of(self.offers.get(n)),
            EntityKind::Terms => of(self.terms.get(&(*n, key.second))),
            EntityKind::Campaign => of(self.campaigns.get(n)),
            EntityKind::Domain => of(self.domains.get(n)),
            EntityKind::ApiKey => of(self.api_keys.get(n)),
        }
    }

    /// The greatest number that `change` uses: its own, and those of the parts inside the entity.
    fn greatest_number_in(&self, change: &Change) -> u32 {
        let n = change.key.number;
        let inside = match change.key.kind {
            EntityKind::Offer => self.offers.get(&n).and_then(|o| o.body.greatest_goal()),
            EntityKind::Campaign => self.campaigns.get(&n).and_then(|c| c.body.greatest_part()),
            // Terms have no number of their own; tenants are numbered apart.
            EntityKind::Terms | EntityKind::Tenant => return 0,
            _ => None,
        };
        inside.unwrap_or(0).max(n)
    }
}

/// Puts the entity of `change` under `key`, keeping when it was first made. Times: first made, this version.
fn put<K: Ord, T: DeserializeOwned>(
    entities: &mut BTreeMap<K, Arc<Versioned<T>>>,
    key: K,
    change: &Change,
    (created_at, updated_at): (UnixMs, UnixMs),
) -> Result<(), UnreadableBody> {
    let body = T::deserialize(&change.body).map_err(|source| UnreadableBody {
        kind: change.key.kind,
        number: change.key.number,
        version: change.version,
        source,
    })?;
    let created_at = entities.get(&key).map_or(created_at, |old| old.created_at);
    let entity = Versioned {
        version: change.version,
        created_at,
        updated_at,
        body,
    };
    entities.insert(key, Arc::new(entity));
    Ok(())
}
