//! The names of things: tenants, entities, places in the log.
//!
//! An entity id is `prefix_` + base32 of (tenant, number), so it is unique in the installation and
//! says what it names: `off_4000005`. Numbers are given out per tenant, in log order, by the tenant actor.
//! Always true: an id carries its tenant, so a look-up under another tenant can be refused before any read.
//! Not here: click ids (see [`crate::click_id`]), secrets.

use std::fmt;
use std::hash::Hasher;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use siphasher::sip128::{Hasher128, SipHasher24};

/// Crockford's base32 in lower case: every id and token is written in it.
pub(crate) const BASE32: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// A tenant: 24 bits. Tenant 0 is the installation itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantId(pub u32);

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct UnixMs(pub u64);

impl UnixMs {
    /// The time since `earlier` in milliseconds; 0 when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl UnixMs {
    /// Reads RFC 3339; `None` for anything else and for times before 1970.
    #[must_use]
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let at: jiff::Timestamp = text.parse().ok()?;
        u64::try_from(at.as_millisecond()).ok().map(Self)
    }
}

impl fmt::Display for UnixMs {
    /// RFC 3339 in UTC with milliseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = i64::try_from(self.0)
            .ok()
            .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
            .unwrap_or(jiff::Timestamp::MAX);
        write!(f, "{at:.3}")
    }
}

/// Number of local partitions of the log.
pub const PARTITIONS: u16 = 16;

/// A place in the log: a partition and the gap-free number of a fact in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Partition, below [`PARTITIONS`] on a local journal.
    pub partition: u16,
    /// Number of the fact in its partition, from 0, without gaps.
    pub seq: u64,
}

/// The partition that holds all facts of `tenant`.
#[must_use]
pub fn partition_of(tenant: TenantId) -> u16 {
    let mut hasher = siphasher::sip::SipHasher24::new_with_keys(0, 0);
    hasher.write(&tenant.0.to_be_bytes());
    (hasher.finish() % u64::from(PARTITIONS)) as u16
}

/// A 128-bit id derived from a place in the log: the same on every replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DerivedId(pub u128);

impl DerivedId {
    /// The id of what follows from the fact at `position`; `leg` tells apart several of them.
    #[must_use]
    pub fn of(position: Position, leg: u8) -> Self {
        let mut hasher = SipHasher24::new_with_keys(0x7765_6972, u64::from(leg));
        hasher.write(&position.partition.to_be_bytes());
        hasher.write(&position.seq.to_be_bytes());
        Self(hasher.finish128().as_u128())
    }
}

/// Why a text is not an id of the kind that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id of this kind (expected {expected}_…)")]
pub struct IdError {
    /// The prefix that was expected.
    pub expected: &'static str,
}

/// Writes `value` in base32 without leading zeros.
fn write_base32(f: &mut fmt::Formatter<'_>, value: u128) -> fmt::Result {
    let mut out = [b'0'; 26];
    let mut rest = value;
    let mut start = out.len();
    while rest > 0 || start == out.len() {
        start -= 1;
        out[start] = BASE32[(rest & 31) as usize];
        rest >>= 5;
    }
    f.write_str(std::str::from_utf8(&out[start..]).unwrap_or_default())
}

fn read_base32(text: &str) -> Option<u128> {
    if text.is_empty() || text.len() > 26 {
        return None;
    }
    text.bytes().try_fold(0u128, |value, character| {
        let lower = character.to_ascii_lowercase();
        let digit = BASE32.iter().position(|&a| a == lower)? as u128;
        value.checked_mul(32)?.checked_add(digit)
    })
}

macro_rules! entity_ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl $name {
            /// What stands before the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// The id of entity `number` of `tenant`.
            #[must_use]
            pub fn new(tenant: TenantId, number: u32) -> Self {
                Self((u64::from(tenant.0) << 32) | u64::from(number))
            }

            /// Whose entity it is.
            #[must_use]
            pub fn tenant(self) -> TenantId {
                TenantId((self.0 >> 32) as u32)
            }

            /// Its number within the tenant.
            #[must_use]
            pub fn number(self) -> u32 {
                self.0 as u32
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!($prefix, "_"))?;
                write_base32(f, u128::from(self.0))
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                text.strip_prefix(concat!($prefix, "_"))
                    .and_then(read_base32)
                    .and_then(|value| u64::try_from(value).ok())
                    .filter(|value| value >> 56 == 0)
                    .map(Self)
                    .ok_or(IdError { expected: $prefix })
            }
        }

        crate::as_text::serde_as_text!($name);
    )*};
}

entity_ids! {
    /// An advertiser: who pays.
    AdvertiserId = "adv";
    /// An affiliate: who sends clicks and is paid.
    AffiliateId = "aff";
    /// An offer: what is sold, and its terms.
    OfferId = "off";
    /// A campaign: a link that distributes clicks over arms.
    CampaignId = "cmp";
    /// An arm of a campaign: one offer in its distribution; survives edits.
    ArmId = "arm";
    /// A flow of a campaign: a condition and its own distribution.
    FlowId = "flw";
    /// A goal of an offer: a named step after the base conversion.
    GoalId = "gol";
    /// A tracking domain.
    DomainId = "dom";
    /// An API key (its public part; the secret is stored as a hash).
    ApiKeyId = "key";
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ten_")?;
        write_base32(f, u128::from(self.0))
    }
}

impl FromStr for TenantId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        text.strip_prefix("ten_")
            .and_then(read_base32)
            .and_then(|value| u32::try_from(value).ok())
            .filter(|value| value >> 24 == 0)
            .map(Self)
            .ok_or(IdError { expected: "ten" })
    }
}

crate::as_text::serde_as_text!(TenantId, ConversionId);

/// A conversion: derived from the place of the postback that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConversionId(pub DerivedId);

impl ConversionId {
    /// The conversion that the postback at `position` makes.
    #[must_use]
    pub fn at(position: Position) -> Self {
        Self(DerivedId::of(position, 0))
    }
}

impl fmt::Display for ConversionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cnv_")?;
        write_base32(f, self.0.0)
    }
}

impl FromStr for ConversionId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        text.strip_prefix("cnv_")
            .and_then(read_base32)
            .map(|value| Self(DerivedId(value)))
            .ok_or(IdError { expected: "cnv" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_back_and_carries_its_tenant() {
        let id = OfferId::new(TenantId(7), 42);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!((id.tenant(), id.number()), (TenantId(7), 42));
        let tenant = TenantId(0xff_ffff);
        assert_eq!(tenant.to_string().parse(), Ok(tenant));
        let conversion = ConversionId::at(Position {
            partition: 3,
            seq: 9,
        });
        assert_eq!(conversion.to_string().parse(), Ok(conversion));
    }

    #[test]
    fn an_id_of_another_kind_is_refused() {
        let offer = OfferId::new(TenantId(1), 1).to_string();
        assert!(offer.parse::<AffiliateId>().is_err());
        for text in ["off_", "off", "", "off_u", "off_zzzzzzzzzzzzzzz"] {
            assert!(text.parse::<OfferId>().is_err(), "{text}");
        }
    }

    #[test]
    fn derived_ids_differ_by_place_and_leg() {
        let here = Position {
            partition: 1,
            seq: 5,
        };
        let there = Position {
            partition: 5,
            seq: 1,
        };
        assert_ne!(DerivedId::of(here, 0), DerivedId::of(there, 0));
        assert_ne!(DerivedId::of(here, 0), DerivedId::of(here, 1));
    }

    #[test]
    fn times_are_shown_in_utc_with_milliseconds() {
        assert_eq!(
            UnixMs(1_704_067_200_007).to_string(),
            "2024-01-01T00:00:00.007Z"
        );
    }
}
