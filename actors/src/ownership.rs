//! Whose the partitions are: this process's, until the store says that another one has taken them over.
//!
//! Always true: a process that was replaced claims nothing again. It may have stood still for a while (a frozen machine,
//! a copy of the data folder that was started elsewhere), and its log may go on where the books of the other end: taking
//! the partitions back would mix two logs in one set of books. A claim whose answer was lost counts as its own.

use std::sync::{Mutex, PoisonError};

use ractor::ActorProcessingErr;
use weir_engine::ports::{LedgerStore, PartitionState};
use weir_journal::Cursors;

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

/// The books go on where the log ended.
#[derive(Debug, thiserror::Error)]
#[error(
    "the store has come to fact {stored} of partition {partition}, the log ended at {log} when this process began: it is an \
     older copy, or a part of it is lost. Nothing is judged, so that nothing is taken for stored that is not: end this \
     process and bring the log back that the books are of"
)]
pub(crate) struct BehindBooks {
    partition: u16,
    stored: u64,
    log: u64,
}

/// Whether the log had every fact that the books are of.
fn is_reached(books: &[PartitionState], log: &Cursors) -> Result<(), BehindBooks> {
    let end = |state: &PartitionState| log.0[usize::from(state.partition)];
    match books.iter().find(|state| state.next_offset > end(state)) {
        None => Ok(()),
        Some(state) => Err(BehindBooks {
            partition: state.partition,
            stored: state.next_offset,
            log: end(state),
        }),
    }
}

impl Ownership {
    /// Takes the partitions over; the first time from whoever had them, later only if nobody has done so since.
    ///
    /// `log` is where the log ended when this process began: facts that it has written since do not tell whether the
    /// log is the one that the books are of.
    ///
    /// # Errors
    /// The store's, [`Replaced`], or [`BehindBooks`].
    pub(crate) async fn claim(
        &self,
        ledger: &dyn LedgerStore,
        partitions: &[u16],
        log: &Cursors,
    ) -> Result<Vec<PartitionState>, ActorProcessingErr> {
        let held = self.change(|held| held.clone());
        let now = ledger.offsets().await?;
        if held.partitions.is_empty() {
            is_reached(&now, log)?;
        } else if held.is_replaced(&now) {
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
