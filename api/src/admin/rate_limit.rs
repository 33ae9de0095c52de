//! How many requests a key may make: a bucket of `burst` requests that fills at `per_second`.
//!
//! Kept as one number a key (GCRA): the time at which its bucket will be full again. Always true: memory is
//! bounded; when the table is full, keys whose bucket is full are forgotten first, which changes nothing for them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use weir_engine::ids::UnixMs;

/// An allowance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// Requests a second in the long run; at least 1.
    pub per_second: u32,
    /// Requests at once; at least 1.
    pub burst: u32,
}

/// What a key has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    /// Whether this request may go on.
    pub(super) is_allowed: bool,
    /// Requests that may follow at once.
    pub(super) remaining: u32,
    /// Seconds until the bucket is full, or, if not allowed, until the next request; rounded up.
    pub(super) seconds: u64,
}

/// The buckets of all keys.
pub(super) struct RateLimiter {
    allowance: Allowance,
    capacity: usize,
    /// By key: microseconds at which the bucket is full again.
    full_at: Mutex<HashMap<u64, u64>>,
}

impl RateLimiter {
    pub(super) fn new(allowance: Allowance, capacity: usize) -> Self {
        Self {
            allowance,
            capacity,
            full_at: Mutex::default(),
        }
    }

    pub(super) fn allowance(&self) -> Allowance {
        self.allowance
    }

    /// Takes one request from the bucket of `key`, if there is one left.
    pub(super) fn take(&self, key: u64, now: UnixMs) -> Standing {
        let now = now.0 * 1_000;
        let step = 1_000_000 / u64::from(self.allowance.per_second.max(1));
        let room = step * u64::from(self.allowance.burst.max(1));
        let mut table = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if table.len() >= self.capacity && !table.contains_key(&key) {
            make_room(&mut table, now);
        }
        let full_at = table.entry(key).or_insert(now);
        let after = (*full_at).max(now) + step;
        let is_allowed = after - now <= room;
        if is_allowed {
            *full_at = after;
        }
        let missing = full_at.saturating_sub(now);
        let wait = if is_allowed {
            missing
        } else {
            after - now - room
        };
        Standing {
            is_allowed,
            remaining: u32::try_from(room.saturating_sub(missing) / step.max(1))
                .unwrap_or(u32::MAX),
            seconds: wait.div_ceil(1_000_000),
        }
    }
}

/// Forgets full buckets; if none is, the fuller half.
fn make_room(table: &mut HashMap<u64, u64>, now: u64) {
    table.retain(|_, full_at| *full_at > now);
    if table.is_empty() {
        return;
    }
    let mut times: Vec<u64> = table.values().copied().collect();
    let (_, median, _) = {
        let middle = times.len() / 2;
        times.select_nth_unstable(middle)
    };
    let median = *median;
    table.retain(|_, full_at| *full_at > median);
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWANCE: Allowance = Allowance {
        per_second: 2,
        burst: 3,
    };

    #[test]
    fn a_burst_passes_then_the_rate_holds() {
        let limiter = RateLimiter::new(ALLOWANCE, 10);
        let remaining = |at| {
            let standing = limiter.take(1, UnixMs(at));
            standing.is_allowed.then_some(standing.remaining)
        };
        let got: Vec<_> = [0, 0, 0, 0, 499, 500, 500, 2_000].map(remaining).into();
        let expect = [
            Some(2),
            Some(1),
            Some(0),
            None,
            None,
            Some(0),
            None,
            Some(2),
        ];
        assert_eq!(got, expect);
        assert_eq!(
            limiter.take(2, UnixMs(2_000)).remaining,
            2,
            "another key has its own"
        );
        let refused = [0; 4].map(|_| limiter.take(3, UnixMs(9_000)))[3];
        assert_eq!((refused.is_allowed, refused.seconds), (false, 1));
    }

    #[test]
    fn memory_is_bounded_however_many_keys_come() {
        let limiter = RateLimiter::new(ALLOWANCE, 100);
        for key in 0..10_000 {
            limiter.take(key, UnixMs(key / 1_000));
        }
        assert!(limiter.full_at.lock().expect("no panic").len() <= 100);
    }
}
