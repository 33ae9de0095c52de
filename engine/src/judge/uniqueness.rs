//! Which click of a visitor on an offer is the unique one.
//!
//! A click is unique when no *unique* click of the same visitor on the same offer lies in the 24 hours before:
//! the window does not slide. Always true: the table holds at most its capacity; the oldest entry in log order
//! goes first, and each that goes too early is counted. The table holds only the entries' numbers, four bytes each: what
//! they say stands in the queue once, so that four million take a little more than 100 MB.

use std::collections::VecDeque;
use std::hash::Hasher;

use hashbrown::HashTable;
use siphasher::sip::SipHasher24;

use crate::fact::{Decoder, Encoder, Malformed};
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

/// Entries in log order, with numbers that go on.
#[derive(Debug, Clone, Default)]
struct Queue {
    entries: VecDeque<(Fingerprint, UnixMs)>,
    /// Number of the first. Numbers begin again after 2³²: a queue is far shorter.
    first: u32,
}

impl Queue {
    fn at(&self, number: u32) -> (Fingerprint, UnixMs) {
        self.entries[number.wrapping_sub(self.first) as usize]
    }

    /// Adds an entry; gives its number.
    fn push(&mut self, entry: (Fingerprint, UnixMs)) -> u32 {
        let number = self.first.wrapping_add(self.entries.len() as u32);
        self.entries.push_back(entry);
        number
    }

    fn pop(&mut self) {
        self.entries.pop_front();
        self.first = self.first.wrapping_add(1);
    }
}

/// The unique clicks of the last 24 hours.
#[derive(Debug, Clone)]
pub struct Uniqueness {
    /// The number of each fingerprint's latest entry; a fingerprint is a hash already.
    latest: HashTable<u32>,
    in_order: Queue,
    evicted: u64,
    capacity: u32,
}

impl Default for Uniqueness {
    fn default() -> Self {
        Self {
            latest: HashTable::new(),
            in_order: Queue::default(),
            evicted: 0,
            capacity: crate::catalog::default_uniqueness_capacity(),
        }
    }
}

impl Uniqueness {
    /// Whether a click at `at` is unique; if it is, it is remembered. `visitor` is the hash under today's
    /// and under yesterday's key.
    pub fn judge(&mut self, visitor: [u64; 2], offer: u32, at: UnixMs) -> bool {
        let [today, yesterday] = visitor.map(|v| Fingerprint::of(v, offer));
        self.forget(at);
        let is_seen = [today, yesterday].iter().any(|f| {
            let (latest, queue) = (&self.latest, &self.in_order);
            let seen = latest.find(f.0, |number| queue.at(*number).0 == *f);
            seen.is_some_and(|number| at.since(queue.at(*number).1) < WINDOW_MS)
        });
        if is_seen {
            return false;
        }
        self.remember(today, at);
        true
    }

    /// From the next click on, at most so many entries are kept.
    pub fn set_capacity(&mut self, capacity: u32) {
        self.capacity = capacity;
    }

    fn remember(&mut self, fingerprint: Fingerprint, at: UnixMs) {
        let number = self.in_order.push((fingerprint, at));
        let (latest, queue) = (&mut self.latest, &self.in_order);
        let is_of = |number: &u32| queue.at(*number).0 == fingerprint;
        match latest.find_mut(fingerprint.0, is_of) {
            Some(latest) => *latest = number,
            None => {
                latest.insert_unique(fingerprint.0, number, |number| queue.at(*number).0.0);
            }
        }
    }

    fn forget(&mut self, at: UnixMs) {
        while let Some(&(fingerprint, seen)) = self.in_order.entries.front() {
            let is_old = at.since(seen) >= WINDOW_MS;
            if !is_old && self.in_order.entries.len() < self.capacity.max(1) as usize {
                break;
            }
            // A later entry of the same visitor makes this one void: then the table names that one.
            let first = self.in_order.first;
            if let Ok(latest) = self
                .latest
                .find_entry(fingerprint.0, |number| *number == first)
            {
                latest.remove();
                self.evicted += u64::from(!is_old);
            }
            self.in_order.pop();
        }
    }

    /// How many entries went before their 24 hours were over.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Entries kept, void ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.in_order.entries.len()
    }

    /// Whether nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.in_order.entries.is_empty()
    }

    /// Writes the table for a checkpoint: capacity, evictions, then each entry in log order.
    pub fn write(&self, e: &mut Encoder<'_>) {
        e.varint(u64::from(self.capacity));
        e.varint(self.evicted);
        for (fingerprint, at) in &self.in_order.entries {
            e.raw(&fingerprint.0.to_le_bytes());
            e.varint(at.0);
        }
    }

    /// The table of a checkpoint.
    ///
    /// # Errors
    /// [`Malformed`] for anything but what [`Self::write`] wrote.
    pub fn read(d: &mut Decoder<'_>) -> Result<Self, Malformed> {
        let mut table = Self {
            capacity: d.number()?,
            evicted: d.varint()?,
            ..Self::default()
        };
        // Eight bytes of fingerprint and six of time: growing by halves would move millions of entries again and again.
        let about = d.0.len() / 14;
        table.latest.reserve(about, |_| 0);
        table.in_order.entries.reserve(about);
        while !d.is_empty() {
            let fingerprint = Fingerprint(u64::from_le_bytes(d.array()?));
            table.remember(fingerprint, UnixMs(d.varint()?));
        }
        Ok(table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000;

    #[test]
    fn the_window_does_not_slide_and_a_rotated_key_leaves_no_hole() {
        let mut table = Uniqueness::default();
        let mut judge = |visitor, hours| table.judge(visitor, 1, UnixMs(hours * HOUR));
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
        assert!(table.judge([12, 11], 2, UnixMs(47 * HOUR)), "another offer");
    }

    #[test]
    fn a_full_table_forgets_the_oldest_and_counts_it() {
        let mut table = Uniqueness::default();
        table.set_capacity(4);
        for visitor in 0..10 {
            assert!(table.judge([visitor, 99], 1, UnixMs(visitor)));
        }
        assert_eq!((table.len(), table.evicted()), (4, 6));
        assert!(table.judge([0, 99], 1, UnixMs(20)), "forgotten");
        assert!(!table.judge([9, 99], 1, UnixMs(20)), "kept");
        assert!(!table.judge([9, 99], 1, UnixMs(21)), "still");
        let mut bytes = Vec::new();
        table.write(&mut Encoder(&mut bytes));
        let copy = Uniqueness::read(&mut Decoder(&bytes)).unwrap();
        let mut again = Vec::new();
        copy.write(&mut Encoder(&mut again));
        assert_eq!(bytes, again);
    }

    #[test]
    fn an_entry_that_a_later_one_made_void_takes_nothing_with_it() {
        let mut table = Uniqueness::default();
        assert!(table.judge([1, 99], 1, UnixMs(30 * HOUR)));
        assert!(table.judge([2, 99], 1, UnixMs(HOUR)), "an earlier clock");
        assert!(table.judge([2, 99], 1, UnixMs(31 * HOUR)), "30 h later");
        assert!(
            !table.judge([2, 99], 1, UnixMs(54 * HOUR)),
            "both old entries went, the new one stays"
        );
        assert_eq!(table.evicted(), 0);
    }

    /// The same rules over a plain list, looked through from its end.
    #[derive(Default)]
    struct List {
        entries: Vec<(Fingerprint, u64)>,
        evicted: u64,
    }

    impl List {
        fn judge(&mut self, visitor: [u64; 2], at: u64, capacity: usize) -> bool {
            while let Some(&(oldest, seen)) = self.entries.first() {
                let is_old = at.saturating_sub(seen) >= WINDOW_MS;
                if !is_old && self.entries.len() < capacity {
                    break;
                }
                self.entries.remove(0);
                let is_void = self.entries.iter().any(|e| e.0 == oldest);
                self.evicted += u64::from(!is_old && !is_void);
            }
            let prints = visitor.map(|v| Fingerprint::of(v, 1));
            let latest = |f: &Fingerprint| self.entries.iter().rev().find(|e| e.0 == *f);
            let is_seen = prints
                .iter()
                .filter_map(latest)
                .any(|e| at.saturating_sub(e.1) < WINDOW_MS);
            if !is_seen {
                self.entries.push((prints[0], at));
            }
            !is_seen
        }
    }

    proptest::proptest! {
        #[test]
        fn the_table_says_what_a_plain_list_says(
            clicks in proptest::collection::vec((0_u64..30, 0_u64..40 * HOUR), 1..400),
            capacity in 1_usize..24,
        ) {
            let (mut table, mut list) = (Uniqueness::default(), List::default());
            table.set_capacity(capacity as u32);
            // Numbers that are about to begin again.
            table.in_order.first = u32::MAX - 50;
            for (visitor, at) in clicks {
                let visitor = [visitor, visitor + 1];
                let expect = list.judge(visitor, at, capacity);
                proptest::prop_assert_eq!(table.judge(visitor, 1, UnixMs(at)), expect);
            }
            proptest::prop_assert_eq!((table.len(), table.evicted()), (list.entries.len(), list.evicted));
        }
    }
}
