//! The store as of one commit, for those who compare and check it while it runs.
//!
//! Always true: everything that is read of a snapshot is of the same commit, whose offsets it tells. It takes
//! no lock: the store goes on.

use mysql_async::{Conn, Transaction};
use weir_engine::ports::{PartitionState, StoreError};
use weir_sql::{
    DERIVED, Dialect, Query, RowHash, TableDigest, Violation, digest_query, invariants,
};

use crate::commit::states;
use crate::failure::unavailable;
use crate::ledger::snapshot;
use crate::query::visit;

/// The store as of one commit.
pub struct Snapshot<'c> {
    transaction: Transaction<'c>,
}

impl<'c> Snapshot<'c> {
    /// Begins one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn begin(connection: &'c mut Conn) -> Result<Self, StoreError> {
        Ok(Self {
            transaction: snapshot(connection).await?,
        })
    }

    /// How far each partition has come.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn offsets(&mut self) -> Result<Vec<PartitionState>, StoreError> {
        let rows = states(&mut self.transaction).await?;
        Ok(rows.into_iter().map(|(state, _)| state).collect())
    }

    /// A digest of every derived table.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn digests(&mut self) -> Result<Vec<TableDigest>, StoreError> {
        let mut digests = Vec::with_capacity(DERIVED.len());
        for table in &DERIVED {
            let columns = table.columns.split(',').count();
            let mut hash = RowHash::default();
            let query = Query::new(digest_query(table), []);
            visit(&mut self.transaction, query, |row| {
                hash.add(row, columns)
                    .map_err(|what| StoreError::Unreadable {
                        table: table.name,
                        what,
                    })
            })
            .await?;
            digests.push(hash.finish(table.name));
        }
        Ok(digests)
    }

    /// By how many micros ledger, reports and conversions disagree; 0 when the books are right.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn drift_micros(&mut self) -> Result<i64, StoreError> {
        let mut drift = 0i128;
        for sql in invariants::DRIFT {
            let query = Query::new(Dialect::MySql.render(sql), []);
            visit(&mut self.transaction, query, |row| {
                drift = drift.saturating_add(invariants::difference(row)?);
                Ok(())
            })
            .await?;
        }
        Ok(i64::try_from(drift).unwrap_or(i64::MAX))
    }

    /// What does not hold of the books and the reports; empty when all does.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn violations(&mut self) -> Result<Vec<Violation>, StoreError> {
        let mut violations = Vec::new();
        for invariant in &invariants::ALL {
            let query = Query::new(invariant.question(Dialect::MySql), []);
            visit(&mut self.transaction, query, |row| {
                violations.push(invariants::violation(invariant, row)?);
                Ok(())
            })
            .await?;
        }
        Ok(violations)
    }

    /// Ends it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn end(self) -> Result<(), StoreError> {
        self.transaction.rollback().await.map_err(unavailable)
    }
}
