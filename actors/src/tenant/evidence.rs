//! Looks up what a judgement needs and waits while it cannot be had.

use std::error::Error;
use std::time::Duration;

use weir_engine::fact::ClickCore;
use weir_engine::ids::{ConversionId, Position};
use weir_engine::judge::{Conversion, Evidence, Identities, Identity};
use weir_engine::ports::{ClickLookup, Found, LedgerStore};

use super::fold::{Need, TenantFold};
use crate::telemetry;
use crate::window::FactAt;

const FIRST_WAIT: Duration = Duration::from_millis(20);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Where evidence is looked up.
#[derive(Clone, Copy)]
pub(crate) struct Sources<'a> {
    pub(crate) clicks: &'a dyn ClickLookup,
    pub(crate) ledger: &'a dyn LedgerStore,
}

/// Gathers the evidence for `fact`. Waits as long as the log or the store cannot be read: a verdict may be
/// late, it may not be wrong.
pub(crate) async fn gather(ports: Sources<'_>, fold: &TenantFold, fact: &FactAt) -> Evidence {
    match fold.need(fact) {
        Need::Nothing => Evidence::default(),
        Need::Conversion(id) => Evidence {
            prior: conversion(ports, fold, id).await,
            ..Evidence::default()
        },
        Need::Click(click_id) => {
            let found = insist("click", || ports.clicks.find(click_id)).await;
            let is_click_expired = found == Found::Expired;
            let click = click(fold, found, fact.position);
            let prior = match &click {
                Some(click) => prior_of(ports, fold, fact, click).await,
                None => None,
            };
            Evidence {
                click,
                is_click_expired,
                prior,
            }
        }
    }
}

/// The click that was found, if it is this tenant's and stands before `here`.
fn click(fold: &TenantFold, found: Found, here: Position) -> Option<ClickCore> {
    let Found::Click(record) = found else {
        return None;
    };
    let is_before = record.position.partition == here.partition && record.position.seq < here.seq;
    if record.tenant != fold.tenant() || !is_before {
        return None;
    }
    // A click that this build cannot read was judged unreadable at its own place: no click.
    ClickCore::read(&record.logged().record).ok()
}

pub(super) async fn conversion(
    ports: Sources<'_>,
    fold: &TenantFold,
    id: ConversionId,
) -> Option<Conversion> {
    match fold.recent.get(id) {
        Some(recent) => Some(recent.clone()),
        None => insist("conversion", || ports.ledger.conversion(fold.tenant(), id)).await,
    }
}

/// The earlier conversion that a postback repeats.
async fn prior_of(
    ports: Sources<'_>,
    fold: &TenantFold,
    fact: &FactAt,
    click: &ClickCore,
) -> Option<Conversion> {
    let Identities { own, other } = fold.identities(fact, click);
    if let Some(prior) = by_identity(ports, fold, own?).await {
        return Some(prior);
    }
    let prior = by_identity(ports, fold, other?).await;
    prior.filter(|prior| prior.click_id == click.click_id)
}

async fn by_identity(
    ports: Sources<'_>,
    fold: &TenantFold,
    identity: Identity,
) -> Option<Conversion> {
    if let Some(recent) = fold.recent.by_identity(identity) {
        return Some(recent.clone());
    }
    let is_new = fold.taken.is_surely_new(identity);
    let answer = if is_new { "surely_new" } else { "asked" };
    metrics::counter!(telemetry::IDENTITY_LOOKUPS_TOTAL, "answer" => answer).increment(1);
    if is_new {
        return None;
    }
    let tenant = fold.tenant();
    insist("identity", || {
        ports.ledger.conversion_by_identity(tenant, identity)
    })
    .await
}

/// Asks until there is an answer, with growing waits.
pub(super) async fn insist<T, E: Error + 'static, F: Future<Output = Result<T, E>>>(
    what: &str,
    ask: impl Fn() -> F,
) -> T {
    let mut wait = FIRST_WAIT;
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(error) => {
                tracing::warn!(
                    what,
                    error = &error as &dyn Error,
                    ?wait,
                    "evidence cannot be read; trying again"
                );
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
        }
    }
}
