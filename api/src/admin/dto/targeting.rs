//! Conditions on a visitor.

use std::collections::HashMap;

use poem_openapi::Object;

/// A condition on one property: words, compared without case. In region, city, isp, referrer, source and sub
/// `*` stands for anything: `mail*`, `*.example.com`.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none, skip_serializing_if_is_empty)]
pub struct Condition {
    /// Matches only these; empty = any.
    #[oai(default)]
    include: Vec<String>,
    /// Never matches these.
    #[oai(default)]
    exclude: Vec<String>,
}

/// A range of versions such as `12.1`; an unknown version is in no range.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct VersionRange {
    /// Least version, inclusive.
    min: Option<String>,
    /// Greatest version, inclusive in the parts it names (`12` includes 12.4).
    max: Option<String>,
}

/// The hours of the week in which clicks are taken.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Schedule {
    /// IANA zone, else the tenant's.
    timezone: Option<String>,
    /// Open hours (0-23) by day (`mon` to `sun`); a day that is not named is closed.
    hours: HashMap<String, Vec<u8>>,
}

/// Conditions on a visitor and a click; all must hold, and an empty one matches everybody.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none, skip_serializing_if_is_empty)]
pub struct Targeting {
    /// ISO 3166 country codes.
    country: Option<Condition>,
    /// Regions, by the code or name that the database of places has.
    region: Option<Condition>,
    /// Cities by English name.
    city: Option<Condition>,
    /// Internet providers by name.
    isp: Option<Condition>,
    /// Addresses and networks such as `203.0.113.0/24`.
    address: Option<Condition>,
    /// Device types: desktop, mobile, tablet, …
    device: Option<Condition>,
    /// Operating systems by name.
    os: Option<Condition>,
    /// Version of the operating system.
    os_version: Option<VersionRange>,
    /// Browsers by name.
    browser: Option<Condition>,
    /// Version of the browser.
    browser_version: Option<VersionRange>,
    /// Language tags; `en` matches `en-gb`.
    language: Option<Condition>,
    /// Affiliates by id.
    affiliate: Option<Condition>,
    /// Host of the page that the visitor comes from.
    referrer: Option<Condition>,
    /// The `source` parameter.
    source: Option<Condition>,
    /// Sub-ids by number, `"1"` to `"20"`.
    #[oai(default)]
    sub: HashMap<String, Condition>,
    /// When.
    schedule: Option<Schedule>,
}
