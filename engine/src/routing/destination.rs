//! The URL that a click is sent to: the template filled with what is known of the click.

use super::decide::Decision;
use crate::click_id::ClickId;
use crate::fact::AD_ID_NAMES;
use crate::ids::{AdvertiserId, AffiliateId, CampaignId, OfferId, TenantId, UnixMs};
use crate::template::{Macro, MacroValues, Slot};
use crate::visitor::Visitor;

/// What macros of a destination stand for.
#[derive(Debug, Clone, Copy)]
pub struct DestinationValues<'a> {
    /// Whose click.
    pub tenant: TenantId,
    /// Its id; `None` for requests that are no clicks.
    pub click_id: Option<ClickId>,
    /// When.
    pub now: UnixMs,
    /// The campaign's number.
    pub campaign: u32,
    /// Who clicked.
    pub visitor: Visitor<'a>,
    /// The address, as it is kept.
    pub ip: Option<std::net::IpAddr>,
    /// The user agent.
    pub user_agent: &'a str,
    /// The referrer.
    pub referrer: &'a str,
    /// The partner's own click id.
    pub aff_click_id: &'a str,
    /// The `source` parameter.
    pub source: &'a str,
    /// Sub-ids 1 to 20.
    pub sub: &'a [&'a str; 20],
    /// Ids of ad platforms.
    pub ad_ids: &'a [&'a str; 6],
    /// A random number.
    pub rand: u64,
}

struct OfDecision<'a> {
    values: &'a DestinationValues<'a>,
    decision: &'a Decision<'a>,
}

/// Appends the destination of `decision` to `out`; nothing when there is none.
pub fn destination(decision: &Decision<'_>, values: &DestinationValues<'_>, out: &mut String) {
    if let Some(template) = decision.destination {
        template.expand_into(&OfDecision { values, decision }, out);
    }
}

impl MacroValues for OfDecision<'_> {
    fn write(&self, name: Macro, slot: &mut Slot<'_>) {
        let v = self.values;
        match name {
            Macro::ClickId => v.click_id.iter().for_each(|id| slot.display(id)),
            Macro::AffiliateClickId => slot.text(v.aff_click_id),
            Macro::Source => slot.text(v.source),
            Macro::Sub(number) => slot.text(v.sub[usize::from(number) - 1]),
            Macro::Country => slot.text(v.visitor.place.country_code()),
            Macro::Region => slot.text(v.visitor.place.region),
            Macro::City => slot.text(v.visitor.place.city),
            Macro::Isp => slot.text(v.visitor.place.isp),
            Macro::Os => slot.text(&v.visitor.device.os),
            Macro::Browser => slot.text(&v.visitor.device.browser),
            Macro::DeviceType => slot.text(v.visitor.device.kind.as_str()),
            Macro::Ip => v.ip.iter().for_each(|ip| slot.display(ip)),
            Macro::UserAgent => slot.text(v.user_agent),
            Macro::Referrer => slot.text(v.referrer),
            Macro::ClickTime => slot.display(v.now),
            Macro::Unix => slot.display(v.now.0 / 1000),
            Macro::Rand => slot.display(v.rand),
            Macro::CampaignId => slot.display(CampaignId::new(v.tenant, v.campaign)),
            Macro::OfferId
            | Macro::OfferName
            | Macro::AdvertiserId
            | Macro::AffiliateId
            | Macro::Currency => self.entity(name, slot),
            // Ids of ad platforms by name; everything else is not known when a click is sent on.
            other => {
                let index = AD_ID_NAMES.iter().position(|n| *n == other.as_str());
                index.into_iter().for_each(|i| slot.text(v.ad_ids[i]));
            }
        }
    }
}

impl OfDecision<'_> {
    fn entity(&self, name: Macro, slot: &mut Slot<'_>) {
        let tenant = self.values.tenant;
        let (decision, offer) = (self.decision, self.decision.offer);
        match name {
            Macro::OfferId => {
                let number = decision.sent.map(|s| s.offer).or(decision.wanted_offer);
                number
                    .into_iter()
                    .for_each(|n| slot.display(OfferId::new(tenant, n)));
            }
            Macro::OfferName => offer.into_iter().for_each(|o| slot.text(&o.name)),
            Macro::AdvertiserId => offer
                .into_iter()
                .for_each(|o| slot.display(AdvertiserId::new(tenant, o.advertiser))),
            Macro::Currency => offer
                .into_iter()
                .for_each(|o| slot.text(o.currency.as_str())),
            _ => decision
                .affiliate
                .into_iter()
                .for_each(|a| slot.display(AffiliateId::new(tenant, a))),
        }
    }
}
