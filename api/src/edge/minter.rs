//! Minting ids: of clicks and of received postbacks, one minter a core.
//!
//! Always true: ids of a minter grow; a clock that is stepped back repeats nothing, and neither does a restart
//! (it begins after the greatest id time in the journal); when the counter of a millisecond is spent, the next
//! millisecond is used.

use weir_engine::click_id::{ClickId, ClickKey, EPOCH_MS, Parts};
use weir_engine::ids::{TenantId, UnixMs};

/// Ids a millisecond and core: 10 bits of counter.
const COUNTER_BITS: u16 = 10;

/// See the module.
#[derive(Debug)]
pub struct Minter {
    node: u16,
    core: u16,
    last_ms: u64,
    counter: u16,
}

impl Minter {
    /// A minter of core `core` (6 bits) of node `node` (12 bits), whose ids are later than `after`.
    #[must_use]
    pub fn new(node: u16, core: u16, after: UnixMs) -> Self {
        assert!(core < 64, "an id has 6 bits for the core");
        Self {
            node,
            core,
            last_ms: after.0.saturating_sub(EPOCH_MS) + 1,
            counter: 0,
        }
    }

    /// The next id of `tenant`, at `now` or as soon after as one is free.
    pub fn mint(&mut self, tenant: TenantId, key: &ClickKey, now: UnixMs) -> ClickId {
        let now_ms = now.0.saturating_sub(EPOCH_MS);
        if now_ms > self.last_ms {
            self.last_ms = now_ms;
            self.counter = 0;
        }
        let sequence = self.core << COUNTER_BITS | self.counter;
        let parts = Parts {
            key_number: 0,
            tenant: tenant.0,
            ms: self.last_ms,
            node: self.node,
            sequence,
        };
        self.counter += 1;
        if self.counter >> COUNTER_BITS > 0 {
            self.counter = 0;
            self.last_ms += 1;
        }
        ClickId::mint(parts, key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn ids_never_repeat_whatever_the_clock_does() {
        let key = ClickKey([1; 16]);
        let mut minter = Minter::new(3, 5, UnixMs(EPOCH_MS + 1000));
        let clock = [2000, 2000, 1000, 0, 2001, 1500];
        let mut ids = BTreeSet::new();
        let mut last = 0;
        for now in clock {
            for _ in 0..1500 {
                let id = minter.mint(TenantId(1), &key, UnixMs(EPOCH_MS + now));
                assert!(ids.insert(id), "repeated");
                assert!(id.parts().ms >= last && id.parts().ms > 1000);
                last = id.parts().ms;
            }
        }
        assert_eq!(ids.len(), 9000);
    }
}
