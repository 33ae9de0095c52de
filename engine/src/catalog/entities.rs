//! The entities of a tenant, as they lie in the log: serde JSON, money as decimal strings, ids as text.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::targeting::Targeting;
use crate::as_text::{serde_as_text, words};
use crate::ids::{AdvertiserId, AffiliateId, ArmId, DomainId, FlowId, GoalId, OfferId, UnixMs};
use crate::money::{Currency, Micros, Percent};

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

/// What an affiliate earns by a conversion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Payout {
    /// A fixed amount in the offer's currency.
    Cpa {
        /// The amount.
        amount: Micros,
    },
    /// A percentage of the sale.
    Cps {
        /// The percentage.
        percent: Percent,
    },
}

/// What the tenant earns by a conversion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Revenue {
    /// A fixed amount in the offer's currency.
    Rpa {
        /// The amount.
        amount: Micros,
    },
    /// A percentage of the sale.
    Rps {
        /// The percentage.
        percent: Percent,
    },
}

words! {
    /// What a second conversion with the same identity is.
    Repeat {
        /// One a transaction id; without one, one a click.
        ByTxid = 1 "by_txid",
        /// One a click, whatever the transaction id.
        OnePerClick = 2 "one_per_click",
        /// Each postback is a conversion of its own.
        All = 3 "all",
    }
}

/// A named step after the base conversion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Goal {
    /// Survives edits.
    pub id: GoalId,
    /// What `event=` names.
    pub name: String,
    /// What the affiliate earns; nothing when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payout: Option<Payout>,
    /// What the tenant earns; nothing when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revenue: Option<Revenue>,
    /// Own rule for repeats, else the offer's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat: Option<Repeat>,
    /// Own look-back, else the offer's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lookback_hours: Option<u32>,
}

words! {
    /// Whether an offer takes clicks.
    OfferStatus {
        /// Takes clicks.
        Active = 1 "active",
        /// Clicks go to the fallback; conversions of earlier clicks are judged.
        Paused = 2 "paused",
        /// Kept for history.
        Archived = 3 "archived",
    }
}

words! {
    /// Which affiliates may run an offer.
    Visibility {
        /// All but those it is refused to.
        Public = 1 "public",
        /// Those that were approved for it, who may see it and ask.
        NeedsApproval = 2 "needs_approval",
        /// Those that were approved for it; others do not see it.
        Private = 3 "private",
    }
}

words! {
    /// Status of an authenticated conversion that names none.
    DefaultStatus {
        /// Booked as approved.
        Approved = 1 "approved",
        /// Waits for a person or a later postback.
        Pending = 2 "pending",
    }
}

words! {
    /// What a cap counts.
    CapMetric {
        /// Valid clicks sent to the offer.
        Clicks = 1 "clicks",
        /// Conversions pending or approved.
        Conversions = 2 "conversions",
        /// Amounts owed to affiliates.
        Payout = 3 "payout",
        /// Amounts owed by the advertiser.
        Revenue = 4 "revenue",
    }
}

words! {
    /// When a cap starts again, in its zone.
    CapPeriod {
        /// At midnight.
        Day = 1 "day",
        /// On Monday at midnight.
        Week = 2 "week",
        /// On the first of the month.
        Month = 3 "month",
        /// Never.
        Total = 4 "total",
    }
}

words! {
    /// What a cap counts together.
    CapLevel {
        /// All traffic of the offer.
        Offer = 1 "offer",
        /// Each affiliate by itself.
        Affiliate = 2 "affiliate",
        /// Each campaign by itself.
        Campaign = 3 "campaign",
    }
}

words! {
    /// What later clicks get when a cap is reached.
    OnCap {
        /// The fallback, and the offer leaves every draw.
        Fallback = 1 "fallback",
        /// The 404 page: no fallback is used.
        Block = 2 "block",
        /// As `fallback`, until a person resumes.
        Pause = 3 "pause",
    }
}

words! {
    /// What conversions of earlier clicks get when a cap is reached.
    OverCap {
        /// Rejected with `over_cap`.
        Reject = 1 "reject",
        /// Kept pending with `over_cap`.
        Pending = 2 "pending",
        /// Booked all the same.
        Accept = 3 "accept",
    }
}

/// How much a cap allows: a count, or an amount in the offer's currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum CapLimit {
    /// Of clicks or conversions.
    Count(u64),
    /// Of payout or revenue.
    Amount(Micros),
}

impl CapLimit {
    /// As units of the metric: a count, or micros.
    #[must_use]
    pub fn units(self) -> i64 {
        match self {
            Self::Count(count) => i64::try_from(count).unwrap_or(i64::MAX),
            Self::Amount(amount) => amount.0,
        }
    }
}

/// A limit on an offer, or on one affiliate's traffic to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cap {
    /// What is counted.
    pub metric: CapMetric,
    /// When it starts again.
    pub period: CapPeriod,
    /// How much.
    pub limit: CapLimit,
    /// What is counted together.
    pub level: CapLevel,
    /// Only this goal, by name; without it a conversion cap counts the base goal, amounts count all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<String>,
    /// IANA zone of the period, else the tenant's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// Whether it stops anything; a soft cap only alerts.
    #[serde(default = "yes")]
    pub hard: bool,
    /// What later clicks get.
    #[serde(default = "fallback")]
    pub on_cap: OnCap,
    /// What conversions of clicks sent before get.
    #[serde(default = "reject")]
    pub over_cap: OverCap,
}

fn yes() -> bool {
    true
}

fn fallback() -> OnCap {
    OnCap::Fallback
}

fn reject() -> OverCap {
    OverCap::Reject
}

words! {
    /// What the `Referrer-Policy` of a redirect is.
    #[derive(Default)]
    ReferrerPolicy {
        /// The browser's own choice.
        #[default]
        Default = 1 "strict-origin-when-cross-origin",
        /// The destination learns the tracking domain only.
        Origin = 2 "origin",
        /// The destination learns nothing.
        NoReferrer = 3 "no-referrer",
    }
}

/// Longest look-back, in hours: 90 days.
pub const MAX_LOOKBACK_HOURS: u32 = 2_160;
/// Look-back of an offer that names none: 30 days.
pub const DEFAULT_LOOKBACK_HOURS: u32 = 720;

/// What is sold, where it is, and what it pays. Money rules live on its version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// Name for people.
    pub name: String,
    /// Who pays for it.
    pub advertiser_id: AdvertiserId,
    /// Destination with macros.
    pub url: String,
    /// Currency of its fixed amounts and its books.
    pub currency: Currency,
    /// What the affiliate earns by the base conversion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payout: Option<Payout>,
    /// What the tenant earns by the base conversion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revenue: Option<Revenue>,
    /// Steps after the base conversion.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub goals: Vec<Goal>,
    /// Whether it takes clicks.
    pub status: OfferStatus,
    /// Who may run it.
    pub visibility: Visibility,
    /// Status of conversions that name none; `None` = approved when authenticated, pending by pixel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_status: Option<DefaultStatus>,
    /// How long after the click a conversion is accepted.
    pub lookback_hours: u32,
    /// How soon after the click a conversion is believed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_seconds_to_convert: Option<u32>,
    /// What repeats are.
    pub repeat: Repeat,
    /// Where clicks go that it cannot take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback_url: Option<String>,
    /// Limits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caps: Vec<Cap>,
    /// Which visitors it takes.
    #[serde(default)]
    pub targeting: Targeting,
    /// What the destination learns of where the visitor came from.
    #[serde(default)]
    pub referrer_policy: ReferrerPolicy,
    /// Number of the hidden campaign that carries its own link.
    pub link_campaign: u32,
}

impl Offer {
    pub(super) fn greatest_goal(&self) -> Option<u32> {
        self.goals.iter().map(|g| g.id.number()).max()
    }

    /// The goal that `event=` names.
    #[must_use]
    pub fn goal(&self, name: &str) -> Option<&Goal> {
        self.goals.iter().find(|g| g.name == name)
    }
}

words! {
    /// Whether an affiliate may run an offer.
    TermsStatus {
        /// Asked, not answered.
        Pending = 1 "pending",
        /// May run it.
        Approved = 2 "approved",
        /// Was refused.
        Rejected = 3 "rejected",
        /// May not, even where the offer is public.
        Blocked = 4 "blocked",
    }
}

/// What holds between one offer and one affiliate; wins over the offer's own terms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Whether the affiliate may run the offer.
    pub status: TermsStatus,
    /// Own payout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payout: Option<Payout>,
    /// Own revenue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revenue: Option<Revenue>,
    /// Own caps, beside the offer's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caps: Vec<Cap>,
}

words! {
    /// How a distribution gives out clicks.
    DistributionMode {
        /// By the weights that a person set.
        Fixed = 1 "fixed",
        /// By Thompson sampling.
        Thompson = 2 "thompson",
    }
}

/// How clicks are given to arms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Distribution {
    /// The policy.
    pub mode: DistributionMode,
    /// Least share of each arm, in percent of the clicks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<Percent>,
}

/// One offer in a distribution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arm {
    /// Survives edits, so that what was learned does.
    pub id: ArmId,
    /// Where it leads.
    pub offer_id: OfferId,
    /// Share among the weights of its distribution.
    #[serde(default = "one")]
    pub weight: u32,
    /// Own destination instead of the offer's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Whether it takes part.
    #[serde(default = "yes")]
    pub enabled: bool,
}

fn one() -> u32 {
    1
}

words! {
    /// When a flow is looked at.
    FlowKind {
        /// Before all regular ones.
        Forced = 1 "forced",
        /// In its place in the list.
        Regular = 2 "regular",
    }
}

/// A condition with a distribution of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    /// Survives edits.
    pub id: FlowId,
    /// Name for people.
    pub name: String,
    /// When it is looked at.
    pub kind: FlowKind,
    /// Who it is for.
    #[serde(default, rename = "match")]
    pub matches: Targeting,
    /// How it gives out clicks.
    pub distribution: Distribution,
    /// Its arms.
    pub arms: Vec<Arm>,
}

words! {
    /// What a campaign's clicks cost.
    CostModel {
        /// Nothing.
        None = 1 "none",
        /// A fixed amount a click.
        Cpc = 2 "cpc",
        /// What the `cost` parameter says.
        Token = 3 "token",
    }
}

/// What the clicks of a campaign cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// How it is known.
    pub model: CostModel,
    /// The amount a click, for `cpc`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Micros>,
    /// Its currency, else the tenant's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
}

words! {
    /// What a campaign is for.
    CampaignKind {
        /// Made by a person.
        Campaign = 1 "campaign",
        /// The own link of an offer: one arm, hidden from lists.
        Offer = 2 "offer",
    }
}

/// A link that distributes clicks over arms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Campaign {
    /// Name for people.
    pub name: String,
    /// What it is for.
    pub kind: CampaignKind,
    /// What stands in `/c/{link}`; unique on its domain.
    pub link: String,
    /// Its domain; `None` = the shared host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain_id: Option<DomainId>,
    /// How the default flow gives out clicks.
    pub distribution: Distribution,
    /// Arms of the default flow.
    pub arms: Vec<Arm>,
    /// Flows before the default one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flows: Vec<Flow>,
    /// Whether a click must name an approved affiliate.
    #[serde(default)]
    pub require_affiliate: bool,
    /// What its clicks cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// Where clicks go that nothing else takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback_url: Option<String>,
    /// Live or archived.
    #[serde(default)]
    pub status: Liveness,
}

impl Campaign {
    /// All arms: of the default flow, then of each flow in order.
    pub fn all_arms(&self) -> impl Iterator<Item = &Arm> {
        self.arms
            .iter()
            .chain(self.flows.iter().flat_map(|f| &f.arms))
    }

    pub(super) fn greatest_part(&self) -> Option<u32> {
        let arms = self.all_arms().map(|a| a.id.number());
        arms.chain(self.flows.iter().map(|f| f.id.number())).max()
    }
}

/// A host name that links of a tenant live on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Domain {
    /// The host, in lower case.
    pub host: String,
    /// Live or archived.
    #[serde(default)]
    pub status: Liveness,
}

/// A key to the API: its public prefix and the hash of the rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// Name for people.
    pub name: String,
    /// What may be shown: the first characters of the key.
    pub prefix: String,
    /// SHA-256 of the whole key, hex.
    pub sha256: String,
    /// What it may do; `*` is everything of its tenant.
    pub scopes: Vec<String>,
    /// Live or revoked.
    #[serde(default)]
    pub status: Liveness,
}

/// Which affiliate and offer a [`Terms`] row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TermsKey {
    /// The offer.
    pub offer: OfferId,
    /// The affiliate.
    pub affiliate: AffiliateId,
}
