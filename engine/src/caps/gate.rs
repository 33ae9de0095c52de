//! The side of a cap that the click path reads: one cell of permits, taken without a lock.
//!
//! A cell holds the two newest periods it was asked about; a new period is opened by the first click in it, with
//! all permits of the limit, under a small lock of the cell's own. Always true: G1 within a period no more clicks
//! are admitted than the limit allows; G2 until the fold has reached the head of the log no gate admits anybody,
//! for nobody knows yet what is used. Not here: what has been used (the tenant's fold knows).

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};

use super::Place;
use super::rule::{CapKey, CapRule};
use crate::catalog::CapMetric;
use crate::ids::UnixMs;

/// One period of a cap: from inclusive, until exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period {
    /// First millisecond.
    pub from: UnixMs,
    /// First millisecond after it.
    pub until: UnixMs,
}

impl Period {
    /// Whether `at` lies in it.
    #[must_use]
    pub fn contains(&self, at: UnixMs) -> bool {
        self.from <= at && at < self.until
    }
}

#[derive(Debug, Default)]
struct Window {
    from: AtomicU64,
    until: AtomicU64,
    left: AtomicI64,
}

impl Window {
    fn contains(&self, at: UnixMs) -> bool {
        self.from.load(Ordering::Acquire) <= at.0 && at.0 < self.until.load(Ordering::Acquire)
    }
}

/// What every counter has used, as far as the fold is.
#[derive(Debug, Default)]
struct Used(RwLock<HashMap<Place, i64>>);

impl Used {
    fn of(&self, place: Place) -> i64 {
        let used = self.0.read().unwrap_or_else(|e| e.into_inner());
        used.get(&place).copied().unwrap_or(0)
    }

    fn set(&self, counters: impl IntoIterator<Item = (Place, i64)>) {
        let mut used = self.0.write().unwrap_or_else(|e| e.into_inner());
        used.extend(counters);
    }
}

/// The permits of one cap and subject, shared by every core of the edge.
#[derive(Debug)]
pub struct CapGate {
    key: CapKey,
    rule: CapRule,
    used: Arc<Used>,
    limit: AtomicI64,
    windows: [Window; 2],
    opening: Mutex<()>,
}

/// A permit that a click has taken: put it back when the click is not recorded.
#[derive(Debug)]
#[must_use]
pub struct Permit {
    gate: Arc<CapGate>,
    window: usize,
}

impl Permit {
    /// Gives it back: the click that took it was not recorded.
    pub fn put_back(self) {
        self.gate.windows[self.window]
            .left
            .fetch_add(1, Ordering::AcqRel);
    }
}

impl CapGate {
    fn new(key: CapKey, rule: CapRule, used: Arc<Used>) -> Self {
        Self {
            key,
            used,
            limit: AtomicI64::new(rule.limit),
            rule,
            windows: Default::default(),
            opening: Mutex::new(()),
        }
    }

    /// Whether a permit is left at `now`.
    #[must_use]
    pub fn has_room(&self, now: UnixMs) -> bool {
        let window = self.window_at(now);
        window.is_some_and(|i| self.windows[i].left.load(Ordering::Acquire) > 0)
    }

    /// Takes a permit, or `None` when the cap is reached.
    pub fn take(self: &Arc<Self>, now: UnixMs) -> Option<Permit> {
        let window = self.window_at(now)?;
        let take = |left: i64| (left > 0).then(|| left - 1);
        let left = &self.windows[window].left;
        left.fetch_update(Ordering::AcqRel, Ordering::Acquire, take)
            .ok()?;
        Some(Permit {
            gate: Arc::clone(self),
            window,
        })
    }

    /// Takes over what is used in the period that starts at `from`.
    fn take_over(&self, from: UnixMs) {
        if let Some(window) = self.window_at(from) {
            let left = self.left_in(from);
            self.windows[window].left.store(left, Ordering::Release);
        }
    }

    fn left_in(&self, from: UnixMs) -> i64 {
        let used = self.used.of(Place {
            cap: self.key.0,
            from,
        });
        self.limit.load(Ordering::Acquire).saturating_sub(used)
    }

    /// From now on `limit` is allowed: what is used stays used.
    fn set_limit(&self, limit: i64) {
        let before = self.limit.swap(limit, Ordering::AcqRel);
        if before == limit {
            return;
        }
        for window in &self.windows {
            let by = limit.saturating_sub(before);
            let add = |left: i64| Some(left.saturating_add(by));
            // `add` always gives a value.
            let _ = window
                .left
                .fetch_update(Ordering::AcqRel, Ordering::Acquire, add);
        }
    }

    /// The window of `at`, opened if it is newer than one of the two that are there.
    fn window_at(&self, at: UnixMs) -> Option<usize> {
        let find = || (0..2).find(|&i| self.windows[i].contains(at));
        if let Some(window) = find() {
            return Some(window);
        }
        // The lock guards no data, so it cannot be left half done.
        let _opening = self.opening.lock().unwrap_or_else(|e| e.into_inner());
        find().or_else(|| self.open(self.rule.period_at(at)))
    }

    /// Opens the window of `period` with the permits that are left, in place of the older one.
    fn open(&self, period: Period) -> Option<usize> {
        let until = |i: usize| self.windows[i].until.load(Ordering::Acquire);
        let older = usize::from(until(1) < until(0));
        if until(older) >= period.until.0 {
            return None;
        }
        let window = &self.windows[older];
        // Nobody is admitted while the window moves.
        window.until.store(0, Ordering::Release);
        window
            .left
            .store(self.left_in(period.from), Ordering::Release);
        window.from.store(period.from.0, Ordering::Release);
        window.until.store(period.until.0, Ordering::Release);
        Some(older)
    }
}

/// The gates of a tenant, made when they are first asked for.
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
        gate.set_limit(rule.limit);
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

    /// Takes over what counters have used after a booking. Open windows of clicks stay as they are: their
    /// permits were taken by the clicks themselves.
    pub fn book(&self, used: &[(Place, i64)]) {
        // First the numbers, then the gates: a gate that is made in between reads the numbers.
        self.used.set(used.iter().copied());
        let gates = self.gates.read().unwrap_or_else(|e| e.into_inner());
        for (place, _) in used {
            let gate = gates.get(&CapKey(place.cap));
            if let Some(gate) = gate.filter(|g| g.rule.metric != CapMetric::Clicks) {
                gate.take_over(place.from);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Cap, CapLevel, CapLimit, CapPeriod, OnCap, OverCap};

    const DAY: u64 = 86_400_000;

    fn rule(metric: CapMetric, limit: u64) -> CapRule {
        let cap = Cap {
            metric,
            period: CapPeriod::Day,
            limit: CapLimit::Count(limit),
            level: CapLevel::Offer,
            goal: None,
            timezone: None,
            hard: true,
            on_cap: OnCap::Fallback,
            over_cap: OverCap::Reject,
        };
        CapRule::compile(&cap, None, None, "UTC").unwrap()
    }

    fn ready(rule: &CapRule, used: &[(Place, i64)]) -> Arc<CapGate> {
        let gates = Gates::default();
        assert!(
            gates.get(CapKey(1), rule).is_none(),
            "closed until the head is reached"
        );
        gates.open(used.iter().copied());
        gates.get(CapKey(1), rule).unwrap()
    }

    fn at(day: u64) -> Place {
        Place {
            cap: 1,
            from: UnixMs(day * DAY),
        }
    }

    #[test]
    fn a_gate_admits_exactly_its_permits_under_64_threads_and_over_midnight() {
        let gate = ready(&rule(CapMetric::Clicks, 1000), &[(at(0), 300)]);
        let admitted = std::sync::Mutex::new([0usize; 2]);
        std::thread::scope(|scope| {
            for thread in 0..64u64 {
                let (gate, admitted) = (&gate, &admitted);
                scope.spawn(move || {
                    for click in 0..100u64 {
                        let day = usize::from(click >= 50);
                        let now = UnixMs(day as u64 * DAY + thread + click);
                        if gate.take(now).is_some() {
                            admitted.lock().unwrap()[day] += 1;
                        }
                    }
                });
            }
        });
        assert_eq!(*admitted.lock().unwrap(), [700, 1000]);
        assert!(!gate.has_room(UnixMs(5)) && !gate.has_room(UnixMs(DAY)));
    }

    #[test]
    fn a_permit_put_back_can_be_taken_again_and_an_old_period_stays_closed() {
        let gate = ready(&rule(CapMetric::Clicks, 1), &[]);
        let permit = gate.take(UnixMs(999)).unwrap();
        assert!(gate.take(UnixMs(999)).is_none());
        permit.put_back();
        assert!(gate.take(UnixMs(999)).is_some());
        assert!(gate.has_room(UnixMs(DAY)) && gate.has_room(UnixMs(2 * DAY)));
        assert!(!gate.has_room(UnixMs(500)), "two newer periods are open");
    }

    #[test]
    fn bookings_and_new_limits_move_the_room_that_is_left() {
        let conversions = rule(CapMetric::Conversions, 2);
        let gates = Gates::default();
        gates.open([(at(0), 1)]);
        gates.book(&[(at(1), 2)]);
        let gate = gates.get(CapKey(1), &conversions).unwrap();
        assert!(gate.has_room(UnixMs(5)));
        assert!(!gate.has_room(UnixMs(DAY)), "booked before anybody asked");
        gates.book(&[(at(0), 2)]);
        assert!(!gate.has_room(UnixMs(5)));
        let wider = rule(CapMetric::Conversions, 3);
        assert!(gates.get(CapKey(1), &wider).unwrap().has_room(UnixMs(5)));
        gates.book(&[(at(0), 3)]);
        assert!(!gate.has_room(UnixMs(5)));
    }
}
