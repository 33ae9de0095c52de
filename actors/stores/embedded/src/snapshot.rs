//! The store as of one commit, for those who compare and check it while it runs.
//!
//! Always true: everything that is read of a snapshot is of the same commit, whose offsets it tells. It takes
//! no lock: the store goes on.

use std::path::Path;

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use sha2::{Digest as _, Sha256};
use weir_engine::ports::{PartitionState, StoreError};

use crate::connection::open_reader;
use crate::failure::unavailable;
use crate::invariants::{self, Violation};
use crate::migrate::{self, SchemaError};
use crate::rows::partition;
use crate::tables::{DERIVED, Table};

/// What a table holds, as a number to compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableDigest {
    /// Which table.
    pub table: &'static str,
    /// SHA-256 over its rows in order of the primary key, in hexadecimal.
    pub sha256: String,
    /// How many rows.
    pub rows: u64,
}

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
        partition::read_all(&self.connection)
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
        invariants::drift_micros(&self.connection)
    }

    /// What does not hold of the books and the reports; empty when all does.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn violations(&self) -> Result<Vec<Violation>, StoreError> {
        invariants::check(&self.connection)
    }
}

fn digest(connection: &Connection, table: &Table) -> rusqlite::Result<TableDigest> {
    let only = if table.only.is_empty() {
        "TRUE"
    } else {
        table.only
    };
    let sql = format!(
        "SELECT {} FROM {} WHERE {only} ORDER BY {}",
        table.columns, table.name, table.key
    );
    let mut statement = connection.prepare(&sql)?;
    let columns = statement.column_count();
    let mut rows = statement.query([])?;
    let (mut hash, mut count) = (Sha256::new(), 0);
    while let Some(row) = rows.next()? {
        count += 1;
        for column in 0..columns {
            add(&mut hash, row.get_ref(column)?);
        }
    }
    Ok(TableDigest {
        table: table.name,
        sha256: hash
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect(),
        rows: count,
    })
}

/// Adds a value so that no two rows are the same bytes: its type, its length where that varies, itself.
fn add(hash: &mut Sha256, value: ValueRef<'_>) {
    let mut sized = |kind: u8, bytes: &[u8]| {
        hash.update([kind]);
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    match value {
        ValueRef::Null => sized(0, &[]),
        ValueRef::Integer(number) => sized(1, &number.to_be_bytes()),
        ValueRef::Real(number) => sized(2, &number.to_be_bytes()),
        ValueRef::Text(text) => sized(3, text),
        ValueRef::Blob(bytes) => sized(4, bytes),
    }
}
