//! `entities`: what tenants have configured, one row an entity, as of its latest change.

use rusqlite::{Connection, Row, params};
use weir_engine::catalog::{Change, EntityKey, EntityKind};
use weir_engine::ids::TenantId;
use weir_engine::ports::{EntityRow, StoreError};

use super::{Fields, int};

/// The columns, in the order in which they are written and read.
pub const COLUMNS: &str = "tenant_id, kind, number, second, version, partition_id, seq, created_at, updated_at, changed_by, body";

/// Writes entities as they are after their latest change.
pub fn write(connection: &Connection, rows: &[EntityRow]) -> rusqlite::Result<()> {
    let mut put = connection.prepare_cached(&format!(
        "INSERT OR REPLACE INTO entities ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
    ))?;
    for row in rows {
        let key = row.change.key;
        put.execute(params![
            row.tenant.0,
            key.kind.code(),
            key.number,
            key.second,
            row.change.version,
            row.position.partition,
            int(row.position.seq),
            int(row.created_at.0),
            int(row.updated_at.0),
            row.change.by,
            row.change.body.to_string(),
        ])?;
    }
    Ok(())
}

/// Reads [`COLUMNS`].
pub fn read(row: &Row<'_>) -> Result<EntityRow, StoreError> {
    let mut fields = Fields::of("entities", row);
    let tenant = TenantId(fields.take()?);
    let key = EntityKey {
        kind: fields.make("a kind of entity", EntityKind::from_code)?,
        number: fields.take()?,
        second: fields.take()?,
    };
    let version = fields.take()?;
    let position = fields.position()?;
    let (created_at, updated_at) = (fields.at()?, fields.at()?);
    let change = Change {
        key,
        version,
        by: fields.take()?,
        body: fields.make("JSON", |text: String| serde_json::from_str(&text).ok())?,
    };
    Ok(EntityRow {
        tenant,
        position,
        created_at,
        updated_at,
        change,
    })
}
