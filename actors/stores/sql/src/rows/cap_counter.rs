//! `cap_counters`: what is used of each cap in each period.

use weir_engine::caps::Place;
use weir_engine::ids::TenantId;
use weir_engine::ports::{CapCounter, StoreError};

use crate::fields::Fields;
use crate::value::Row;

/// The columns, in the order in which they are written and read.
pub const COLUMNS: &str = "tenant_id, cap, period_from, used";

/// A counter as it stands.
#[must_use]
pub fn row(of: &CapCounter) -> Row {
    vec![
        of.tenant.0.into(),
        of.place.cap.to_be_bytes().into(),
        of.place.from.0.into(),
        of.used.into(),
    ]
}

/// Reads [`COLUMNS`].
///
/// # Errors
/// [`StoreError::Unreadable`].
pub fn read(mut f: Fields<'_>) -> Result<CapCounter, StoreError> {
    Ok(CapCounter {
        tenant: TenantId(f.take()?),
        place: Place {
            cap: u64::from_be_bytes(f.take()?),
            from: f.at()?,
        },
        used: f.take()?,
    })
}
