//! The side of a cap that the click path reads: one cell of permits, taken without a lock.
//!
//! A cell holds two windows (the current period and the next), so that the first click after midnight finds
//! its own. Always true: between two calls of [`CapGate::open`] for a window no more clicks are admitted than
//! permits were put in; a closed gate admits none. Not here: what has been used (the tenant's fold knows),
//! when a gate may open (when the fold has reached the head of the log: the tenant actor).

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use crate::catalog::OnCap;
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

/// The permits of one cap, shared by every core of the edge.
#[derive(Debug)]
pub struct CapGate {
    /// What a click gets that is not admitted.
    pub on_cap: OnCap,
    /// Whether a click uses a permit (a cap on clicks) or only asks whether any is left.
    pub counts_clicks: bool,
    windows: [Window; 2],
}

/// A permit that a click has taken: put it back when the click is not recorded.
#[derive(Debug)]
#[must_use]
pub struct Permit {
    window: usize,
}

impl CapGate {
    /// A closed gate.
    #[must_use]
    pub fn closed(on_cap: OnCap, counts_clicks: bool) -> Self {
        Self {
            on_cap,
            counts_clicks,
            windows: Default::default(),
        }
    }

    /// Puts `left` permits into the window of `period`, in place of the older of the two windows when
    /// `period` is new.
    pub fn open(&self, period: Period, left: i64) {
        let from = |i: usize| self.windows[i].from.load(Ordering::Acquire);
        let until = |i: usize| self.windows[i].until.load(Ordering::Acquire);
        let same = (0..2).find(|&i| from(i) == period.from.0 && until(i) == period.until.0);
        let slot = same.unwrap_or(usize::from(until(1) < until(0)));
        let window = &self.windows[slot];
        if same.is_none() {
            // Nobody is admitted while the window moves.
            window.until.store(0, Ordering::Release);
        }
        window.left.store(left, Ordering::Release);
        window.from.store(period.from.0, Ordering::Release);
        window.until.store(period.until.0, Ordering::Release);
    }

    /// Adds `by` permits (or takes them away) in the window of `period`, if the gate has it.
    pub fn adjust(&self, period: Period, by: i64) {
        for window in &self.windows {
            let is_it = window.from.load(Ordering::Acquire) == period.from.0
                && window.until.load(Ordering::Acquire) == period.until.0;
            if is_it {
                window.left.fetch_add(by, Ordering::AcqRel);
            }
        }
    }

    /// Admits nobody until it is opened again.
    pub fn close(&self) {
        for window in &self.windows {
            window.until.store(0, Ordering::Release);
        }
    }

    /// Whether a permit is left at `now`.
    #[must_use]
    pub fn has_room(&self, now: UnixMs) -> bool {
        self.window_at(now)
            .is_some_and(|i| self.windows[i].left.load(Ordering::Acquire) > 0)
    }

    /// Takes a permit, or `None` when the cap is reached or the gate closed.
    pub fn take(&self, now: UnixMs) -> Option<Permit> {
        let window = self.window_at(now)?;
        let left = &self.windows[window].left;
        left.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| {
            (left > 0).then(|| left - 1)
        })
        .ok()
        .map(|_| Permit { window })
    }

    /// Gives a permit back: the click that took it was not recorded.
    pub fn put_back(&self, permit: &Permit) {
        self.windows[permit.window]
            .left
            .fetch_add(1, Ordering::AcqRel);
    }

    fn window_at(&self, now: UnixMs) -> Option<usize> {
        (0..2).find(|&i| {
            let window = &self.windows[i];
            window.from.load(Ordering::Acquire) <= now.0
                && now.0 < window.until.load(Ordering::Acquire)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(n: u64) -> Period {
        Period {
            from: UnixMs(n * 1000),
            until: UnixMs(n * 1000 + 1000),
        }
    }

    #[test]
    fn a_gate_admits_exactly_its_permits_under_64_threads() {
        let gate = CapGate::closed(OnCap::Fallback, true);
        assert!(gate.take(UnixMs(5)).is_none(), "closed");
        gate.open(day(0), 1000);
        let admitted: usize = std::thread::scope(|scope| {
            let takers: Vec<_> = (0..64)
                .map(|_| {
                    scope.spawn(|| (0..100).filter(|_| gate.take(UnixMs(5)).is_some()).count())
                })
                .collect();
            takers.into_iter().filter_map(|t| t.join().ok()).sum()
        });
        assert_eq!(admitted, 1000);
        assert!(!gate.has_room(UnixMs(5)));
    }

    #[test]
    fn the_first_click_after_midnight_finds_the_next_window() {
        let gate = CapGate::closed(OnCap::Block, true);
        gate.open(day(0), 1);
        gate.open(day(1), 1);
        assert!(gate.take(UnixMs(999)).is_some());
        assert!(gate.take(UnixMs(999)).is_none());
        let permit = gate.take(UnixMs(1000)).unwrap();
        gate.put_back(&permit);
        assert!(gate.take(UnixMs(1000)).is_some());
        gate.open(day(2), 3);
        assert!(!gate.has_room(UnixMs(500)), "the oldest window made room");
        assert!(!gate.has_room(UnixMs(1500)));
        assert!(gate.has_room(UnixMs(2500)));
    }
}
