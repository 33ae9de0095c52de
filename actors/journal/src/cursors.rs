//! How far a reader of the log has come: the next number wanted, per partition.

use weir_engine::ids::{PARTITIONS, Position};

/// The next fact wanted in each partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cursors(pub [u64; PARTITIONS as usize]);

impl Cursors {
    /// From the first fact of every partition.
    pub const START: Self = Self([0; PARTITIONS as usize]);

    /// Facts before the cursors, over all partitions. For the end of a journal it is the number of the
    /// next fact in physical order.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Whether every fact before `other` lies before these cursors too.
    #[must_use]
    pub fn reaches(&self, other: &Self) -> bool {
        self.first_behind(other).is_none()
    }

    /// The first partition in which these cursors stand before `other`.
    #[must_use]
    pub fn first_behind(&self, other: &Self) -> Option<u16> {
        (0..PARTITIONS).find(|&p| self.0[usize::from(p)] < other.0[usize::from(p)])
    }

    /// The further of both, per partition.
    #[must_use]
    pub fn furthest(&self, other: &Self) -> Self {
        let mut both = *self;
        for (mine, theirs) in both.0.iter_mut().zip(other.0) {
            *mine = (*mine).max(theirs);
        }
        both
    }

    /// The nearer of both, per partition.
    #[must_use]
    pub fn nearest(&self, other: &Self) -> Self {
        let mut both = *self;
        for (mine, theirs) in both.0.iter_mut().zip(other.0) {
            *mine = (*mine).min(theirs);
        }
        both
    }

    /// Whether the fact at `position` lies before the cursors.
    #[must_use]
    pub fn are_past(&self, position: Position) -> bool {
        position.seq < self.0[usize::from(position.partition)]
    }
}

impl FromIterator<(u16, u64)> for Cursors {
    /// The next fact of each partition; those that are not named are wanted from the first. A partition that there is
    /// not is passed over.
    fn from_iter<T: IntoIterator<Item = (u16, u64)>>(nexts: T) -> Self {
        let mut cursors = Self::START;
        for (partition, next) in nexts {
            if let Some(cursor) = cursors.0.get_mut(usize::from(partition)) {
                *cursor = next;
            }
        }
        cursors
    }
}
