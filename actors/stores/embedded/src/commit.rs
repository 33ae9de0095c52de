//! The transaction: all that a [`Commit`] says, or nothing.
//!
//! Always true: the partitions' offsets are compared and set first, in the same transaction, so that an owner
//! that was replaced writes nothing, and no window is added twice.

use rusqlite::{Connection, TransactionBehavior};
use weir_engine::ports::{Commit, StoreError};

use crate::failure::unavailable;
use crate::rows;

/// Writes a commit.
pub fn apply(connection: &mut Connection, commit: &Commit) -> Result<(), StoreError> {
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(unavailable)?;
    for step in &commit.advances {
        rows::partition::advance(&transaction, step, commit.newest_at)?;
    }
    write(&transaction, commit).map_err(unavailable)?;
    transaction.commit().map_err(unavailable)
}

fn write(connection: &Connection, commit: &Commit) -> rusqlite::Result<()> {
    rows::entity::write(connection, &commit.entities)?;
    rows::conversion::write(connection, &commit.conversions)?;
    rows::verdict::write(connection, &commit.verdicts)?;
    rows::status_change::write(connection, &commit.status_changes)?;
    rows::transfer::write(connection, &commit.transfers)?.write(connection)?;
    rows::rollup::write(connection, &commit.rollups)?;
    rows::cap_counter::write(connection, &commit.cap_counters)?;
    rows::unique_block::write(connection, &commit.unique_blocks)?;
    rows::checkpoint::write(connection, &commit.checkpoints)
}
