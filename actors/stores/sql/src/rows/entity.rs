//! `entities`: what tenants have configured, one row an entity, as of its latest change.

use weir_engine::catalog::{Change, EntityKey, EntityKind};
use weir_engine::ids::TenantId;
use weir_engine::ports::{EntityRow, StoreError};

use crate::fields::Fields;
use crate::value::Row;

/// The columns, in the order in which they are written and read.
pub const COLUMNS: &str = "tenant_id, kind, number, second, version, partition_id, seq, created_at, updated_at, changed_by, body";

/// An entity as it is after its latest change.
#[must_use]
pub fn row(of: &EntityRow) -> Row {
    let key = of.change.key;
    vec![
        of.tenant.0.into(),
        key.kind.code().into(),
        key.number.into(),
        key.second.into(),
        of.change.version.into(),
        of.position.partition.into(),
        of.position.seq.into(),
        of.created_at.0.into(),
        of.updated_at.0.into(),
        of.change.by.as_str().into(),
        of.change.body.to_string().into(),
    ]
}

/// Reads [`COLUMNS`].
///
/// # Errors
/// [`StoreError::Unreadable`].
pub fn read(mut f: Fields<'_>) -> Result<EntityRow, StoreError> {
    let tenant = TenantId(f.take()?);
    let key = EntityKey {
        kind: f.make("a kind of entity", EntityKind::from_code)?,
        number: f.take()?,
        second: f.take()?,
    };
    let version = f.take()?;
    let position = f.position()?;
    let (created_at, updated_at) = (f.at()?, f.at()?);
    let change = Change {
        key,
        version,
        by: f.take()?,
        body: f.make("JSON", |text: String| serde_json::from_str(&text).ok())?,
    };
    Ok(EntityRow {
        tenant,
        position,
        created_at,
        updated_at,
        change,
    })
}
