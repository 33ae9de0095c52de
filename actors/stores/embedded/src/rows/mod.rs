//! One file a table: how a row is written and how it is read.
//!
//! Always true: what is written is read back as the same value; a row that this build cannot read is an error
//! that names its table, never a default. Not here: transactions, which rows are asked for.

pub mod balance;
pub mod cap_counter;
pub mod checkpoint;
pub mod conversion;
pub mod entity;
pub mod partition;
pub mod rollup;
pub mod status_change;
pub mod transfer;
pub mod unique_block;
pub mod verdict;

use rusqlite::Row;
use rusqlite::types::FromSql;
use weir_engine::ids::{ConversionId, DerivedId, Position, UnixMs};
use weir_engine::money::{Currency, Micros};
use weir_engine::ports::StoreError;

/// A number for SQLite, which knows only signed ones; the bits stay.
pub fn int(value: u64) -> i64 {
    value.cast_signed()
}

/// An assignment that adds what an upsert brings to `column`. A sum that leaves 64 bits stays at their end, as in
/// [`weir_engine::rollup::RollupDelta::add`]: SQLite would make it a real number, which the column refuses, and
/// no commit would ever pass that row again. The invariants then tell of it, for the entries are exact.
pub fn saturating(column: &str) -> String {
    let sum = format!("{column} + excluded.{column}");
    let (greatest, least) = (i64::MAX, "-9223372036854775807 - 1");
    format!(
        "{column} = CASE WHEN typeof({sum}) = 'integer' THEN {sum} \
         WHEN {column} > 0 THEN {greatest} ELSE {least} END"
    )
}

/// The columns of a row, taken from left to right.
pub struct Fields<'r> {
    row: &'r Row<'r>,
    table: &'static str,
    next: usize,
}

impl<'r> Fields<'r> {
    /// Begins at the first column of a row of `table`.
    pub fn of(table: &'static str, row: &'r Row<'r>) -> Self {
        Self {
            row,
            table,
            next: 0,
        }
    }

    /// The next column as it is.
    pub fn take<T: FromSql>(&mut self) -> Result<T, StoreError> {
        let column = self.next;
        self.next += 1;
        self.row
            .get(column)
            .map_err(|error| self.unreadable(error.to_string()))
    }

    fn unreadable(&self, what: String) -> StoreError {
        StoreError::Unreadable {
            table: self.table,
            what,
        }
    }

    /// The next column, made into something by `make`.
    pub fn make<T: FromSql, U>(
        &mut self,
        what: &str,
        make: impl FnOnce(T) -> Option<U>,
    ) -> Result<U, StoreError> {
        let raw = self.take()?;
        make(raw).ok_or_else(|| self.unreadable(format!("not {what}")))
    }

    /// The next column, when it is not null, made into something by `make`.
    pub fn maybe<T: FromSql, U>(
        &mut self,
        what: &str,
        make: impl FnOnce(T) -> Option<U>,
    ) -> Result<Option<U>, StoreError> {
        match self.take::<Option<T>>()? {
            None => Ok(None),
            Some(raw) => make(raw).map_or_else(
                || Err(self.unreadable(format!("not {what}"))),
                |v| Ok(Some(v)),
            ),
        }
    }

    /// An unsigned number.
    pub fn number(&mut self) -> Result<u64, StoreError> {
        self.take().map(i64::cast_unsigned)
    }

    /// A time.
    pub fn at(&mut self) -> Result<UnixMs, StoreError> {
        self.number().map(UnixMs)
    }

    /// An amount.
    pub fn micros(&mut self) -> Result<Micros, StoreError> {
        self.take().map(Micros)
    }

    /// A currency.
    pub fn currency(&mut self) -> Result<Currency, StoreError> {
        self.make("a currency", Currency::from_stored)
    }

    /// Partition and number in it.
    pub fn position(&mut self) -> Result<Position, StoreError> {
        Ok(Position {
            partition: self.take()?,
            seq: self.number()?,
        })
    }

    /// An id of a conversion.
    pub fn conversion_id(&mut self) -> Result<ConversionId, StoreError> {
        self.take::<[u8; 16]>().map(conversion_id)
    }
}

/// The id behind its bytes.
pub fn conversion_id(bytes: [u8; 16]) -> ConversionId {
    ConversionId(DerivedId(u128::from_be_bytes(bytes)))
}

/// The bytes of an id of a conversion.
pub fn id_bytes(id: ConversionId) -> [u8; 16] {
    id.0.0.to_be_bytes()
}
