//! The transaction: all that a [`Commit`] says, or nothing.
//!
//! Always true: the partitions' offsets are compared and set first, in the same transaction, so that an owner
//! that was replaced writes nothing, and no window is added twice. A transaction whose end nobody heard of is
//! looked up before it is tried again: where the partitions stand at its end under its epoch, it was committed.

use std::sync::Arc;
use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, IsolationLevel, TxOpts, Value as MysqlValue};
use weir_engine::ids::UnixMs;
use weir_engine::ports::{Advance, Commit, PartitionState, StoreError};
use weir_sql::rows::partition;
use weir_sql::{Conflict, Dialect, Query, Row, Upsert, Value, upserts};

use crate::failure::{is_passing, unavailable};
use crate::pool::Connections;
use crate::query::{all, param, params};

/// How long a commit may take before its connection is given up.
const COMMIT_WITHIN: Duration = Duration::from_secs(60);
/// How often a transaction is tried again at once.
const TRIES: u32 = 5;
const FIRST_WAIT: Duration = Duration::from_millis(20);
/// Rows of a statement: a full one, and what is left in pieces, so that few statements are prepared.
const PIECES: [usize; 4] = [512, 64, 8, 1];
/// Bytes of a statement's values at most: far below the smallest `max_allowed_packet`.
const STATEMENT_BYTES: usize = 2 << 20;

/// Writes a commit; tries again, as a whole, what passes. The commit comes back when it was not written.
pub async fn commit(connections: &Connections, commit: Commit) -> Result<(), (StoreError, Commit)> {
    let commit = Arc::new(commit);
    let result = persist(connections, &commit).await;
    result.map_err(|error| {
        // Whoever else held it has been given up.
        let commit = Arc::try_unwrap(commit).unwrap_or_else(|shared| (*shared).clone());
        (error, commit)
    })
}

async fn persist(connections: &Connections, commit: &Arc<Commit>) -> Result<(), StoreError> {
    let mut wait = FIRST_WAIT;
    let mut tries = 0;
    loop {
        tries += 1;
        let commit = Arc::clone(commit);
        let result = connections
            .with(COMMIT_WITHIN, move |c| {
                Box::pin(async move { apply(c, &commit).await })
            })
            .await;
        match result {
            Err(StoreError::Unavailable(error)) if tries < TRIES && may_pass(error.as_ref()) => {
                metrics::counter!("weir_store_retries_total", "store" => "mysql").increment(1);
                tracing::debug!(%error, tries, ?wait, "transaction is tried again");
                tokio::time::sleep(wait).await;
                wait *= 2;
            }
            other => return other,
        }
    }
}

fn may_pass(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    error
        .downcast_ref::<mysql_async::Error>()
        .is_some_and(is_passing)
}

async fn apply(connection: &mut Conn, commit: &Commit) -> Result<(), StoreError> {
    let mut transaction = connection
        .start_transaction(read_committed())
        .await
        .map_err(unavailable)?;
    for step in &commit.advances {
        if advance(&mut transaction, step, commit.newest_at).await? {
            continue;
        }
        // The epoch is this run's alone, so nobody else can have come there: an earlier try whose end nobody heard of.
        if was_committed(&mut transaction, commit).await? {
            return transaction.rollback().await.map_err(unavailable);
        }
        return Err(StoreError::Fenced {
            partition: step.partition,
        });
    }
    for upsert in upserts(commit) {
        write(&mut transaction, upsert).await.map_err(unavailable)?;
    }
    transaction.commit().await.map_err(unavailable)
}

fn read_committed() -> TxOpts {
    let mut options = TxOpts::new();
    options.with_isolation_level(IsolationLevel::ReadCommitted);
    options
}

/// Advances a partition; `false` when its offset or epoch is not the one that the owner believes.
async fn advance(
    connection: &mut impl Queryable,
    step: &Advance,
    newest_at: UnixMs,
) -> Result<bool, StoreError> {
    let Query { sql, values } = partition::advance(Dialect::MySql, step, newest_at);
    let result = connection
        .exec_iter(sql, params(values))
        .await
        .map_err(unavailable)?;
    let matched = result.affected_rows();
    result.drop_result().await.map_err(unavailable)?;
    Ok(matched == 1)
}

/// Whether every partition stands where this commit would take it, under the commit's epochs.
async fn was_committed(
    connection: &mut impl Queryable,
    commit: &Commit,
) -> Result<bool, StoreError> {
    let states = states(connection).await?;
    let is_there = |step: &Advance| {
        states.iter().any(|(state, _)| {
            (state.partition, state.next_offset, state.epoch)
                == (step.partition, step.to, step.epoch)
        })
    };
    Ok(commit.advances.iter().all(is_there))
}

/// How far each partition has come and the time of its newest fact, in order.
pub async fn states(
    connection: &mut impl Queryable,
) -> Result<Vec<(PartitionState, UnixMs)>, StoreError> {
    let query = Query::new(partition::ALL, []);
    all(connection, "partition_state", query, partition::read).await
}

const OWNER: &str = "SELECT id FROM installation WHERE one = 1";

/// Refuses a database that holds another installation's books; one without any is nobody's.
pub async fn is_of(connection: &mut Conn, installation: [u8; 16]) -> Result<(), StoreError> {
    let table = "SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'installation'";
    let has_table: Option<u8> = connection.query_first(table).await.map_err(unavailable)?;
    if has_table.is_none() {
        return Ok(());
    }
    let owner: Option<Vec<u8>> = connection.query_first(OWNER).await.map_err(unavailable)?;
    match owner {
        None => Ok(()),
        owner => refuse_others(owner, installation),
    }
}

fn refuse_others(owner: Option<Vec<u8>>, installation: [u8; 16]) -> Result<(), StoreError> {
    if owner.as_deref() == Some(installation.as_slice()) {
        return Ok(());
    }
    Err(StoreError::Unreadable {
        table: "installation",
        what: "the database holds the books of another installation: give each its own".to_owned(),
    })
}

/// Gives partitions a new epoch, making them at offset 0 when they are new; refuses another installation's database.
pub async fn claim(
    connection: &mut Conn,
    installation: [u8; 16],
    partitions: &[u16],
) -> Result<Vec<PartitionState>, StoreError> {
    let mut transaction = connection
        .start_transaction(read_committed())
        .await
        .map_err(unavailable)?;
    transaction
        .exec_drop(
            "INSERT INTO installation (one, id) VALUES (1, ?) ON DUPLICATE KEY UPDATE one = one",
            (installation.as_slice(),),
        )
        .await
        .map_err(unavailable)?;
    let owner = transaction.query_first(OWNER).await.map_err(unavailable)?;
    refuse_others(owner, installation)?;
    for &number in partitions {
        transaction
            .exec_drop(
                "INSERT INTO partition_state (partition_id, next_offset, epoch, newest_at, refold_from) VALUES (?, 0, 1, 0, 0)
                 ON DUPLICATE KEY UPDATE epoch = epoch + 1",
                (number,),
            )
            .await
            .map_err(unavailable)?;
    }
    let all = states(&mut transaction).await?;
    transaction.commit().await.map_err(unavailable)?;
    let claimed = all.into_iter().map(|(state, _)| state);
    Ok(claimed
        .filter(|s| partitions.contains(&s.partition))
        .collect())
}

/// Writes rows in statements of many.
async fn write(
    connection: &mut impl Queryable,
    mut upsert: Upsert<'_>,
) -> Result<(), mysql_async::Error> {
    let shape = Shape::of(&upsert);
    let mut pending: Vec<Row> = Vec::new();
    let mut bytes = 0;
    for row in &mut upsert.rows {
        bytes += row.iter().map(size).sum::<usize>();
        pending.push(row);
        if pending.len() == PIECES[0] || bytes >= STATEMENT_BYTES {
            flush(connection, &shape, &mut pending).await?;
            bytes = 0;
        }
    }
    flush(connection, &shape, &mut pending).await
}

fn size(value: &Value) -> usize {
    match value {
        Value::Null => 1,
        Value::Int(_) => 8,
        Value::Text(text) => text.len() + 4,
        Value::Blob(bytes) => bytes.len() + 4,
    }
}

async fn flush(
    connection: &mut impl Queryable,
    shape: &Shape,
    pending: &mut Vec<Row>,
) -> Result<(), mysql_async::Error> {
    let mut rows = pending.drain(..);
    for size in PIECES {
        while rows.len() >= size {
            let values: Vec<MysqlValue> = rows
                .by_ref()
                .take(size)
                .flat_map(|row| shape.values(row))
                .collect();
            connection.exec_drop(shape.statement(size), values).await?;
        }
    }
    Ok(())
}

/// How rows of a table are written.
struct Shape {
    table: &'static str,
    columns: String,
    count: usize,
    assignments: String,
    /// Values from this place on are null when they are zero.
    sparse_from: usize,
}

impl Shape {
    fn of(upsert: &Upsert<'_>) -> Self {
        let names: Vec<&str> = upsert.columns.split(',').map(str::trim).collect();
        // The view shows the nulls of the rows as zeros.
        let (table, is_sparse) = match upsert.table {
            "rollups" => ("rollup_rows", true),
            table => (table, false),
        };
        let assign = |column: &&str| match upsert.conflict {
            Conflict::Replace => format!("{column} = VALUES({column})"),
            Conflict::Add => added(column, is_sparse),
        };
        let assignments: Vec<_> = names[upsert.key..].iter().map(assign).collect();
        Self {
            table,
            columns: names.join(", "),
            count: names.len(),
            assignments: assignments.join(", "),
            sparse_from: if is_sparse { upsert.key } else { names.len() },
        }
    }

    fn statement(&self, rows: usize) -> String {
        let row = format!("({})", vec!["?"; self.count].join(","));
        format!(
            "INSERT INTO {} ({}) VALUES {} ON DUPLICATE KEY UPDATE {}",
            self.table,
            self.columns,
            vec![row; rows].join(","),
            self.assignments
        )
    }

    fn values(&self, row: Row) -> impl Iterator<Item = MysqlValue> {
        let sparse_from = self.sparse_from;
        row.into_iter().enumerate().map(move |(place, value)| {
            if place >= sparse_from && value == Value::Int(0) {
                MysqlValue::NULL
            } else {
                param(value)
            }
        })
    }
}

/// An assignment that adds what an upsert brings to `column`. A sum that leaves 64 bits stays at their end: it
/// would be an error, and no commit would ever pass that row again.
///
/// Counts of a quarter of an hour stay far from the end of their 32 bits, and their sum is a fraction of the cost.
fn added(column: &str, is_sparse: bool) -> String {
    let is_count = column.ends_with("_click") || column.ends_with("_cv");
    if is_sparse && is_count {
        return format!(
            "{column} = IF(VALUES({column}) IS NULL, {column}, NULLIF(IFNULL({column}, 0) + VALUES({column}), 0))"
        );
    }
    let sum = format!(
        "LEAST(GREATEST(CAST(IFNULL({column}, 0) AS DECIMAL(20)) + VALUES({column}), {}), {})",
        i64::MIN,
        i64::MAX
    );
    if is_sparse {
        format!("{column} = IF(VALUES({column}) IS NULL, {column}, NULLIF({sum}, 0))")
    } else {
        format!("{column} = {sum}")
    }
}
