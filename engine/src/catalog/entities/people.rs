//! Who takes part: the tenant itself, advertisers and how their postbacks prove themselves, affiliates.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::as_text::{serde_as_text, words};
use crate::ids::UnixMs;
use crate::money::Currency;

/// A customer of the installation: owns everything else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// Name for people.
    pub name: String,
    /// Currency of costs and of clicks that reach no offer.
    pub currency: Currency,
    /// IANA zone of caps and of reports that name none.
    pub timezone: String,
    /// Where clicks go that nothing else takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback_url: Option<String>,
    /// Live or archived.
    #[serde(default)]
    pub status: Liveness,
    /// Fingerprints kept to tell unique clicks; judged facts depend on it, so it is in the log.
    #[serde(default = "default_uniqueness_capacity")]
    pub uniqueness_capacity: u32,
    /// Number of the judging rules in force.
    #[serde(default = "first_rules")]
    pub rules: u32,
}

/// Default of [`Tenant::uniqueness_capacity`].
#[must_use]
pub fn default_uniqueness_capacity() -> u32 {
    4_000_000
}

fn first_rules() -> u32 {
    1
}

words! {
    /// Whether an entity without a life cycle of its own is in use.
    #[derive(Default)]
    Liveness {
        /// In use.
        #[default]
        Active = 1 "active",
        /// Kept for history; refuses new use.
        Archived = 2 "archived",
    }
}

words! {
    /// How an advertiser's postbacks prove that they are the advertiser's.
    PostbackAuth {
        /// A random token in `token=`.
        Token = 1 "token",
        /// An HMAC over the canonical query.
        Hmac = 2 "hmac",
        /// The sender's address is on the list.
        Ip = 3 "ip",
        /// Not at all: conversions stay pending.
        None = 4 "none",
    }
}

words! {
    /// Within which bounds a `txid` is unique.
    TxidScope {
        /// Over all offers of the advertiser.
        Advertiser = 1 "advertiser",
        /// On each offer by itself.
        Offer = 2 "offer",
    }
}

/// Who pays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advertiser {
    /// Name for people.
    pub name: String,
    /// How postbacks are authenticated.
    pub postback_auth: PostbackAuth,
    /// Addresses that postbacks may come from; checked with every kind of authentication when not empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub postback_ips: Vec<AddressRange>,
    /// Bounds of a transaction id.
    pub txid_scope: TxidScope,
    /// Version of the derived postback token, HMAC secret and pixel key.
    pub token_version: u32,
    /// Until when the version before is good too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_token_until: Option<UnixMs>,
    /// Live or archived.
    #[serde(default)]
    pub status: Liveness,
}

/// An address or a CIDR range such as `203.0.113.0/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AddressRange {
    address: IpAddr,
    prefix: u8,
}

/// The text is not an address or a CIDR range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an address or a range such as 203.0.113.0/24")]
pub struct AddressRangeError;

impl AddressRange {
    /// Whether `address` lies in the range; an IPv4 address mapped into IPv6 counts as IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(range), IpAddr::V4(a)) => {
                let differing = u32::from(range) ^ u32::from(a);
                differing
                    .checked_shr(32 - u32::from(self.prefix))
                    .unwrap_or(0)
                    == 0
            }
            (IpAddr::V6(range), IpAddr::V6(a)) => {
                let differing = u128::from(range) ^ u128::from(a);
                differing
                    .checked_shr(128 - u32::from(self.prefix))
                    .unwrap_or(0)
                    == 0
            }
            _ => false,
        }
    }
}

impl std::str::FromStr for AddressRange {
    type Err = AddressRangeError;
    fn from_str(text: &str) -> Result<Self, AddressRangeError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| AddressRangeError)?;
        let address = address.to_canonical();
        let width = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(text) => text.parse().map_err(|_| AddressRangeError)?,
            None => width,
        };
        if prefix > width {
            return Err(AddressRangeError);
        }
        Ok(Self { address, prefix })
    }
}

impl std::fmt::Display for AddressRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

serde_as_text!(AddressRange);

words! {
    /// Where an affiliate stands.
    AffiliateStatus {
        /// Waits for approval.
        Pending = 1 "pending",
        /// May send clicks.
        Approved = 2 "approved",
        /// Was not taken.
        Rejected = 3 "rejected",
        /// Was thrown out; later conversions of its clicks stay pending.
        Banned = 4 "banned",
        /// Kept for history.
        Archived = 5 "archived",
    }
}

/// Who sends clicks and is paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Affiliate {
    /// Name for people.
    pub name: String,
    /// Where it stands.
    pub status: AffiliateStatus,
}
