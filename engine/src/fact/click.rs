//! `clicked`: a visitor asked for a link and was sent somewhere.
//!
//! Open part, version 1: flags (varint, see [`flag`]), campaign, [flow], [wanted offer], [offer, its version,
//! arm], [affiliate], visitor hashes 8 + 8, country 2, device 1, [bot 1], propensity 8 (IEEE 754 double),
//! policy version, config version, [cost signed, its currency 3], outcome 1, reason 1; then what only people
//! and learning read: link, eligible arms. Numbers are varints; `[x]` stands only where its flag is set.

use std::net::IpAddr;

use super::wire::{Decoder, Encoder, Malformed};
use crate::as_text::words;
use crate::click_id::ClickId;
use crate::ids::{TenantId, UnixMs};
use crate::money::{Currency, Micros};
use crate::record::Record;

words! {
    /// Where a click was sent.
    ClickOutcome {
        /// To an offer.
        Redirected = 1 "redirected",
        /// To a lander.
        Lander = 2 "lander",
        /// To a fallback.
        Fallback = 3 "fallback",
        /// Nowhere: the 404 page.
        Invalid = 4 "invalid",
    }
}

words! {
    /// Why a click was not sent to an offer.
    ClickReason {
        /// It was sent to an offer.
        None = 0 "none",
        /// The link takes only clicks that name an affiliate.
        AffiliateRequired = 1 "affiliate_required",
        /// No such affiliate in this tenant.
        AffiliateUnknown = 2 "affiliate_unknown",
        /// The affiliate is not approved.
        AffiliateInactive = 3 "affiliate_inactive",
        /// The affiliate may not run the offer.
        OfferNotApproved = 4 "offer_not_approved",
        /// The offer is paused.
        OfferPaused = 5 "offer_paused",
        /// The offer is archived.
        OfferArchived = 6 "offer_archived",
        /// The visitor is not whom the offer takes.
        Targeting = 7 "targeting",
        /// A cap is reached.
        Cap = 8 "cap",
        /// The campaign is archived.
        CampaignArchived = 9 "campaign_archived",
        /// No arm is enabled.
        NoArm = 10 "no_arm",
    }
}

/// An amount with its currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paid {
    /// The amount.
    pub amount: Micros,
    /// Its currency.
    pub currency: Currency,
}

/// What every fold reads of a click. Entities are numbers within the tenant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClickCore {
    /// Whose click.
    pub tenant: TenantId,
    /// When.
    pub at: UnixMs,
    /// Its id.
    pub click_id: ClickId,
    /// The campaign that the link names.
    pub campaign: u32,
    /// The flow that took it; `None` = the default flow.
    pub flow: Option<u32>,
    /// The offer that the link names, also when not sent.
    pub wanted_offer: Option<u32>,
    /// Where it was sent.
    pub sent: Option<Sent>,
    /// Who sent it; `None` = house traffic.
    pub affiliate: Option<u32>,
    /// Hashes of the visitor under today's and yesterday's key.
    pub visitor: [u64; 2],
    /// ISO 3166 code, `ZZ` = unknown.
    pub country: [u8; 2],
    /// Code of the device type.
    pub device: u8,
    /// Code of the bot class, if it is a bot.
    pub bot: Option<u8>,
    /// Probability with which the policy chose this arm.
    pub propensity: f64,
    /// Version of what the policy had learned.
    pub policy_version: u64,
    /// Version of the configuration that decided.
    pub config_version: u64,
    /// What it cost.
    pub cost: Option<Paid>,
    /// Whether it is a test.
    pub is_test: bool,
    /// Where it was sent, as a class.
    pub outcome: ClickOutcome,
    /// Why not to an offer.
    pub reason: ClickReason,
}

/// The offer and arm that a click was sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// The offer.
    pub offer: u32,
    /// Its version then.
    pub offer_version: u32,
    /// The arm.
    pub arm: u32,
}

/// The rest of the open part: for exports, explain and learning.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClickDetail {
    /// The link as configured.
    pub link: String,
    /// Arms that could have been chosen, by number.
    pub eligible: Vec<u32>,
}

/// Names of the ad platforms' click ids, in the order of [`ClickPrivate::ad_ids`].
pub const AD_ID_NAMES: [&str; 6] = ["gclid", "gbraid", "wbraid", "fbclid", "ttclid", "msclkid"];
/// Names of the UTM parameters, in the order of [`ClickPrivate::utm`].
pub const UTM_NAMES: [&str; 5] = [
    "utm_source",
    "utm_medium",
    "utm_campaign",
    "utm_term",
    "utm_content",
];

/// The private part of a click, with the two long texts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClickPrivate {
    /// Truncated address.
    pub ip: Option<IpAddr>,
    /// Sub-ids by number (1-20).
    pub sub: Vec<(u8, String)>,
    /// The `source` parameter.
    pub source: String,
    /// The partner's own click id.
    pub aff_click_id: String,
    /// First accepted language.
    pub language: String,
    /// Operating system.
    pub os: String,
    /// Its version, empty = unknown.
    pub os_version: String,
    /// Browser.
    pub browser: String,
    /// Its version, empty = unknown.
    pub browser_version: String,
    /// Region, when the database knows it.
    pub region: String,
    /// City, when the database knows it.
    pub city: String,
    /// Internet provider, when the database knows it.
    pub isp: String,
    /// Click ids of ad platforms.
    pub ad_ids: [String; 6],
    /// UTM parameters.
    pub utm: [String; 5],
    /// User agent (a long text of the record).
    pub user_agent: String,
    /// Referrer (a long text of the record).
    pub referrer: String,
}

mod flag {
    pub const FLOW: u64 = 1;
    pub const WANTED: u64 = 2;
    pub const SENT: u64 = 4;
    pub const AFFILIATE: u64 = 8;
    pub const BOT: u64 = 16;
    pub const COST: u64 = 32;
    pub const TEST: u64 = 64;
}

impl ClickCore {
    /// Version of the encoding that [`Self::write`] writes.
    pub const VERSION: u8 = 1;

    /// Writes the open part.
    pub fn write(&self, detail: &ClickDetail, out: &mut Vec<u8>) {
        let mut e = Encoder(out);
        e.varint(self.flags());
        e.varint(u64::from(self.campaign));
        for number in [self.flow, self.wanted_offer].into_iter().flatten() {
            e.varint(u64::from(number));
        }
        if let Some(sent) = self.sent {
            for number in [sent.offer, sent.offer_version, sent.arm] {
                e.varint(u64::from(number));
            }
        }
        if let Some(affiliate) = self.affiliate {
            e.varint(u64::from(affiliate));
        }
        e.raw(&self.visitor[0].to_le_bytes());
        e.raw(&self.visitor[1].to_le_bytes());
        e.raw(&self.country);
        e.raw(&[self.device]);
        e.raw(self.bot.as_slice());
        e.raw(&self.propensity.to_le_bytes());
        e.varint(self.policy_version);
        e.varint(self.config_version);
        if let Some(cost) = self.cost {
            e.signed(cost.amount.0);
            e.raw(&cost.currency.code());
        }
        e.raw(&[self.outcome.code(), self.reason.code()]);
        e.text(&detail.link);
        e.numbers(&detail.eligible);
    }

    fn flags(&self) -> u64 {
        let set = |is_set: bool, flag: u64| if is_set { flag } else { 0 };
        set(self.flow.is_some(), flag::FLOW)
            | set(self.wanted_offer.is_some(), flag::WANTED)
            | set(self.sent.is_some(), flag::SENT)
            | set(self.affiliate.is_some(), flag::AFFILIATE)
            | set(self.bot.is_some(), flag::BOT)
            | set(self.cost.is_some(), flag::COST)
            | set(self.is_test, flag::TEST)
    }

    /// Reads what the fold needs.
    ///
    /// # Errors
    /// [`Malformed`] when the record is not a click of a known version.
    pub fn read(record: &Record<'_>) -> Result<Self, Malformed> {
        Self::read_front(record).map(|(core, _)| core)
    }

    /// Reads the whole open part.
    ///
    /// # Errors
    /// [`Malformed`] when the record is not a click of a known version.
    pub fn read_with_detail(record: &Record<'_>) -> Result<(Self, ClickDetail), Malformed> {
        let (core, mut d) = Self::read_front(record)?;
        let detail = ClickDetail {
            link: d.text()?.to_owned(),
            eligible: d.numbers()?,
        };
        Ok((core, detail))
    }

    fn read_front<'a>(record: &Record<'a>) -> Result<(Self, Decoder<'a>), Malformed> {
        if record.version != Self::VERSION {
            return Err(Malformed("unknown version of a click"));
        }
        let click_id = record.click_id.ok_or(Malformed("click without an id"))?;
        let mut d = Decoder(record.open);
        let flags = d.varint()?;
        let has = |flag: u64| flags & flag != 0;
        let core = Self {
            tenant: record.tenant,
            at: record.at,
            click_id,
            campaign: d.number()?,
            flow: has(flag::FLOW).then(|| d.number()).transpose()?,
            wanted_offer: has(flag::WANTED).then(|| d.number()).transpose()?,
            sent: has(flag::SENT).then(|| Sent::read(&mut d)).transpose()?,
            affiliate: has(flag::AFFILIATE).then(|| d.number()).transpose()?,
            visitor: [
                u64::from_le_bytes(d.array()?),
                u64::from_le_bytes(d.array()?),
            ],
            country: d.array()?,
            device: d.byte()?,
            bot: has(flag::BOT).then(|| d.byte()).transpose()?,
            propensity: f64::from_le_bytes(d.array()?),
            policy_version: d.varint()?,
            config_version: d.varint()?,
            cost: has(flag::COST).then(|| Paid::read(&mut d)).transpose()?,
            is_test: has(flag::TEST),
            outcome: ClickOutcome::from_code(d.byte()?).ok_or(Malformed("unknown outcome"))?,
            reason: ClickReason::from_code(d.byte()?).ok_or(Malformed("unknown reason"))?,
        };
        Ok((core, d))
    }

    /// Whether the click counts as one of a person that was sent to an offer or a lander.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.bot.is_none()
            && matches!(
                self.outcome,
                ClickOutcome::Redirected | ClickOutcome::Lander
            )
    }
}

impl Sent {
    fn read(d: &mut Decoder<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            offer: d.number()?,
            offer_version: d.number()?,
            arm: d.number()?,
        })
    }
}

impl Paid {
    fn read(d: &mut Decoder<'_>) -> Result<Self, Malformed> {
        let amount = Micros(d.signed()?);
        let currency = Currency::from_stored(d.array()?);
        Ok(Self {
            amount,
            currency: currency.ok_or(Malformed("unknown currency"))?,
        })
    }
}

/// Fields of the private part, by tag; an empty field is not written.
mod tag {
    pub const IP: u8 = 1;
    pub const SOURCE: u8 = 2;
    pub const AFF_CLICK_ID: u8 = 3;
    pub const LANGUAGE: u8 = 4;
    pub const OS: u8 = 5;
    pub const OS_VERSION: u8 = 6;
    pub const BROWSER: u8 = 7;
    pub const BROWSER_VERSION: u8 = 8;
    pub const REGION: u8 = 9;
    pub const CITY: u8 = 10;
    pub const ISP: u8 = 11;
    /// 16-21: ad platforms' ids.
    pub const AD_ID: u8 = 16;
    /// 32-36: UTM.
    pub const UTM: u8 = 32;
    /// 64 + number: sub-ids.
    pub const SUB: u8 = 64;
}

impl ClickPrivate {
    /// Writes the private part: tag, length and text of each field that is not empty. The two long texts
    /// stand beside it in the record.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut put = |tag: u8, bytes: &[u8]| {
            if !bytes.is_empty() {
                let mut e = Encoder(out);
                e.raw(&[tag]);
                e.bytes(bytes);
            }
        };
        match self.ip {
            Some(IpAddr::V4(v4)) => put(tag::IP, &v4.octets()),
            Some(IpAddr::V6(v6)) => put(tag::IP, &v6.octets()),
            None => {}
        }
        for (tag, text) in self.named() {
            put(tag, text.as_bytes());
        }
        for (tag, text) in (tag::AD_ID..)
            .zip(&self.ad_ids)
            .chain((tag::UTM..).zip(&self.utm))
        {
            put(tag, text.as_bytes());
        }
        for (number, text) in &self.sub {
            put(tag::SUB + number, text.as_bytes());
        }
    }

    fn named(&self) -> [(u8, &String); 10] {
        [
            (tag::SOURCE, &self.source),
            (tag::AFF_CLICK_ID, &self.aff_click_id),
            (tag::LANGUAGE, &self.language),
            (tag::OS, &self.os),
            (tag::OS_VERSION, &self.os_version),
            (tag::BROWSER, &self.browser),
            (tag::BROWSER_VERSION, &self.browser_version),
            (tag::REGION, &self.region),
            (tag::CITY, &self.city),
            (tag::ISP, &self.isp),
        ]
    }

    /// Reads the private part and the long texts of a click.
    ///
    /// # Errors
    /// [`Malformed`] when the bytes are not tagged texts. Unknown tags are skipped.
    pub fn read(record: &Record<'_>) -> Result<Self, Malformed> {
        let [user_agent, referrer] = record.texts.map(str::to_owned);
        let mut private = Self {
            user_agent,
            referrer,
            ..Self::default()
        };
        let mut d = Decoder(record.private);
        while !d.is_empty() {
            let tag = d.byte()?;
            private.put(tag, d.bytes()?)?;
        }
        Ok(private)
    }

    fn put(&mut self, tag: u8, bytes: &[u8]) -> Result<(), Malformed> {
        if tag == tag::IP {
            self.ip = match bytes.len() {
                4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
                16 => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
                _ => return Err(Malformed("address of a wrong length")),
            };
            return Ok(());
        }
        let text = std::str::from_utf8(bytes).map_err(|_| Malformed("text is not UTF-8"))?;
        let field = match tag {
            tag::SOURCE => &mut self.source,
            tag::AFF_CLICK_ID => &mut self.aff_click_id,
            tag::LANGUAGE => &mut self.language,
            tag::OS => &mut self.os,
            tag::OS_VERSION => &mut self.os_version,
            tag::BROWSER => &mut self.browser,
            tag::BROWSER_VERSION => &mut self.browser_version,
            tag::REGION => &mut self.region,
            tag::CITY => &mut self.city,
            tag::ISP => &mut self.isp,
            tag::AD_ID..=21 => &mut self.ad_ids[usize::from(tag - tag::AD_ID)],
            tag::UTM..=36 => &mut self.utm[usize::from(tag - tag::UTM)],
            tag::SUB.. => {
                self.sub.push((tag - tag::SUB, text.to_owned()));
                return Ok(());
            }
            _ => return Ok(()),
        };
        text.clone_into(field);
        Ok(())
    }
}
