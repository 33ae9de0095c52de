//! Drafts of the tenant, its advertisers and its affiliates.

use serde::{Deserialize, Serialize};

use super::review::Review;
use super::{Draft, EntityDraft, code};
use crate::catalog::{
    AddressRange, Advertiser, Affiliate, AffiliateStatus, Liveness, PostbackAuth, Tenant,
    TxidScope, default_uniqueness_capacity,
};
use crate::money::Currency;

/// Fewest and most fingerprints that a tenant may keep.
pub const UNIQUENESS_CAPACITY: std::ops::RangeInclusive<u32> = 1_000..=64_000_000;
/// Most addresses that an advertiser's postbacks may come from.
const ADDRESSES_MAX: usize = 200;

/// What may be set of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantDraft {
    /// Name for people.
    pub name: String,
    /// Currency of costs and of clicks that reach no offer.
    pub currency: Currency,
    /// IANA zone of caps and of reports that name none.
    pub timezone: String,
    /// Where clicks go that nothing else takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback_url: Option<String>,
    /// Fingerprints kept to tell unique clicks.
    #[serde(default = "default_uniqueness_capacity")]
    pub uniqueness_capacity: u32,
    /// Live or archived.
    #[serde(default)]
    pub status: Liveness,
}

impl EntityDraft for TenantDraft {
    type Entity = Tenant;

    fn of(draft: &Draft) -> Option<&Self> {
        match draft {
            Draft::Tenant(draft) | Draft::NewTenant(draft) => Some(draft),
            _ => None,
        }
    }

    fn build(&self, review: &mut Review<'_>, current: Option<&Tenant>) -> Tenant {
        review.zone("timezone", &self.timezone);
        let capacity = self.uniqueness_capacity;
        review.range("uniqueness_capacity", capacity, UNIQUENESS_CAPACITY);
        Tenant {
            name: review.name("name", &self.name),
            currency: self.currency,
            timezone: self.timezone.clone(),
            fallback_url: review.optional_template("fallback_url", self.fallback_url.as_ref()),
            status: self.status,
            uniqueness_capacity: capacity,
            rules: current.map_or(1, |tenant| tenant.rules),
        }
    }

    fn archived(tenant: &Tenant) -> Option<Tenant> {
        Some(Tenant {
            status: Liveness::Archived,
            ..tenant.clone()
        })
    }
}

impl From<&Tenant> for TenantDraft {
    fn from(tenant: &Tenant) -> Self {
        Self {
            name: tenant.name.clone(),
            currency: tenant.currency,
            timezone: tenant.timezone.clone(),
            fallback_url: tenant.fallback_url.clone(),
            uniqueness_capacity: tenant.uniqueness_capacity,
            status: tenant.status,
        }
    }
}

/// What may be set of an advertiser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdvertiserDraft {
    /// Name for people.
    pub name: String,
    /// How postbacks are authenticated.
    #[serde(default = "by_token")]
    pub postback_auth: PostbackAuth,
    /// Addresses that postbacks may come from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub postback_ips: Vec<AddressRange>,
    /// Bounds of a transaction id.
    #[serde(default = "whole_advertiser")]
    pub txid_scope: TxidScope,
    /// Live or archived.
    #[serde(default)]
    pub status: Liveness,
}

fn by_token() -> PostbackAuth {
    PostbackAuth::Token
}

fn whole_advertiser() -> TxidScope {
    TxidScope::Advertiser
}

impl EntityDraft for AdvertiserDraft {
    type Entity = Advertiser;

    fn of(draft: &Draft) -> Option<&Self> {
        match draft {
            Draft::Advertiser(draft) => Some(draft),
            _ => None,
        }
    }

    fn build(&self, review: &mut Review<'_>, current: Option<&Advertiser>) -> Advertiser {
        review.at_most("postback_ips", self.postback_ips.len(), ADDRESSES_MAX);
        if self.postback_auth == PostbackAuth::Ip && self.postback_ips.is_empty() {
            let message = "postback_auth ip needs at least one address";
            review.error("postback_ips", code::REQUIRED, message);
        }
        Advertiser {
            name: review.name("name", &self.name),
            postback_auth: self.postback_auth,
            postback_ips: self.postback_ips.clone(),
            txid_scope: self.txid_scope,
            token_version: current.map_or(1, |a| a.token_version),
            previous_token_until: current.and_then(|a| a.previous_token_until),
            status: self.status,
        }
    }

    fn archived(advertiser: &Advertiser) -> Option<Advertiser> {
        Some(Advertiser {
            status: Liveness::Archived,
            ..advertiser.clone()
        })
    }
}

impl From<&Advertiser> for AdvertiserDraft {
    fn from(advertiser: &Advertiser) -> Self {
        Self {
            name: advertiser.name.clone(),
            postback_auth: advertiser.postback_auth,
            postback_ips: advertiser.postback_ips.clone(),
            txid_scope: advertiser.txid_scope,
            status: advertiser.status,
        }
    }
}

/// What may be set of an affiliate. Every status may follow every other: a person decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AffiliateDraft {
    /// Name for people.
    pub name: String,
    /// Where it stands.
    pub status: AffiliateStatus,
}

impl EntityDraft for AffiliateDraft {
    type Entity = Affiliate;

    fn of(draft: &Draft) -> Option<&Self> {
        match draft {
            Draft::Affiliate(draft) => Some(draft),
            _ => None,
        }
    }

    fn build(&self, review: &mut Review<'_>, _: Option<&Affiliate>) -> Affiliate {
        Affiliate {
            name: review.name("name", &self.name),
            status: self.status,
        }
    }

    fn archived(affiliate: &Affiliate) -> Option<Affiliate> {
        Some(Affiliate {
            status: AffiliateStatus::Archived,
            ..affiliate.clone()
        })
    }
}

impl From<&Affiliate> for AffiliateDraft {
    fn from(affiliate: &Affiliate) -> Self {
        Self {
            name: affiliate.name.clone(),
            status: affiliate.status,
        }
    }
}
