//! What a tenant has configured: its entities, each with an id and a version.
//!
//! An entity reaches the catalog by a `config_changed` fact and in no other way, so that a verdict can name
//! the version that was in force at its own place in the log.
//! Always true: [`Catalog::apply`] is a function of the fact alone; versions of an entity count 1, 2, 3 …;
//! archived entities stay, so that old links and old conversions still resolve.
//! Not here: whether a change is allowed (see `propose`), the compiled form the click path reads (see
//! [`crate::routing`]), secrets (only version numbers of derived tokens).

mod entities;
pub mod propose;
mod targeting;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use self::entities::*;
pub use self::targeting::{Condition, Targeting, VersionRange};
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

/// Which entity of a tenant: its kind and number; for terms the offer's number and the affiliate's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityKey {
    /// The kind.
    pub kind: EntityKind,
    /// Number of the entity within its tenant (of the offer, for terms; 0 for the tenant).
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

    /// Its public id, as it stands in URLs and exports.
    #[must_use]
    pub fn public_id(self, tenant: TenantId) -> String {
        let (n, m) = (self.number, self.second);
        match self.kind {
            EntityKind::Tenant => tenant.to_string(),
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
            EntityKind::Campaign => put(&mut self.campaigns, n, change, at)?,
            EntityKind::Domain => put(&mut self.domains, n, change, at)?,
            EntityKind::ApiKey => put(&mut self.api_keys, n, change, at)?,
        }
        self.last_number = self.last_number.max(self.greatest_number_in(change));
        Ok(())
    }

    /// When an entity was first made.
    #[must_use]
    pub fn created_at(&self, key: EntityKey) -> Option<UnixMs> {
        let n = &key.number;
        match key.kind {
            EntityKind::Tenant => self.tenant.as_ref().map(|e| e.created_at),
            EntityKind::Advertiser => self.advertisers.get(n).map(|e| e.created_at),
            EntityKind::Affiliate => self.affiliates.get(n).map(|e| e.created_at),
            EntityKind::Offer => self.offers.get(n).map(|e| e.created_at),
            EntityKind::Terms => self.terms.get(&(*n, key.second)).map(|e| e.created_at),
            EntityKind::Campaign => self.campaigns.get(n).map(|e| e.created_at),
            EntityKind::Domain => self.domains.get(n).map(|e| e.created_at),
            EntityKind::ApiKey => self.api_keys.get(n).map(|e| e.created_at),
        }
    }

    /// The greatest number that `change` uses: its own, and those of the parts inside the entity.
    fn greatest_number_in(&self, change: &Change) -> u32 {
        let n = change.key.number;
        let inside = match change.key.kind {
            EntityKind::Offer => self.offers.get(&n).and_then(|o| o.body.greatest_goal()),
            EntityKind::Campaign => self.campaigns.get(&n).and_then(|c| c.body.greatest_part()),
            EntityKind::Terms => return 0,
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
