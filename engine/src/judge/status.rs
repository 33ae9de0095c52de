//! Changes of status, and what they do to caps and to the ledger.

use super::StatusChange;
use super::conversion::{Conversion, ConversionReason as Reason};
use super::state::{Counted, TenantState};
use super::verdict::Here;
use crate::caps::{CapRule, CapSubject, Place};
use crate::catalog::{CapMetric, OverCap};
use crate::fact::{ConversionStatus, ConversionStatusChanged};
use crate::ids::{Position, UnixMs};
use crate::ledger::{Booking, Transfer, transfers};

/// A change of status that was decided.
pub(super) struct Move<'a> {
    pub(super) to: ConversionStatus,
    pub(super) reason: Option<Reason>,
    pub(super) note: &'a str,
    pub(super) by: String,
}

impl TenantState {
    /// Judges a change by staff; `None` when there is no such conversion or the change is not legal (any
    /// more). `prior` is the conversion as of this place.
    pub fn judge_status_change(
        &mut self,
        position: Position,
        at: UnixMs,
        change: &ConversionStatusChanged,
        prior: Option<Conversion>,
    ) -> Option<StatusChange> {
        let prior = prior.filter(|p| p.status == change.from)?;
        if !prior.status.may_become_by_staff(change.to) {
            return None;
        }
        let (note, by) = (change.reason.as_str(), change.by.clone());
        let moved = Move {
            to: change.to,
            reason: Some(Reason::ByStaff),
            note,
            by,
        };
        Some(self.change_status(Here { position, at }, prior, moved))
    }

    /// A rejection gives its places under caps back; an approval of what was rejected takes them in the
    /// period of the approval, even over a cap: a person decided it.
    pub(super) fn change_status(
        &mut self,
        here: Here,
        prior: Conversion,
        moved: Move<'_>,
    ) -> StatusChange {
        let from = prior.status;
        let mut conversion = prior;
        let counts = |status| status != ConversionStatus::Rejected;
        match (counts(from), counts(moved.to)) {
            (true, false) => {
                for (place, units) in std::mem::take(&mut conversion.places) {
                    self.use_place(place, -units);
                }
            }
            (false, true) if !conversion.is_test => {
                conversion.places = self
                    .places_of(&conversion, here.at)
                    .into_iter()
                    .map(|(_, p)| p)
                    .collect();
                self.hold_places(&conversion.places);
            }
            _ => {}
        }
        (conversion.status, conversion.reason) = (moved.to, moved.reason);
        moved.note.clone_into(&mut conversion.note);
        let transfers = self.post(here, &conversion, Some(from));
        StatusChange {
            conversion,
            from,
            by: moved.by,
            transfers,
        }
    }

    /// Takes the places of a new conversion under every cap that counts it; if a hard cap that rejects is
    /// reached, takes none. Returns what the strictest reached cap says.
    pub(super) fn take_places(&mut self, conversion: &mut Conversion) -> Option<OverCap> {
        let places = self.places_of(conversion, conversion.booked_at);
        let is_reached = |rule: &CapRule, (place, units): (Place, i64)| {
            rule.is_hard && self.used(place).saturating_add(units) > rule.limit
        };
        // In the order of their codes: reject is stricter than pending, pending than accept.
        let over = places
            .iter()
            .filter(|(counted, taken)| is_reached(&counted.rule, *taken))
            .map(|(counted, _)| counted.rule.over_cap)
            .min();
        if over != Some(OverCap::Reject) {
            conversion.places = places.into_iter().map(|(_, taken)| taken).collect();
            self.hold_places(&conversion.places);
        }
        over
    }

    /// The counters that count a conversion booked at `at`, with the units it uses of each.
    fn places_of(&mut self, conversion: &Conversion, at: UnixMs) -> Vec<(Counted, (Place, i64))> {
        let subject = CapSubject {
            offer: conversion.offer,
            affiliate: conversion.affiliate,
            campaign: conversion.campaign,
        };
        let rules = self
            .rules_for(conversion.offer, conversion.affiliate)
            .into_iter();
        rules
            .filter_map(|mut counted| {
                let units = units_under(&counted.rule, conversion)?;
                let place = Place::new(counted.rule.key(subject)?, counted.period_at(at));
                Some((counted, (place, units)))
            })
            .collect()
    }

    fn hold_places(&mut self, places: &[(Place, i64)]) {
        for &(place, units) in places {
            self.use_place(place, units);
        }
    }

    /// The ledger's entries for a conversion that comes from `from` to its status; a test makes none.
    pub(super) fn post(
        &self,
        here: Here,
        conversion: &Conversion,
        from: Option<ConversionStatus>,
    ) -> Vec<Transfer> {
        if conversion.is_test {
            return Vec::new();
        }
        let booking = Booking {
            tenant: self.tenant,
            position: here.position,
            at: here.at,
            conversion_id: conversion.id,
        };
        transfers(booking, &conversion.worth(), from, conversion.status)
    }
}

/// How many units of a cap a conversion uses; `None` when the cap does not count it.
fn units_under(rule: &CapRule, conversion: &Conversion) -> Option<i64> {
    let is_of_goal = rule.goal.is_none() || rule.goal == conversion.goal;
    match rule.metric {
        CapMetric::Clicks => None,
        CapMetric::Conversions => (rule.goal == conversion.goal).then_some(1),
        CapMetric::Payout => is_of_goal.then_some(conversion.payout.0),
        CapMetric::Revenue => is_of_goal.then_some(conversion.revenue.0),
    }
}
