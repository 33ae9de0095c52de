//! Whose the partitions are: this process's, until the store says that another one has taken them over.
//!
//! Always true: a process that was replaced claims nothing again. It may have stood still for a while (a frozen machine,
//! a copy of the data folder that was started elsewhere), and its log may go on where the books of the other end: taking
//! the partitions back would mix two logs in one set of books. A claim whose answer was lost counts as its own.

use std::sync::{Mutex, PoisonError};

use ractor::ActorProcessingErr;
use weir_engine::ports::{LedgerStore, PartitionState};

/// What this process has claimed.
#[derive(Debug, Default)]
pub(crate) struct Ownership(Mutex<Held>);

#[derive(Debug, Default, Clone)]
struct Held {
    partitions: Vec<PartitionState>,
    /// Claims since then of which nobody knows whether they were made.
    unanswered: u64,
}

/// Another process has the partitions.
#[derive(Debug, thiserror::Error)]
#[error(
    "another process has taken this installation's books over; this one writes nothing more: end it, and start it again \
     only when the other one has ended"
)]
pub(crate) struct Replaced;

impl Ownership {
    /// Takes the partitions over; the first time from whoever had them, later only if nobody has done so since.
    ///
    /// # Errors
    /// The store's, or [`Replaced`].
    pub(crate) async fn claim(
        &self,
        ledger: &dyn LedgerStore,
        partitions: &[u16],
    ) -> Result<Vec<PartitionState>, ActorProcessingErr> {
        let held = self.change(|held| held.clone());
        if !held.partitions.is_empty() && held.is_replaced(&ledger.offsets().await?) {
            return Err(Replaced.into());
        }
        self.change(|held| held.unanswered += 1);
        let partitions = ledger.claim(partitions).await?;
        self.change(|held| {
            *held = Held {
                partitions: partitions.clone(),
                unanswered: 0,
            }
        });
        Ok(partitions)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Held) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Held {
    /// Whether a partition has a later epoch now than this process can have given it.
    fn is_replaced(&self, now: &[PartitionState]) -> bool {
        self.partitions.iter().any(|mine| {
            let is_others = |other: &PartitionState| {
                other.partition == mine.partition && other.epoch > mine.epoch + self.unanswered
            };
            now.iter().any(is_others)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(partition: u16, epoch: u64, next_offset: u64) -> PartitionState {
        PartitionState {
            partition,
            next_offset,
            epoch,
            refold_from: 0,
        }
    }

    #[test]
    fn only_an_epoch_that_this_process_cannot_have_made_says_that_another_has_taken_over() {
        let mut held = Held {
            partitions: vec![state(0, 3, 10), state(1, 5, 20)],
            unanswered: 0,
        };
        let cases = [
            (vec![state(0, 3, 10), state(1, 5, 20)], [false, false]),
            (vec![state(0, 3, 99), state(1, 5, 99)], [false, false]),
            (vec![state(0, 4, 10), state(1, 6, 20)], [true, false]),
            (vec![state(0, 3, 10), state(1, 7, 20)], [true, true]),
            (vec![state(7, 9, 10)], [false, false]),
            (vec![], [false, false]),
        ];
        for (unanswered, which) in [(0, 0), (1, 1)] {
            held.unanswered = unanswered;
            for (now, expect) in &cases {
                assert_eq!(held.is_replaced(now), expect[which], "{unanswered} {now:?}");
            }
        }
    }
}
