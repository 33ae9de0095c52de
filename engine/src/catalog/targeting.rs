//! Conditions on a visitor: which clicks an offer takes, which clicks a flow is for.
//!
//! Always true: an empty targeting matches everybody; within one condition `exclude` wins over `include`;
//! all conditions must hold. Not here: how they are evaluated (see [`crate::targeting`]).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::entities::AddressRange;
use crate::as_text::words;

/// A condition on one property: listed words, compared without case (of ASCII letters). In texts that others
/// choose (region, city, isp, referrer, source, sub) `*` stands for anything: `mail*`, `*.example.com`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Matches only these; empty = any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<String>,
    /// Never matches these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
}

/// A range of versions such as `12.1`; an unknown version is in no range.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VersionRange {
    /// Least version, inclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<String>,
    /// Greatest version, inclusive in the parts it names (`12` includes 12.4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<String>,
}

/// A condition on the visitor's address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddressCondition {
    /// Matches only these; empty = any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<AddressRange>,
    /// Never matches these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<AddressRange>,
}

words! {
    /// A day of the week.
    Weekday {
        /// Monday.
        Monday = 1 "mon",
        /// Tuesday.
        Tuesday = 2 "tue",
        /// Wednesday.
        Wednesday = 3 "wed",
        /// Thursday.
        Thursday = 4 "thu",
        /// Friday.
        Friday = 5 "fri",
        /// Saturday.
        Saturday = 6 "sat",
        /// Sunday.
        Sunday = 7 "sun",
    }
}

/// The hours of the week in which clicks are taken.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// IANA zone, else the tenant's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// Open hours (0-23, each until the next) by day; a day that is not named is closed.
    pub hours: BTreeMap<Weekday, Vec<u8>>,
}

/// Conditions on a visitor and a click.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Targeting {
    /// ISO 3166 country codes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<Condition>,
    /// Regions, by the code or name that the database of places has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<Condition>,
    /// Cities by English name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<Condition>,
    /// Internet providers by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub isp: Option<Condition>,
    /// Addresses and networks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<AddressCondition>,
    /// Device types: desktop, mobile, tablet, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<Condition>,
    /// Operating systems by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os: Option<Condition>,
    /// Version of the operating system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os_version: Option<VersionRange>,
    /// Browsers by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub browser: Option<Condition>,
    /// Version of the browser.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub browser_version: Option<VersionRange>,
    /// Language tags; `en` matches `en-gb`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<Condition>,
    /// Affiliates by id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub affiliate: Option<Condition>,
    /// Host of the page that the visitor comes from; empty when it is not told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub referrer: Option<Condition>,
    /// The `source` parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Condition>,
    /// Sub-ids by number, `"1"` to `"20"`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub sub: BTreeMap<String, Condition>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
}
