//! Which identities conversions may have taken: a filter of all of them in memory, so that a conversion that is surely
//! new is judged without the store, also while the store is away.
//!
//! ```text
//! identity ─▶ layer 0 (256) · layer 1 (512) · … · layer n      in none of them: surely new
//!                                                              in one: perhaps taken, ask the store
//! ```
//! Layers of a Bloom filter (B. H. Bloom, CACM 13(7), 1970), each with twice the room of the one before, up to a million
//! identities, at 12 bits (1.5 bytes) and 8 probes each: a full layer errs for 0.3 % of what it does not hold.
//! Always true: an identity that was put in is found. Until everything that is stored is in ([`IdentityFilter::load`]),
//! nothing is surely new. Not here: what an identity is ([`weir_engine::judge::Identities`]).

use weir_engine::ids::TenantId;
use weir_engine::judge::Identity;
use weir_engine::ports::LedgerStore;

use super::evidence::insist;

/// Identities read at a time.
const PAGE: u32 = 10_000;

const BITS_EACH: usize = 12;
const PROBES: u64 = 8;
const FIRST_ROOM: usize = 256;
const LARGEST_ROOM: usize = 1 << 20;

/// A Bloom filter of a fixed room.
#[derive(Debug)]
struct Layer {
    words: Box<[u64]>,
    left: usize,
}

impl Layer {
    fn of(room: usize) -> Self {
        Self {
            words: vec![0; (room * BITS_EACH).div_ceil(64)].into_boxed_slice(),
            left: room,
        }
    }

    /// Word and bit of each probe: two halves of the hash, the second odd, make all of them (Kirsch and Mitzenmacher,
    /// "Less hashing, same performance", 2006).
    fn probes(&self, identity: Identity) -> impl Iterator<Item = (usize, u64)> + use<> {
        let (first, step) = ((identity.0 >> 64) as u64, identity.0 as u64 | 1);
        let bits = self.words.len() as u64 * 64;
        (0..PROBES).map(move |n| {
            let bit = first.wrapping_add(step.wrapping_mul(n)) % bits;
            ((bit / 64) as usize, 1 << (bit % 64))
        })
    }

    fn put(&mut self, identity: Identity) {
        for (word, bit) in self.probes(identity) {
            self.words[word] |= bit;
        }
        self.left = self.left.saturating_sub(1);
    }

    fn may_hold(&self, identity: Identity) -> bool {
        self.probes(identity)
            .all(|(word, bit)| self.words[word] & bit != 0)
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct IdentityFilter {
    layers: Vec<Layer>,
    is_complete: bool,
}

impl IdentityFilter {
    /// The filter of a log that is read from its first fact: nothing was taken yet.
    pub(crate) fn of_nothing() -> Self {
        Self {
            layers: Vec::new(),
            is_complete: true,
        }
    }

    /// Remembers that an identity is taken.
    pub(crate) fn put(&mut self, identity: Identity) {
        if self.layers.last().is_none_or(|layer| layer.left == 0) {
            let room = FIRST_ROOM << self.layers.len().min(32);
            self.layers.push(Layer::of(room.min(LARGEST_ROOM)));
        }
        if let Some(layer) = self.layers.last_mut() {
            layer.put(identity);
        }
    }

    /// Takes in what the store has; what was put in meanwhile stays.
    pub(crate) fn load(&mut self, stored: Self) {
        // New identities go on in the last layer: the one with more room stays last.
        self.layers.extend(stored.layers);
        self.layers.sort_by_key(|layer| layer.words.len());
        self.is_complete = true;
    }

    /// Whether no conversion can have taken `identity`.
    pub(crate) fn is_surely_new(&self, identity: Identity) -> bool {
        self.is_complete && !self.layers.iter().any(|layer| layer.may_hold(identity))
    }
}

/// What conversions of `tenant` have taken, as the store has it; waits for as long as the store cannot be read.
pub(crate) async fn stored(ledger: &dyn LedgerStore, tenant: TenantId) -> IdentityFilter {
    let mut filter = IdentityFilter::default();
    let mut after = None;
    loop {
        let page = insist("identities", || ledger.identities(tenant, after, PAGE)).await;
        let Some(last) = page.last() else {
            return filter;
        };
        after = Some(*last);
        page.into_iter().for_each(|identity| filter.put(identity));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Identities are hashes: numbers spread over all bits.
    fn identity(n: u64) -> Identity {
        let spread = |n: u64| {
            let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            n ^ (n >> 31)
        };
        Identity(u128::from(spread(n + 1)) << 64 | u128::from(spread(!n)))
    }

    fn filter_of(count: u64) -> IdentityFilter {
        let mut filter = IdentityFilter::of_nothing();
        (0..count).for_each(|n| filter.put(identity(n)));
        filter
    }

    #[test]
    fn what_was_put_in_is_never_surely_new() {
        let filter = filter_of(300_000);
        assert!((0..300_000).all(|n| !filter.is_surely_new(identity(n))));
    }

    #[test]
    fn almost_everything_else_is_at_a_byte_and_a_half_each() {
        let filter = filter_of(262_144);
        let new = (1_000_000..1_100_000).filter(|n| filter.is_surely_new(identity(*n)));
        let share = new.count() as f64 / 100_000.0;
        assert!(share > 0.96, "{share}");
        let bytes: usize = filter.layers.iter().map(|l| l.words.len() * 8).sum();
        // The last layer is about half full.
        assert!(bytes <= 262_144 * 3, "{bytes}");
    }

    #[test]
    fn nothing_is_surely_new_before_the_store_was_read() {
        let mut filter = IdentityFilter::default();
        filter.put(identity(1));
        assert!(!filter.is_surely_new(identity(2)));
        let mut stored = IdentityFilter::default();
        (10..5_000).for_each(|n| stored.put(identity(n)));
        filter.load(stored);
        assert!(filter.is_surely_new(identity(2)));
        filter.put(identity(2));
        for taken in [1, 2, 10, 4_999] {
            assert!(!filter.is_surely_new(identity(taken)), "{taken}");
        }
    }
}
