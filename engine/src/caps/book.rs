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

    /// Uses `units` (or gives them back, when negative) and says what is used then. A closed period stays
    /// closed: nothing is counted, and `None` said, for a counter that is no longer kept.
    pub fn add(&mut self, place: Place, units: i64) -> Option<i64> {
        if let Some(used) = self.used.get_mut(&place) {
            *used += units;
            return Some(*used);
        }
        (units > 0 && self.begin(place, units)).then_some(units)
    }

    /// Starts a counter, unless it is older than the two that are kept of its cap.
    fn begin(&mut self, place: Place, units: i64) -> bool {
        let kept = self.periods_of(place.cap);
        if kept.len() >= 2 && kept[0].from > place.from {
            return false;
        }
        self.used.insert(place, units);
        if kept.len() >= 2 {
            self.used.remove(&kept[0]);
        }
        true
    }

    /// The counters kept of a cap, oldest first.
    fn periods_of(&self, cap: u64) -> Vec<Place> {
        let all = Place {
            cap,
            from: UnixMs(0),
        }..=Place {
            cap,
            from: UnixMs(u64::MAX),
        };
        self.used.range(all).map(|(place, _)| *place).collect()
    }

    /// Counters in order.
    pub fn entries(&self) -> impl Iterator<Item = (Place, i64)> + '_ {
        self.used.iter().map(|(place, used)| (*place, *used))
    }

    /// The book of all counters that there ever were: of each cap the newest two are kept.
    #[must_use]
    pub fn from_entries(entries: impl IntoIterator<Item = (Place, i64)>) -> Self {
        let mut book = Self::default();
        for (place, used) in entries {
            book.used.insert(place, used);
            let kept = book.periods_of(place.cap);
            if kept.len() > 2 {
                book.used.remove(&kept[0]);
            }
        }
        book
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
        let all = [(day(1), 2), (day(2), 1), (day(3), 1)];
        assert_eq!(CapBook::from_entries(all), book);
    }
}
