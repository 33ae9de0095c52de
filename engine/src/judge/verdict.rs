//! The verdict on a postback.
//!
//! The checks stand in one published order and the first that fails decides:
//! click known · advertiser's · event known · click sent · identity · window and speed · status word ·
//! amount and currency · caps · reasons for pending. What comes before (readable, authenticated) is the
//! door's.

use super::JudgedConversion;
use super::attribution::{Attributed, Attribution, Evidence, NotSent};
use super::conversion::{Conversion, ConversionReason as Reason, Outcome, Rule, Verdict};
use super::state::TenantState;
use super::status::Move;
use super::terms::{Amounts, read_sale};
use crate::catalog::{AffiliateStatus, DefaultStatus, Goal, Offer, OverCap};
use crate::fact::{AuthKind, ClickCore, ConversionReceived, ConversionStatus, Warning};
use crate::ids::{ConversionId, Position, UnixMs};
use crate::money::Micros;

const HOUR_MS: u64 = 3_600_000;

/// A fact's place and time.
#[derive(Clone, Copy)]
pub(super) struct Here {
    pub(super) position: Position,
    pub(super) at: UnixMs,
}

/// What keeps a conversion pending that nothing refuses.
#[derive(Clone, Copy)]
struct Doubts {
    is_bot: bool,
    is_fx_missing: bool,
    is_unsigned: bool,
}

impl TenantState {
    /// Judges a received conversion.
    pub fn judge_conversion(
        &mut self,
        position: Position,
        at: UnixMs,
        received: &ConversionReceived,
        evidence: Evidence,
    ) -> JudgedConversion {
        let here = Here { position, at };
        match self.attribute(received, evidence.click.as_ref()) {
            Err(Reason::UnknownClick) if evidence.is_click_expired => {
                refused(received, Reason::ClickExpired)
            }
            Err(reason) => refused(received, reason),
            Ok(Attribution::NotSent(not_sent)) => self.judge_not_sent(here, received, &not_sent),
            Ok(Attribution::Sent(attributed)) => match evidence.prior {
                Some(prior) => self.judge_repeat(here, received, &attributed, prior),
                None => self.judge_new(here, received, &attributed),
            },
        }
    }

    /// A click that went to a fallback earns nothing: the conversion is kept, rejected.
    fn judge_not_sent(
        &self,
        here: Here,
        received: &ConversionReceived,
        not_sent: &NotSent,
    ) -> JudgedConversion {
        let NotSent {
            click,
            wanted,
            goal,
        } = not_sent;
        let mut conversion = Conversion {
            status: ConversionStatus::Rejected,
            reason: Some(Reason::ClickNotSent),
            arm: 0,
            advertiser: received.advertiser.unwrap_or(0),
            goal: *goal,
            ..self.unpriced(here, received, click)
        };
        if let Some((number, offer)) = wanted {
            conversion.offer = *number;
            conversion.offer_version = offer.version;
            conversion.advertiser = offer.body.advertiser_id.number();
            conversion.currency = offer.body.currency;
            conversion.rule = Rule::Offer {
                offer: *number,
                version: offer.version,
            };
        }
        self.book(
            here,
            received,
            conversion,
            Outcome::Rejected,
            received.warnings.clone(),
        )
    }

    /// The identity is taken: a change of status, or a repeat. Whoever may change the status is authenticated, and its
    /// identity is the conversion's from then on, whatever it took before.
    fn judge_repeat(
        &mut self,
        here: Here,
        received: &ConversionReceived,
        attributed: &Attributed,
        mut prior: Conversion,
    ) -> JudgedConversion {
        let mut warnings = received.warnings.clone();
        let amount = received.amount.trim().parse::<Micros>().ok();
        if amount.is_some() && amount != prior.sale_amount {
            warnings.push(Warning::AmountDiffers);
        }
        let wanted = received.status.parse::<ConversionStatus>().ok();
        let wanted = wanted.filter(|_| received.auth.is_authenticated());
        let mut judged = JudgedConversion {
            received_id: received.received_id,
            verdict: Verdict {
                outcome: Outcome::Duplicate,
                status: Some(prior.status),
                reason: None,
                conversion_id: Some(prior.id),
                warnings,
            },
            made: None,
            changed: None,
            transfers: Vec::new(),
        };
        if let Some(to) = wanted.filter(|to| prior.status.may_become(*to)) {
            let reason = (to == ConversionStatus::Rejected).then_some(Reason::ByAdvertiser);
            let by = received.received_id.to_string();
            prior.identity = self.identities_of(received, attributed).own;
            let changed = self.change_status(
                here,
                prior,
                Move {
                    to,
                    reason,
                    note: "",
                    by,
                },
            );
            judged.verdict.outcome = Outcome::Updated;
            judged.verdict.status = Some(to);
            judged.verdict.reason = reason;
            judged.transfers.clone_from(&changed.transfers);
            judged.changed = Some(changed);
        }
        judged
    }

    /// Window and speed · status word · amount and currency · caps · reasons for pending; then the booking.
    fn judge_new(
        &mut self,
        here: Here,
        received: &ConversionReceived,
        attributed: &Attributed,
    ) -> JudgedConversion {
        let Attributed {
            click, offer, goal, ..
        } = attributed;
        let mut warnings = received.warnings.clone();
        let converted_at = received.occurred_at.unwrap_or(here.at);
        let status_word = status_of(received, &offer.body, &mut warnings);
        let (mut conversion, amounts) = self.priced(here, received, attributed, &mut warnings);
        let refusal = window_refusal(click.at, converted_at, &offer.body, goal.as_ref())
            .or(status_word.err())
            .or(amounts.err());
        let (status, reason) = match refusal {
            Some(reason) => (ConversionStatus::Rejected, Some(reason)),
            None => {
                let doubts = Doubts {
                    is_bot: click.bot.is_some(),
                    is_fx_missing: amounts.is_ok_and(|a| a.is_fx_missing),
                    is_unsigned: !received.auth.is_authenticated()
                        && received.auth != AuthKind::Pixel,
                };
                let wanted = status_word.unwrap_or(ConversionStatus::Pending);
                self.standing(&mut conversion, wanted, doubts)
            }
        };
        (conversion.status, conversion.reason) = (status, reason);
        let is_over_cap = (status, reason) == (ConversionStatus::Rejected, Some(Reason::OverCap));
        let outcome = if refusal.is_some() || is_over_cap {
            Outcome::Rejected
        } else {
            conversion.identity = self.identities_of(received, attributed).own;
            Outcome::Applied
        };
        self.book(here, received, conversion, outcome, warnings)
    }

    /// The conversion with what it pays, and its amounts or why they cannot be told.
    fn priced(
        &self,
        here: Here,
        received: &ConversionReceived,
        attributed: &Attributed,
        warnings: &mut Vec<Warning>,
    ) -> (Conversion, Result<Amounts, Reason>) {
        let Attributed {
            click,
            sent,
            offer,
            goal,
        } = attributed;
        let applied = self.terms_of(sent.offer, offer, goal.as_ref(), click.affiliate);
        let (sale, bad_sale) = read_sale(received, applied.needs_amount(), warnings);
        let amounts = match bad_sale {
            Some(reason) => Err(reason),
            None => applied
                .amounts(sale, offer.body.currency)
                .ok_or(Reason::BadAmount),
        };
        let conversion = Conversion {
            offer: sent.offer,
            offer_version: offer.version,
            advertiser: offer.body.advertiser_id.number(),
            goal: goal.as_ref().map(|g| g.id.number()),
            sale_amount: sale.amount,
            sale_currency: sale.currency.or(sale.amount.map(|_| offer.body.currency)),
            payout: amounts.map_or(Micros::ZERO, |a| a.payout),
            revenue: amounts.map_or(Micros::ZERO, |a| a.revenue),
            currency: offer.body.currency,
            rule: applied.rule,
            ..self.unpriced(here, received, click)
        };
        (conversion, amounts)
    }

    /// Caps, then reasons for pending: the status that a conversion gets which nothing refuses.
    fn standing(
        &mut self,
        conversion: &mut Conversion,
        wanted: ConversionStatus,
        doubts: Doubts,
    ) -> (ConversionStatus, Option<Reason>) {
        if wanted == ConversionStatus::Rejected {
            return (wanted, Some(Reason::ByAdvertiser));
        }
        let over = if conversion.is_test {
            None
        } else {
            self.take_places(conversion)
        };
        if over == Some(OverCap::Reject) {
            return (ConversionStatus::Rejected, Some(Reason::OverCap));
        }
        let affiliate = conversion
            .affiliate
            .and_then(|a| self.catalog.affiliates.get(&a));
        let is_banned = affiliate.is_some_and(|a| a.body.status == AffiliateStatus::Banned);
        let is_unsigned = wanted == ConversionStatus::Pending && doubts.is_unsigned;
        let reasons = [
            (over == Some(OverCap::Pending), Reason::OverCap),
            (is_banned, Reason::AffiliateBanned),
            (doubts.is_bot, Reason::Bot),
            (doubts.is_fx_missing, Reason::FxMissing),
            (is_unsigned, Reason::NotAuthenticated),
        ];
        match reasons.into_iter().find(|(holds, _)| *holds) {
            Some((_, reason)) => (ConversionStatus::Pending, Some(reason)),
            None => (wanted, None),
        }
    }

    fn book(
        &self,
        here: Here,
        received: &ConversionReceived,
        conversion: Conversion,
        outcome: Outcome,
        warnings: Vec<Warning>,
    ) -> JudgedConversion {
        let verdict = Verdict {
            outcome,
            status: Some(conversion.status),
            reason: conversion.reason,
            conversion_id: Some(conversion.id),
            warnings,
        };
        let transfers = self.post(here, &conversion, None);
        JudgedConversion {
            received_id: received.received_id,
            verdict,
            made: Some(conversion),
            changed: None,
            transfers,
        }
    }

    /// A conversion of `click` before anything is known of its offer and its worth.
    fn unpriced(&self, here: Here, received: &ConversionReceived, click: &ClickCore) -> Conversion {
        Conversion {
            id: ConversionId::at(here.position),
            tenant: self.tenant,
            position: here.position,
            received_id: received.received_id,
            identity: None,
            status: ConversionStatus::Pending,
            reason: None,
            note: String::new(),
            click_id: click.click_id,
            campaign: click.campaign,
            flow: click.flow,
            arm: click.sent.map_or(0, |s| s.arm),
            offer: 0,
            offer_version: 0,
            affiliate: click.affiliate,
            advertiser: 0,
            country: click.country,
            device: click.device,
            is_test: click.is_test,
            goal: None,
            txid: received.txid.clone(),
            sale_amount: None,
            sale_currency: None,
            payout: Micros::ZERO,
            revenue: Micros::ZERO,
            currency: self.currency(),
            rule: Rule::Offer {
                offer: 0,
                version: 0,
            },
            clicked_at: click.at,
            converted_at: received.occurred_at.unwrap_or(here.at),
            booked_at: here.at,
            places: Vec::new(),
        }
    }
}

/// A postback that makes no conversion.
fn refused(received: &ConversionReceived, reason: Reason) -> JudgedConversion {
    JudgedConversion {
        received_id: received.received_id,
        verdict: Verdict {
            outcome: Outcome::Rejected,
            status: None,
            reason: Some(reason),
            conversion_id: None,
            warnings: received.warnings.clone(),
        },
        made: None,
        changed: None,
        transfers: Vec::new(),
    }
}

/// Late or too early. Age = max(0, conversion − click).
fn window_refusal(
    clicked_at: UnixMs,
    converted_at: UnixMs,
    offer: &Offer,
    goal: Option<&Goal>,
) -> Option<Reason> {
    let age = converted_at.since(clicked_at);
    let hours = goal
        .and_then(|g| g.lookback_hours)
        .unwrap_or(offer.lookback_hours);
    let least = u64::from(offer.min_seconds_to_convert.unwrap_or(0)) * 1000;
    if age > u64::from(hours) * HOUR_MS {
        Some(Reason::OutOfWindow)
    } else if age < least {
        Some(Reason::TooFast)
    } else {
        None
    }
}

/// The status that the sender's word, or the offer, asks for.
fn status_of(
    received: &ConversionReceived,
    offer: &Offer,
    warnings: &mut Vec<Warning>,
) -> Result<ConversionStatus, Reason> {
    let is_authenticated = received.auth.is_authenticated();
    let default = match (is_authenticated, received.auth, offer.default_status) {
        (true, _, Some(DefaultStatus::Pending)) => ConversionStatus::Pending,
        (true, ..) => ConversionStatus::Approved,
        (false, AuthKind::Pixel, Some(DefaultStatus::Approved)) => ConversionStatus::Approved,
        (false, ..) => ConversionStatus::Pending,
    };
    if received.status.is_empty() {
        return Ok(default);
    }
    let wanted = received.status.parse().map_err(|_| Reason::BadStatus)?;
    if is_authenticated {
        return Ok(wanted);
    }
    warnings.push(Warning::StatusIgnored);
    Ok(default)
}
