//! `partition_state`: how far each partition has come, and who may go on.

use rusqlite::{Connection, params};
use weir_engine::ids::UnixMs;
use weir_engine::ports::{Advance, PartitionState, StoreError, Watermark};

use super::{Fields, int};
use crate::failure::unavailable;

/// Advances a partition; fails when its offset or epoch is not the one that the owner believes.
pub fn advance(
    connection: &Connection,
    step: &Advance,
    newest_at: UnixMs,
) -> Result<(), StoreError> {
    let mut compare_and_set = connection
        .prepare_cached(
            "UPDATE partition_state SET next_offset = ?1, newest_at = max(newest_at, ?2),
                 refold_from = coalesce(?6, refold_from)
             WHERE partition_id = ?3 AND next_offset = ?4 AND epoch = ?5",
        )
        .map_err(unavailable)?;
    let changed = compare_and_set
        .execute(params![
            int(step.to),
            int(newest_at.0),
            step.partition,
            int(step.from),
            int(step.epoch),
            step.refold_from.map(int)
        ])
        .map_err(unavailable)?;
    match changed {
        1 => Ok(()),
        _ => Err(StoreError::Fenced {
            partition: step.partition,
        }),
    }
}

/// Gives a partition a new epoch, making it at offset 0 when it is new.
pub fn claim(connection: &Connection, partition: u16) -> rusqlite::Result<()> {
    connection.execute(
        "INSERT INTO partition_state (partition_id, next_offset, epoch, newest_at, refold_from) VALUES (?1, 0, 1, 0, 0)
         ON CONFLICT (partition_id) DO UPDATE SET epoch = epoch + 1",
        [partition],
    )?;
    Ok(())
}

/// All partitions in order.
pub fn read_all(connection: &Connection) -> Result<Vec<PartitionState>, StoreError> {
    let rows = read_with_times(connection)?;
    Ok(rows.into_iter().map(|(state, _)| state).collect())
}

/// How far the store is.
pub fn watermark(connection: &Connection) -> Result<Watermark, StoreError> {
    let rows = read_with_times(connection)?;
    Ok(Watermark {
        offsets: rows
            .iter()
            .map(|(state, _)| (state.partition, state.next_offset))
            .collect(),
        at: rows.iter().map(|(_, at)| *at).max().unwrap_or_default(),
    })
}

fn read_with_times(connection: &Connection) -> Result<Vec<(PartitionState, UnixMs)>, StoreError> {
    crate::query::all(
        connection,
        "SELECT partition_id, next_offset, epoch, refold_from, newest_at FROM partition_state ORDER BY partition_id",
        [],
        |row| {
            let mut fields = Fields::of("partition_state", row);
            let state = PartitionState {
                partition: fields.take()?,
                next_offset: fields.number()?,
                epoch: fields.number()?,
                refold_from: fields.number()?,
            };
            Ok((state, fields.at()?))
        },
    )
}
