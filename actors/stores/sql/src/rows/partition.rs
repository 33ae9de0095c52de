//! `partition_state`: how far each partition has come, and who may go on.

use weir_engine::ids::UnixMs;
use weir_engine::ports::{Advance, PartitionState, StoreError, Watermark};

use crate::dialect::Dialect;
use crate::fields::Fields;
use crate::value::{Query, Value};

/// Asks for all partitions in order; [`read`] reads a row of the answer.
pub const ALL: &str = "SELECT partition_id, next_offset, epoch, refold_from, newest_at FROM partition_state ORDER BY partition_id";

/// Advances a partition; must change exactly one row, else its offset or epoch is not the one that the owner
/// believes.
#[must_use]
pub fn advance(dialect: Dialect, step: &Advance, newest_at: UnixMs) -> Query {
    let sql = dialect.render(
        "UPDATE partition_state SET next_offset = ?, newest_at = {greatest}(newest_at, ?), refold_from = COALESCE(?, refold_from)
         WHERE partition_id = ? AND next_offset = ? AND epoch = ?",
    );
    let values: [Value; 6] = [
        step.to.into(),
        newest_at.0.into(),
        step.refold_from.into(),
        step.partition.into(),
        step.from.into(),
        step.epoch.into(),
    ];
    Query::new(sql, values)
}

/// Reads a row of [`ALL`]: the state and the time of the newest fact.
///
/// # Errors
/// [`StoreError::Unreadable`].
pub fn read(mut f: Fields<'_>) -> Result<(PartitionState, UnixMs), StoreError> {
    let state = PartitionState {
        partition: f.take()?,
        next_offset: f.number()?,
        epoch: f.number()?,
        refold_from: f.number()?,
    };
    Ok((state, f.at()?))
}

/// How far a store is, by the rows of [`ALL`].
#[must_use]
pub fn watermark(rows: &[(PartitionState, UnixMs)]) -> Watermark {
    Watermark {
        offsets: rows
            .iter()
            .map(|(state, _)| (state.partition, state.next_offset))
            .collect(),
        at: rows.iter().map(|(_, at)| *at).max().unwrap_or_default(),
    }
}
