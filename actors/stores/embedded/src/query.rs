//! Reading rows into values.

use std::ops::ControlFlow;

use rusqlite::{Connection, Params, Row};
use weir_engine::ports::StoreError;

use crate::failure::unavailable;

/// Every row of a query, read by `read`.
pub fn all<T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    mut read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut found = Vec::new();
    each(connection, sql, params, |row| {
        found.push(read(row)?);
        Ok(ControlFlow::<()>::Continue(()))
    })
    .map(|_| found)
}

/// The first row of a query, read by `read`.
pub fn first<T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnOnce(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    let mut statement = connection.prepare_cached(sql).map_err(unavailable)?;
    let mut rows = statement.query(params).map_err(unavailable)?;
    rows.next().map_err(unavailable)?.map(read).transpose()
}

/// Hands row after row to `take`, keeping none, until there is none or `take` has enough.
pub fn each<B>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    mut take: impl FnMut(&Row<'_>) -> Result<ControlFlow<B>, StoreError>,
) -> Result<ControlFlow<B>, StoreError> {
    let mut statement = connection.prepare_cached(sql).map_err(unavailable)?;
    let mut rows = statement.query(params).map_err(unavailable)?;
    while let Some(row) = rows.next().map_err(unavailable)? {
        if let ControlFlow::Break(why) = take(row)? {
            return Ok(ControlFlow::Break(why));
        }
    }
    Ok(ControlFlow::Continue(()))
}
