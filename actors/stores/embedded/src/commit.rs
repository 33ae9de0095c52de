//! The transaction: all that a [`Commit`] says, or nothing.
//!
//! Always true: the partitions' offsets are compared and set first, in the same transaction, so that an owner
//! that was replaced writes nothing, and no window is added twice.

use rusqlite::{Connection, TransactionBehavior, params_from_iter};
use weir_engine::ids::UnixMs;
use weir_engine::ports::{Advance, Commit, PartitionState, StoreError};
use weir_sql::rows::partition;
use weir_sql::{Conflict, Dialect, Query, Upsert, upserts};

use crate::failure::unavailable;
use crate::query::{Param, all};

/// Writes a commit.
pub fn apply(connection: &mut Connection, commit: &Commit) -> Result<(), StoreError> {
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(unavailable)?;
    for step in &commit.advances {
        advance(&transaction, step, commit.newest_at)?;
    }
    for rows in upserts(commit) {
        write(&transaction, rows).map_err(unavailable)?;
    }
    transaction.commit().map_err(unavailable)
}

/// Advances a partition; fails when its offset or epoch is not the one that the owner believes.
fn advance(connection: &Connection, step: &Advance, newest_at: UnixMs) -> Result<(), StoreError> {
    let compare_and_set = partition::advance(Dialect::Sqlite, step, newest_at);
    match execute(connection, &compare_and_set).map_err(unavailable)? {
        1 => Ok(()),
        _ => Err(StoreError::Fenced {
            partition: step.partition,
        }),
    }
}

fn execute(connection: &Connection, query: &Query) -> rusqlite::Result<usize> {
    let mut statement = connection.prepare_cached(&query.sql)?;
    statement.execute(params_from_iter(query.values.iter().map(Param)))
}

fn write(connection: &Connection, upsert: Upsert<'_>) -> rusqlite::Result<()> {
    let mut put = connection.prepare_cached(&statement(&upsert))?;
    for row in upsert.rows {
        put.execute(params_from_iter(row.iter().map(Param)))?;
    }
    Ok(())
}

fn statement(upsert: &Upsert<'_>) -> String {
    let columns: Vec<&str> = upsert.columns.split(',').map(str::trim).collect();
    let marks = vec!["?"; columns.len()].join(", ");
    let into = format!(
        "INTO {} ({}) VALUES ({marks})",
        upsert.table, upsert.columns
    );
    match upsert.conflict {
        Conflict::Replace => format!("INSERT OR REPLACE {into}"),
        Conflict::Add => {
            let sums: Vec<_> = columns[upsert.key..]
                .iter()
                .copied()
                .map(saturating)
                .collect();
            format!(
                "INSERT {into} ON CONFLICT DO UPDATE SET {}",
                sums.join(", ")
            )
        }
    }
}

/// An assignment that adds what an upsert brings to `column`. SQLite would make a sum that leaves 64 bits a real
/// number, which the column refuses, and no commit would ever pass that row again.
fn saturating(column: &str) -> String {
    let sum = format!("{column} + excluded.{column}");
    let (greatest, least) = (i64::MAX, "-9223372036854775807 - 1");
    format!(
        "{column} = CASE WHEN typeof({sum}) = 'integer' THEN {sum} \
         WHEN {column} > 0 THEN {greatest} ELSE {least} END"
    )
}

/// Gives partitions a new epoch, making them at offset 0 when they are new.
pub fn claim(
    connection: &mut Connection,
    partitions: &[u16],
) -> Result<Vec<PartitionState>, StoreError> {
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(unavailable)?;
    for &number in partitions {
        let made = transaction.execute(
            "INSERT INTO partition_state (partition_id, next_offset, epoch, newest_at, refold_from) VALUES (?1, 0, 1, 0, 0)
             ON CONFLICT (partition_id) DO UPDATE SET epoch = epoch + 1",
            [number],
        );
        made.map_err(unavailable)?;
    }
    let all = states(&transaction)?;
    transaction.commit().map_err(unavailable)?;
    let is_claimed = |state: &PartitionState| partitions.contains(&state.partition);
    Ok(all.into_iter().filter(is_claimed).collect())
}

/// How far each partition has come, in order.
pub fn states(connection: &Connection) -> Result<Vec<PartitionState>, StoreError> {
    let rows = states_with_times(connection)?;
    Ok(rows.into_iter().map(|(state, _)| state).collect())
}

/// The same with the time of each one's newest fact.
pub fn states_with_times(
    connection: &Connection,
) -> Result<Vec<(PartitionState, UnixMs)>, StoreError> {
    let query = Query::new(partition::ALL, []);
    all(connection, "partition_state", &query, partition::read)
}
