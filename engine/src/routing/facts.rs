//! The fact of a click: what was decided, as the log keeps it.

use std::fmt::Write;
use std::net::IpAddr;

use super::decide::Decision;
use super::snapshot::{CampaignSnapshot, TenantSnapshot};
use crate::click_id::ClickId;
use crate::fact::{ClickCore, ClickDetail, ClickPrivate, Kind};
use crate::ids::UnixMs;
use crate::record::Record;
use crate::visitor::{Version, Visitor};

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

/// A click's fact, encoded; room for it that is used again.
#[derive(Debug, Default)]
pub struct ClickFacts {
    open: Vec<u8>,
    private: Vec<u8>,
    detail: ClickDetail,
    fields: ClickPrivate,
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
        set(&mut self.detail.link, link);
        self.detail.eligible.clone_from(&decision.eligible);
        core.write(&self.detail, &mut self.open);
        fill(&mut self.fields, visitor, texts);
        self.fields.write(&mut self.private);
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

/// Fills the private part, every field of it; the two long texts stand beside it in the record.
fn fill(fields: &mut ClickPrivate, visitor: &Visitor<'_>, texts: &ClickTexts<'_>) {
    let device = visitor.device;
    fields.ip = texts.ip;
    set(&mut fields.source, texts.source);
    set(&mut fields.aff_click_id, texts.aff_click_id);
    set(&mut fields.language, visitor.language.as_str());
    set(&mut fields.os, &device.os);
    set_version(&mut fields.os_version, device.os_version);
    set(&mut fields.browser, &device.browser);
    set_version(&mut fields.browser_version, device.browser_version);
    set(&mut fields.region, visitor.place.region);
    set(&mut fields.city, visitor.place.city);
    set(&mut fields.isp, visitor.place.isp);
    for (field, text) in fields.ad_ids.iter_mut().zip(texts.ad_ids) {
        set(field, text);
    }
    for (field, text) in fields.utm.iter_mut().zip(texts.utm) {
        set(field, text);
    }
    let given = (1u8..).zip(texts.sub).filter(|(_, text)| !text.is_empty());
    let mut count = 0;
    for (number, text) in given {
        match fields.sub.get_mut(count) {
            Some((n, field)) => {
                *n = number;
                set(field, text);
            }
            None => fields.sub.push((number, (*text).to_owned())),
        }
        count += 1;
    }
    fields.sub.truncate(count);
}

/// Puts `text` into a field, whose room is used again.
fn set(field: &mut String, text: &str) {
    text.clone_into(field);
}

fn set_version(field: &mut String, version: Version) {
    field.clear();
    // A text takes everything.
    let _ = write!(field, "{version}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::visitor::{Device, Language, Place};

    fn fields_of(fields: &mut ClickPrivate, sub: [&str; 20], city: &str, utm: [&str; 5]) {
        let device = Device {
            os: "Android".to_owned(),
            os_version: Version::read("14.2").unwrap(),
            ..Device::default()
        };
        let visitor = Visitor {
            place: Place {
                city,
                ..Place::default()
            },
            device: &device,
            language: Language::read("de"),
        };
        let texts = ClickTexts {
            ip: None,
            user_agent: "",
            referrer: "",
            aff_click_id: "",
            source: city,
            sub: &sub,
            ad_ids: &[""; 6],
            utm: &utm,
            cost: "",
        };
        fill(fields, &visitor, &texts);
    }

    #[test]
    fn nothing_of_one_click_is_left_in_the_fact_of_the_next() {
        let mut full = [""; 20];
        (full[0], full[4], full[19]) = ("a", "b", "c");
        let mut one = [""; 20];
        one[6] = "z";
        let mut used = ClickPrivate::default();
        fields_of(&mut used, full, "Berlin", ["x"; 5]);
        let expect = vec![
            (1, "a".to_owned()),
            (5, "b".to_owned()),
            (20, "c".to_owned()),
        ];
        assert_eq!(used.sub, expect);
        assert_eq!(
            (used.os_version.as_str(), used.city.as_str()),
            ("14.2", "Berlin")
        );
        for (sub, city, utm) in [(one, "", [""; 5]), ([""; 20], "Bonn", ["y"; 5])] {
            let mut fresh = ClickPrivate::default();
            fields_of(&mut fresh, sub, city, utm);
            fields_of(&mut used, sub, city, utm);
            assert_eq!(used, fresh);
        }
    }
}
