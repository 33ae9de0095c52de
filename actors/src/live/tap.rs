//! What each commit has changed in live counters, for whoever takes it.
//!
//! Always true: only what the store has is told; nobody who commits waits: when nobody takes, what was told is
//! dropped, and whoever takes next is told that it was.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use weir_engine::ids::UnixMs;
use weir_engine::live::{LiveKey, LiveSums, UtcDay};
use weir_engine::money::Currency;
use weir_engine::ports::Commit;

use crate::window::Step;

/// Changes that wait to be taken, at most.
const WAITING: usize = 100_000;

/// What a commit has changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Committed {
    pub(crate) steps: Vec<Step>,
    pub(crate) newest_at: UnixMs,
    pub(crate) added: BTreeMap<(LiveKey, Currency), LiveSums>,
}

impl Committed {
    fn of(commit: &Commit) -> Self {
        let today = UtcDay::of(commit.newest_at);
        let mut added: BTreeMap<_, LiveSums> = BTreeMap::new();
        for (tenant, row, delta) in &commit.rollups {
            let key = LiveKey::of(*tenant, row).filter(|key| key.day.is_live(today));
            if let Some(key) = key {
                let sums = added.entry((key, row.currency)).or_default();
                sums.add_row(row, delta);
            }
        }
        let steps = commit.advances.iter().map(|advance| Step {
            partition: advance.partition,
            from: advance.from,
            to: advance.to,
        });
        Self {
            steps: steps.collect(),
            newest_at: commit.newest_at,
            added,
        }
    }
}

/// What was taken.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// Commits in order.
    pub(crate) commits: Vec<Committed>,
    /// Whether commits before them were dropped.
    pub(crate) is_incomplete: bool,
}

/// See the module. Its default is one that nobody listens to, which costs nothing.
#[derive(Debug, Clone, Default)]
pub struct LiveTap(Option<Arc<Mutex<Waiting>>>);

#[derive(Debug, Default)]
struct Waiting {
    told: Told,
    changes: usize,
}

impl LiveTap {
    /// A tap that somebody takes from.
    #[must_use]
    pub fn open() -> Self {
        Self(Some(Arc::default()))
    }

    /// What to tell when `commit` is stored.
    pub(crate) fn hear(&self, commit: &Commit) -> Option<Committed> {
        self.0.as_ref().map(|_| Committed::of(commit))
    }

    /// The commit is stored.
    pub(crate) fn tell(&self, committed: Option<Committed>) {
        let (Some(waiting), Some(committed)) = (&self.0, committed) else {
            return;
        };
        let mut waiting = locked(waiting);
        waiting.changes += committed.added.len() + committed.steps.len();
        if waiting.changes > WAITING {
            waiting.told = Told {
                commits: Vec::new(),
                is_incomplete: true,
            };
            waiting.changes = 0;
        }
        waiting.told.commits.push(committed);
    }

    pub(crate) fn take(&self) -> Told {
        let Some(waiting) = &self.0 else {
            return Told::default();
        };
        std::mem::take(&mut *locked(waiting)).told
    }
}

fn locked(waiting: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_engine::ids::TenantId;

    #[test]
    fn what_nobody_takes_is_dropped_and_said_to_be() {
        let tap = LiveTap::open();
        let key = |campaign| LiveKey {
            tenant: TenantId(1),
            day: UtcDay(20_000),
            campaign,
        };
        let committed = Committed {
            added: (0..WAITING as u32 / 4)
                .map(|n| ((key(n), Currency::USD), LiveSums::default()))
                .collect(),
            ..Committed::default()
        };
        for _ in 0..5 {
            tap.tell(Some(committed.clone()));
        }
        let told = tap.take();
        assert!(told.is_incomplete);
        assert_eq!(told.commits.len(), 1);
        assert_eq!(tap.take(), Told::default());
    }

    #[test]
    fn a_tap_that_nobody_listens_to_hears_nothing() {
        let tap = LiveTap::default();
        assert_eq!(tap.hear(&Commit::default()), None);
        tap.tell(Some(Committed::default()));
        assert_eq!(tap.take(), Told::default());
    }
}
