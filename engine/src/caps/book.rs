//! What each cap has used: the counters of a tenant, folded from its facts.
//!
//! Always true: a counter is a function of the tenant's facts in log order; of each cap the current period
//! and the one before are kept; older ones are closed and never reopen.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::gate::Period;
use super::rule::CapKey;
use crate::ids::UnixMs;

/// A counter of one period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The cap and subject, as a number.
    pub cap: u64,
    /// First millisecond of the period.
    pub from: UnixMs,
}

impl Place {
    /// The counter of `key` in `period`.
    #[must_use]
    pub fn new(key: CapKey, period: Period) -> Self {
        Self {
            cap: key.0,
            from: period.from,
        }
    }
}

/// The counters of a tenant, in units of each metric.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CapBook {
    used: BTreeMap<Place, i64>,
}

impl CapBook {
    /// What is used of a counter.
    #[must_use]
    pub fn used(&self, place: Place) -> i64 {
        self.used.get(&place).copied().unwrap_or(0)
    }

    /// Uses `units` (or gives them back, when negative). A closed period stays closed: nothing is given
    /// back to a counter that is no longer kept.
    pub fn add(&mut self, place: Place, units: i64) {
        match self.used.get_mut(&place) {
            Some(used) => *used += units,
            None if units > 0 => self.begin(place, units),
            None => {}
        }
    }

    /// Starts a counter and forgets all but the one before it.
    fn begin(&mut self, place: Place, units: i64) {
        let of_cap = Place {
            from: UnixMs(0),
            ..place
        }..=Place {
            from: UnixMs(u64::MAX),
            ..place
        };
        let newest: Vec<Place> = self.used.range(of_cap).map(|(p, _)| *p).collect();
        if newest.len() >= 2 && newest[0].from > place.from {
            return;
        }
        self.used.insert(place, units);
        if newest.len() >= 2 {
            self.used.remove(&newest[0]);
        }
    }

    /// Counters in order, for a checkpoint.
    pub fn entries(&self) -> impl Iterator<Item = (Place, i64)> + '_ {
        self.used.iter().map(|(place, used)| (*place, *used))
    }

    /// The counters of a checkpoint.
    #[must_use]
    pub fn from_entries(entries: impl IntoIterator<Item = (Place, i64)>) -> Self {
        Self {
            used: entries.into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_given_back_in_its_period_can_be_used_again_and_a_closed_period_stays_closed() {
        let mut book = CapBook::default();
        let day = |n| Place {
            cap: 9,
            from: UnixMs(n),
        };
        book.add(day(1), 3);
        book.add(day(1), -1);
        assert_eq!(book.used(day(1)), 2);
        book.add(day(2), 1);
        book.add(day(3), 1);
        assert_eq!(book.used(day(1)), 0, "forgotten");
        book.add(day(1), -1);
        book.add(day(1), 5);
        assert_eq!(book.used(day(1)), 0, "closed");
        assert_eq!((book.used(day(2)), book.used(day(3))), (1, 1));
        let copy = CapBook::from_entries(book.entries());
        assert_eq!(copy, book);
    }
}
