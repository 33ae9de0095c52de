//! Documents out of facts and what was judged of them.

use super::document::{ClickDocument, ConversionDocument, Subs, Target, Visit};
use crate::fact::{ClickCore, ClickPrivate, Malformed};
use crate::ids::{AdvertiserId, AffiliateId, ArmId, CampaignId, FlowId, GoalId, OfferId};
use crate::judge::{Conversion, Rule};
use crate::record::{Logged, Record};
use crate::visitor::{BotClass, DeviceType};

/// A click's document, of its fact and the only thing about it that follows from order.
///
/// # Errors
/// [`Malformed`] when the record is not a click of a known version.
pub fn click_document(logged: &Logged<'_>, is_unique: bool) -> Result<ClickDocument, Malformed> {
    let record = &logged.record;
    let click = ClickCore::read(record)?;
    let tenant = click.tenant;
    Ok(ClickDocument {
        click_id: click.click_id.to_string(),
        tenant,
        at: click.at,
        seq: logged.position.seq,
        target: Target {
            campaign_id: CampaignId::new(tenant, click.campaign),
            flow_id: click.flow.map(|n| FlowId::new(tenant, n)),
            offer_id: click.sent.map(|s| OfferId::new(tenant, s.offer)),
            offer_version: click.sent.map(|s| s.offer_version),
            arm: click.sent.map(|s| ArmId::new(tenant, s.arm)),
            affiliate_id: click.affiliate.map(|n| AffiliateId::new(tenant, n)),
            country: country(click.country),
            device: device(click.device),
            test: click.is_test,
        },
        visit: visit(record, &click)?,
        wanted_offer_id: click.wanted_offer.map(|n| OfferId::new(tenant, n)),
        outcome: click.outcome,
        reason: click.reason,
        unique: is_unique,
        valid: click.is_valid(),
        propensity: click.propensity,
        cost_micros: click.cost.map(|c| c.amount.0),
        cost_currency: click.cost.map(|c| c.currency),
    })
}

/// A conversion's document, of how it stands, the number of the last fact that changed it, and its click's record
/// where that is still kept.
///
/// # Errors
/// [`Malformed`] when the record is not a click of a known version.
pub fn conversion_document(
    conversion: &Conversion,
    changed_seq: u64,
    click: Option<&Record<'_>>,
) -> Result<ConversionDocument, Malformed> {
    let tenant = conversion.tenant;
    let known = |number: u32| (number != 0).then_some(number);
    let of_click = |record: &Record<'_>| visit(record, &ClickCore::read(record)?);
    let rule_id = match conversion.rule {
        Rule::Offer { offer: 0, .. } => String::new(),
        rule => rule.id(tenant),
    };
    Ok(ConversionDocument {
        conversion_id: conversion.id,
        tenant,
        seq: conversion.position.seq,
        changed_seq,
        click_id: conversion.click_id.to_string(),
        received_id: conversion.received_id.to_string(),
        status: conversion.status,
        reason: conversion.reason,
        note: conversion.note.clone(),
        advertiser_id: known(conversion.advertiser).map(|n| AdvertiserId::new(tenant, n)),
        goal: conversion.goal.map(|n| GoalId::new(tenant, n)),
        txid: conversion.txid.clone(),
        sale_amount_micros: conversion.sale_amount.map(|a| a.0),
        sale_currency: conversion.sale_currency,
        payout_micros: conversion.payout.0,
        revenue_micros: conversion.revenue.0,
        currency: conversion.currency,
        rule_id,
        clicked_at: conversion.clicked_at,
        converted_at: conversion.converted_at,
        booked_at: conversion.booked_at,
        target: Target {
            campaign_id: CampaignId::new(tenant, conversion.campaign),
            flow_id: conversion.flow.map(|n| FlowId::new(tenant, n)),
            offer_id: known(conversion.offer).map(|n| OfferId::new(tenant, n)),
            offer_version: known(conversion.offer_version),
            arm: known(conversion.arm).map(|n| ArmId::new(tenant, n)),
            affiliate_id: conversion.affiliate.map(|n| AffiliateId::new(tenant, n)),
            country: country(conversion.country),
            device: device(conversion.device),
            test: conversion.is_test,
        },
        visit: click.map(of_click).transpose()?.unwrap_or_default(),
    })
}

fn country(code: [u8; 2]) -> String {
    String::from_utf8_lossy(&code).into_owned()
}

fn device(code: u8) -> String {
    let kind = DeviceType::from_code(code).unwrap_or_default();
    kind.as_str().to_owned()
}

fn visit(record: &Record<'_>, click: &ClickCore) -> Result<Visit, Malformed> {
    let (_, detail) = ClickCore::read_with_detail(record)?;
    // A sealed part says nothing to an index, which cannot forget by throwing a key away.
    let private = match record.private_key {
        0 => ClickPrivate::read(record)?,
        _ => ClickPrivate::default(),
    };
    let bot = |code| BotClass::from_code(code).map_or("unknown", BotClass::as_str);
    let [gclid, gbraid, wbraid, fbclid, ttclid, msclkid] = private.ad_ids;
    let [utm_source, utm_medium, utm_campaign, utm_term, utm_content] = private.utm;
    Ok(Visit {
        link: detail.link,
        visitor: format!("{:016x}", click.visitor[0]),
        bot: click.bot.map(bot).unwrap_or_default().to_owned(),
        region: private.region,
        city: private.city,
        isp: private.isp,
        language: private.language,
        os: private.os,
        os_version: private.os_version,
        browser: private.browser,
        browser_version: private.browser_version,
        source: private.source,
        aff_click_id: private.aff_click_id,
        user_agent: private.user_agent,
        referrer_host: host_of(&private.referrer),
        referrer: private.referrer,
        utm_source,
        utm_medium,
        utm_campaign,
        utm_term,
        utm_content,
        gclid,
        gbraid,
        wbraid,
        fbclid,
        ttclid,
        msclkid,
        ip: private.ip,
        subs: Subs(
            private
                .sub
                .into_iter()
                .filter(|(n, _)| (1..=20).contains(n))
                .collect(),
        ),
    })
}

/// The host of a URL; empty when there is none.
fn host_of(referrer: &str) -> String {
    let url = url::Url::parse(referrer).ok();
    let host = url.as_ref().and_then(url::Url::host_str);
    host.unwrap_or_default().to_owned()
}
