//! A cache of read user agents: one a core, without a lock, of a fixed size.
//!
//! A set of four places a hash: an entry that is asked for moves to the first place, a new one takes it, the last
//! one is forgotten. Always true: an entry is found by a keyed
//! 64-bit hash alone, so the key is drawn at start and no sender can make two user agents meet.

use std::hash::Hasher;
use std::sync::Arc;

use siphasher::sip::SipHasher13;

use super::agents::UserAgents;
use super::device::Device;
use super::hints::Hints;

/// Entries of a cache of the usual size.
const ENTRIES: usize = 8_192;

/// Places of a set.
const WAYS: usize = 4;

/// A read user agent with its hash, if the place is taken.
type Place = Option<(u64, Arc<Device>)>;

/// Read user agents by hash.
#[derive(Debug)]
pub struct DeviceCache {
    key: [u8; 16],
    sets: Box<[[Place; WAYS]]>,
    misses: u64,
}

impl DeviceCache {
    /// An empty cache of 8,192 entries; `key` is random.
    #[must_use]
    pub fn new(key: [u8; 16]) -> Self {
        Self::with_entries(ENTRIES, key)
    }

    /// An empty cache of at least `entries` entries.
    #[must_use]
    pub fn with_entries(entries: usize, key: [u8; 16]) -> Self {
        let sets = entries.div_ceil(WAYS).max(1).next_power_of_two();
        Self {
            key,
            sets: vec![[const { None }; WAYS]; sets].into_boxed_slice(),
            misses: 0,
        }
    }

    /// The device of a user agent: from the cache, else read by `agents` and kept.
    pub fn get(&mut self, agents: &UserAgents, user_agent: &str, hints: Hints<'_>) -> Arc<Device> {
        let hash = self.hash(user_agent, hints);
        let index = hash as usize & (self.sets.len() - 1);
        let set = &mut self.sets[index];
        let is_here = |place: &Place| matches!(place, Some((h, _)) if *h == hash);
        let place = set.iter().position(is_here).unwrap_or_else(|| {
            self.misses += 1;
            set[WAYS - 1] = Some((hash, Arc::new(agents.parse(user_agent, hints))));
            WAYS - 1
        });
        set[..=place].rotate_right(1);
        match &set[0] {
            Some((_, device)) => Arc::clone(device),
            None => Arc::default(),
        }
    }

    /// How many user agents had to be read.
    #[must_use]
    pub fn misses(&self) -> u64 {
        self.misses
    }

    fn hash(&self, user_agent: &str, hints: Hints<'_>) -> u64 {
        let mut hasher = SipHasher13::new_with_key(&self.key);
        for text in [user_agent, hints.brands, hints.mobile, hints.platform] {
            hasher.write_usize(text.len());
            hasher.write(text.as_bytes());
        }
        hasher.finish()
    }
}
