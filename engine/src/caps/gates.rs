//! The gates of a tenant, made when they are first asked for.
//!
//! Always true: until the fold has reached the head of the log no gate admits anybody, for nobody knows yet
//! what is used; of each cap the two newest periods are remembered, as the fold does. Not here: one gate (see
//! [`CapGate`]).

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};

use super::book::Place;
use super::gate::CapGate;
use super::rule::{CapKey, CapRule};
use crate::ids::UnixMs;

/// Start of a period, and what was used in it.
type Counter = (UnixMs, i64);

/// What every counter has used, as far as the fold is: the two newest periods of each cap.
#[derive(Debug, Default)]
pub(super) struct Used(RwLock<HashMap<CapKey, [Option<Counter>; 2]>>);

impl Used {
    /// What is used of a cap in the period that starts at `from`.
    pub(super) fn of(&self, key: CapKey, from: UnixMs) -> i64 {
        let mut periods = self.periods(key);
        periods
            .find(|(f, _)| *f == from)
            .map_or(0, |(_, used)| used)
    }

    /// The counters of a cap.
    pub(super) fn periods(&self, key: CapKey) -> impl Iterator<Item = Counter> + use<> {
        let used = self.0.read().unwrap_or_else(|e| e.into_inner());
        let counters = used.get(&key).copied().unwrap_or_default();
        counters.into_iter().flatten()
    }

    fn set(&self, counters: impl IntoIterator<Item = (Place, i64)>) {
        let mut used = self.0.write().unwrap_or_else(|e| e.into_inner());
        for (place, units) in counters {
            let kept = used.entry(CapKey(place.cap)).or_default();
            let same = kept
                .iter()
                .position(|c| c.is_some_and(|(from, _)| from == place.from));
            let older = usize::from(kept[1].map(|(from, _)| from) < kept[0].map(|(from, _)| from));
            let slot = same.unwrap_or(older);
            if kept[slot].is_none_or(|(from, _)| from <= place.from) {
                kept[slot] = Some((place.from, units));
            }
        }
    }
}

/// The gates of a tenant.
#[derive(Debug, Default)]
pub struct Gates {
    gates: RwLock<HashMap<CapKey, Arc<CapGate>>>,
    used: Arc<Used>,
    is_ready: AtomicBool,
}

impl Gates {
    /// The gate of `key` under `rule` as it is configured now; `None` while no gate admits anybody.
    #[must_use]
    pub fn get(&self, key: CapKey, rule: &CapRule) -> Option<Arc<CapGate>> {
        if !self.is_ready.load(Ordering::Acquire) {
            return None;
        }
        let read = self.gates.read().unwrap_or_else(|e| e.into_inner());
        let found = read.get(&key).map(Arc::clone);
        drop(read);
        let gate = found.unwrap_or_else(|| self.make(key, rule));
        gate.adopt(rule);
        Some(gate)
    }

    fn make(&self, key: CapKey, rule: &CapRule) -> Arc<CapGate> {
        let mut gates = self.gates.write().unwrap_or_else(|e| e.into_inner());
        let make = || Arc::new(CapGate::new(key, rule.clone(), Arc::clone(&self.used)));
        Arc::clone(gates.entry(key).or_insert_with(make))
    }

    /// Opens the gates, once: `used` is what every counter has used at the head of the log; a counter that is
    /// not among them has used nothing.
    pub fn open(&self, used: impl IntoIterator<Item = (Place, i64)>) {
        if !self.is_ready.load(Ordering::Acquire) {
            self.used.set(used);
            self.is_ready.store(true, Ordering::Release);
        }
    }

    /// Takes over what counters have used after a booking. Permits that clicks have taken stay taken.
    pub fn book(&self, used: &[(Place, i64)]) {
        // First the numbers, then the gates: a gate that is made in between reads the numbers.
        self.used.set(used.iter().copied());
        let gates = self.gates.read().unwrap_or_else(|e| e.into_inner());
        for (place, _) in used {
            if let Some(gate) = gates.get(&CapKey(place.cap)) {
                gate.take_over(place.from);
            }
        }
    }
}
