//! `conversions`: each conversion as it stands, keyed by the place of the postback that made it.

use weir_engine::caps::Place;
use weir_engine::click_id::ClickId;
use weir_engine::fact::{ConversionStatus, Decoder, Encoder, Malformed};
use weir_engine::ids::{TenantId, UnixMs};
use weir_engine::judge::{Conversion, ConversionReason, Identity, Rule};
use weir_engine::money::{Currency, Micros};
use weir_engine::ports::StoreError;

use super::id_bytes;
use crate::fields::Fields;
use crate::value::Row;

/// The columns, in the order in which they are written and read.
pub const COLUMNS: &str = "tenant_id, partition_id, seq, conversion_id, received_id, identity, status, reason, note, \
     click_id, campaign, flow, arm, offer, offer_version, affiliate, advertiser, country, device, is_test, goal, \
     txid, sale_amount, sale_currency, payout, revenue, currency, rule, clicked_at, converted_at, booked_at, places";

/// A conversion as it stands.
#[must_use]
pub fn row(of: &Conversion) -> Row {
    vec![
        of.tenant.0.into(),
        of.position.partition.into(),
        of.position.seq.into(),
        id_bytes(of.id).into(),
        of.received_id.as_bytes().as_slice().into(),
        of.identity.map(|i| i.0.to_be_bytes()).into(),
        of.status.code().into(),
        of.reason.map(ConversionReason::code).into(),
        of.note.as_str().into(),
        of.click_id.as_bytes().as_slice().into(),
        of.campaign.into(),
        of.flow.into(),
        of.arm.into(),
        of.offer.into(),
        of.offer_version.into(),
        of.affiliate.into(),
        of.advertiser.into(),
        of.country.into(),
        of.device.into(),
        of.is_test.into(),
        of.goal.into(),
        of.txid.as_str().into(),
        of.sale_amount.map(|a| a.0).into(),
        of.sale_currency.map(|c| c.code()).into(),
        of.payout.0.into(),
        of.revenue.0.into(),
        of.currency.code().into(),
        rule_bytes(of.rule).into(),
        of.clicked_at.0.into(),
        of.converted_at.0.into(),
        of.booked_at.0.into(),
        place_bytes(&of.places).into(),
    ]
}

/// Reads [`COLUMNS`].
///
/// # Errors
/// [`StoreError::Unreadable`].
pub fn read(mut f: Fields<'_>) -> Result<Conversion, StoreError> {
    Ok(Conversion {
        tenant: TenantId(f.take()?),
        position: f.position()?,
        id: f.conversion_id()?,
        received_id: ClickId::from_bytes(f.take()?),
        identity: f
            .take::<Option<[u8; 16]>>()?
            .map(|bytes| Identity(u128::from_be_bytes(bytes))),
        status: f.make("a status", ConversionStatus::from_code)?,
        reason: f.maybe("a reason", ConversionReason::from_code)?,
        note: f.take()?,
        click_id: ClickId::from_bytes(f.take()?),
        campaign: f.take()?,
        flow: f.take()?,
        arm: f.take()?,
        offer: f.take()?,
        offer_version: f.take()?,
        affiliate: f.take()?,
        advertiser: f.take()?,
        country: f.take()?,
        device: f.take()?,
        is_test: f.take()?,
        goal: f.take()?,
        txid: f.take()?,
        sale_amount: f.take::<Option<i64>>()?.map(Micros),
        sale_currency: f.maybe("a currency", Currency::from_stored)?,
        payout: f.micros()?,
        revenue: f.micros()?,
        currency: f.currency()?,
        rule: f.make("a rule", |bytes: Vec<u8>| read_rule(&bytes).ok())?,
        clicked_at: f.at()?,
        converted_at: f.at()?,
        booked_at: f.at()?,
        places: f.make("places under caps", |bytes: Vec<u8>| {
            read_places(&bytes).ok()
        })?,
    })
}

/// 1, offer, version; or 2, offer, affiliate, version.
fn rule_bytes(rule: Rule) -> Vec<u8> {
    let mut out = Vec::new();
    let mut e = Encoder(&mut out);
    let numbers = match rule {
        Rule::Offer { offer, version } => vec![1, offer, version],
        Rule::Terms {
            offer,
            affiliate,
            version,
        } => vec![2, offer, affiliate, version],
    };
    for number in numbers {
        e.varint(u64::from(number));
    }
    out
}

fn read_rule(bytes: &[u8]) -> Result<Rule, Malformed> {
    let mut d = Decoder(bytes);
    match d.varint()? {
        1 => Ok(Rule::Offer {
            offer: d.number()?,
            version: d.number()?,
        }),
        2 => Ok(Rule::Terms {
            offer: d.number()?,
            affiliate: d.number()?,
            version: d.number()?,
        }),
        _ => Err(Malformed("unknown kind of rule")),
    }
}

/// Cap, start of the period and units of each place.
fn place_bytes(places: &[(Place, i64)]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut e = Encoder(&mut out);
    for (place, units) in places {
        e.varint(place.cap);
        e.varint(place.from.0);
        e.signed(*units);
    }
    out
}

fn read_places(bytes: &[u8]) -> Result<Vec<(Place, i64)>, Malformed> {
    let mut d = Decoder(bytes);
    let mut places = Vec::new();
    while !d.is_empty() {
        let place = Place {
            cap: d.varint()?,
            from: UnixMs(d.varint()?),
        };
        places.push((place, d.signed()?));
    }
    Ok(places)
}
