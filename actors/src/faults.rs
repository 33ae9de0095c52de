//! Faults on demand, for tests: an actor of a kind panics at its next message.
//!
//! Always true: nothing in the product plans a strike; without one a check costs a load.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Kinds of actors that can be struck.
pub const KINDS: [&str; 4] = ["reader", "tenant", "campaign", "projection"];

/// Strikes that are planned, by kind.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<[AtomicU8; KINDS.len()]>);

impl Faults {
    /// The next `times` messages of actors of `kind` end in a panic.
    pub fn plan(&self, kind: &str, times: u8) {
        if let Some(planned) = self.of(kind) {
            planned.store(times, Ordering::Release);
        }
    }

    /// Whether strikes of `kind` are still to come.
    #[must_use]
    pub fn is_planned(&self, kind: &str) -> bool {
        self.of(kind)
            .is_some_and(|planned| planned.load(Ordering::Acquire) > 0)
    }

    /// Panics if a strike is planned for `kind`.
    pub(crate) fn strike(&self, kind: &'static str) {
        let Some(planned) = self.of(kind) else {
            return;
        };
        let left = planned.fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| n.checked_sub(1));
        assert!(left.is_err(), "planned fault in {kind}");
    }

    fn of(&self, kind: &str) -> Option<&AtomicU8> {
        let index = KINDS.iter().position(|k| *k == kind)?;
        Some(&self.0[index])
    }
}
