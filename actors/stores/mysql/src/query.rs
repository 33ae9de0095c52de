//! Asking the server, and reading its rows.

use std::ops::ControlFlow;

use mysql_async::prelude::Queryable;
use mysql_async::{Params, Row as MysqlRow, Value as MysqlValue};
use weir_engine::ports::StoreError;
use weir_sql::{Columns, Fields, Query, Raw, Value};

use crate::failure::unavailable;

/// A row of MySQL, as the rows of all stores are read.
pub struct Read(pub MysqlRow);

impl Columns for Read {
    fn column(&self, place: usize) -> Result<Raw<'_>, String> {
        match self.0.as_ref(place) {
            None => Err(format!("no column {place}")),
            Some(MysqlValue::NULL) => Ok(Raw::Null),
            Some(MysqlValue::Int(number)) => Ok(Raw::Int(*number)),
            Some(MysqlValue::UInt(number)) => Ok(Raw::Int(number.cast_signed())),
            Some(MysqlValue::Bytes(bytes)) => Ok(Raw::Bytes(bytes)),
            Some(other) => Err(format!("column {place} is {other:?}")),
        }
    }
}

/// A value for MySQL.
pub fn param(value: Value) -> MysqlValue {
    match value {
        Value::Null => MysqlValue::NULL,
        Value::Int(number) => MysqlValue::Int(number),
        Value::Text(text) => MysqlValue::Bytes(text.into_bytes()),
        Value::Blob(bytes) => MysqlValue::Bytes(bytes),
    }
}

/// Values in order.
pub fn params(values: impl IntoIterator<Item = Value>) -> Params {
    let values: Vec<MysqlValue> = values.into_iter().map(param).collect();
    if values.is_empty() {
        Params::Empty
    } else {
        Params::Positional(values)
    }
}

/// Every row of a question, read by `read` as rows of `table`.
pub async fn all<T>(
    connection: &mut impl Queryable,
    table: &'static str,
    query: Query,
    mut read: impl FnMut(Fields<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut found = Vec::new();
    visit(connection, query, |row| {
        found.push(read(Fields::of(table, row))?);
        Ok(())
    })
    .await?;
    Ok(found)
}

/// The first row of a question, read by `read` as a row of `table`.
pub async fn first<T>(
    connection: &mut impl Queryable,
    table: &'static str,
    query: Query,
    read: impl FnMut(Fields<'_>) -> Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    Ok(all(connection, table, query, read)
        .await?
        .into_iter()
        .next())
}

/// Hands every row to `take`, keeping none.
pub async fn visit(
    connection: &mut impl Queryable,
    query: Query,
    mut take: impl FnMut(&dyn Columns) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    each(connection, query, |row| {
        take(row)?;
        Ok(ControlFlow::<()>::Continue(()))
    })
    .await
    .map(|_| ())
}

/// Hands row after row to `take`, keeping none, until there is none or `take` has enough.
pub async fn each<B>(
    connection: &mut impl Queryable,
    query: Query,
    mut take: impl FnMut(&dyn Columns) -> Result<ControlFlow<B>, StoreError>,
) -> Result<ControlFlow<B>, StoreError> {
    let mut rows = connection
        .exec_iter(query.sql, params(query.values))
        .await
        .map_err(unavailable)?;
    let mut answer = Ok(ControlFlow::Continue(()));
    while let Some(row) = rows.next().await.map_err(unavailable)? {
        answer = take(&Read(row));
        if !matches!(answer, Ok(ControlFlow::Continue(()))) {
            break;
        }
    }
    // What is left of the answer must be read before the connection can be used again.
    rows.drop_result().await.map_err(unavailable)?;
    answer
}
