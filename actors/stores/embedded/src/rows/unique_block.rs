//! `unique_blocks`: which facts of a partition are unique clicks, a bit a fact.
//!
//! Always true: trailing zero bytes are not stored, and neither is a block without a unique click, so that the
//! same facts give the same rows whatever the caller left out.

use rusqlite::{Connection, Row, params};
use weir_engine::ports::{StoreError, UniqueBlock};

use super::{Fields, int};

/// The columns, in the order in which they are written and read.
pub const COLUMNS: &str = "partition_id, block, bits";

/// Writes blocks as they stand.
pub fn write(connection: &Connection, rows: &[UniqueBlock]) -> rusqlite::Result<()> {
    let mut put = connection.prepare_cached(&format!(
        "INSERT OR REPLACE INTO unique_blocks ({COLUMNS}) VALUES (?1, ?2, ?3)"
    ))?;
    for row in rows {
        let length = row.bits.iter().rposition(|&b| b != 0).map_or(0, |i| i + 1);
        if length > 0 {
            put.execute(params![row.partition, int(row.block), &row.bits[..length]])?;
        }
    }
    Ok(())
}

/// Reads [`COLUMNS`].
pub fn read(row: &Row<'_>) -> Result<UniqueBlock, StoreError> {
    let mut f = Fields::of("unique_blocks", row);
    Ok(UniqueBlock {
        partition: f.take()?,
        block: f.number()?,
        bits: f.take()?,
    })
}
