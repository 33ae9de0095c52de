//! `verdicts`: what was answered to each received conversion.

use rusqlite::{Connection, Row, params};
use weir_engine::click_id::ClickId;
use weir_engine::fact::{ConversionStatus, Warning};
use weir_engine::ids::TenantId;
use weir_engine::judge::{ConversionReason, Outcome, Verdict};
use weir_engine::ports::{StoreError, VerdictRow};

use super::{Fields, conversion_id, id_bytes, int};

/// The columns, in the order in which they are written and read.
pub const COLUMNS: &str = "tenant_id, partition_id, seq, judged_at, received_id, outcome, status, reason, conversion_id, warnings, is_made";

/// Writes answers.
pub fn write(connection: &Connection, rows: &[VerdictRow]) -> rusqlite::Result<()> {
    let mut put = connection.prepare_cached(&format!(
        "INSERT OR REPLACE INTO verdicts ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
    ))?;
    for row in rows {
        let verdict = &row.verdict;
        let warnings: Vec<u8> = verdict.warnings.iter().map(|w| w.code()).collect();
        put.execute(params![
            row.tenant.0,
            row.position.partition,
            int(row.position.seq),
            int(row.at.0),
            row.received_id.as_bytes(),
            verdict.outcome.code(),
            verdict.status.map(ConversionStatus::code),
            verdict.reason.map(ConversionReason::code),
            verdict.conversion_id.map(id_bytes),
            warnings,
            row.is_made,
        ])?;
    }
    Ok(())
}

/// Reads [`COLUMNS`].
pub fn read(row: &Row<'_>) -> Result<VerdictRow, StoreError> {
    let mut f = Fields::of("verdicts", row);
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
