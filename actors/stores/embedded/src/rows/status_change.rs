//! `status_changes`: how conversions went from one status to another.

use rusqlite::{Connection, Row, params};
use weir_engine::fact::ConversionStatus;
use weir_engine::ids::TenantId;
use weir_engine::judge::ConversionReason;
use weir_engine::ports::{StatusRow, StoreError};

use super::{Fields, id_bytes, int};

/// The columns, in the order in which they are written and read.
pub const COLUMNS: &str = "tenant_id, partition_id, seq, changed_at, conversion_id, from_status, to_status, reason, note, changed_by";

/// Writes changes.
pub fn write(connection: &Connection, rows: &[StatusRow]) -> rusqlite::Result<()> {
    let mut put = connection.prepare_cached(&format!(
        "INSERT OR REPLACE INTO status_changes ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"
    ))?;
    for row in rows {
        put.execute(params![
            row.tenant.0,
            row.position.partition,
            int(row.position.seq),
            int(row.at.0),
            id_bytes(row.conversion_id),
            row.from.code(),
            row.to.code(),
            row.reason.map(ConversionReason::code),
            row.note,
            row.by,
        ])?;
    }
    Ok(())
}

/// Reads [`COLUMNS`].
pub fn read(row: &Row<'_>) -> Result<StatusRow, StoreError> {
    let mut f = Fields::of("status_changes", row);
    Ok(StatusRow {
        tenant: TenantId(f.take()?),
        position: f.position()?,
        at: f.at()?,
        conversion_id: f.conversion_id()?,
        from: f.make("a status", ConversionStatus::from_code)?,
        to: f.make("a status", ConversionStatus::from_code)?,
        reason: f.maybe("a reason", ConversionReason::from_code)?,
        note: f.take()?,
        by: f.take()?,
    })
}
