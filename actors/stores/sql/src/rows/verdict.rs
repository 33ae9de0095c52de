//! `verdicts`: what was answered to each received conversion.

use weir_engine::click_id::ClickId;
use weir_engine::fact::{ConversionStatus, Warning};
use weir_engine::ids::TenantId;
use weir_engine::judge::{ConversionReason, Outcome, Verdict};
use weir_engine::ports::{StoreError, VerdictRow};

use super::{conversion_id, id_bytes};
use crate::fields::Fields;
use crate::value::Row;

/// The columns, in the order in which they are written and read.
pub const COLUMNS: &str = "tenant_id, partition_id, seq, judged_at, received_id, outcome, status, reason, conversion_id, warnings, is_made";

/// An answer.
#[must_use]
pub fn row(of: &VerdictRow) -> Row {
    let verdict = &of.verdict;
    let warnings: Vec<u8> = verdict.warnings.iter().map(|w| w.code()).collect();
    vec![
        of.tenant.0.into(),
        of.position.partition.into(),
        of.position.seq.into(),
        of.at.0.into(),
        of.received_id.as_bytes().as_slice().into(),
        verdict.outcome.code().into(),
        verdict.status.map(ConversionStatus::code).into(),
        verdict.reason.map(ConversionReason::code).into(),
        verdict.conversion_id.map(id_bytes).into(),
        warnings.into(),
        of.is_made.into(),
    ]
}

/// Reads [`COLUMNS`].
///
/// # Errors
/// [`StoreError::Unreadable`].
pub fn read(mut f: Fields<'_>) -> Result<VerdictRow, StoreError> {
    let tenant = TenantId(f.take()?);
    let position = f.position()?;
    let at = f.at()?;
    let received_id = ClickId::from_bytes(f.take()?);
    let verdict = Verdict {
        outcome: f.make("an outcome", Outcome::from_code)?,
        status: f.maybe("a status", ConversionStatus::from_code)?,
        reason: f.maybe("a reason", ConversionReason::from_code)?,
        conversion_id: f.take::<Option<[u8; 16]>>()?.map(conversion_id),
        warnings: f.make("warnings", |codes: Vec<u8>| {
            codes.into_iter().map(Warning::from_code).collect()
        })?,
    };
    Ok(VerdictRow {
        tenant,
        position,
        at,
        received_id,
        verdict,
        is_made: f.take()?,
    })
}
