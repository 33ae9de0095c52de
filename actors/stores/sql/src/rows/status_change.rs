//! `status_changes`: how conversions went from one status to another.

use weir_engine::fact::ConversionStatus;
use weir_engine::ids::TenantId;
use weir_engine::judge::ConversionReason;
use weir_engine::ports::{StatusRow, StoreError};

use super::id_bytes;
use crate::fields::Fields;
use crate::value::Row;

/// The columns, in the order in which they are written and read.
pub const COLUMNS: &str = "tenant_id, partition_id, seq, changed_at, conversion_id, from_status, to_status, reason, note, changed_by";

/// A change.
#[must_use]
pub fn row(of: &StatusRow) -> Row {
    vec![
        of.tenant.0.into(),
        of.position.partition.into(),
        of.position.seq.into(),
        of.at.0.into(),
        id_bytes(of.conversion_id).into(),
        of.from.code().into(),
        of.to.code().into(),
        of.reason.map(ConversionReason::code).into(),
        of.note.as_str().into(),
        of.by.as_str().into(),
    ]
}

/// Reads [`COLUMNS`].
///
/// # Errors
/// [`StoreError::Unreadable`].
pub fn read(mut f: Fields<'_>) -> Result<StatusRow, StoreError> {
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
