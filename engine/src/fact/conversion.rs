//! `conversion_received` and `conversion_status_changed`.
//!
//! A received conversion keeps what the sender wrote, unjudged: amounts and words as text, so that a
//! verdict can be explained and taken again. Open part, version 1: received id 20, flags, \[advertiser\],
//! \[click id 20\], auth 1, \[occurred at\], warnings, then event, txid, amount, currency, status as texts.
//! Private part: address, adv fields, raw query with its secrets masked.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::wire::{Decoder, Encoder, Malformed};
use crate::as_text::words;
use crate::click_id::ClickId;
use crate::ids::{ConversionId, DerivedId, UnixMs};
use crate::record::Record;

/// Id of a received postback: minted like a click id, so it is unique and says its time.
pub type ReceivedId = ClickId;

words! {
    /// How it was verified that a postback is the advertiser's.
    AuthKind {
        /// Not at all.
        None = 0 "none",
        /// By the token.
        Token = 1 "token",
        /// By an HMAC.
        Hmac = 2 "hmac",
        /// By the sender's address.
        Ip = 3 "ip",
        /// By the public pixel key: known advertiser, not authenticated.
        Pixel = 4 "pixel",
        /// By an API key of the tenant.
        ApiKey = 5 "api_key",
    }
}

impl AuthKind {
    /// Whether the sender is believed to be the advertiser (or the tenant).
    #[must_use]
    pub fn is_authenticated(self) -> bool {
        matches!(self, Self::Token | Self::Hmac | Self::Ip | Self::ApiKey)
    }
}

words! {
    /// Where a conversion stands.
    ConversionStatus {
        /// Not decided.
        Pending = 1 "pending",
        /// Will be paid.
        Approved = 2 "approved",
        /// Will not be paid; the reason says why.
        Rejected = 3 "rejected",
    }
}

words! {
    /// What was odd about a postback without deciding its verdict.
    Warning {
        /// A repeated conversion with another amount.
        AmountDiffers = 1 "amount_differs",
        /// An amount that cannot be read, where the rules need none.
        BadAmount = 2 "bad_amount",
        /// A currency code that does not exist, where the rules need none.
        BadCurrency = 3 "bad_currency",
        /// A `time` that cannot be read, is in the future, or more than 90 days back: ignored.
        BadTime = 4 "bad_time",
        /// A `time` without authentication: ignored.
        TimeIgnored = 5 "time_ignored",
        /// A `status` without authentication: ignored.
        StatusIgnored = 6 "status_ignored",
    }
}

/// A postback, pixel or API call that reported a conversion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversionReceived {
    /// Its own id.
    pub received_id: ReceivedId,
    /// Who was authenticated or named by a pixel key.
    pub advertiser: Option<u32>,
    /// The click it names; `None` when the id is malformed, forged or another tenant's.
    pub click_id: Option<ClickId>,
    /// How it was verified.
    pub auth: AuthKind,
    /// When the conversion happened, if the sender may say so and did.
    pub occurred_at: Option<UnixMs>,
    /// The event; empty = the base conversion.
    pub event: String,
    /// The sender's transaction id; empty = none.
    pub txid: String,
    /// The amount as written; empty = none.
    pub amount: String,
    /// The currency as written; empty = none.
    pub currency: String,
    /// The status as written; empty = none.
    pub status: String,
    /// What the door found odd.
    pub warnings: Vec<Warning>,
}

/// The private part of a received conversion.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReceivedPrivate {
    /// Truncated address of the sender.
    pub ip: Option<IpAddr>,
    /// Advertiser's own fields, by name.
    pub adv: BTreeMap<String, String>,
    /// The query or body, with secrets masked.
    pub raw: String,
}

mod flag {
    pub const ADVERTISER: u64 = 1;
    pub const CLICK: u64 = 2;
    pub const OCCURRED: u64 = 4;
}

impl ConversionReceived {
    /// Version of the encoding that [`Self::write`] writes.
    pub const VERSION: u8 = 1;

    /// Writes the open part.
    pub fn write(&self, out: &mut Vec<u8>) {
        let set = |is_set: bool, flag: u64| if is_set { flag } else { 0 };
        let mut e = Encoder(out);
        e.raw(self.received_id.as_bytes());
        e.varint(
            set(self.advertiser.is_some(), flag::ADVERTISER)
                | set(self.click_id.is_some(), flag::CLICK)
                | set(self.occurred_at.is_some(), flag::OCCURRED),
        );
        if let Some(advertiser) = self.advertiser {
            e.varint(u64::from(advertiser));
        }
        if let Some(click_id) = &self.click_id {
            e.raw(click_id.as_bytes());
        }
        e.raw(&[self.auth.code()]);
        if let Some(occurred_at) = self.occurred_at {
            e.varint(occurred_at.0);
        }
        let warnings: Vec<u8> = self.warnings.iter().map(|w| w.code()).collect();
        e.bytes(&warnings);
        for text in [
            &self.event,
            &self.txid,
            &self.amount,
            &self.currency,
            &self.status,
        ] {
            e.text(text);
        }
    }

    pub(super) fn read(record: &Record<'_>) -> Result<Self, Malformed> {
        if record.version != Self::VERSION {
            return Err(Malformed("unknown version of a received conversion"));
        }
        let mut d = Decoder(record.open);
        let received_id = ClickId::from_bytes(d.array()?);
        let flags = d.varint()?;
        let has = |flag: u64| flags & flag != 0;
        Ok(Self {
            received_id,
            advertiser: has(flag::ADVERTISER).then(|| d.number()).transpose()?,
            click_id: has(flag::CLICK)
                .then(|| d.array().map(ClickId::from_bytes))
                .transpose()?,
            auth: AuthKind::from_code(d.byte()?).ok_or(Malformed("unknown authentication"))?,
            occurred_at: has(flag::OCCURRED)
                .then(|| d.varint().map(UnixMs))
                .transpose()?,
            warnings: d
                .bytes()?
                .iter()
                .filter_map(|&code| Warning::from_code(code))
                .collect(),
            event: d.text()?.to_owned(),
            txid: d.text()?.to_owned(),
            amount: d.text()?.to_owned(),
            currency: d.text()?.to_owned(),
            status: d.text()?.to_owned(),
        })
    }
}

impl ReceivedPrivate {
    /// Writes the private part: address, raw, then name and value of each field.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut e = Encoder(out);
        match self.ip {
            Some(IpAddr::V4(v4)) => e.bytes(&v4.octets()),
            Some(IpAddr::V6(v6)) => e.bytes(&v6.octets()),
            None => e.bytes(&[]),
        }
        e.text(&self.raw);
        for (name, value) in &self.adv {
            e.text(name);
            e.text(value);
        }
    }

    /// Reads the private part of a received conversion.
    ///
    /// # Errors
    /// [`Malformed`] when the bytes do not fit.
    pub fn read(record: &Record<'_>) -> Result<Self, Malformed> {
        let mut d = Decoder(record.private);
        let address = d.bytes()?;
        let ip = match address.len() {
            4 => <[u8; 4]>::try_from(address).ok().map(IpAddr::from),
            16 => <[u8; 16]>::try_from(address).ok().map(IpAddr::from),
            _ => None,
        };
        let mut private = Self {
            ip,
            raw: d.text()?.to_owned(),
            adv: BTreeMap::new(),
        };
        while !d.is_empty() {
            let name = d.text()?.to_owned();
            private.adv.insert(name, d.text()?.to_owned());
        }
        Ok(private)
    }
}

/// A person or a rule changed a conversion's status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversionStatusChanged {
    /// Which conversion.
    pub conversion_id: ConversionId,
    /// What it was.
    pub from: ConversionStatus,
    /// What it is.
    pub to: ConversionStatus,
    /// Why.
    pub reason: String,
    /// Who: an API key's id, or a rule.
    pub by: String,
}

impl ConversionStatusChanged {
    /// Version of the encoding that [`Self::write`] writes.
    pub const VERSION: u8 = 1;

    /// Writes the open part: id 16, from 1, to 1, reason, by.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut e = Encoder(out);
        e.raw(&self.conversion_id.0.0.to_be_bytes());
        e.raw(&[self.from.code(), self.to.code()]);
        e.text(&self.reason);
        e.text(&self.by);
    }

    pub(super) fn read(record: &Record<'_>) -> Result<Self, Malformed> {
        if record.version != Self::VERSION {
            return Err(Malformed("unknown version of a status change"));
        }
        let mut d = Decoder(record.open);
        let conversion_id = ConversionId(DerivedId(u128::from_be_bytes(d.array()?)));
        let mut status = || {
            let code = d.byte()?;
            ConversionStatus::from_code(code).ok_or(Malformed("unknown status"))
        };
        let (from, to) = (status()?, status()?);
        let reason = d.text()?.to_owned();
        Ok(Self {
            conversion_id,
            from,
            to,
            reason,
            by: d.text()?.to_owned(),
        })
    }
}
