//! The side of a cap that the click path reads: permits, shared by every core of the edge.
//!
//! A gate holds the windows of the two newest periods it was asked about; the first click of a new period opens
//! its window. Always true: G1 within a period no more clicks are admitted than the limit allows, whatever the
//! number of threads, also while windows and limits change: a permit is taken and put back under the lock that
//! windows move under; G2 a limit of an older version never replaces that of a newer one; G3 a cap that pauses,
//! once reached, admits nobody until a newer version of what it stands in. Not here: what has been used
//! (the tenant's fold knows), when gates open at all (see [`super::Gates`]).

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::gates::Used;
use super::rule::{CapKey, CapRule};
use crate::catalog::{CapMetric, OnCap};
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

/// The permits of a period.
#[derive(Debug)]
struct Window {
    period: Period,
    left: AtomicI64,
    /// A person resumed it though nothing was left: reaching the cap does not pause it again.
    is_resumed: bool,
}

impl Window {
    fn has_room(&self) -> bool {
        self.left.load(Ordering::Acquire) > 0
    }
}

/// What moves under the lock of a gate.
#[derive(Debug)]
struct Moving {
    limit: i64,
    windows: [Option<Window>; 2],
}

impl Moving {
    fn window_at(&self, at: UnixMs) -> Option<&Window> {
        let mut windows = self.windows.iter().flatten();
        windows.find(|w| w.period.contains(at))
    }
}

/// The permits of one cap and subject.
#[derive(Debug)]
pub struct CapGate {
    key: CapKey,
    rule: CapRule,
    used: Arc<Used>,
    moving: RwLock<Moving>,
    version: AtomicU32,
    is_paused: AtomicBool,
}

/// A permit that a click has taken: put it back when the click is not recorded.
#[derive(Debug)]
#[must_use]
pub struct Permit {
    gate: Arc<CapGate>,
    from: UnixMs,
}

impl Permit {
    /// Gives it back: the click that took it was not recorded. A period that is closed by then stays closed.
    pub fn put_back(self) {
        let moving = self.gate.read();
        let mut windows = moving.windows.iter().flatten();
        if let Some(window) = windows.find(|w| w.period.from == self.from) {
            let left = window.left.fetch_add(1, Ordering::AcqRel);
            if left == 0 {
                // What is not recorded has not reached anything.
                self.gate.is_paused.store(false, Ordering::Release);
            }
        }
    }
}

impl CapGate {
    pub(super) fn new(key: CapKey, rule: CapRule, used: Arc<Used>) -> Self {
        let is_paused = rule.on_cap == OnCap::Pause && was_reached(key, &rule, &used);
        let moving = Moving {
            limit: rule.limit,
            windows: [None, None],
        };
        Self {
            key,
            used,
            moving: RwLock::new(moving),
            version: AtomicU32::new(rule.since.version),
            is_paused: AtomicBool::new(is_paused),
            rule,
        }
    }

    /// Whether a permit is left at `now`.
    #[must_use]
    pub fn has_room(&self, now: UnixMs) -> bool {
        self.at_window(now, |window| window.has_room().then_some(()))
            .is_some()
    }

    /// Takes a permit, or `None` when the cap is reached.
    pub fn take(self: &Arc<Self>, now: UnixMs) -> Option<Permit> {
        self.at_window(now, |window| {
            let take = |left: i64| (left > 0).then(|| left - 1);
            let taken = window
                .left
                .fetch_update(Ordering::AcqRel, Ordering::Acquire, take);
            taken.ok().map(|_| Permit {
                gate: Arc::clone(self),
                from: window.period.from,
            })
        })
    }

    /// Asks the window of `now`, which is opened if need be. A window without room pauses a cap that pauses.
    fn at_window<T>(&self, now: UnixMs, ask: impl Fn(&Window) -> Option<T>) -> Option<T> {
        if self.is_paused.load(Ordering::Acquire) {
            return None;
        }
        loop {
            let moving = self.read();
            if let Some(window) = moving.window_at(now) {
                let answer = ask(window);
                if self.rule.on_cap == OnCap::Pause && !window.has_room() && !window.is_resumed {
                    self.is_paused.store(true, Ordering::Release);
                }
                return answer;
            }
            drop(moving);
            let period = self.rule.period_at(now);
            if !self.open(&mut self.write(), period) {
                return None;
            }
        }
    }

    /// Opens the window of `period` in place of the older one; whether there is one now.
    fn open(&self, moving: &mut Moving, period: Period) -> bool {
        if moving.window_at(period.from).is_some() {
            return true;
        }
        let until = |window: &Option<Window>| window.as_ref().map_or(0, |w| w.period.until.0);
        let older = usize::from(until(&moving.windows[1]) < until(&moving.windows[0]));
        if until(&moving.windows[older]) >= period.until.0 {
            return false;
        }
        let used = self.used.of(self.key, period.from);
        moving.windows[older] = Some(Window {
            period,
            left: AtomicI64::new(moving.limit.saturating_sub(used)),
            is_resumed: false,
        });
        true
    }

    /// Takes over what is used in the period that starts at `from`.
    ///
    /// Clicks take their permits themselves, ahead of the fold, so what the fold has counted can only be less than
    /// what was taken, but for clicks that were decided before there was the cap and are written after it: they
    /// count and took no permit. Those permits are withdrawn here, so that a new cap is overrun by no more than the
    /// clicks under way at that moment, and not at all if it is greater than these.
    pub(super) fn take_over(&self, from: UnixMs) {
        let used = self.used.of(self.key, from);
        if self.rule.metric == CapMetric::Clicks {
            let moving = self.read();
            if let Some(window) = moving.window_at(from) {
                let left = moving.limit.saturating_sub(used);
                window.left.fetch_min(left, Ordering::AcqRel);
            }
            return;
        }
        let mut moving = self.write();
        if !self.open(&mut moving, self.rule.period_at(from)) {
            return;
        }
        if let Some(window) = moving.window_at(from) {
            let left = moving.limit.saturating_sub(used);
            window.left.store(left, Ordering::Release);
        }
        drop(moving);
        // A cap that is reached pauses now, not at the next click, which may come in the next period.
        let _ = self.has_room(from);
    }

    /// From now on `rule` holds, if it is of a newer version: what is used stays used, what paused resumes.
    pub(super) fn adopt(&self, rule: &CapRule) {
        if rule.since.version <= self.version.load(Ordering::Acquire) {
            return;
        }
        let mut moving = self.write();
        if self.version.fetch_max(rule.since.version, Ordering::AcqRel) >= rule.since.version {
            return;
        }
        let by = rule.limit.saturating_sub(moving.limit);
        moving.limit = rule.limit;
        for window in moving.windows.iter_mut().flatten() {
            let left = window.left.get_mut();
            *left = left.saturating_add(by);
            window.is_resumed = *left <= 0;
        }
        self.is_paused.store(false, Ordering::Release);
    }

    // Windows and limit are whole after each statement that changes them, so a lock that a panic left is good.
    fn read(&self) -> RwLockReadGuard<'_, Moving> {
        self.moving.read().unwrap_or_else(|e| e.into_inner())
    }

    fn write(&self) -> RwLockWriteGuard<'_, Moving> {
        self.moving.write().unwrap_or_else(|e| e.into_inner())
    }
}

/// Whether the cap was reached in a period that is over by now or not, with no newer version after that period:
/// what a gate that is made after a restart must know. A version made within the period does not tell
/// whether it came before or after, so it does not resume.
fn was_reached(key: CapKey, rule: &CapRule, used: &Used) -> bool {
    used.periods(key).any(|(from, used)| {
        let until = rule.period_at(from).until;
        used >= rule.limit && rule.since.at < until
    })
}

#[cfg(test)]
mod tests;
