//! `cap_counters`: what is used of each cap in each period.

use rusqlite::{Connection, Row, params};
use weir_engine::caps::Place;
use weir_engine::ids::TenantId;
use weir_engine::ports::{CapCounter, StoreError};

use super::{Fields, int};

/// The columns, in the order in which they are written and read.
pub const COLUMNS: &str = "tenant_id, cap, period_from, used";

/// Writes counters as they stand.
pub fn write(connection: &Connection, rows: &[CapCounter]) -> rusqlite::Result<()> {
    let mut put = connection.prepare_cached(&format!(
        "INSERT OR REPLACE INTO cap_counters ({COLUMNS}) VALUES (?1, ?2, ?3, ?4)"
    ))?;
    for row in rows {
        put.execute(params![
            row.tenant.0,
            row.place.cap.to_be_bytes(),
            int(row.place.from.0),
            row.used
        ])?;
    }
    Ok(())
}

/// Reads [`COLUMNS`].
pub fn read(row: &Row<'_>) -> Result<CapCounter, StoreError> {
    let mut f = Fields::of("cap_counters", row);
    Ok(CapCounter {
        tenant: TenantId(f.take()?),
        place: Place {
            cap: u64::from_be_bytes(f.take()?),
            from: f.at()?,
        },
        used: f.take()?,
    })
}
