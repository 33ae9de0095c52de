//! Facts and judgements as JSON lines. Names are fixed: scripts and importers rely on them.

use std::io::Write;

use serde_json::{Map, Value, json};
use weir_engine::fact::{
    AD_ID_NAMES, ClickCore, ClickPrivate, ConversionReceived, Fact, Kind, Malformed,
    ReceivedPrivate, UTM_NAMES,
};
use weir_engine::ids::{
    AdvertiserId, AffiliateId, ArmId, CampaignId, FlowId, GoalId, OfferId, TenantId,
};
use weir_engine::judge::Conversion;
use weir_engine::ports::VerdictRow;
use weir_engine::record::Logged;
use weir_engine::visitor::{BotClass, DeviceType};

use crate::destinations::Destinations;

/// A verdict with the conversion it made.
pub struct StoredVerdict {
    pub row: VerdictRow,
    pub conversion: Option<Conversion>,
}

fn head(logged: &Logged<'_>, kind: &str) -> Map<String, Value> {
    let mut line = Map::new();
    line.insert("seq".to_owned(), logged.position.seq.into());
    line.insert("partition".to_owned(), logged.position.partition.into());
    line.insert("tenant".to_owned(), logged.record.tenant.to_string().into());
    line.insert("at".to_owned(), logged.record.at.to_string().into());
    line.insert("kind".to_owned(), kind.into());
    line
}

fn write(line: Map<String, Value>, out: &mut impl Write) -> anyhow::Result<()> {
    serde_json::to_writer(&mut *out, &Value::Object(line))?;
    Ok(out.write_all(b"\n")?)
}

fn extend(line: &mut Map<String, Value>, fields: Value) {
    if let Value::Object(fields) = fields {
        line.extend(fields);
    }
}

/// Writes a fact, of which `read` is the open part, as a line.
///
/// # Errors
/// The output cannot be written, or a private part cannot be read.
pub fn fact(
    logged: &Logged<'_>,
    read: &Result<Fact, Malformed>,
    destinations: &Destinations,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let tenant = logged.record.tenant;
    let kind = Kind::from_code(logged.record.kind).map_or("unknown", Kind::as_str);
    let mut line = head(logged, kind);
    match read {
        Ok(Fact::Clicked(click)) => clicked(logged, click, destinations, &mut line)?,
        Ok(Fact::ConversionReceived(received)) => {
            extend(&mut line, received_fields(logged, received)?);
        }
        Ok(Fact::ConversionStatusChanged(change)) => extend(
            &mut line,
            json!({
                "conversion_id": change.conversion_id, "from": change.from, "to": change.to,
                "reason": change.reason, "by": change.by,
            }),
        ),
        Ok(Fact::ConfigChanged(change)) => extend(
            &mut line,
            json!({
                "entity": change.key.kind, "id": change.key.public_id(tenant), "version": change.version,
                "by": change.by, "body": change.body,
            }),
        ),
        Err(malformed) => extend(&mut line, json!({"unreadable": malformed.0})),
    }
    write(line, out)
}

fn received_fields(logged: &Logged<'_>, received: &ConversionReceived) -> anyhow::Result<Value> {
    let tenant = logged.record.tenant;
    let private = ReceivedPrivate::read(&logged.record)?;
    let warnings: Vec<&str> = received.warnings.iter().map(|w| w.as_str()).collect();
    Ok(json!({
        "received_id": received.received_id.to_string(),
        "advertiser_id": received.advertiser.map(|a| AdvertiserId::new(tenant, a)),
        "click_id": received.click_id.map(|id| id.to_string()),
        "event": received.event, "txid": received.txid,
        "amount": received.amount, "currency": received.currency, "status": received.status,
        "occurred_at": received.occurred_at.map(|at| at.to_string()),
        "adv": private.adv, "raw": private.raw, "ip": private.ip,
        "auth": received.auth.as_str(), "warnings": warnings,
    }))
}

fn clicked(
    logged: &Logged<'_>,
    click: &ClickCore,
    destinations: &Destinations,
    line: &mut Map<String, Value>,
) -> anyhow::Result<()> {
    let tenant = click.tenant;
    let (_, detail) = ClickCore::read_with_detail(&logged.record)?;
    let private = ClickPrivate::read(&logged.record)?;
    let eligible: Vec<ArmId> = detail
        .eligible
        .iter()
        .map(|a| ArmId::new(tenant, *a))
        .collect();
    extend(
        line,
        json!({
            "click_id": click.click_id.to_string(),
            "campaign_id": CampaignId::new(tenant, click.campaign),
            "link": detail.link,
            "flow_id": click.flow.map(|f| FlowId::new(tenant, f)),
            "wanted_offer_id": click.wanted_offer.map(|o| OfferId::new(tenant, o)),
            "offer_id": click.sent.map(|s| OfferId::new(tenant, s.offer)),
            "offer_version": click.sent.map(|s| s.offer_version),
            "arm": click.sent.map(|s| ArmId::new(tenant, s.arm)),
            "lander_id": null,
            "affiliate_id": click.affiliate.map(|a| AffiliateId::new(tenant, a)),
            "visitor": click.visitor.map(|v| format!("{v:016x}")),
            "country": country(click.country),
            "device": DeviceType::from_code(click.device).map(DeviceType::as_str),
            "bot": click.bot.map(|b| BotClass::from_code(b).map_or("unknown", BotClass::as_str)),
            "propensity": click.propensity, "policy_version": click.policy_version,
            "eligible": eligible, "config_version": click.config_version,
            "cost": click.cost.map(|c| c.amount), "cost_currency": click.cost.map(|c| c.currency),
            "test": click.is_test, "outcome": click.outcome, "reason": click.reason,
            "url": destinations.of(click, &private),
        }),
    );
    extend(line, private_fields(&private));
    Ok(())
}

fn private_fields(private: &ClickPrivate) -> Value {
    let named = |names: &[&str], values: &[String]| {
        let pairs = names.iter().zip(values).filter(|(_, v)| !v.is_empty());
        pairs
            .map(|(n, v)| ((*n).to_owned(), v.clone().into()))
            .collect::<Map<String, Value>>()
    };
    let sub = private
        .sub
        .iter()
        .map(|(n, v)| (n.to_string(), v.clone().into()));
    json!({
        "sub": sub.collect::<Map<String, Value>>(), "source": private.source,
        "aff_click_id": private.aff_click_id, "ip": private.ip,
        "user_agent": private.user_agent, "referrer": private.referrer,
        "ad_ids": named(&AD_ID_NAMES, &private.ad_ids), "utm": named(&UTM_NAMES, &private.utm),
        "region": private.region, "city": private.city, "isp": private.isp,
        "language": private.language, "os": private.os, "os_version": private.os_version,
        "browser": private.browser, "browser_version": private.browser_version,
    })
}

fn country(code: [u8; 2]) -> String {
    String::from_utf8_lossy(&code).into_owned()
}

/// Writes what was judged of a click.
///
/// # Errors
/// The output cannot be written.
pub fn click_judged(
    logged: &Logged<'_>,
    click: &ClickCore,
    is_unique: bool,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let mut line = head(logged, "click_judged");
    extend(
        &mut line,
        json!({
            "derived": true, "click_id": click.click_id.to_string(),
            "unique": is_unique, "valid": click.is_valid(), "reason": click.reason,
        }),
    );
    write(line, out)
}

/// Writes what was judged of a received conversion.
///
/// # Errors
/// The output cannot be written.
pub fn conversion_judged(
    logged: &Logged<'_>,
    stored: &StoredVerdict,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let tenant = logged.record.tenant;
    let verdict = &stored.row.verdict;
    let mut line = head(logged, "conversion_judged");
    extend(
        &mut line,
        json!({
            "derived": true, "conversion_id": verdict.conversion_id,
            "received_id": stored.row.received_id.to_string(),
            "outcome": verdict.outcome, "status": verdict.status, "reason": verdict.reason,
        }),
    );
    let made = stored.conversion.as_ref().filter(|_| stored.row.is_made);
    extend(&mut line, made_fields(made, tenant));
    write(line, out)
}

/// What a conversion is; all null where none was made.
fn made_fields(made: Option<&Conversion>, tenant: TenantId) -> Value {
    json!({
        "click_id": made.map(|m| m.click_id.to_string()),
        "campaign_id": made.map(|m| CampaignId::new(tenant, m.campaign)),
        "offer_id": made.map(|m| OfferId::new(tenant, m.offer)),
        "offer_version": made.map(|m| m.offer_version),
        "affiliate_id": made.and_then(|m| m.affiliate).map(|a| AffiliateId::new(tenant, a)),
        "goal": made.and_then(|m| m.goal).map(|g| GoalId::new(tenant, g)),
        "sale_amount": made.and_then(|m| m.sale_amount),
        "sale_currency": made.and_then(|m| m.sale_currency),
        "payout": made.map(|m| m.payout), "payout_currency": made.map(|m| m.currency),
        "revenue": made.map(|m| m.revenue), "revenue_currency": made.map(|m| m.currency),
        "fx_rate_id": null, "rule_id": made.map(|m| m.rule.id(tenant)),
    })
}
