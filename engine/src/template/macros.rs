//! The names of macros, which of them are known when, and what a wrong name probably meant.

use std::fmt;
use std::str::FromStr;

/// Number of sub-ids: `{sub1}` to `{sub20}`.
pub const SUB_IDS: u8 = 20;

macro_rules! macros {
    ($($(#[$doc:meta])* $variant:ident = $word:literal,)*) => {
        /// A name in braces that is replaced by a value.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Macro {
            $($(#[$doc])* $variant,)*
            /// A sub-id by number, from 1 to [`SUB_IDS`].
            Sub(u8),
        }

        impl Macro {
            const NAMED: &'static [Self] = &[$(Self::$variant),*];

            /// The name as it stands between the braces.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                    Self::Sub(number) => sub_name(number),
                }
            }
        }
    };
}

macros! {
    /// Our click id.
    ClickId = "click_id",
    /// The partner's own click id.
    AffiliateClickId = "affiliate_click_id",
    /// The offer.
    OfferId = "offer_id",
    /// Its name for people.
    OfferName = "offer_name",
    /// The affiliate.
    AffiliateId = "affiliate_id",
    /// The advertiser.
    AdvertiserId = "advertiser_id",
    /// The campaign.
    CampaignId = "campaign_id",
    /// The goal of the conversion.
    Goal = "goal",
    /// The event of the conversion.
    EventId = "event_id",
    /// Where the conversion stands.
    Status = "status",
    /// What the affiliate earns.
    Payout = "payout",
    /// What the tenant earns.
    Revenue = "revenue",
    /// Currency of the amounts.
    Currency = "currency",
    /// The advertiser's transaction id.
    Txid = "txid",
    /// The `source` parameter.
    Source = "source",
    /// ISO 3166 code of the country.
    Country = "country",
    /// Region.
    Region = "region",
    /// City.
    City = "city",
    /// Operating system.
    Os = "os",
    /// Browser.
    Browser = "browser",
    /// Device type.
    DeviceType = "device_type",
    /// Mobile carrier.
    Carrier = "carrier",
    /// Internet provider.
    Isp = "isp",
    /// The visitor's address.
    Ip = "ip",
    /// The visitor's user agent.
    UserAgent = "user_agent",
    /// Where the visitor came from.
    Referrer = "referrer",
    /// When the click was, RFC 3339.
    ClickTime = "click_time",
    /// When the conversion was, RFC 3339.
    ConversionTime = "conversion_time",
    /// Now, in Unix seconds.
    Unix = "unix",
    /// A random number.
    Rand = "rand",
    /// Click id of Google Ads.
    Gclid = "gclid",
    /// Click id of Google Ads, iOS app to web.
    Gbraid = "gbraid",
    /// Click id of Google Ads, web to app.
    Wbraid = "wbraid",
    /// Click id of Meta.
    Fbclid = "fbclid",
    /// Click id of TikTok.
    Ttclid = "ttclid",
    /// Click id of Microsoft Advertising.
    Msclkid = "msclkid",
    /// Signature of an outgoing postback.
    Signature = "signature",
}

fn sub_name(number: u8) -> &'static str {
    const NAMES: [&str; SUB_IDS as usize] = [
        "sub1", "sub2", "sub3", "sub4", "sub5", "sub6", "sub7", "sub8", "sub9", "sub10", "sub11",
        "sub12", "sub13", "sub14", "sub15", "sub16", "sub17", "sub18", "sub19", "sub20",
    ];
    let index = usize::from(number).checked_sub(1);
    let name = index.and_then(|i| NAMES.get(i));
    assert!(name.is_some(), "a sub-id is numbered 1 to 20");
    name.copied().unwrap_or_default()
}

impl Macro {
    /// Every macro there is.
    pub fn all() -> impl Iterator<Item = Self> {
        let named = Self::NAMED.iter().copied();
        named.chain((1..=SUB_IDS).map(Self::Sub))
    }

    /// Whether it has a value at the time of a click, before any conversion.
    #[must_use]
    pub fn is_known_at_click(self) -> bool {
        !matches!(
            self,
            Self::Goal
                | Self::EventId
                | Self::Status
                | Self::Payout
                | Self::Revenue
                | Self::Currency
                | Self::Txid
                | Self::ConversionTime
                | Self::Signature
        )
    }

    /// Whether its value is made by us and short, so that it is never cut.
    pub(super) fn is_short(self) -> bool {
        matches!(
            self,
            Self::ClickId
                | Self::OfferId
                | Self::AffiliateId
                | Self::AdvertiserId
                | Self::CampaignId
                | Self::Country
                | Self::DeviceType
                | Self::Ip
                | Self::ClickTime
                | Self::Unix
                | Self::Rand
        )
    }

    /// What was probably meant by a name that is not a macro.
    pub(super) fn nearest(name: &str) -> Option<Self> {
        let wanted = name.trim().to_ascii_lowercase().replace('-', "_");
        if let Some(meant) = meant_by_other_platforms(&wanted) {
            return Some(meant);
        }
        let bound = (wanted.len() / 3).max(1);
        Self::all()
            .map(|candidate| (strsim::levenshtein(&wanted, candidate.as_str()), candidate))
            .filter(|(distance, _)| *distance <= bound)
            .min_by_key(|(distance, _)| *distance)
            .map(|(_, candidate)| candidate)
    }
}

/// Names that other platforms give to what we name otherwise.
fn meant_by_other_platforms(name: &str) -> Option<Macro> {
    if let Some(number) = ["aff_sub", "sub_id_", "subid", "s", "c", "p"]
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix))
        .and_then(|digits| digits.parse().ok())
        .filter(|number| (1..=SUB_IDS).contains(number))
    {
        return Some(Macro::Sub(number));
    }
    Some(match name {
        "clickid" | "transaction_id" | "cid" | "subid" | "reqid" | "cnv_id" => Macro::ClickId,
        "aff_click_id" | "externalid" | "external_id" => Macro::AffiliateClickId,
        "aff" | "aff_id" | "affid" | "pid" | "pub_id" | "publisher_id" => Macro::AffiliateId,
        "oid" | "offer" | "offerid" => Macro::OfferId,
        "campaign" | "campaign_key" | "campaignid" => Macro::CampaignId,
        "geo" | "country_code" => Macro::Country,
        "operator" => Macro::Carrier,
        "device" => Macro::DeviceType,
        "uagent" | "ua" => Macro::UserAgent,
        "referer" => Macro::Referrer,
        "timestamp" => Macro::Unix,
        "random" => Macro::Rand,
        "source_id" | "sourceid" => Macro::Source,
        _ => return None,
    })
}

impl fmt::Display for Macro {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that is no macro.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a macro")]
pub struct UnknownMacro;

impl FromStr for Macro {
    type Err = UnknownMacro;
    fn from_str(name: &str) -> Result<Self, UnknownMacro> {
        Self::all().find(|m| m.as_str() == name).ok_or(UnknownMacro)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_macro_is_found_by_its_name() {
        assert_eq!(Macro::all().count(), 57);
        for name in Macro::all() {
            assert_eq!(name.as_str().parse(), Ok(name));
        }
        for wrong in ["sub0", "sub21", "sub01", "Click_Id", ""] {
            assert_eq!(wrong.parse::<Macro>(), Err(UnknownMacro), "{wrong:?}");
        }
    }

    #[test]
    fn a_wrong_name_finds_what_was_meant() {
        let cases = [
            ("clickid", Some(Macro::ClickId)),
            ("CLICK-ID", Some(Macro::ClickId)),
            ("clik_id", Some(Macro::ClickId)),
            ("transaction_id", Some(Macro::ClickId)),
            ("reqid", Some(Macro::ClickId)),
            ("aff_sub3", Some(Macro::Sub(3))),
            ("s2", Some(Macro::Sub(2))),
            ("sub_id_15", Some(Macro::Sub(15))),
            ("contry", Some(Macro::Country)),
            ("affilate_id", Some(Macro::AffiliateId)),
            ("lorem_ipsum", None),
            ("", None),
        ];
        for (name, expect) in cases {
            assert_eq!(Macro::nearest(name), expect, "{name:?}");
        }
    }
}
