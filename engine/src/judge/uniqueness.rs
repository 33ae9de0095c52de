//! Which click of a visitor on an offer is the unique one.
//!
//! A click is unique when no *unique* click of the same visitor on the same offer lies in the 24 hours before:
//! the window does not slide. Always true: the table holds at most its capacity; the oldest entry in log order
//! goes first, and each that goes too early is counted.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};

use siphasher::sip::SipHasher24;

use crate::ids::UnixMs;

/// How long a unique click keeps others from being unique: 24 hours.
pub const WINDOW_MS: u64 = 86_400_000;

/// A visitor on an offer, under one day's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub u64);

impl Fingerprint {
    /// The fingerprint of a visitor's hash on an offer.
    #[must_use]
    pub fn of(visitor: u64, offer: u32) -> Self {
        let mut hasher = SipHasher24::new_with_keys(0x756e_6971, 0);
        hasher.write_u64(visitor);
        hasher.write_u32(offer);
        Self(hasher.finish())
    }
}

/// A fingerprint is a hash already: it is its own table hash.
#[derive(Debug, Default)]
pub struct AlreadyHashed(u64);

impl Hasher for AlreadyHashed {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }
    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

/// The unique clicks of the last 24 hours.
#[derive(Debug, Clone, Default)]
pub struct Uniqueness {
    by_fingerprint: HashMap<Fingerprint, UnixMs, BuildHasherDefault<AlreadyHashed>>,
    in_order: VecDeque<(Fingerprint, UnixMs)>,
    evicted: u64,
}

impl Uniqueness {
    /// Whether a click at `at` is unique; if it is, it is remembered. `visitor` is the hash under today's
    /// and under yesterday's key.
    pub fn judge(&mut self, visitor: [u64; 2], offer: u32, at: UnixMs, capacity: u32) -> bool {
        let [today, yesterday] = visitor.map(|v| Fingerprint::of(v, offer));
        self.forget(at, capacity);
        let is_seen = [today, yesterday].iter().any(|f| {
            self.by_fingerprint
                .get(f)
                .is_some_and(|&seen| at.since(seen) < WINDOW_MS)
        });
        if is_seen {
            return false;
        }
        if self.by_fingerprint.insert(today, at).is_some() {
            // Seen longer ago than the window: its old place in the order is void.
            self.in_order.retain(|(f, _)| *f != today);
        }
        self.in_order.push_back((today, at));
        true
    }

    fn forget(&mut self, at: UnixMs, capacity: u32) {
        while let Some(&(fingerprint, seen)) = self.in_order.front() {
            let is_old = at.since(seen) >= WINDOW_MS;
            if !is_old && self.in_order.len() < capacity.max(1) as usize {
                break;
            }
            self.evicted += u64::from(!is_old);
            self.in_order.pop_front();
            self.by_fingerprint.remove(&fingerprint);
        }
    }

    /// How many entries went before their 24 hours were over.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Entries in log order, for a checkpoint.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = (Fingerprint, UnixMs)> + '_ {
        self.in_order.iter().copied()
    }

    /// The table of a checkpoint.
    #[must_use]
    pub fn from_entries(
        entries: impl IntoIterator<Item = (Fingerprint, UnixMs)>,
        evicted: u64,
    ) -> Self {
        let in_order: VecDeque<_> = entries.into_iter().collect();
        Self {
            by_fingerprint: in_order.iter().copied().collect(),
            in_order,
            evicted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000;

    #[test]
    fn the_window_does_not_slide_and_a_rotated_key_leaves_no_hole() {
        let mut table = Uniqueness::default();
        let mut judge = |visitor, hours| table.judge(visitor, 1, UnixMs(hours * HOUR), 100);
        assert!(judge([11, 10], 22), "first");
        assert!(
            !judge([12, 11], 25),
            "after midnight the key of yesterday tells"
        );
        assert!(!judge([12, 11], 45), "23 h after the unique one");
        assert!(
            judge([12, 11], 46),
            "24 h after the unique one, though a duplicate lies between"
        );
        assert!(!judge([12, 11], 47));
        assert!(
            table.judge([12, 11], 2, UnixMs(47 * HOUR), 100),
            "another offer"
        );
    }

    #[test]
    fn a_full_table_forgets_the_oldest_and_counts_it() {
        let mut table = Uniqueness::default();
        for visitor in 0..10 {
            assert!(table.judge([visitor, 99], 1, UnixMs(visitor), 4));
        }
        assert_eq!((table.entries().len(), table.evicted()), (4, 6));
        assert!(table.judge([0, 99], 1, UnixMs(20), 4), "forgotten");
        assert!(!table.judge([9, 99], 1, UnixMs(20), 4), "kept");
        let copy = Uniqueness::from_entries(table.entries(), table.evicted());
        assert!(copy.entries().eq(table.entries()));
    }
}
