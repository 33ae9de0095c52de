//! What documents may be asked by: closed lists, so that a question never names a field of its own.

use crate::as_text::words;
use crate::click_id::ClickId;
use crate::fact::{ClickOutcome, ConversionStatus};
use crate::ids::{
    AdvertiserId, AffiliateId, ArmId, CampaignId, ConversionId, FlowId, GoalId, OfferId, TenantId,
};
use crate::visitor::{BotClass, DeviceType};

words! {
    /// Which documents.
    DocumentKind {
        /// Clicks.
        Clicks = 1 "clicks",
        /// Conversions.
        Conversions = 2 "conversions",
    }
}

words! {
    /// A field that holds one word: an id, a code, a name. Documents may be filtered and grouped by it.
    SearchField {
        /// The click.
        ClickId = 1 "click_id",
        /// The campaign that the link names.
        Campaign = 2 "campaign_id",
        /// The flow that took the click; none = the default flow.
        Flow = 3 "flow_id",
        /// The offer that it was sent to.
        Offer = 4 "offer_id",
        /// The arm that it was sent to.
        Arm = 5 "arm",
        /// Who sent it; none = house traffic.
        Affiliate = 6 "affiliate_id",
        /// Country of the visitor.
        Country = 7 "country",
        /// Device type of the visitor.
        Device = 8 "device",
        /// Region of the visitor.
        Region = 9 "region",
        /// City of the visitor.
        City = 10 "city",
        /// Internet provider of the visitor.
        Isp = 11 "isp",
        /// First language of the visitor.
        Language = 12 "language",
        /// Operating system.
        Os = 13 "os",
        /// Its version.
        OsVersion = 14 "os_version",
        /// Browser.
        Browser = 15 "browser",
        /// Its version.
        BrowserVersion = 16 "browser_version",
        /// Bot class; none = a person.
        Bot = 17 "bot",
        /// The `source` parameter.
        Source = 18 "source",
        /// The partner's own click id.
        AffClickId = 19 "aff_click_id",
        /// Host of the referrer.
        ReferrerHost = 20 "referrer_host",
        /// The visitor, as a hash that changes by day.
        Visitor = 21 "visitor",
        /// The link as configured.
        Link = 22 "link",
        /// UTM source.
        UtmSource = 23 "utm_source",
        /// UTM medium.
        UtmMedium = 24 "utm_medium",
        /// UTM campaign.
        UtmCampaign = 25 "utm_campaign",
        /// UTM term.
        UtmTerm = 26 "utm_term",
        /// UTM content.
        UtmContent = 27 "utm_content",
        /// Google's click id.
        Gclid = 28 "gclid",
        /// Google's click id for apps on iOS.
        Gbraid = 29 "gbraid",
        /// Google's click id from the web to apps on iOS.
        Wbraid = 30 "wbraid",
        /// Meta's click id.
        Fbclid = 31 "fbclid",
        /// TikTok's click id.
        Ttclid = 32 "ttclid",
        /// Microsoft's click id.
        Msclkid = 33 "msclkid",
        /// Why: of a click, why it was not sent to an offer; of a conversion, why it stands where it does.
        Reason = 34 "reason",
        /// Sub-id 1.
        Sub1 = 41 "sub1",
        /// Sub-id 2.
        Sub2 = 42 "sub2",
        /// Sub-id 3.
        Sub3 = 43 "sub3",
        /// Sub-id 4.
        Sub4 = 44 "sub4",
        /// Sub-id 5.
        Sub5 = 45 "sub5",
        /// Sub-id 6.
        Sub6 = 46 "sub6",
        /// Sub-id 7.
        Sub7 = 47 "sub7",
        /// Sub-id 8.
        Sub8 = 48 "sub8",
        /// Sub-id 9.
        Sub9 = 49 "sub9",
        /// Sub-id 10.
        Sub10 = 50 "sub10",
        /// Sub-id 11.
        Sub11 = 51 "sub11",
        /// Sub-id 12.
        Sub12 = 52 "sub12",
        /// Sub-id 13.
        Sub13 = 53 "sub13",
        /// Sub-id 14.
        Sub14 = 54 "sub14",
        /// Sub-id 15.
        Sub15 = 55 "sub15",
        /// Sub-id 16.
        Sub16 = 56 "sub16",
        /// Sub-id 17.
        Sub17 = 57 "sub17",
        /// Sub-id 18.
        Sub18 = 58 "sub18",
        /// Sub-id 19.
        Sub19 = 59 "sub19",
        /// Sub-id 20.
        Sub20 = 60 "sub20",
        /// Clicks: the offer that the link names, also when not sent.
        WantedOffer = 70 "wanted_offer_id",
        /// Clicks: where it was sent, as a class.
        Outcome = 71 "outcome",
        /// Clicks: currency of what it cost.
        CostCurrency = 72 "cost_currency",
        /// Conversions: the conversion.
        ConversionId = 80 "conversion_id",
        /// Conversions: the postback that made it.
        ReceivedId = 81 "received_id",
        /// Conversions: the sender's transaction id.
        Txid = 82 "txid",
        /// Conversions: where it stands.
        Status = 83 "status",
        /// Conversions: the offer's advertiser.
        Advertiser = 84 "advertiser_id",
        /// Conversions: the goal; none = the base conversion.
        Goal = 85 "goal",
        /// Conversions: currency of payout and revenue.
        Currency = 86 "currency",
        /// Conversions: currency of the sale.
        SaleCurrency = 87 "sale_currency",
    }
}

words! {
    /// A field that is true or false.
    FlagField {
        /// Whether it is a test.
        Test = 1 "test",
        /// Clicks: whether it is the visitor's unique one on the offer.
        Unique = 2 "unique",
        /// Clicks: whether it counts: a person's, sent to an offer or a lander.
        Valid = 3 "valid",
    }
}

words! {
    /// A field that holds an amount.
    AmountField {
        /// Clicks: what it cost.
        Cost = 1 "cost",
        /// Conversions: what the affiliate earns.
        Payout = 2 "payout",
        /// Conversions: what the tenant earns.
        Revenue = 3 "revenue",
        /// Conversions: what was sold for.
        Sale = 4 "sale_amount",
    }
}

words! {
    /// A field that holds a text, searched by its words.
    TextField {
        /// The user agent.
        UserAgent = 1 "user_agent",
        /// The referrer.
        Referrer = 2 "referrer",
    }
}

words! {
    /// A period that rows are cut by, in an IANA zone.
    Period {
        /// Hour.
        Hour = 1 "hour",
        /// Day.
        Day = 2 "day",
        /// Week, from Monday.
        Week = 3 "week",
        /// Month.
        Month = 4 "month",
    }
}

/// Whether a text is the id of an entity of the tenant.
macro_rules! is_id_of {
    ($id:ty, $tenant:ident, $text:ident) => {
        $text.parse::<$id>().is_ok_and(|id| id.tenant() == $tenant)
    };
}

/// Fields that hold the sub-ids, in order.
pub fn sub_fields() -> impl Iterator<Item = SearchField> {
    let all = SearchField::ALL.iter().copied();
    all.filter(|f| (41..=60).contains(&f.code()))
}

impl SearchField {
    /// Whether documents of `kind` have it.
    #[must_use]
    pub fn is_of(self, kind: DocumentKind) -> bool {
        match self.code() {
            70..=79 => kind == DocumentKind::Clicks,
            80.. => kind == DocumentKind::Conversions,
            _ => true,
        }
    }

    /// The value as documents hold it; `None` when no document of `tenant` can have it.
    #[must_use]
    pub fn canonical(self, tenant: TenantId, text: &str) -> Option<String> {
        let same = |is_one: bool| is_one.then(|| text.to_owned());
        match self {
            Self::ClickId | Self::ReceivedId => {
                let is_id = ClickId::read_unverified(text).is_ok();
                is_id.then(|| text.to_ascii_lowercase())
            }
            Self::Campaign => same(is_id_of!(CampaignId, tenant, text)),
            Self::Flow => same(is_id_of!(FlowId, tenant, text)),
            Self::Offer | Self::WantedOffer => same(is_id_of!(OfferId, tenant, text)),
            Self::Arm => same(is_id_of!(ArmId, tenant, text)),
            Self::Affiliate => same(is_id_of!(AffiliateId, tenant, text)),
            Self::Advertiser => same(is_id_of!(AdvertiserId, tenant, text)),
            Self::Goal => same(is_id_of!(GoalId, tenant, text)),
            Self::ConversionId => same(text.parse::<ConversionId>().is_ok()),
            Self::Country => {
                let is_code = text.len() == 2 && text.bytes().all(|b| b.is_ascii_alphabetic());
                is_code.then(|| text.to_ascii_uppercase())
            }
            Self::Currency | Self::SaleCurrency | Self::CostCurrency => {
                let currency = text.parse::<crate::money::Currency>().ok()?;
                Some(currency.to_string())
            }
            Self::Device => same(text.parse::<DeviceType>().is_ok()),
            Self::Bot => same(text.parse::<BotClass>().is_ok()),
            Self::Outcome => same(text.parse::<ClickOutcome>().is_ok()),
            Self::Status => same(text.parse::<ConversionStatus>().is_ok()),
            _ => Some(text.to_owned()),
        }
    }
}

impl FlagField {
    /// Whether documents of `kind` have it.
    #[must_use]
    pub fn is_of(self, kind: DocumentKind) -> bool {
        self == Self::Test || kind == DocumentKind::Clicks
    }
}

impl AmountField {
    /// Whether documents of `kind` have it.
    #[must_use]
    pub fn is_of(self, kind: DocumentKind) -> bool {
        (self == Self::Cost) == (kind == DocumentKind::Clicks)
    }

    /// The field that says in which currency.
    #[must_use]
    pub fn currency(self) -> SearchField {
        match self {
            Self::Cost => SearchField::CostCurrency,
            Self::Payout | Self::Revenue => SearchField::Currency,
            Self::Sale => SearchField::SaleCurrency,
        }
    }

    /// Whether it counts only while a conversion is pending or approved.
    #[must_use]
    pub fn is_earned(self) -> bool {
        self != Self::Cost
    }
}
