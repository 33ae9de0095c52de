//! The fact of a click: what was decided, as the log keeps it.

use std::net::IpAddr;

use super::decide::Decision;
use super::snapshot::{CampaignSnapshot, TenantSnapshot};
use crate::click_id::ClickId;
use crate::fact::{ClickCore, ClickDetail, ClickPrivate, Kind};
use crate::ids::UnixMs;
use crate::record::Record;
use crate::visitor::Visitor;

/// What a click says that no decision changes.
#[derive(Debug, Clone, Copy)]
pub struct ClickTexts<'a> {
    /// The address, truncated.
    pub ip: Option<IpAddr>,
    /// User agent.
    pub user_agent: &'a str,
    /// Referrer.
    pub referrer: &'a str,
    /// The partner's own click id.
    pub aff_click_id: &'a str,
    /// The `source` parameter.
    pub source: &'a str,
    /// Sub-ids 1 to 20.
    pub sub: &'a [&'a str; 20],
    /// Ids of ad platforms.
    pub ad_ids: &'a [&'a str; 6],
    /// UTM parameters.
    pub utm: &'a [&'a str; 5],
    /// The `cost` parameter.
    pub cost: &'a str,
}

/// A click's fact, encoded.
#[derive(Debug, Default)]
pub struct ClickFacts {
    open: Vec<u8>,
    private: Vec<u8>,
}

/// A click that was decided.
#[derive(Debug, Clone, Copy)]
pub struct Decided<'a> {
    /// Its id.
    pub click_id: ClickId,
    /// When.
    pub now: UnixMs,
    /// Who clicked.
    pub visitor: Visitor<'a>,
    /// Hashes of the visitor.
    pub hashes: [u64; 2],
    /// Whether it is a test.
    pub is_test: bool,
}

/// The fact of a decided click: the part that every fold reads.
#[must_use]
pub fn facts(
    click: &Decided<'_>,
    texts: &ClickTexts<'_>,
    decision: &Decision<'_>,
    tenant: &TenantSnapshot,
    campaign: &CampaignSnapshot,
) -> ClickCore {
    ClickCore {
        tenant: tenant.tenant,
        at: click.now,
        click_id: click.click_id,
        campaign: campaign.number,
        flow: decision.flow,
        wanted_offer: decision.wanted_offer,
        sent: decision.sent,
        affiliate: decision.affiliate,
        visitor: click.hashes,
        country: click.visitor.place.country,
        device: click.visitor.device.kind.code(),
        bot: click.visitor.device.bot.map(|b| b.code()),
        propensity: decision.propensity,
        policy_version: decision.policy_version,
        config_version: tenant.config_version(),
        cost: campaign.cost.of(texts.cost),
        is_test: click.is_test,
        outcome: decision.outcome,
        reason: decision.reason,
    }
}

impl ClickFacts {
    /// Encodes the fact into this buffer, which is used again from click to click.
    pub fn encode<'b>(
        &'b mut self,
        core: &ClickCore,
        visitor: &Visitor<'_>,
        texts: &'b ClickTexts<'_>,
        decision: &Decision<'_>,
        link: &str,
    ) -> Record<'b> {
        self.open.clear();
        self.private.clear();
        let detail = ClickDetail {
            link: link.to_owned(),
            eligible: decision.eligible.clone(),
        };
        core.write(&detail, &mut self.open);
        private_of(visitor, texts).write(&mut self.private);
        Record {
            tenant: core.tenant,
            at: core.at,
            kind: Kind::Clicked.code(),
            version: ClickCore::VERSION,
            click_id: Some(core.click_id),
            open: &self.open,
            private_key: 0,
            private: &self.private,
            texts: [texts.user_agent, texts.referrer],
        }
    }
}

fn private_of(visitor: &Visitor<'_>, texts: &ClickTexts<'_>) -> ClickPrivate {
    let sub = (1u8..).zip(texts.sub).filter(|(_, s)| !s.is_empty());
    ClickPrivate {
        ip: texts.ip,
        sub: sub
            .map(|(number, text)| (number, (*text).to_owned()))
            .collect(),
        source: texts.source.to_owned(),
        aff_click_id: texts.aff_click_id.to_owned(),
        language: visitor.language.as_str().to_owned(),
        os: visitor.device.os.clone(),
        os_version: visitor.device.os_version.to_string(),
        browser: visitor.device.browser.clone(),
        browser_version: visitor.device.browser_version.to_string(),
        region: visitor.place.region.to_owned(),
        city: visitor.place.city.to_owned(),
        isp: visitor.place.isp.to_owned(),
        ad_ids: texts.ad_ids.map(str::to_owned),
        utm: texts.utm.map(str::to_owned),
        user_agent: String::new(),
        referrer: String::new(),
    }
}
