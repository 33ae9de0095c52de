//! Documents: a click or a conversion as one flat object, with the names of exported facts.
//!
//! A conversion carries what is known of its click, so that conversions are searched and counted by sub-id, browser
//! or referrer too. Always true: a field that is empty is left out; amounts are micros under a name that says so.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::field::DocumentKind;
use crate::fact::{ClickOutcome, ClickReason, ConversionStatus};
use crate::ids::{
    AdvertiserId, AffiliateId, ArmId, CampaignId, ConversionId, FlowId, GoalId, OfferId, TenantId,
    UnixMs,
};
use crate::judge::ConversionReason;
use crate::money::Currency;

/// Amounts of documents: (name of the amount, name of its field in micros).
pub const DOCUMENT_FIELDS_OF_MONEY: [(&str, &str); 4] = [
    ("cost", "cost_micros"),
    ("payout", "payout_micros"),
    ("revenue", "revenue_micros"),
    ("sale_amount", "sale_amount_micros"),
];

/// Where a click went, as far as its conversions know it too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The campaign that the link names.
    pub campaign_id: CampaignId,
    /// The flow that took it; absent = the default flow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow_id: Option<FlowId>,
    /// The offer that it was sent to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer_id: Option<OfferId>,
    /// The version of the offer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer_version: Option<u32>,
    /// The arm that it was sent to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arm: Option<ArmId>,
    /// Who sent it; absent = house traffic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affiliate_id: Option<AffiliateId>,
    /// Country of the visitor, `ZZ` = unknown.
    pub country: String,
    /// Device type of the visitor.
    pub device: String,
    /// Whether it is a test.
    pub test: bool,
}

macro_rules! visit {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What only the click's own record knows: gone from a conversion whose click has expired.
        #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
        pub struct Visit {
            $(
                $(#[$doc])*
                #[serde(default, skip_serializing_if = "String::is_empty")]
                pub $name: String,
            )*
            /// Truncated address.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub ip: Option<IpAddr>,
            /// Sub-ids.
            #[serde(flatten)]
            pub subs: Subs,
        }
    };
}

visit! {
    /// The link as configured.
    link,
    /// The visitor under the key of the day.
    visitor,
    /// Bot class; empty = a person.
    bot,
    /// Region.
    region,
    /// City.
    city,
    /// Internet provider.
    isp,
    /// First accepted language.
    language,
    /// Operating system.
    os,
    /// Its version.
    os_version,
    /// Browser.
    browser,
    /// Its version.
    browser_version,
    /// The `source` parameter.
    source,
    /// The partner's own click id.
    aff_click_id,
    /// User agent.
    user_agent,
    /// Referrer.
    referrer,
    /// Host of the referrer.
    referrer_host,
    /// UTM source.
    utm_source,
    /// UTM medium.
    utm_medium,
    /// UTM campaign.
    utm_campaign,
    /// UTM term.
    utm_term,
    /// UTM content.
    utm_content,
    /// Google's click id.
    gclid,
    /// Google's, for apps.
    gbraid,
    /// Google's, from the web to apps.
    wbraid,
    /// Meta's click id.
    fbclid,
    /// TikTok's click id.
    ttclid,
    /// Microsoft's click id.
    msclkid,
}

/// Sub-ids by number; in a document `sub1`, `sub2` and so on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subs(pub BTreeMap<u8, String>);

impl Serialize for Subs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let named = self.0.iter().map(|(number, text)| (SubName(*number), text));
        serializer.collect_map(named)
    }
}

struct SubName(u8);

impl Serialize for SubName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("sub{}", self.0))
    }
}

impl<'de> Deserialize<'de> for Subs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Named;
        impl<'de> Visitor<'de> for Named {
            type Value = Subs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a document")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Subs, A::Error> {
                let mut subs = BTreeMap::new();
                while let Some(name) = map.next_key::<String>()? {
                    let number = name.strip_prefix("sub").and_then(|n| n.parse().ok());
                    match number {
                        Some(number) => drop(subs.insert(number, map.next_value()?)),
                        None => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(Subs(subs))
            }
        }
        deserializer.deserialize_map(Named)
    }
}

/// A click.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClickDocument {
    /// Its id.
    pub click_id: String,
    /// Whose.
    pub tenant: TenantId,
    /// When.
    pub at: UnixMs,
    /// Number of its fact in the tenant's partition.
    pub seq: u64,
    /// Where it went.
    #[serde(flatten)]
    pub target: Target,
    /// Who came, and how.
    #[serde(flatten)]
    pub visit: Visit,
    /// The offer that the link names, also when not sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted_offer_id: Option<OfferId>,
    /// Where it was sent, as a class.
    pub outcome: ClickOutcome,
    /// Why not to an offer.
    pub reason: ClickReason,
    /// Whether it is the visitor's unique one on the offer.
    pub unique: bool,
    /// Whether it counts.
    pub valid: bool,
    /// Probability with which the policy chose the arm.
    pub propensity: f64,
    /// What it cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_micros: Option<i64>,
    /// In which currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_currency: Option<Currency>,
}

/// A conversion as it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConversionDocument {
    /// Its id.
    pub conversion_id: ConversionId,
    /// Whose.
    pub tenant: TenantId,
    /// Number of the fact that made it, in the tenant's partition.
    pub seq: u64,
    /// Number of the last fact that changed it.
    pub changed_seq: u64,
    /// The click it belongs to.
    pub click_id: String,
    /// The postback that made it.
    pub received_id: String,
    /// Where it stands.
    pub status: ConversionStatus,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<ConversionReason>,
    /// Why, in the words of the person who changed it last.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// The offer's advertiser.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advertiser_id: Option<AdvertiserId>,
    /// The goal; absent = the base conversion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<GoalId>,
    /// The sender's transaction id.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub txid: String,
    /// What was sold for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sale_amount_micros: Option<i64>,
    /// In which currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sale_currency: Option<Currency>,
    /// What the affiliate earns while it is pending or approved.
    pub payout_micros: i64,
    /// What the tenant earns while it is pending or approved.
    pub revenue_micros: i64,
    /// Currency of both.
    pub currency: Currency,
    /// Whose terms decided the amounts, in which version.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rule_id: String,
    /// When the click was.
    pub clicked_at: UnixMs,
    /// When the conversion was.
    pub converted_at: UnixMs,
    /// When it was judged.
    pub booked_at: UnixMs,
    /// Where the click went.
    #[serde(flatten)]
    pub target: Target,
    /// Who came, and how.
    #[serde(flatten)]
    pub visit: Visit,
}

/// A document on its way to the index.
#[derive(Debug, Clone, PartialEq)]
pub enum Document {
    /// A click.
    Click(Box<ClickDocument>),
    /// A conversion.
    Conversion(Box<ConversionDocument>),
}

impl Document {
    /// What it is.
    #[must_use]
    pub fn kind(&self) -> DocumentKind {
        match self {
            Self::Click(_) => DocumentKind::Clicks,
            Self::Conversion(_) => DocumentKind::Conversions,
        }
    }

    /// Its id: the same whenever it is made.
    #[must_use]
    pub fn id(&self) -> String {
        match self {
            Self::Click(click) => click.click_id.clone(),
            Self::Conversion(conversion) => conversion.conversion_id.to_string(),
        }
    }

    /// Grows with the last fact that changed it: an older one never replaces a newer one.
    #[must_use]
    pub fn version(&self) -> u64 {
        match self {
            Self::Click(click) => click.seq + 1,
            Self::Conversion(conversion) => conversion.changed_seq + 1,
        }
    }

    /// The time that says where it lies: the click's, which never changes.
    #[must_use]
    pub fn placed_at(&self) -> UnixMs {
        match self {
            Self::Click(click) => click.at,
            Self::Conversion(conversion) => conversion.clicked_at,
        }
    }
}
