//! A commit as rows: which tables, in which order, and what happens to a row that is there already.

use weir_engine::ports::Commit;
use weir_engine::rollup::RollupDelta;

use crate::rows::{
    balance, cap_counter, checkpoint, conversion, entity, rollup, status_change, transfer,
    unique_block, verdict,
};
use crate::value::Row;

/// What happens when a row with the key is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conflict {
    /// The new one stands.
    Replace,
    /// The columns after the key are added up; a sum that leaves 64 bits stays at their end, as in
    /// [`RollupDelta::add`], and the invariants tell of it.
    Add,
}

/// Rows for one table.
pub struct Upsert<'c> {
    /// The table.
    pub table: &'static str,
    /// Its columns, in the order of the rows' values.
    pub columns: String,
    /// How many of them are the key.
    pub key: usize,
    /// What happens to a row that is there already.
    pub conflict: Conflict,
    /// The rows.
    pub rows: Box<dyn ExactSizeIterator<Item = Row> + Send + 'c>,
}

/// Everything that a commit writes beside its steps, table by table; tables without rows are left out.
///
/// Always true: the steps were compared and set in the same transaction before, so that what is added is added
/// once.
pub fn upserts(commit: &Commit) -> Vec<Upsert<'_>> {
    use Conflict::{Add, Replace};
    let blocks: Vec<Row> = commit
        .unique_blocks
        .iter()
        .filter_map(unique_block::row)
        .collect();
    let parts: Vec<Row> = commit
        .checkpoints
        .iter()
        .flat_map(checkpoint::rows)
        .collect();
    let rollup_columns = [rollup::KEY, &RollupDelta::COLUMNS.join(", ")].join(", ");
    let all: [Upsert<'_>; 10] = [
        of(
            "entities",
            entity::COLUMNS,
            4,
            Replace,
            commit.entities.iter().map(entity::row),
        ),
        of(
            "conversions",
            conversion::COLUMNS,
            3,
            Replace,
            commit.conversions.iter().map(conversion::row),
        ),
        of(
            "verdicts",
            verdict::COLUMNS,
            3,
            Replace,
            commit.verdicts.iter().map(verdict::row),
        ),
        of(
            "status_changes",
            status_change::COLUMNS,
            3,
            Replace,
            commit.status_changes.iter().map(status_change::row),
        ),
        of(
            "transfers",
            transfer::COLUMNS,
            4,
            Replace,
            commit.transfers.iter().map(transfer::row),
        ),
        of(
            "balances",
            balance::COLUMNS,
            4,
            Add,
            balance::rows(&commit.transfers).into_iter(),
        ),
        of(
            "rollups",
            &rollup_columns,
            13,
            Add,
            rollup::in_order(&commit.rollups)
                .into_iter()
                .map(rollup::row),
        ),
        of(
            "cap_counters",
            cap_counter::COLUMNS,
            3,
            Replace,
            commit.cap_counters.iter().map(cap_counter::row),
        ),
        of(
            "unique_blocks",
            unique_block::COLUMNS,
            2,
            Replace,
            blocks.into_iter(),
        ),
        of(
            "checkpoints",
            checkpoint::COLUMNS,
            4,
            Replace,
            parts.into_iter(),
        ),
    ];
    all.into_iter().filter(|u| u.rows.len() > 0).collect()
}

fn of<'c>(
    table: &'static str,
    columns: &str,
    key: usize,
    conflict: Conflict,
    rows: impl ExactSizeIterator<Item = Row> + Send + 'c,
) -> Upsert<'c> {
    Upsert {
        table,
        columns: columns.to_owned(),
        key,
        conflict,
        rows: Box::new(rows),
    }
}
