//! What a conversion pays: whose terms apply, and what they come to.

use super::conversion::{ConversionReason, Rule};
use super::state::TenantState;
use crate::catalog::{Goal, Offer, Payout, Repeat, Revenue, Versioned};
use crate::fact::{ConversionReceived, Warning};
use crate::money::{Currency, Micros, Percent};

/// The terms of one conversion: the affiliate's own where there are any, else the goal's or the offer's.
pub(super) struct Applied {
    pub(super) payout: Option<Payout>,
    pub(super) revenue: Option<Revenue>,
    pub(super) rule: Rule,
}

/// A sale as the sender wrote it, read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sale {
    pub(super) amount: Option<Micros>,
    pub(super) currency: Option<Currency>,
}

/// What a conversion comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Amounts {
    pub(super) payout: Micros,
    pub(super) revenue: Micros,
    /// A percentage of a sale in another currency could not be taken.
    pub(super) is_fx_missing: bool,
}

impl TenantState {
    /// The terms in force for `affiliate` on `offer`, for the base conversion or a goal. Own terms of the
    /// affiliate are about the base conversion; house traffic earns no payout.
    pub(super) fn terms_of(
        &self,
        number: u32,
        offer: &Versioned<Offer>,
        goal: Option<&Goal>,
        affiliate: Option<u32>,
    ) -> Applied {
        let rule = Rule::Offer {
            offer: number,
            version: offer.version,
        };
        let (payout, revenue) = match goal {
            Some(goal) => (goal.payout, goal.revenue),
            None => (offer.body.payout, offer.body.revenue),
        };
        let mut applied = Applied {
            payout,
            revenue,
            rule,
        };
        let Some(affiliate) = affiliate else {
            applied.payout = None;
            return applied;
        };
        let own = self
            .catalog
            .terms
            .get(&(number, affiliate))
            .filter(|_| goal.is_none());
        if let Some(own) = own.filter(|t| t.body.payout.is_some() || t.body.revenue.is_some()) {
            applied.payout = own.body.payout.or(applied.payout);
            applied.revenue = own.body.revenue.or(applied.revenue);
            applied.rule = Rule::Terms {
                offer: number,
                affiliate,
                version: own.version,
            };
        }
        applied
    }
}

impl Applied {
    fn percents(&self) -> (Option<Percent>, Option<Percent>) {
        let payout = match self.payout {
            Some(Payout::Cps { percent }) => Some(percent),
            _ => None,
        };
        let revenue = match self.revenue {
            Some(Revenue::Rps { percent }) => Some(percent),
            _ => None,
        };
        (payout, revenue)
    }

    /// Whether the amount of the sale decides anything.
    pub(super) fn needs_amount(&self) -> bool {
        let (payout, revenue) = self.percents();
        payout.is_some() || revenue.is_some()
    }

    /// What a sale comes to; `None` when a percentage of it leaves the range of money.
    pub(super) fn amounts(&self, sale: Sale, currency: Currency) -> Option<Amounts> {
        let is_other_currency = sale.currency.is_some_and(|c| c != currency);
        let base = sale.amount.unwrap_or(Micros::ZERO);
        let share = |fixed: Option<Micros>, percent: Option<Percent>| match (fixed, percent) {
            (Some(fixed), _) => Some(fixed),
            (None, Some(_)) if is_other_currency => Some(Micros::ZERO),
            (None, Some(percent)) => base.percent(percent),
            (None, None) => Some(Micros::ZERO),
        };
        let fixed_payout = match self.payout {
            Some(Payout::Cpa { amount }) => Some(amount),
            _ => None,
        };
        let fixed_revenue = match self.revenue {
            Some(Revenue::Rpa { amount }) => Some(amount),
            _ => None,
        };
        let (percent_payout, percent_revenue) = self.percents();
        Some(Amounts {
            payout: share(fixed_payout, percent_payout)?,
            revenue: share(fixed_revenue, percent_revenue)?,
            is_fx_missing: self.needs_amount() && is_other_currency,
        })
    }
}

/// The greatest amount that is believed of a sender who is not authenticated: a million units. With the key that stands
/// in a page nobody shall be able to fill an account to the end of its 64 bits.
const MOST_OF_ANYBODY: Micros = Micros(1_000_000_000_000);

/// Reads the sale that a sender wrote. What the rules need and is unreadable rejects; what they do not need
/// only warns.
pub(super) fn read_sale(
    received: &ConversionReceived,
    is_needed: bool,
    warnings: &mut Vec<Warning>,
) -> (Sale, Option<ConversionReason>) {
    let mut sale = Sale {
        amount: None,
        currency: None,
    };
    let mut refused = None;
    let amount = received.amount.trim().parse::<Micros>().ok();
    let is_believed = |amount: &Micros| {
        amount.is_believable() && (received.auth.is_authenticated() || *amount <= MOST_OF_ANYBODY)
    };
    match amount.filter(is_believed) {
        Some(amount) => sale.amount = Some(amount),
        None if is_needed => refused = Some(ConversionReason::BadAmount),
        None if received.amount.trim().is_empty() => {}
        None => warnings.push(Warning::BadAmount),
    }
    match received.currency.trim() {
        "" => {}
        code => match code.parse() {
            Ok(currency) => sale.currency = Some(currency),
            Err(_) if is_needed => {
                refused = refused.or(Some(ConversionReason::BadCurrency));
            }
            Err(_) => warnings.push(Warning::BadCurrency),
        },
    }
    (sale, refused)
}

/// What repeats of a conversion are: the goal's rule, else the offer's.
pub(super) fn repeat_of(offer: &Offer, goal: Option<&Goal>) -> Repeat {
    goal.and_then(|g| g.repeat).unwrap_or(offer.repeat)
}
