//! The store as of one commit, for those who compare and check it while it runs.
//!
//! Always true: everything that is read of a snapshot is of the same commit, whose offsets it tells. It takes
//! no lock: the store goes on.

use std::path::Path;

use rusqlite::Connection;
use weir_engine::ports::{PartitionState, StoreError};
use weir_sql::{
    DERIVED, Dialect, Query, RowHash, Table, TableDigest, Violation, digest_query, invariants,
};

use crate::commit::states;
use crate::connection::open_reader;
use crate::failure::unavailable;
use crate::migrate::{self, SchemaError};
use crate::query::{SqliteRow, visit};

/// The store as of one commit.
#[derive(Debug)]
pub struct Snapshot {
    connection: Connection,
}

impl Snapshot {
    /// Opens the store at `path` to read it as it is now.
    ///
    /// # Errors
    /// [`SchemaError`] when there is no store, or it is not of this build's schema.
    pub fn open(path: &Path) -> Result<Self, SchemaError> {
        let connection = open_reader(path)?;
        // The snapshot begins with the first read, which is that of the schema.
        connection.execute_batch("BEGIN")?;
        migrate::check(&connection)?;
        Ok(Self { connection })
    }

    /// How far each partition has come.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn offsets(&self) -> Result<Vec<PartitionState>, StoreError> {
        states(&self.connection)
    }

    /// A digest of every derived table.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn digests(&self) -> Result<Vec<TableDigest>, StoreError> {
        let digests = DERIVED.iter().map(|table| digest(&self.connection, table));
        digests.collect::<Result<_, _>>().map_err(unavailable)
    }

    /// By how many micros ledger, reports and conversions disagree; 0 when the books are right.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn drift_micros(&self) -> Result<i64, StoreError> {
        let mut drift = 0i128;
        for sql in invariants::DRIFT {
            let query = Query::new(Dialect::Sqlite.render(sql), []);
            visit(&self.connection, &query, |row| {
                drift = drift.saturating_add(invariants::difference(row)?);
                Ok(())
            })?;
        }
        Ok(i64::try_from(drift).unwrap_or(i64::MAX))
    }

    /// What does not hold of the books and the reports; empty when all does.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn violations(&self) -> Result<Vec<Violation>, StoreError> {
        let mut violations = Vec::new();
        for invariant in &invariants::ALL {
            let query = Query::new(invariant.question(Dialect::Sqlite), []);
            visit(&self.connection, &query, |row| {
                violations.push(invariants::violation(invariant, row)?);
                Ok(())
            })?;
        }
        Ok(violations)
    }
}

fn digest(connection: &Connection, table: &Table) -> rusqlite::Result<TableDigest> {
    let mut statement = connection.prepare(&digest_query(table))?;
    let columns = statement.column_count();
    let mut rows = statement.query([])?;
    let mut hash = RowHash::default();
    while let Some(row) = rows.next()? {
        hash.add(&SqliteRow(row), columns)
            .map_err(|what| rusqlite::Error::UserFunctionError(what.into()))?;
    }
    Ok(hash.finish(table.name))
}
