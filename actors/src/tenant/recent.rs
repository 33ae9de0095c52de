//! Conversions that were judged and are not stored yet: evidence that only memory has.
//!
//! Always true: until the store has the last change of a conversion, the conversion is here as it stands, so
//! that memory and store together are the state at the place that is being judged.

use std::collections::{HashMap, VecDeque};

use weir_engine::ids::ConversionId;
use weir_engine::judge::{Conversion, Identity};

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    /// Each conversion with the number of the fact that changed it last.
    by_id: HashMap<ConversionId, (u64, Conversion)>,
    by_identity: HashMap<Identity, ConversionId>,
    changes: VecDeque<(u64, ConversionId)>,
}

impl Recent {
    /// Remembers a conversion as fact number `seq` left it.
    pub(crate) fn put(&mut self, seq: u64, conversion: &Conversion) {
        // Its identity may be another one now.
        let before = self.by_id.get(&conversion.id).and_then(|(_, c)| c.identity);
        if let Some(identity) = before.filter(|_| before != conversion.identity) {
            self.by_identity.remove(&identity);
        }
        if let Some(identity) = conversion.identity {
            self.by_identity.insert(identity, conversion.id);
        }
        self.by_id.insert(conversion.id, (seq, conversion.clone()));
        self.changes.push_back((seq, conversion.id));
    }

    /// The conversion that took `identity`, if it is not stored yet.
    pub(crate) fn by_identity(&self, identity: Identity) -> Option<&Conversion> {
        self.by_identity.get(&identity).and_then(|id| self.get(*id))
    }

    /// A conversion that is not stored yet as it stands.
    pub(crate) fn get(&self, id: ConversionId) -> Option<&Conversion> {
        self.by_id.get(&id).map(|(_, conversion)| conversion)
    }

    /// Forgets what the store has: everything that facts below `stored` changed last.
    pub(crate) fn forget_below(&mut self, stored: u64) {
        while let Some(&(seq, id)) = self.changes.front().filter(|(seq, _)| *seq < stored) {
            self.changes.pop_front();
            let is_last = self.by_id.get(&id).is_some_and(|(last, _)| *last == seq);
            let stored = is_last.then(|| self.by_id.remove(&id)).flatten();
            if let Some(identity) = stored.and_then(|(_, conversion)| conversion.identity) {
                self.by_identity.remove(&identity);
            }
        }
    }
}
