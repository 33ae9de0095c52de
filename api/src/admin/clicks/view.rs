//! How clicks are shown: by the names that the export of facts has.

use std::collections::BTreeMap;

use poem_openapi::Object;
use weir_engine::fact::{AD_ID_NAMES, ClickCore, ClickPrivate, UTM_NAMES};
use weir_engine::ids;
use weir_engine::visitor;

use super::Recorded;
use crate::admin::dto::{
    AffiliateId, Amount, ArmId, BotClass, CampaignId, ClickId, ClickOutcome, ClickReason,
    CurrencyCode, DeviceType, FlowId, OfferId, Time,
};

/// A click as it was recorded.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none, skip_serializing_if_is_empty)]
pub(in crate::admin) struct Click {
    /// Its id.
    click_id: ClickId,
    /// When.
    at: Time,
    /// The campaign that the link names.
    campaign_id: CampaignId,
    /// The link as configured.
    link: String,
    /// The flow that took it; absent = the default flow.
    flow_id: Option<FlowId>,
    /// The offer that the link names, also when not sent.
    wanted_offer_id: Option<OfferId>,
    /// The offer that it was sent to.
    offer_id: Option<OfferId>,
    /// The offer's version then.
    offer_version: Option<u32>,
    /// The arm that it was given to.
    arm: Option<ArmId>,
    /// Who sent it; absent = house traffic.
    affiliate_id: Option<AffiliateId>,
    /// ISO 3166 code; `ZZ` = unknown.
    country: String,
    /// Region.
    region: Option<String>,
    /// City.
    city: Option<String>,
    /// Internet provider.
    isp: Option<String>,
    /// First accepted language.
    language: Option<String>,
    /// Device type.
    device: DeviceType,
    /// Operating system.
    os: Option<String>,
    /// Its version.
    os_version: Option<String>,
    /// Browser.
    browser: Option<String>,
    /// Its version.
    browser_version: Option<String>,
    /// What kind of bot, if it is one.
    bot: Option<BotClass>,
    /// Probability with which the policy chose this arm.
    propensity: f64,
    /// Version of what the policy had learned.
    policy_version: u64,
    /// Arms that could have been chosen.
    #[oai(default)]
    eligible: Vec<ArmId>,
    /// Version of the configuration that decided.
    config_version: u64,
    /// Sub-ids by number.
    #[oai(default)]
    sub: BTreeMap<String, String>,
    /// The `source` parameter.
    source: Option<String>,
    /// The partner's own click id.
    aff_click_id: Option<String>,
    /// Truncated address.
    ip: Option<String>,
    /// User agent.
    user_agent: Option<String>,
    /// Referrer.
    referrer: Option<String>,
    /// Click ids of ad platforms.
    #[oai(default)]
    ad_ids: BTreeMap<String, String>,
    /// UTM parameters.
    #[oai(default)]
    utm: BTreeMap<String, String>,
    /// What it cost.
    cost: Option<Amount>,
    /// In which currency.
    cost_currency: Option<CurrencyCode>,
    /// Whether it is a test.
    test: bool,
    /// Where it was sent, as a class.
    outcome: ClickOutcome,
    /// Why not to an offer.
    reason: ClickReason,
    /// Whether it counts as one of a person that was sent on.
    valid: bool,
    /// Whether it is unique; absent until it is judged and stored.
    unique: Option<bool>,
}

fn said(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn named(names: &[&str], texts: &[String]) -> BTreeMap<String, String> {
    let pairs = names.iter().zip(texts).filter(|(_, text)| !text.is_empty());
    pairs
        .map(|(name, text)| ((*name).to_owned(), text.clone()))
        .collect()
}

fn device(core: &ClickCore) -> DeviceType {
    DeviceType(visitor::DeviceType::from_code(core.device).unwrap_or_default())
}

fn bot(core: &ClickCore) -> Option<BotClass> {
    core.bot
        .and_then(visitor::BotClass::from_code)
        .map(BotClass)
}

fn subs(private: &ClickPrivate) -> BTreeMap<String, String> {
    let subs = private.sub.iter();
    subs.map(|(number, text)| (number.to_string(), text.clone()))
        .collect()
}

impl From<&Recorded> for Click {
    fn from(recorded: &Recorded) -> Self {
        let (core, detail, private) = (&recorded.core, &recorded.detail, &recorded.private);
        let tenant = core.tenant;
        let affiliate = |number: u32| AffiliateId::from(ids::AffiliateId::new(tenant, number));
        let offer = |number: u32| OfferId::from(ids::OfferId::new(tenant, number));
        let arm = |number: u32| ArmId::from(ids::ArmId::new(tenant, number));
        Self {
            click_id: core.click_id.into(),
            at: core.at.into(),
            campaign_id: ids::CampaignId::new(tenant, core.campaign).into(),
            link: detail.link.clone(),
            flow_id: core.flow.map(|n| ids::FlowId::new(tenant, n).into()),
            wanted_offer_id: core.wanted_offer.map(offer),
            offer_id: core.sent.map(|s| offer(s.offer)),
            offer_version: core.sent.map(|s| s.offer_version),
            arm: core.sent.map(|s| arm(s.arm)),
            affiliate_id: core.affiliate.map(affiliate),
            country: String::from_utf8_lossy(&core.country).into_owned(),
            region: said(&private.region),
            city: said(&private.city),
            isp: said(&private.isp),
            language: said(&private.language),
            device: device(core),
            os: said(&private.os),
            os_version: said(&private.os_version),
            browser: said(&private.browser),
            browser_version: said(&private.browser_version),
            bot: bot(core),
            propensity: core.propensity,
            policy_version: core.policy_version,
            eligible: detail.eligible.iter().map(|n| arm(*n)).collect(),
            config_version: core.config_version,
            sub: subs(private),
            source: said(&private.source),
            aff_click_id: said(&private.aff_click_id),
            ip: private.ip.map(|ip| ip.to_string()),
            user_agent: said(&private.user_agent),
            referrer: said(&private.referrer),
            ad_ids: named(&AD_ID_NAMES, &private.ad_ids),
            utm: named(&UTM_NAMES, &private.utm),
            cost: core.cost.map(|c| c.amount.into()),
            cost_currency: core.cost.map(|c| c.currency.into()),
            test: core.is_test,
            outcome: ClickOutcome(core.outcome),
            reason: ClickReason(core.reason),
            valid: core.is_valid(),
            unique: recorded.is_unique,
        }
    }
}
