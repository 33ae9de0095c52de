//! How many requests somebody may make: a bucket of `burst` requests that fills at `per_second`.
//!
//! Kept as one number (GCRA): the time at which the bucket will be full again. Always true: taking never depends on
//! who asks, so that nodes may share the number; what is refused takes nothing; a number that says more than an
//! empty bucket counts as an empty one, so that a clock that went ahead shuts nobody out. Not here: where the
//! number is kept (see [`crate::ports::RateLimits`]), who is limited (the doors).

use std::collections::HashMap;

use crate::as_text::words;
use crate::ids::UnixMs;

/// Microseconds of a second.
const SECOND_US: u64 = 1_000_000;

/// An allowance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// Requests a second in the long run; at least 1.
    pub per_second: u32,
    /// Requests at once; at least 1.
    pub burst: u32,
}

impl Allowance {
    /// Microseconds that one request costs.
    #[must_use]
    pub fn step_us(self) -> u64 {
        (SECOND_US / u64::from(self.per_second.max(1))).max(1)
    }

    /// Microseconds that a full bucket is worth.
    #[must_use]
    pub fn room_us(self) -> u64 {
        self.step_us() * u64::from(self.burst.max(1))
    }

    /// What `full_at` and the answer say.
    #[must_use]
    pub fn standing(self, taken: Taken, now: UnixMs) -> Standing {
        let (now, room) = (now.0 * 1_000, self.room_us());
        let missing = taken.full_at_us.saturating_sub(now).min(room);
        let wait = if taken.is_allowed {
            missing
        } else {
            taken.wait_us
        };
        Standing {
            is_allowed: taken.is_allowed,
            remaining: u32::try_from((room - missing) / self.step_us()).unwrap_or(u32::MAX),
            seconds: wait.div_ceil(SECOND_US),
        }
    }
}

words! {
    /// What is counted.
    LimitScope {
        /// Requests of an API key.
        ApiKey = 1 "key",
        /// What an address sends without saying who it is.
        Address = 2 "address",
    }
}

/// Whose bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LimitKey {
    /// What is counted.
    pub scope: LimitScope,
    /// Whose: a number that is its own within the scope.
    pub number: u64,
}

/// What became of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// When it is full again, in microseconds since 1970.
    pub full_at_us: u64,
    /// Whether it had enough.
    pub is_allowed: bool,
    /// If not: microseconds until it has.
    pub wait_us: u64,
}

/// What is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Whether this request may go on.
    pub is_allowed: bool,
    /// Requests that may follow at once.
    pub remaining: u32,
    /// Seconds until the bucket is full, or, if not allowed, until the next request; rounded up.
    pub seconds: u64,
}

/// Takes `cost` requests from a bucket that was to be full at `full_at_us`, if there are so many.
#[must_use]
pub fn take(full_at_us: u64, cost: u32, allowance: Allowance, now: UnixMs) -> Taken {
    let (now, room) = (now.0 * 1_000, allowance.room_us());
    let full_at = full_at_us.clamp(now, now + room);
    let after = full_at + allowance.step_us() * u64::from(cost);
    match (after - now).checked_sub(room) {
        None | Some(0) => Taken {
            full_at_us: after,
            is_allowed: true,
            wait_us: 0,
        },
        Some(wait_us) => Taken {
            full_at_us: full_at,
            is_allowed: false,
            wait_us,
        },
    }
}

/// Buckets of one process. Memory is bounded: when the table is full, keys whose bucket is full are forgotten first,
/// which changes nothing for them.
#[derive(Debug)]
pub struct Buckets {
    capacity: usize,
    /// Read in its own order only to forget.
    full_at: HashMap<LimitKey, u64>,
}

impl Buckets {
    /// Buckets of `capacity` keys at most.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            full_at: HashMap::new(),
        }
    }

    /// Takes from the bucket of `key`.
    pub fn take(
        &mut self,
        key: LimitKey,
        cost: u32,
        allowance: Allowance,
        now: UnixMs,
    ) -> Standing {
        if self.full_at.len() >= self.capacity && !self.full_at.contains_key(&key) {
            self.make_room(now.0 * 1_000);
        }
        let full_at = self.full_at.entry(key).or_default();
        let taken = take(*full_at, cost, allowance, now);
        *full_at = taken.full_at_us;
        allowance.standing(taken, now)
    }

    /// Forgets full buckets; if none is, the fuller half.
    fn make_room(&mut self, now_us: u64) {
        self.full_at.retain(|_, full_at| *full_at > now_us);
        if self.full_at.len() < self.capacity {
            return;
        }
        let mut times: Vec<u64> = self.full_at.values().copied().collect();
        let middle = times.len() / 2;
        let (_, &mut median, _) = times.select_nth_unstable(middle);
        self.full_at.retain(|_, full_at| *full_at > median);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWANCE: Allowance = Allowance {
        per_second: 2,
        burst: 3,
    };

    fn key(number: u64) -> LimitKey {
        LimitKey {
            scope: LimitScope::ApiKey,
            number,
        }
    }

    #[test]
    fn a_bucket_that_is_said_to_be_emptier_than_empty_is_empty() {
        let taken = take(u64::MAX / 2, 1, ALLOWANCE, UnixMs(1_000));
        assert!(!taken.is_allowed);
        assert_eq!(taken.wait_us, 500_000);
        assert!(take(taken.full_at_us, 1, ALLOWANCE, UnixMs(1_500)).is_allowed);
    }

    #[test]
    fn memory_is_bounded_however_many_keys_come() {
        let mut buckets = Buckets::new(100);
        for number in 0..10_000 {
            let _ = buckets.take(key(number), 1, ALLOWANCE, UnixMs(number / 1_000));
        }
        assert!(buckets.full_at.len() <= 100);
    }

    #[test]
    fn a_million_addresses_at_once_take_no_more_room_than_the_table() {
        let mut buckets = Buckets::new(65_536);
        for number in 0..1_000_000 {
            let _ = buckets.take(key(number), 1, ALLOWANCE, UnixMs(5));
        }
        assert!(buckets.full_at.len() <= 65_536);
        // A key and its number take 24 bytes and one of control, at most twice over.
        assert!(buckets.full_at.capacity() * 25 < 8 << 20);
    }
}
