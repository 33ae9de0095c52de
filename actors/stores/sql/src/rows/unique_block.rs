//! `unique_blocks`: which facts of a partition are unique clicks, a bit a fact.
//!
//! Always true: trailing zero bytes are not stored, and neither is a block without a unique click, so that the
//! same facts give the same rows whatever the caller left out.

use weir_engine::ports::{StoreError, UniqueBlock};

use crate::fields::Fields;
use crate::value::Row;

/// The columns, in the order in which they are written and read.
pub const COLUMNS: &str = "partition_id, block, bits";

/// A block as it stands; `None` when it has no unique click.
#[must_use]
pub fn row(of: &UniqueBlock) -> Option<Row> {
    let length = of.bits.iter().rposition(|&b| b != 0)? + 1;
    Some(vec![
        of.partition.into(),
        of.block.into(),
        of.bits[..length].into(),
    ])
}

/// Reads [`COLUMNS`].
///
/// # Errors
/// [`StoreError::Unreadable`].
pub fn read(mut f: Fields<'_>) -> Result<UniqueBlock, StoreError> {
    Ok(UniqueBlock {
        partition: f.take()?,
        block: f.number()?,
        bits: f.take()?,
    })
}
