//! How conversions are shown.

use poem_openapi::Object;
use weir_engine::catalog::Catalog;
use weir_engine::ids;
use weir_engine::judge::{self, Rule};
use weir_engine::ledger::{Account, Transfer};
use weir_engine::ports::{ConversionHistory, StatusEvent, VerdictRow};
use weir_engine::visitor;

use crate::admin::dto::{
    AccountKind, AdvertiserId, AffiliateId, Amount, ArmId, CampaignId, ClickId, ConversionId,
    ConversionReason, ConversionStatus, CurrencyCode, DeviceType, FlowId, GoalId, OfferId, Outcome,
    Time, TransferKind, Warning,
};

/// A conversion as it stands.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub(in crate::admin) struct Conversion {
    /// Its id.
    id: ConversionId,
    /// Where it stands.
    status: ConversionStatus,
    /// Why.
    reason: Option<ConversionReason>,
    /// Why, in the words of the person who changed it last.
    note: Option<String>,
    /// The postback that made it.
    received_id: String,
    /// The click it belongs to.
    click_id: ClickId,
    /// The click's campaign.
    campaign_id: CampaignId,
    /// The click's flow; absent = the default flow.
    flow_id: Option<FlowId>,
    /// The click's arm; absent when it was sent to no offer.
    arm_id: Option<ArmId>,
    /// The click's offer.
    offer_id: Option<OfferId>,
    /// The version of the offer that decided.
    offer_version: Option<u32>,
    /// The click's affiliate; absent = house traffic.
    affiliate_id: Option<AffiliateId>,
    /// The offer's advertiser.
    advertiser_id: Option<AdvertiserId>,
    /// The goal; absent = the base conversion.
    goal_id: Option<GoalId>,
    /// The goal's name.
    goal: Option<String>,
    /// The sender's transaction id.
    txid: Option<String>,
    /// What was sold for.
    sale_amount: Option<Amount>,
    /// In which currency.
    sale_currency: Option<CurrencyCode>,
    /// What the affiliate earns while it is pending or approved.
    payout: Amount,
    /// What the tenant earns while it is pending or approved.
    revenue: Amount,
    /// Currency of both.
    currency: CurrencyCode,
    /// Whose terms decided the amounts, in which version.
    rule_id: String,
    /// The click's country.
    country: String,
    /// The click's device type.
    device: DeviceType,
    /// Whether the click is a test.
    test: bool,
    /// When the click was.
    clicked_at: Time,
    /// When the conversion was.
    converted_at: Time,
    /// When it was judged.
    booked_at: Time,
}

/// A conversion with all that happened to it.
#[derive(Debug, Object)]
pub(super) struct ConversionWithHistory {
    /// As it stands.
    #[oai(flatten)]
    conversion: Conversion,
    /// Postbacks that made or named it, in order.
    postbacks: Vec<Postback>,
    /// Its changes of status, in order.
    changes: Vec<StatusChange>,
    /// Its entries in the ledger, in order.
    entries: Vec<Entry>,
}

/// A postback and the answer to it.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
struct Postback {
    /// Its id.
    received_id: String,
    /// When it came.
    at: Time,
    /// What became of it.
    outcome: Outcome,
    /// Status of the conversion then.
    status: Option<ConversionStatus>,
    /// Why.
    reason: Option<ConversionReason>,
    /// What was odd.
    warnings: Vec<Warning>,
}

/// A change of status.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
struct StatusChange {
    /// When.
    at: Time,
    /// What it was.
    from: ConversionStatus,
    /// What it became.
    to: ConversionStatus,
    /// Why, as a code.
    reason: Option<ConversionReason>,
    /// Why, in a person's words.
    note: Option<String>,
    /// Who: a postback's id, an API key's, or the operator.
    by: String,
}

/// An entry of the ledger.
#[derive(Debug, Object)]
struct Entry {
    /// Its id.
    id: String,
    /// When it was booked.
    at: Time,
    /// What made it.
    kind: TransferKind,
    /// The account that is debited.
    debit: LedgerAccount,
    /// The account that is credited.
    credit: LedgerAccount,
    /// How much.
    amount: Amount,
    /// In which currency.
    currency: CurrencyCode,
}

/// An account of the ledger.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
struct LedgerAccount {
    /// What it stands for.
    account: AccountKind,
    /// Whose it is; absent = the tenant's own.
    owner_id: Option<String>,
}

fn said(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// A conversion as it is shown.
pub(in crate::admin) fn conversion(catalog: &Catalog, c: &judge::Conversion) -> Conversion {
    let known = |number: u32| (number != 0).then_some(number);
    let offer = known(c.offer);
    let goals = offer
        .and_then(|n| catalog.offers.get(&n))
        .map(|o| &o.body.goals);
    let goal = c
        .goal
        .and_then(|n| goals?.iter().find(|g| g.id.number() == n));
    let rule = match c.rule {
        Rule::Offer { offer: 0, .. } => String::new(),
        rule => rule.id(c.tenant),
    };
    Conversion {
        id: c.id.into(),
        status: ConversionStatus(c.status),
        reason: c.reason.map(ConversionReason),
        note: said(&c.note),
        received_id: c.received_id.to_string(),
        click_id: c.click_id.into(),
        campaign_id: ids::CampaignId::new(c.tenant, c.campaign).into(),
        flow_id: c.flow.map(|n| ids::FlowId::new(c.tenant, n).into()),
        arm_id: known(c.arm).map(|n| ids::ArmId::new(c.tenant, n).into()),
        offer_id: offer.map(|n| ids::OfferId::new(c.tenant, n).into()),
        offer_version: known(c.offer_version),
        affiliate_id: c
            .affiliate
            .map(|n| ids::AffiliateId::new(c.tenant, n).into()),
        advertiser_id: known(c.advertiser).map(|n| ids::AdvertiserId::new(c.tenant, n).into()),
        goal_id: c.goal.map(|n| ids::GoalId::new(c.tenant, n).into()),
        goal: goal.map(|g| g.name.clone()),
        txid: said(&c.txid),
        sale_amount: c.sale_amount.map(Into::into),
        sale_currency: c.sale_currency.map(Into::into),
        payout: c.payout.into(),
        revenue: c.revenue.into(),
        currency: c.currency.into(),
        rule_id: rule,
        country: String::from_utf8_lossy(&c.country).into_owned(),
        device: DeviceType(visitor::DeviceType::from_code(c.device).unwrap_or_default()),
        test: c.is_test,
        clicked_at: c.clicked_at.into(),
        converted_at: c.converted_at.into(),
        booked_at: c.booked_at.into(),
    }
}

/// A conversion with its history, as it is shown.
pub(super) fn history(catalog: &Catalog, history: &ConversionHistory) -> ConversionWithHistory {
    ConversionWithHistory {
        conversion: conversion(catalog, &history.conversion),
        postbacks: history.verdicts.iter().map(postback).collect(),
        changes: history.changes.iter().map(change).collect(),
        entries: history.transfers.iter().map(entry).collect(),
    }
}

fn postback(row: &VerdictRow) -> Postback {
    Postback {
        received_id: row.received_id.to_string(),
        at: row.at.into(),
        outcome: Outcome(row.verdict.outcome),
        status: row.verdict.status.map(ConversionStatus),
        reason: row.verdict.reason.map(ConversionReason),
        warnings: row.verdict.warnings.iter().copied().map(Warning).collect(),
    }
}

fn change(event: &StatusEvent) -> StatusChange {
    StatusChange {
        at: event.at.into(),
        from: ConversionStatus(event.from),
        to: ConversionStatus(event.to),
        reason: event.reason.map(ConversionReason),
        note: said(&event.note),
        by: event.by.clone(),
    }
}

fn entry(transfer: &Transfer) -> Entry {
    let account = |account: Account| LedgerAccount {
        account: AccountKind(account.kind),
        owner_id: owner(transfer.tenant, account),
    };
    Entry {
        id: format!("{:032x}", transfer.id.0),
        at: transfer.at.into(),
        kind: TransferKind(transfer.kind),
        debit: account(transfer.debit),
        credit: account(transfer.credit),
        amount: transfer.amount.into(),
        currency: transfer.currency.into(),
    }
}

fn owner(tenant: ids::TenantId, account: Account) -> Option<String> {
    use weir_engine::ledger::AccountKind as Kind;
    match account.kind {
        Kind::AdvPending | Kind::AdvReceivable => {
            Some(ids::AdvertiserId::new(tenant, account.owner).to_string())
        }
        Kind::AffPending | Kind::AffHold | Kind::AffPayable => {
            Some(ids::AffiliateId::new(tenant, account.owner).to_string())
        }
        Kind::TenantRevenue | Kind::CommissionExpense => None,
    }
}
