//! Asking SQLite, and reading its rows.

use std::ops::ControlFlow;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, Row, ToSql, params_from_iter};
use weir_engine::ports::StoreError;
use weir_sql::{Columns, Fields, Query, Raw, Value};

use crate::failure::unavailable;

/// A row of SQLite, as the rows of all stores are read.
pub struct SqliteRow<'r, 's>(pub &'r Row<'s>);

impl Columns for SqliteRow<'_, '_> {
    fn column(&self, place: usize) -> Result<Raw<'_>, String> {
        match self.0.get_ref(place).map_err(|error| error.to_string())? {
            ValueRef::Null => Ok(Raw::Null),
            ValueRef::Integer(number) => Ok(Raw::Int(number)),
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Ok(Raw::Bytes(bytes)),
            ValueRef::Real(_) => Err(format!("column {place} is a real number")),
        }
    }
}

/// A value for SQLite.
pub struct Param<'v>(pub &'v Value);

impl ToSql for Param<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let value = match self.0 {
            Value::Null => ValueRef::Null,
            Value::Int(number) => ValueRef::Integer(*number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Blob(bytes) => ValueRef::Blob(bytes),
        };
        Ok(ToSqlOutput::Borrowed(value))
    }
}

/// Every row of a question, read by `read` as rows of `table`.
pub fn all<T>(
    connection: &Connection,
    table: &'static str,
    query: &Query,
    mut read: impl FnMut(Fields<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut found = Vec::new();
    visit(connection, query, |row| {
        found.push(read(Fields::of(table, row))?);
        Ok(())
    })?;
    Ok(found)
}

/// The first row of a question, read by `read` as a row of `table`.
pub fn first<T>(
    connection: &Connection,
    table: &'static str,
    query: &Query,
    read: impl FnOnce(Fields<'_>) -> Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    let mut read = Some(read);
    let found = each(connection, query, |row| match read.take() {
        Some(read) => read(Fields::of(table, row)).map(ControlFlow::Break),
        None => Ok(ControlFlow::Continue(())),
    })?;
    Ok(match found {
        ControlFlow::Break(value) => Some(value),
        ControlFlow::Continue(()) => None,
    })
}

/// Hands every row to `take`, keeping none.
pub fn visit(
    connection: &Connection,
    query: &Query,
    mut take: impl FnMut(&dyn Columns) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    each(connection, query, |row| {
        take(row)?;
        Ok(ControlFlow::<()>::Continue(()))
    })
    .map(|_| ())
}

/// Hands row after row to `take`, keeping none, until there is none or `take` has enough.
pub fn each<B>(
    connection: &Connection,
    query: &Query,
    mut take: impl FnMut(&dyn Columns) -> Result<ControlFlow<B>, StoreError>,
) -> Result<ControlFlow<B>, StoreError> {
    let mut statement = connection.prepare_cached(&query.sql).map_err(unavailable)?;
    let params = params_from_iter(query.values.iter().map(Param));
    let mut rows = statement.query(params).map_err(unavailable)?;
    while let Some(row) = rows.next().map_err(unavailable)? {
        if let ControlFlow::Break(why) = take(&SqliteRow(row))? {
            return Ok(ControlFlow::Break(why));
        }
    }
    Ok(ControlFlow::Continue(()))
}
